import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.tasks.instances import (
    InstanceSettings,
    components,
    distance_to_outside,
    foreground_of,
    instances,
    relief_of,
)


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


@pytest.fixture
def touching() -> np.ndarray:
    """Two discs of radius 8 that overlap, and one of radius 3 apart."""
    return disc((30, 60), (15, 15), 8) | disc((30, 60), (15, 28), 8) | disc((30, 60), (15, 50), 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.05, 0.95))
def test_the_distance_of_boxes_is_that_of_the_whole_array(seed: int, dims: int, share: float) -> None:
    """Beyond the edge is outside: as SciPy's with a frame of zeros."""
    chance = np.random.default_rng(seed)
    inside = ndimage.uniform_filter(chance.random((40, 20, 9)[:dims]), 2) < share
    spacing = tuple(chance.uniform(0.3, 3, dims))
    whole = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=spacing)[(slice(1, -1),) * dims]
    np.testing.assert_allclose(distance_to_outside(inside, spacing=spacing), whole, rtol=1e-6)


def test_few_objects_in_a_large_image_are_measured_in_their_boxes(touching: np.ndarray) -> None:
    inside = np.pad(touching, 100)
    whole = ndimage.distance_transform_edt(inside)
    np.testing.assert_allclose(distance_to_outside(inside), whole, rtol=1e-6)


def test_touching_discs_are_split_and_a_small_one_is_kept_or_left_out(touching: np.ndarray) -> None:
    labels = instances(touching, InstanceSettings(height=1.0))
    assert labels.max() == 3
    assert labels[15, 15] != labels[15, 28]
    assert ((labels > 0) == touching).all()
    assert instances(touching, InstanceSettings(height=None)).max() == 2
    large = instances(touching, InstanceSettings(height=1.0, smallest=30))
    assert (large.max(), large[15, 50]) == (2, 0)


def test_a_high_prominence_joins_what_touches(touching: np.ndarray) -> None:
    assert instances(touching, InstanceSettings(height=100.0)).max() == 2


def test_a_learnt_border_splits_what_is_solid() -> None:
    solid, border = np.ones((10, 20)), np.zeros((10, 20))
    border[:, 10] = 0.8
    labels = instances(solid, InstanceSettings(height=0.5), border=border)
    assert labels[0, 0] == 1
    assert labels[0, 19] == 2
    assert instances(solid, InstanceSettings(height=0.9), border=border).max() == 1


def test_a_learnt_distance_splits_what_is_solid() -> None:
    distance = np.abs(np.arange(20) - 10)[None].repeat(10, axis=0)
    labels = instances(np.ones((10, 20)), InstanceSettings(height=2.0), distance=distance)
    assert labels.max() == 2
    assert labels[5, 0] != labels[5, 19]


def test_smoothing_takes_away_small_peaks() -> None:
    """Noise of a standard deviation of 1 on two hills of 10."""
    columns = np.arange(80)
    hills = 10 * np.maximum(np.exp(-(((columns - 20) / 8) ** 2)), np.exp(-(((columns - 60) / 8) ** 2)))
    rough = hills + np.random.default_rng(0).normal(size=(30, 80))
    many = instances(np.ones((30, 80)), InstanceSettings(height=1.0), distance=rough).max()
    few = instances(np.ones((30, 80)), InstanceSettings(height=1.0, smoothing=4.0), distance=rough).max()
    assert many > 20
    assert few == 2


def test_holes_up_to_the_size_given_are_filled() -> None:
    ring = disc((40, 40), (20, 20), 15)
    ring[18:22, 18:22], ring[20, 10] = False, False
    filled = foreground_of(ring, InstanceSettings(holes=15))
    assert (filled[20, 10], filled[20, 20]) == (True, False)
    assert foreground_of(ring, InstanceSettings(holes=16))[20, 20]
    assert foreground_of(ring, InstanceSettings(holes=np.inf)).sum() == disc((40, 40), (20, 20), 15).sum()


def test_a_hole_is_not_open_to_the_edge() -> None:
    bay = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 1]])
    assert not foreground_of(bay, InstanceSettings(holes=np.inf))[0, 1]


def test_sizes_and_heights_are_in_units_of_the_spacing(touching: np.ndarray) -> None:
    """Half the length of a sample: a quarter of the area and half of the prominence."""
    spacing = (0.5, 0.5)
    labels = instances(touching, InstanceSettings(height=1.0, smallest=30))
    fine = instances(touching, InstanceSettings(height=0.5, smallest=7.5), spacing=spacing)
    np.testing.assert_array_equal(fine, labels)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.0, 3.0), st.integers(0, 9))
def test_objects_are_whole_numbered_and_none_is_too_small(seed: int, dims: int, height: float, smallest: int) -> None:
    chance = np.random.default_rng(seed)
    probability = ndimage.gaussian_filter(chance.random((60, 16, 9)[:dims]), 1.0)
    asked = InstanceSettings(foreground=0.5, height=height, smallest=smallest)
    labels = instances(probability, asked)
    assert not labels[probability < 0.5].any()
    size = np.bincount(labels.reshape(-1))[1:]
    assert (size >= max(smallest, 1)).all()
    firsts = np.unique(labels[labels > 0], return_index=True)[1]
    assert (np.diff(firsts) > 0).all()
    for number in range(1, len(size) + 1):
        assert ndimage.label(labels == number, np.ones((3,) * dims))[1] == 1


def test_objects_of_one_sample_stay_unless_they_are_too_small() -> None:
    dust = np.zeros((9, 9))
    dust[::2, ::2] = 1
    for height in (None, 1.0):
        assert instances(dust, InstanceSettings(height=height)).max() == 25
        assert not instances(dust, InstanceSettings(height=height, smallest=2)).any()


@pytest.mark.parametrize("height", [None, 0.5])
def test_more_objects_than_sixteen_bits_can_number(height: float | None) -> None:
    dust = np.zeros((520, 520), dtype=bool)
    dust[::2, ::2] = True
    labels = instances(dust, InstanceSettings(height=height))
    assert (int(labels.max()), labels.dtype) == (67_600, np.uint32)


@pytest.mark.parametrize("height", [None, 1.0])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_black_image_has_no_object(height: float | None, value: float) -> None:
    asked = InstanceSettings(height=height, smallest=5, holes=9)
    assert not instances(np.full((12, 13), value), asked).any()


def test_an_image_without_background_is_one_object() -> None:
    assert (instances(np.ones((12, 13)), InstanceSettings()) == 1).all()


def test_components_touch_by_corners() -> None:
    assert components(np.eye(5, dtype=bool)).max() == 1


def test_two_reliefs_are_refused() -> None:
    learnt = np.ones((4, 4))
    with pytest.raises(InvalidArgument, match="one relief"):
        instances(learnt, InstanceSettings(), distance=learnt, border=learnt)


@pytest.mark.parametrize("name", ["distance", "border"])
def test_a_relief_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ShapeMismatch, match=name):
        relief_of(np.ones((4, 4), dtype=bool), InstanceSettings(), **{name: np.ones((4, 5))})


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, np.nan)])
def test_a_spacing_that_is_none_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InvalidArgument, match="spacing"):
        instances(np.ones((4, 4)), InstanceSettings(), spacing=spacing)


@pytest.mark.parametrize(
    "wrong",
    [{"foreground": 1.5}, {"height": -1.0}, {"smallest": -1}, {"holes": float("nan")}, {"smoothing": float("inf")}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        InstanceSettings(**wrong)
