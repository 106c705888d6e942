import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from hypercolumn.errors import ShapeMismatch
from hypercolumn.tasks.basins import flood, painted

LOW = -1e6


def landscape(seed: int, shape: tuple[int, ...], *, smooth: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """A rough relief without two equal samples, and a mask with holes in it."""
    chance = np.random.default_rng(seed)
    relief = chance.permutation(int(np.prod(shape))).astype(float).reshape(shape)
    return ndimage.gaussian_filter(relief, smooth), chance.random(shape) < 0.9


def in_order(labels: np.ndarray) -> np.ndarray:
    """Renumbered from 1 in the order of first samples."""
    found, first, row = np.unique(labels, return_index=True, return_inverse=True)
    number = np.zeros(len(found), dtype=int)
    objects = found > 0
    number[objects] = 1 + np.argsort(np.argsort(first[objects]))
    return number[row].reshape(labels.shape)


def maxima(relief: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """scikit-image's regional maxima of the relief inside, numbered."""
    full = np.ones((3,) * relief.ndim)
    framed = np.pad(np.where(inside, relief, LOW), 1, constant_values=LOW)
    return ndimage.label(local_maxima(framed)[(slice(1, -1),) * relief.ndim] & inside, full)[0]


@pytest.mark.parametrize("shape", [(60,), (30, 25), (9, 10, 11)])
@pytest.mark.parametrize("seed", range(3))
def test_basins_are_those_of_a_flood_from_every_peak(shape: tuple[int, ...], seed: int) -> None:
    relief, inside = landscape(seed, shape)
    known = watershed(-relief, maxima(relief, inside), mask=inside, connectivity=np.ones((3,) * len(shape)))
    np.testing.assert_array_equal(flood(relief, inside).labels(0.0), in_order(known))


@pytest.mark.parametrize("shape", [(60,), (30, 25), (9, 10, 11)])
@pytest.mark.parametrize("height", [20.0, 90.0, 250.0])
def test_each_object_holds_one_h_maximum(shape: tuple[int, ...], height: float) -> None:
    """Of the reconstruction of relief - h under the relief, each regional maximum lies in an object of its own."""
    relief, inside = landscape(7, shape)
    labels = flood(relief, inside).labels(height)
    peak = np.where(inside, relief, LOW)
    rebuilt = reconstruction(np.where(inside, relief - height, LOW), peak, footprint=np.ones((3,) * len(shape)))
    markers = maxima(rebuilt, inside)
    owners = [np.unique(labels[markers == marker]) for marker in range(1, markers.max() + 1)]
    assert all(len(owner) == 1 for owner in owners)
    assert sorted(int(owner[0]) for owner in owners) == list(range(1, int(labels.max()) + 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.lists(st.floats(0, 6), min_size=2, max_size=4))
def test_a_higher_threshold_only_joins(seed: int, dims: int, heights: list[float]) -> None:
    """Plateaus everywhere: whole numbers from 0 to 5."""
    chance = np.random.default_rng(seed)
    relief = chance.integers(0, 6, (40, 8, 5)[:dims]).astype(np.float32)
    inside = chance.random(relief.shape) < 0.8
    basins = flood(relief, inside)
    before = basins.labels(0.0)
    assert ((before > 0) == inside).all()
    for height in sorted(heights):
        after = basins.labels(height)
        pairs = np.unique(np.stack([before[inside], after[inside]]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1]
        before = after


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_none_gives_connected_components_and_peaks_are_regional_maxima(seed: int, dims: int) -> None:
    chance = np.random.default_rng(seed)
    relief = chance.integers(0, 4, (30, 7, 5)[:dims]).astype(np.float32)
    inside = chance.random(relief.shape) < 0.6
    basins = flood(relief, inside)
    known = ndimage.label(inside, np.ones((3,) * dims))[0]
    np.testing.assert_array_equal(basins.labels(None), in_order(known))
    assert basins.count == maxima(relief, inside).max()


def test_prominence_by_hand() -> None:
    """Peaks 9, 4 and 7; saddles 2 (9 to 4) and 3 (4 to 7): the 4 is lost at 3, then the 7 at 2."""
    relief = np.array([9.0, 2.0, 4.0, 3.0, 7.0])
    basins = flood(relief, np.ones(5, dtype=bool))
    assert sorted(basins.prominence.tolist()) == [1.0, 5.0]
    assert basins.labels(1.5).tolist()[2] == basins.labels(1.5).tolist()[4]
    assert [int(basins.labels(height).max()) for height in (1.0, 1.5, 5.0, 5.5)] == [3, 2, 2, 1]


def test_a_plateau_is_shared_by_the_peaks_at_its_ends() -> None:
    relief = np.array([5.0, 3, 3, 3, 3, 3, 3, 5])
    assert flood(relief, relief > 0).labels(1.0).tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_the_answer_does_not_depend_on_what_lies_apart() -> None:
    """A piece alone, and the same piece in a corner of something larger."""
    relief, inside = landscape(3, (20, 22))
    alone = flood(relief, inside)
    wide, mask = np.zeros((50, 60)), np.zeros((50, 60), dtype=bool)
    wide[25:45, 30:52], mask[25:45, 30:52] = relief, inside
    mask[:10], wide[:10] = True, np.arange(60)
    for height in (0.0, 50.0):
        np.testing.assert_array_equal(in_order(flood(wide, mask).labels(height)[25:45, 30:52]), alone.labels(height))


@pytest.mark.parametrize("shape", [(5,), (4, 4), (0, 3), (2, 3, 4)])
def test_nothing_inside_is_no_object(shape: tuple[int, ...]) -> None:
    basins = flood(np.ones(shape), np.zeros(shape, dtype=bool))
    assert basins.count == 0
    assert not basins.labels(1.0).any()


def test_what_is_no_number_is_the_lowest() -> None:
    relief = np.array([2.0, np.nan, 3.0, -np.inf, np.inf])
    assert flood(relief, np.ones(5, dtype=bool)).labels(0.5).tolist() == [1, 2, 2, 3, 3]


def test_a_single_value_is_a_single_object() -> None:
    assert flood(np.zeros((6, 7)), np.ones((6, 7), dtype=bool)).count == 1


def test_painted_counts_in_the_order_of_samples_past_sixteen_bits() -> None:
    labels = painted((70_000,), np.arange(70_000), np.arange(70_000)[::-1])
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, np.arange(1, 70_001))


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeMismatch):
        flood(np.zeros((3, 4)), np.ones((4, 3), dtype=bool))
