"""Laws of windows: they cover, they divide, and what they cut is what they stitch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data import WindowGrid
from hypercolumn.errors import InvalidArgument, ShapeMismatch


@st.composite
def grids(draw: st.DrawFn) -> WindowGrid:
    axes = draw(st.integers(1, 3))
    shape = draw(st.tuples(*[st.integers(1, 14)] * axes))
    size = draw(st.tuples(*[st.integers(1, 9)] * axes))
    stride = tuple(draw(st.integers(1, side)) for side in size)
    return WindowGrid.cover(shape, size=size, stride=stride, halo=draw(st.tuples(*[st.integers(0, 4)] * axes)))


def numbered(grid: WindowGrid, channels: int = 2) -> np.ndarray:
    count = channels * int(np.prod(grid.shape))
    return np.arange(count, dtype=np.int32).reshape(channels, *grid.shape)


@given(grids())
@settings(max_examples=150, deadline=None)
def test_stitching_what_was_cut_gives_the_array_back(grid: WindowGrid) -> None:
    array = numbered(grid)
    np.testing.assert_array_equal(grid.stitch(grid.cut(array, window) for window in grid), array, strict=True)


@given(grids())
@settings(max_examples=100, deadline=None)
def test_the_halo_may_be_cut_off_before_stitching(grid: WindowGrid) -> None:
    array = numbered(grid)
    core = (slice(None), *(slice(halo, halo + side) for halo, side in zip(grid.halo, grid.size, strict=True)))
    np.testing.assert_array_equal(grid.stitch(grid.cut(array, window)[core] for window in grid), array)


@given(grids())
@settings(max_examples=100, deadline=None)
def test_every_sample_belongs_to_one_window_that_sees_it(grid: WindowGrid) -> None:
    owners = np.zeros(grid.shape, dtype=int)
    for window in grid:
        box = grid.owned(window)
        owners[tuple(slice(start, stop) for start, stop in box)] += 1
        for (low, high), (start, stop) in zip(box, window.box, strict=True):
            assert start <= low <= high <= stop
    assert (owners == 1).all()


@given(grids())
@settings(max_examples=100, deadline=None)
def test_windows_lie_inside_unless_the_array_is_smaller(grid: WindowGrid) -> None:
    for window in grid:
        for start, stop, length, side in zip(window.start, window.stop, grid.shape, grid.size, strict=True):
            assert start >= 0
            assert stop - start == side
            assert stop <= max(length, side)
    assert [window.index for window in grid] == list(range(len(grid)))
    assert len({window.start for window in grid}) == len(grid)


@given(grids())
@settings(max_examples=100, deadline=None)
def test_what_overhangs_is_the_reflection_that_numpy_pads(grid: WindowGrid) -> None:
    array = numbered(grid, channels=1)
    margin = [(0, 0), *((halo, halo + side) for halo, side in zip(grid.halo, grid.size, strict=True))]
    padded = np.pad(array, margin, mode="reflect")
    for window in grid:
        ranges = [
            slice(start, stop + 2 * halo)
            for start, stop, halo in zip(window.start, window.stop, grid.halo, strict=True)
        ]
        np.testing.assert_array_equal(grid.cut(array, window), padded[(slice(None), *ranges)])


def test_the_last_window_is_shifted_inward_and_overlaps_are_halved() -> None:
    grid = WindowGrid.cover((10, 7), size=(4, 7), stride=(3, 7))
    assert [window.start for window in grid] == [(0, 0), (3, 0), (6, 0)]
    grid = WindowGrid.cover((9,), size=6)
    assert [window.box for window in grid] == [((0, 6),), ((3, 9),)]
    assert [grid.owned(window) for window in grid] == [((0, 4),), ((4, 9),)]


def test_a_cut_is_a_copy() -> None:
    grid = WindowGrid.cover((6,), size=3)
    array = np.zeros((1, 6))
    grid.cut(array, grid[0])[:] = 1
    assert not array.any()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shape", {"shape": (), "size": 3}),
        ("shape", {"shape": (0, 4), "size": 3}),
        ("size", {"shape": (8, 8), "size": (3,)}),
        ("size", {"shape": (8,), "size": 0}),
        ("stride", {"shape": (8,), "size": 3, "stride": 4}),
        ("stride", {"shape": (8,), "size": 3, "stride": 0}),
        ("halo", {"shape": (8,), "size": 3, "halo": -1}),
    ],
)
def test_a_grid_that_cannot_be_names_the_argument(name: str, arguments: dict) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} = "):
        WindowGrid.cover(arguments.pop("shape"), **arguments)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_tiles_must_be_as_many_as_windows(count: int) -> None:
    grid = WindowGrid.cover((6,), size=3)
    with pytest.raises(ShapeMismatch, match="2 windows"):
        grid.stitch(np.zeros((1, 3)) for _ in range(count))


def test_shapes_that_do_not_fit_are_refused() -> None:
    grid = WindowGrid.cover((6,), size=3)
    with pytest.raises(ShapeMismatch):
        grid.cut(np.zeros((1, 7)), grid[0])
    with pytest.raises(ShapeMismatch, match="tile 0"):
        grid.stitch([np.zeros((1, 4))] * 2)
    with pytest.raises(IndexError):
        grid[2]
