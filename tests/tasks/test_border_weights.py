import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.errors import InvalidArgument, LabelError
from hypercolumn.tasks.border_weights import border_weights

EQUAL = (1.0, 1.0)


def by_definition(
    labels: np.ndarray, *, border: float = 10.0, sigma: float = 5.0, spacing: tuple[float, ...] | None = None
) -> np.ndarray:
    """The border term from one distance transform of the whole image for every object."""
    numbers = [number for number in np.unique(labels) if number]
    if len(numbers) < 2:
        return np.zeros(labels.shape)
    far = np.sort([ndimage.distance_transform_edt(labels != number, sampling=spacing) for number in numbers], axis=0)
    return np.where(labels == 0, border * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)), 0.0)


def blobs(seed: int, shape: tuple[int, ...], share: float) -> np.ndarray:
    return ndimage.label(ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5) > share)[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(1.0, 5.0))
def test_the_term_is_the_definitions(seed: int, dims: int, sigma: float) -> None:
    chance = np.random.default_rng(seed)
    labels = blobs(seed, (90, 30, 12)[:dims], 0.53)
    spacing = tuple(chance.uniform(0.5, 2.0, dims))
    weights = border_weights(labels, sigma=sigma, classes=EQUAL, spacing=spacing)
    np.testing.assert_allclose(weights - 1, by_definition(labels, sigma=sigma, spacing=spacing), atol=1e-3)


def test_a_sample_between_two_objects_gets_the_papers_weight() -> None:
    """d_1 = d_2 = 1: 10 exp(-4 / 50) = 9.23; one further on d_1 + d_2 = 3: 10 exp(-9 / 50) = 8.35."""
    one = border_weights(np.array([[7, 0, 9]]), classes=EQUAL)
    two = border_weights(np.array([[7, 0, 0, 9]]), classes=EQUAL)
    assert one[0, 1] == pytest.approx(1 + 9.2312, abs=1e-4)
    assert two[0, 1:3] == pytest.approx([1 + 8.3527] * 2, abs=1e-4)


def test_objects_themselves_carry_no_border_term() -> None:
    labels = blobs(0, (40, 40), 0.53)
    assert (border_weights(labels, classes=(1.0, 3.0))[labels > 0] == 3.0).all()


@pytest.mark.parametrize("labels", [np.zeros((8, 8), dtype=int), np.eye(8, dtype=int), np.ones((8, 8), dtype=int)])
def test_fewer_than_two_objects_have_no_border_between_them(labels: np.ndarray) -> None:
    assert (border_weights(labels, classes=EQUAL) == 1).all()


def test_background_and_objects_weigh_the_same_by_default() -> None:
    labels = blobs(1, (50, 50), 0.53)
    weights = border_weights(labels, border=0.0)
    assert weights[labels > 0].sum() == pytest.approx(weights[labels == 0].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("labels", [np.zeros((5, 5), dtype=int), np.ones((5, 5), dtype=int)])
def test_an_image_of_one_class_has_weights_of_one(labels: np.ndarray) -> None:
    assert (border_weights(labels) == 1).all()


def test_spacing_and_sigma_in_one_unit() -> None:
    """Twice the length of a sample and twice the sigma: the same weights."""
    labels = blobs(2, (40, 50), 0.53)
    fine = border_weights(labels, sigma=3.0)
    np.testing.assert_allclose(border_weights(labels, sigma=6.0, spacing=(2.0, 2.0)), fine, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 10**9))
def test_the_numbers_of_objects_do_not_matter(seed: int, step: int) -> None:
    labels = blobs(seed, (30, 30), 0.53)
    np.testing.assert_array_equal(border_weights(labels.astype(np.int64) * step), border_weights(labels))


def test_turning_the_image_turns_the_weights() -> None:
    labels = blobs(3, (30, 41), 0.53)
    np.testing.assert_array_equal(border_weights(np.rot90(labels)), np.rot90(border_weights(labels)))


def test_an_object_in_two_pieces_is_one_object() -> None:
    assert (border_weights(np.array([[4, 0, 4]]), classes=EQUAL) == 1).all()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"sigma": 0.0}, "sigma"),
        ({"border": -1.0}, "border"),
        ({"classes": (1.0,)}, "classes"),
        ({"classes": (-1.0, 1.0)}, "classes"),
        ({"spacing": (1.0,)}, "spacing"),
        ({"spacing": (1.0, 0.0)}, "spacing"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        border_weights(np.eye(4, dtype=int), **wrong)


@pytest.mark.parametrize("labels", [np.ones((3, 3)), np.full((3, 3), -1)])
def test_what_is_no_instance_map_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(LabelError, match="instance map"):
        border_weights(labels)
