"""Windows over an array of n dimensions: where they lie, what they see, and how their results become one array again.

    starts along an axis   0, stride, 2 stride, ... and the last at length - size, so that all is covered

A window that is larger than the array overhangs its end; what lies outside is filled by reflection. With a halo each
window sees that much more on every side than it answers for. Where windows overlap, each sample is taken from the one
in whose middle it lies deepest: overlaps are divided half-way, nothing is averaged, any type goes through, and

    stitch(cut(array, window) for window in grid) == array

to the last bit. Windows are places, not examples: a split is made of records (see `splitting`), never of these.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from hypercolumn.data.split import Box
from hypercolumn.errors import InvalidArgument, ShapeMismatch


@dataclass(frozen=True)
class Window:
    """The place of one window: half-open, in samples, and past the end of the array where the window overhangs it."""

    index: int
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def box(self) -> Box:
        return tuple(zip(self.start, self.stop, strict=True))


@dataclass(frozen=True)
class WindowGrid:
    """Windows of one size that cover an array of this spatial shape; `stride` is at most `size`, so there are no gaps.

    >>> grid = WindowGrid.cover((10,), size=4, stride=3)
    >>> [(window.start[0], window.stop[0]) for window in grid]
    [(0, 4), (3, 7), (6, 10)]
    >>> line = np.arange(10)[np.newaxis]
    >>> grid.cut(line, grid[1])
    array([[3, 4, 5, 6]])
    >>> grid.stitch(grid.cut(line, window) for window in grid)
    array([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    halo: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "halo", self.halo or (0,) * len(self.shape))
        if not self.shape or min(self.shape) < 1:
            raise InvalidArgument("shape", self.shape, fix="give the spatial shape of the array, without its channel")
        for name in ("size", "stride", "halo"):
            value, least = getattr(self, name), 0 if name == "halo" else 1
            if len(value) != len(self.shape) or min(value) < least:
                raise InvalidArgument(name, value, fix=f"give {len(self.shape)} whole numbers from {least}")
        if any(step > length for step, length in zip(self.stride, self.size, strict=True)):
            raise InvalidArgument("stride", self.stride, why="windows would leave gaps", fix=f"at most {self.size}")

    @classmethod
    def cover(
        cls,
        shape: Sequence[int],
        *,
        size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        halo: int | Sequence[int] = 0,
    ) -> "WindowGrid":
        """Cover a spatial shape; one number holds for every axis, and windows stand side by side without a stride."""
        axes = len(shape)
        sides = _each(size, axes)
        return cls(tuple(shape), sides, sides if stride is None else _each(stride, axes), _each(halo, axes))

    def __len__(self) -> int:
        return prod(self._counts())

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Window:
        """The window of this number; the last axis runs fastest."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        place = np.unravel_index(index, self._counts())
        start = tuple(self._start(axis, int(number)) for axis, number in enumerate(place))
        return Window(index, start, tuple(first + side for first, side in zip(start, self.size, strict=True)))

    def cut(self, array: np.ndarray, window: Window) -> np.ndarray:
        """What a window sees with its halo, of an array (channel, *space): a copy, reflected where it overhangs."""
        if array.shape[1:] != self.shape:
            raise ShapeMismatch(
                f"this grid covers {self.shape} and the array has {array.shape[1:]}",
                fix="give (channel, *space), or lay a grid over this array",
            )
        ranges = [
            (start - halo, stop + halo) for start, stop, halo in zip(window.start, window.stop, self.halo, strict=True)
        ]
        inside = [
            slice(max(start, 0), min(stop, length)) for (start, stop), length in zip(ranges, self.shape, strict=True)
        ]
        if all(start >= 0 and stop <= length for (start, stop), length in zip(ranges, self.shape, strict=True)):
            return np.array(array[(slice(None), *inside)])
        for axis, ((start, stop), length) in enumerate(zip(ranges, self.shape, strict=True), start=1):
            array = array.take(_reflected(start, stop, length), axis=axis)
        return array

    def owned(self, window: Window) -> Box:
        """The samples whose result is taken from this window: every sample of the array belongs to exactly one."""
        place = np.unravel_index(window.index, self._counts())
        return tuple(
            (self._border(axis, int(number)), self._border(axis, int(number) + 1)) for axis, number in enumerate(place)
        )

    def stitch(self, tiles: Iterable[np.ndarray]) -> np.ndarray:
        """One array (channel, *shape) from a tile (channel, *size) for each window in order; a halo is cut off."""
        with_halo = tuple(side + 2 * halo for side, halo in zip(self.size, self.halo, strict=True))
        whole: np.ndarray | None = None
        count = 0
        for count, tile in enumerate(tiles, start=1):
            if count > len(self):
                break
            if tile.shape[1:] not in (self.size, with_halo):
                raise ShapeMismatch(f"tile {count - 1} has {tile.shape[1:]}", fix=f"give {self.size}, or {with_halo}")
            if whole is None:
                whole = np.empty((tile.shape[0], *self.shape), dtype=tile.dtype)
            window = self[count - 1]
            margin = self.halo if tile.shape[1:] == with_halo else (0,) * len(self.shape)
            box = self.owned(window)
            target = (slice(None), *(slice(start, stop) for start, stop in box))
            source = (
                slice(low - start + edge, high - start + edge)
                for (low, high), start, edge in zip(box, window.start, margin, strict=True)
            )
            whole[target] = tile[(slice(None), *source)]
        if whole is None or count != len(self):
            raise ShapeMismatch(
                f"{count} tiles were given for {len(self)} windows", fix="give one tile for each window, in order"
            )
        return whole

    def _counts(self) -> tuple[int, ...]:
        return tuple(
            1 + max(0, -(-(length - side) // step))
            for length, side, step in zip(self.shape, self.size, self.stride, strict=True)
        )

    def _start(self, axis: int, number: int) -> int:
        return min(number * self.stride[axis], max(0, self.shape[axis] - self.size[axis]))

    def _border(self, axis: int, number: int) -> int:
        """Where the part of window `number` begins along an axis: half-way through its overlap with the one before."""
        if number == 0:
            return 0
        if number == self._counts()[axis]:
            return self.shape[axis]
        return (self._start(axis, number) + self._start(axis, number - 1) + self.size[axis]) // 2


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _reflected(start: int, stop: int, length: int) -> np.ndarray:
    """Indices start to stop, those outside mirrored at the first and the last sample, as often as it takes."""
    period = max(2 * (length - 1), 1)
    place = np.abs(np.arange(start, stop)) % period
    return np.minimum(place, period - place) if length > 1 else np.zeros(stop - start, dtype=int)
