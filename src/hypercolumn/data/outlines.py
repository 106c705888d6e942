"""What pixels of an image an object covers, without an array as large as the image.

    Polygon       rings of corners (x, y)     a pixel is inside where a ray from its centre crosses the rings an odd
                                              number of times; parts are joined, holes are rings of a part
    RunLength     runs of pixels              column by column, as COCO counts them

Pixel (row i, column j) covers [j, j + 1) x [i, i + 1), so that its centre is (j + 1/2, i + 1/2), and a box x0, y0, x1,
y1 of whole pixels holds columns x0 to x1 - 1. Either form is painted into a window of the image only when it is asked
for: a thousand objects of a slide do not take a thousand slides. Nothing is read from files here: see `readers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels, half-open."""

_PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class Polygon:
    """An object by its corners: parts, each of rings (corner, 2) of x and y; a part's further rings are its holes.

    >>> square, hole = np.array([[1, 0], [4, 0], [4, 3], [1, 3]]), np.array([[2, 1], [3, 1], [3, 2], [2, 2]])
    >>> Polygon(((square, hole),)).window((0, 0, 5, 3)).astype(int)
    array([[0, 1, 1, 1, 0],
           [0, 1, 0, 1, 0],
           [0, 1, 1, 1, 0]])
    """

    parts: tuple[tuple[np.ndarray, ...], ...]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of all corners."""
        corners = np.concatenate([ring for part in self.parts for ring in part])
        return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())

    def window(self, window: Window) -> np.ndarray:
        """Whether each pixel of a window is inside: (y, x)."""
        x0, y0, x1, y1 = window
        covered = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        for part in self.parts:
            covered |= _inside(part, window)
        return covered


@dataclass(frozen=True, eq=False)
class RunLength:
    """An object by its runs of pixels, numbered down the columns of an image (y, x): pixel (i, j) is j * height + i.

    `start` and `stop` are the half-open ends of each run, ascending.

    >>> mask = RunLength((3, 4), np.array([4, 7]), np.array([6, 8]))
    >>> mask.window((0, 0, 4, 3)).astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 0, 0]])
    >>> mask.bounds
    (1, 1, 3, 3)
    """

    shape: tuple[int, int]
    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def from_counts(cls, shape: tuple[int, int], counts: Sequence[int]) -> "RunLength":
        """From COCO's counts: how many pixels are outside, inside, outside, ... .

        >>> RunLength.from_counts((3, 4), [4, 2, 1, 1, 4]).area
        3
        """
        ends = np.cumsum(np.asarray(counts, dtype=np.int64))
        start, stop = ends[0 : 2 * (len(ends) // 2) : 2], ends[1::2]
        filled = stop > start
        return cls(shape, start[filled], stop[filled])

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int((self.stop - self.start).sum())

    @property
    def bounds(self) -> Window:
        """x0, y0, x1, y1 of the pixels; zeros where there are none."""
        if not len(self.start):
            return 0, 0, 0, 0
        height = self.shape[0]
        first, last = self.start // height, (self.stop - 1) // height
        over = bool((first != last).any())  # a run that goes on in the next column touches the first and the last row
        y0 = 0 if over else int((self.start % height).min())
        y1 = height if over else int(((self.stop - 1) % height).max()) + 1
        return int(first[0]), y0, int(last[-1]) + 1, y1

    def window(self, window: Window) -> np.ndarray:
        """Whether each pixel of a window is inside: (y, x)."""
        x0, y0, x1, y1 = window
        height = self.shape[0]
        low, high = x0 * height, x1 * height
        start, stop = np.clip(self.start, low, high) - low, np.clip(self.stop, low, high) - low
        change = np.zeros(high - low + 1, dtype=np.int8)
        np.add.at(change, start, 1)
        np.add.at(change, stop, -1)
        return np.cumsum(change[:-1], dtype=np.int8).astype(bool).reshape(x1 - x0, height).T[y0:y1]


Outline = Polygon | RunLength


def runs_of(labels: np.ndarray) -> tuple[np.ndarray, list[RunLength]]:
    """The numbers of the objects of an instance map (y, x), ascending, and the runs of each; 0 is background.

    >>> numbers, runs = runs_of(np.array([[7, 0, 2], [7, 2, 2]]))
    >>> numbers, [mask.area for mask in runs], runs[0].start, runs[0].stop
    (array([2, 7]), [3, 2], array([3]), array([6]))
    """
    down = np.ascontiguousarray(labels.T).reshape(-1)
    places = np.flatnonzero(down)
    numbers = down[places]
    order = np.argsort(numbers, kind="stable")
    places, numbers = places[order], numbers[order]
    begins = np.ones(len(places), dtype=bool)
    begins[1:] = (np.diff(places) != 1) | (numbers[1:] != numbers[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(places)) - 1
    found, edges = np.unique(numbers[first], return_index=True)
    shape = (labels.shape[0], labels.shape[1])
    runs = [
        RunLength(shape, places[first[a:b]], places[last[a:b]] + 1) for a, b in pairwise([*edges.tolist(), len(first)])
    ]
    return found, runs


def clipped(ring: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A ring (corner, 2) cut to an image (height, width); no corners where nothing is left.

    Sutherland and Hodgman 1974, doi:10.1145/360767.360802: where a ring leaves the image in several places, its pieces
    stay joined along the border, which covers no pixel.

    >>> clipped(np.array([[-2.0, 1.0], [2.0, 1.0], [2.0, 3.0], [-2.0, 3.0]]), (10, 10)).tolist()
    [[0.0, 1.0], [2.0, 1.0], [2.0, 3.0], [0.0, 3.0]]
    """
    if (ring >= 0).all() and (ring <= shape[::-1]).all():
        return ring
    for axis, bound, sign in ((0, 0.0, 1), (0, float(shape[1]), -1), (1, 0.0, 1), (1, float(shape[0]), -1)):
        if not len(ring):
            break
        ring = _cut(ring, axis, bound, sign)
    return ring


def _cut(ring: np.ndarray, axis: int, bound: float, sign: int) -> np.ndarray:
    """The part of a ring on one side of a line."""
    after = _following(ring)
    inside, stays = sign * (ring[:, axis] - bound) >= 0, sign * (after[:, axis] - bound) >= 0
    if inside.all():
        return ring
    run = after[:, axis] - ring[:, axis]
    share = np.divide(bound - ring[:, axis], run, out=np.zeros(len(ring)), where=inside != stays)
    crossing = ring + share[:, None] * (after - ring)
    crossing[:, axis] = bound
    kept = np.stack([inside, inside != stays], axis=1)
    return np.stack([ring, crossing], axis=1)[kept]


def crosses_itself(ring: np.ndarray) -> bool:
    """Whether two sides of a ring (corner, 2) that do not meet at a corner have a point in common.

    >>> crosses_itself(np.array([[0, 0], [2, 2], [2, 0], [0, 2]])), crosses_itself(np.array([[0, 0], [2, 0], [1, 2]]))
    (True, False)
    """
    ring = ring[(ring != _following(ring)).any(axis=1)]
    count = len(ring)
    after = _following(ring)
    left, right = np.minimum(ring[:, 0], after[:, 0]), np.maximum(ring[:, 0], after[:, 0])
    order = np.argsort(left, kind="stable")
    until = np.searchsorted(left[order], right[order], side="right")
    pairs = until - np.arange(1, count + 1)
    done = np.concatenate([[0], np.cumsum(pairs)])
    for base in range(0, int(done[-1]), _PAIRS_AT_ONCE):
        pair = np.arange(base, min(base + _PAIRS_AT_ONCE, int(done[-1])))
        place = np.searchsorted(done, pair, side="right") - 1
        one, other = order[place], order[place + 1 + pair - done[place]]
        apart = np.abs(one - other)
        one, other = one[(apart > 1) & (apart < count - 1)], other[(apart > 1) & (apart < count - 1)]
        if _meet(ring[one], after[one], ring[other], after[other]):
            return True
    return False


def _meet(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether any of the segments from a to b (segment, 2) has a point in common with its partner from c to d."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        along, across = q - p, r - p
        return np.sign(along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0])

    boxes = np.all((np.minimum(c, d) <= np.maximum(a, b)) & (np.maximum(c, d) >= np.minimum(a, b)), axis=1)
    return bool((boxes & (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)).any())


def _following(ring: np.ndarray) -> np.ndarray:
    """The corner after each."""
    return np.concatenate((ring[1:], ring[:1]))


def _inside(rings: Sequence[np.ndarray], window: Window) -> np.ndarray:
    """The even-odd rule at pixel centres: each side flips all pixels to the right of where it crosses their row."""
    x0, y0, x1, y1 = window
    height, width = y1 - y0, x1 - x0
    flips = np.zeros((height, width + 1), dtype=bool)
    for ring in rings:
        begin = ring - (x0 + 0.5, y0 + 0.5)
        end = _following(begin)
        low, high = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
        first = np.clip(np.ceil(low), 0, height).astype(np.int64)
        last = np.clip(np.ceil(high), 0, height).astype(np.int64)
        rows = last - first
        side = np.repeat(np.arange(len(ring)), rows)
        row = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows) + first[side]
        slope = (end[side, 0] - begin[side, 0]) / (end[side, 1] - begin[side, 1])
        column = np.ceil(begin[side, 0] + (row - begin[side, 1]) * slope)
        np.logical_xor.at(flips, (row, np.clip(column, 0, width).astype(np.int64)), True)
    return np.logical_xor.accumulate(flips, axis=1)[:, :width]
