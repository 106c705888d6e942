"""The mean over symmetries does not mind how an image lies, and leaves alone what does not mind either."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.errors import InvalidArgument
from hypercolumn.inference.symmetries import mean_over_symmetries, symmetries


def crooked(image: np.ndarray) -> np.ndarray:
    """Something that minds how an image lies."""
    kernel = np.arange(3.0 ** (image.ndim - 1)).reshape((3,) * (image.ndim - 1))
    return np.stack([ndimage.convolve(image[0], kernel, mode="mirror"), image[0] ** 2])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), shape=st.sampled_from([(7,), (5, 8), (6, 6), (4, 5, 5)]))
def test_a_turned_image_gives_the_turned_answer(seed: int, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(seed).random((1, *shape))
    made = mean_over_symmetries(crooked, image, ways="flips and turns")
    mirrored = mean_over_symmetries(crooked, np.flip(image, -1), ways="flips and turns")
    np.testing.assert_allclose(np.flip(mirrored, -1), made, atol=1e-12)
    if len(shape) > 1:
        turned = mean_over_symmetries(crooked, np.rot90(image, 1, (-2, -1)), ways="flips and turns")
        np.testing.assert_allclose(np.rot90(turned, -1, (-2, -1)), made, atol=1e-12)
    np.testing.assert_allclose(made[1], image[0] ** 2, atol=1e-12)


def test_by_hand_and_for_answers_without_space() -> None:
    image = np.array([[[1.0, 5.0]]])
    assert mean_over_symmetries(lambda one: one[:, 0, 0], image, ways="flips").tolist() == [3.0]
    assert mean_over_symmetries(lambda one: one[:, 0, 0], image, ways="as it is").tolist() == [1.0]


def test_each_way_is_there_once_and_a_plane_of_two_spacings_does_not_turn() -> None:
    assert [len(symmetries(dims, ways="flips")) for dims in (1, 2, 3)] == [2, 4, 8]
    assert len(symmetries(3, ways="flips and turns", spacing=(2.0, 1.0, 1.0))) == 16, "the symmetries of a square prism"
    assert len(symmetries(2, ways="flips and turns", spacing=(2.0, 1.0))) == 4
    first = symmetries(3, ways="flips and turns")[0]
    assert not first[0].axes
    assert not first[1].turns


def test_a_way_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="ways"):
        symmetries(2, ways="sideways")  # type: ignore[arg-type]
