from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.data import Box, WindowGrid
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.inference.instance_tiles import TiledInstances, label_tiles
from hypercolumn.tasks.instances import InstanceSettings, components, instances


def cut(array: np.ndarray, box: Box) -> np.ndarray:
    return array[tuple(slice(start, stop) for start, stop in box)]


def in_tiles(
    foreground: np.ndarray, asked: InstanceSettings, grid: WindowGrid, **more: float
) -> tuple[np.ndarray, TiledInstances]:
    target = np.zeros(foreground.shape, dtype=np.uint32)
    found = label_tiles(
        lambda box: instances(cut(foreground, box), asked),
        target,
        grid=grid,
        touching=asked.height is not None,
        **more,
    )
    return target, found


def same_objects(one: np.ndarray, other: np.ndarray) -> bool:
    """The same up to the numbering."""
    pairs = np.unique(np.stack([one.reshape(-1), other.reshape(-1)]), axis=1)
    one_to_one = len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    return one_to_one and bool(((one > 0) == (other > 0)).all())


def nuclei(seed: int, shape: tuple[int, int] = (120, 130)) -> np.ndarray:
    """Discs of radius 5 in pairs and threes that touch, apart from other groups."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, dtype=bool)
    for row in range(8, shape[0], 26):
        for column in range(8, shape[1], 26):
            for step in range(int(chance.integers(1, 4))):
                centre = row + step * chance.integers(4, 8), column + step * chance.integers(4, 8)
                inside |= (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= 25
    return inside


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(3, 9), st.integers(1, 3))
def test_components_are_those_of_the_whole_image(seed: int, dims: int, size: int, halo: int) -> None:
    """Winding components through many tiles, whatever the tile and with a halo of one."""
    chance = np.random.default_rng(seed)
    inside = chance.random((25, 20, 9)[:dims]) < (0.8, 0.4, 0.2)[dims - 1]
    grid = WindowGrid.cover(inside.shape, size=size, halo=halo)
    labels, found = in_tiles(inside, InstanceSettings(height=None), grid)
    whole = components(inside)
    assert same_objects(labels, whole)
    assert found == TiledInstances(int(whole.max()), 0)
    assert labels.max() == whole.max()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [30, 47])
def test_split_nuclei_are_those_of_the_whole_image_when_the_halo_holds_a_group(seed: int, size: int) -> None:
    inside, asked = nuclei(seed), InstanceSettings(height=0.7)
    whole = instances(inside, asked)
    extent = max(side.stop - side.start for box in ndimage.find_objects(components(inside)) for side in box)
    labels, found = in_tiles(inside, asked, WindowGrid.cover(inside.shape, size=size, halo=extent))
    assert same_objects(labels, whole)
    assert found == TiledInstances(int(whole.max()), 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("halo", [1, 3, 6, 10, 16])
def test_no_doubt_proves_that_tiles_equal_the_whole(seed: int, halo: int) -> None:
    inside, asked = nuclei(seed), InstanceSettings(height=0.7)
    labels, found = in_tiles(inside, asked, WindowGrid.cover(inside.shape, size=32, halo=halo))
    whole = instances(inside, asked)
    assert ((labels > 0) == inside).all()
    assert found.uncertain > 0 or same_objects(labels, whole)
    if halo == 1:
        assert found.uncertain > 0


def test_a_smoothed_relief_needs_a_margin() -> None:
    """Of what is nearer than 4 sigma to the edge of a window nothing is claimed."""
    inside, asked = nuclei(1), InstanceSettings(height=0.5, smoothing=1.0)
    grid = WindowGrid.cover(inside.shape, size=40, halo=30)
    labels, found = in_tiles(inside, asked, grid, margin=4)
    assert found.uncertain == 0
    assert same_objects(labels, instances(inside, asked))


@pytest.mark.parametrize("height", [None, 0.7])
def test_what_is_too_small_is_left_out_whole(height: float | None) -> None:
    """A long thin object is large, though no tile holds much of it; dust is small."""
    inside = np.zeros((40, 90), dtype=bool)
    inside[20, 2:88], inside[5, ::4] = True, True
    grid = WindowGrid.cover(inside.shape, size=10, halo=4)
    labels, _ = in_tiles(inside, InstanceSettings(height=None), grid, smallest=2)
    assert labels.max() == 1
    assert (labels[20, 2:88] == 1).all()
    assert not labels[5].any()


def test_tiles_that_overlap_and_a_file_in_memory_map(tmp_path: Path) -> None:
    inside = nuclei(2)
    target = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", np.uint32, inside.shape)
    grid = WindowGrid.cover(inside.shape, size=40, stride=25, halo=2)
    found = label_tiles(lambda box: components(cut(inside, box)), target, grid=grid, touching=False)
    assert same_objects(np.load(tmp_path / "labels.npy"), components(inside))
    assert found.objects == components(inside).max()


def test_an_image_of_one_tile_needs_no_halo() -> None:
    inside = nuclei(3)
    labels, found = in_tiles(inside, InstanceSettings(), WindowGrid.cover(inside.shape, size=200))
    assert same_objects(labels, instances(inside, InstanceSettings()))
    assert found.uncertain == 0


def test_a_black_image_has_no_object() -> None:
    grid = WindowGrid.cover((30, 40), size=10, halo=2)
    labels, found = in_tiles(np.zeros((30, 40)), InstanceSettings(), grid)
    assert not labels.any()
    assert found == TiledInstances(0, 0)


def test_more_objects_than_the_target_can_number_are_refused() -> None:
    dust = np.zeros((520, 520), dtype=bool)
    dust[::2, ::2] = True
    grid = WindowGrid.cover(dust.shape, size=130, halo=1)
    whole = np.zeros(dust.shape, dtype=np.uint32)
    found = label_tiles(lambda box: components(cut(dust, box)), whole, grid=grid, touching=False)
    assert found.objects == whole.max() == 67_600
    with pytest.raises(InvalidArgument, match="uint32"):
        label_tiles(
            lambda box: components(cut(dust, box)), np.zeros(dust.shape, dtype=np.uint16), grid=grid, touching=False
        )


def test_what_does_not_fit_is_refused() -> None:
    grid = WindowGrid.cover((30, 40), size=10, halo=1)
    with pytest.raises(ShapeMismatch, match="target"):
        label_tiles(lambda box: np.zeros((12, 12), int), np.zeros((30, 41), np.uint32), grid=grid, touching=False)
    with pytest.raises(ShapeMismatch, match="window"):
        label_tiles(lambda box: np.zeros((12, 12), int), np.zeros((30, 40), np.uint32), grid=grid, touching=False)
    with pytest.raises(InvalidArgument, match=r"target\.dtype"):
        label_tiles(lambda box: np.zeros((12, 12), int), np.zeros((30, 40)), grid=grid, touching=False)
    bare = WindowGrid.cover((30, 40), size=10)
    with pytest.raises(InvalidArgument, match=r"grid\.halo"):
        label_tiles(lambda box: np.zeros((10, 10), int), np.zeros((30, 40), np.uint32), grid=bare, touching=False)
