import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.border import background_features, border_features, foreground
from hypercolumn.errors import InvalidArgument, ShapeMismatch


@given(dims=st.integers(1, 3), channels=st.integers(1, 3), seed=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_what_lies_inside_changes_nothing(dims: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.random((channels, *(20,) * dims))
    inside = image.copy()
    inside[(slice(None), *(slice(2, -2),) * dims)] = 99
    np.testing.assert_array_equal(border_features(image, share=0.1), border_features(inside, share=0.1))
    assert border_features(image).shape == (channels * dims * 4,)


def test_each_side_has_its_own_numbers() -> None:
    image = np.zeros((1, 10, 10))
    image[0, :, -1] = 8
    top, _, bottom, _, left, _, right, spread = border_features(image)
    assert (top, bottom, left, right, spread) == (0.8, 0.8, 0, 8, 0)


def test_the_background_is_what_the_mask_leaves_out() -> None:
    rng = np.random.default_rng(0)
    image, mask = rng.random((2, 9, 9)), rng.integers(0, 2, (9, 9))
    found = background_features(image, mask)
    assert found[0] == pytest.approx(image[0][mask == 0].mean())
    assert found[8] == pytest.approx(np.median(image[1][mask == 0]))


def test_values_that_are_no_numbers_are_passed_over() -> None:
    image = np.ones((1, 6, 6))
    image[0, 0, 0] = np.nan
    assert np.isfinite(border_features(image)).all()
    assert np.isnan(background_features(image, np.ones((6, 6)))).all()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeMismatch):
        border_features(np.zeros(5))
    with pytest.raises(ShapeMismatch):
        border_features(np.zeros((1, 0, 4)))
    with pytest.raises(InvalidArgument):
        border_features(np.zeros((1, 4, 4)), share=0.6)
    with pytest.raises(ShapeMismatch):
        background_features(np.zeros((1, 4, 4)), np.zeros((4, 5)))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_foreground_is_what_does_not_lie_at_the_border_bright_or_dark(dims: int, sign: int) -> None:
    image = np.zeros((2, *[16] * dims))
    middle = (slice(None), *[slice(6, 10)] * dims)
    image[middle] = sign
    found = foreground(image)
    assert found is not None
    assert found[middle[1:]].all()
    assert found[(8,) * (dims - 1)].sum() == 8, "four samples and a halo of two on either side"
    assert not found[(0,) * dims]


def test_a_hole_is_no_background_and_tissue_without_end_has_none() -> None:
    ring = np.hypot(*np.meshgrid(np.arange(32) - 16, np.arange(32) - 16))
    found = foreground(((ring > 6) & (ring < 9))[None].astype(float))
    assert found is not None
    assert found[16, 16]
    assert foreground(np.random.default_rng(0).random((3, 32, 32))) is None
    assert foreground(np.full((1, 8, 8), np.nan)) is None
