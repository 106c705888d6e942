"""Non-maximum suppression: of boxes that overlap, the one with the highest score stays.

    go through the boxes from the highest score to the lowest
    keep a box unless an earlier kept one has IoU > threshold with it        IoU = |A n B| / |A u B|

The answer is that of this loop, exactly; boxes of equal score are taken in the order given. What the loop spends is
comparisons with boxes far away. IoU > t bounds two boxes to each other:

    t < w_a / w_b < 1 / t        |x_a - x_b| < (1 - t) max(1, 1 / 2t) w_a        and so for heights

So boxes are sorted once into cells: by the logarithms of width and height, in steps of log(1 / t), then by the row and
the column of their centre, in steps of what the bound allows. A box meets the neighbouring cells alone. The loop then
runs over blocks of boxes instead of boxes: who stays within a block, and whom those who stay suppress among the rest.
Blocks grow while most boxes stay, and shrink where few do, so that neither a dense grid of anchors nor a heap of boxes
on one object costs more than it must. 100,000 boxes take a third of a second or less on one core
(`benchmarks/detection.py`). Scores are not changed: that would be Soft-NMS.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch

FIRST_BLOCK = 512
SMALLEST_BLOCK = 64
COMPARED_AT_ONCE = 1_000_000
"""A block may grow until about so many pairs have to be compared within it."""

MOST_CELLS = 2**16
"""Rows, or columns, that the whole of the boxes is cut into at most; the numbers of cells then fit into 64 bits."""

_ALL_AROUND = tuple((wider, higher) for wider in (-1, 0, 1) for higher in (-1, 0, 1))
_ONCE = tuple(place for place in _ALL_AROUND if place >= (0, 0))
"""Bins of width and height to look into: from each of two boxes, or from one of them alone."""


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, *, threshold: float, groups: np.ndarray | None = None
) -> np.ndarray:
    """The indices of the boxes (box, 4: x0, y0, x1, y1) that stay, from the highest score (box,) to the lowest.

    groups: whole numbers (box,), classes for example; boxes of different groups do not meet. A box without area
    overlaps nothing and stays. Raises InvalidArgument for a threshold outside 0 to 1 and for values that are not
    finite, ShapeMismatch for arrays that do not belong together.

    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])        # IoU of the first two: 9 / 11
    >>> non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7]), threshold=0.5)
    array([1, 2])
    >>> non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7]), threshold=0.9)
    array([1, 0, 2])
    """
    boxes, scores = np.asarray(boxes, dtype=np.float64), np.asarray(scores)
    groups = np.zeros(len(boxes), dtype=np.int64) if groups is None else np.asarray(groups)
    _check(boxes, scores, groups, threshold)
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    kept = np.ones(len(boxes), dtype=bool)
    solid = np.flatnonzero(np.all(boxes[order, 2:] > boxes[order, :2], axis=1))
    if len(solid) and threshold < 1:
        kept[solid] = _first_come(_Cells.sort(boxes[order[solid]], groups[order[solid]], threshold))
    return order[kept]


@dataclass(frozen=True)
class _Cells:
    """Boxes with an area, by rank, each in its cell. A cell's number is ((group, width, height), row, column)."""

    sides: tuple[np.ndarray, ...]
    """x0, y0, x1, y1."""
    threshold: float
    area: np.ndarray
    reach: np.ndarray
    """How far the centre of a box that can conflict lies at most: (x or y, box)."""
    corner: np.ndarray
    """The first row and column begin at this centre: (x, y)."""
    bins: np.ndarray
    """Bins of width and of height: (x or y, box)."""
    counts: tuple[int, int]
    steps: tuple[np.ndarray, np.ndarray]
    """The width of a column by bin of width, the height of a row by bin of height."""
    shape: np.ndarray
    """The number of the (group, width, height) of each box."""
    taken: np.ndarray
    """Whether any box is of that number: (shape,)."""
    cell: np.ndarray
    order: np.ndarray
    """Ranks by cell."""

    @classmethod
    def sort(cls, boxes: np.ndarray, groups: np.ndarray, threshold: float) -> "_Cells":
        low, high = boxes[:, :2].T, boxes[:, 2:].T
        centre, size = (low + high) / 2, high - low
        corner, extent = centre.min(axis=1), np.ptp(centre, axis=1)
        bound = min(threshold, 0.9)
        if bound > 0.1:
            reach = (1 - bound) * max(1.0, 0.5 / bound) * size
            logs = np.log(np.maximum(size, 1e-9 * size.max(axis=1, keepdims=True))) / math.log(1 / bound)
            bins = np.floor(logs - np.floor(logs.min(axis=1, keepdims=True))).astype(np.int64) + 1
        else:  # sizes say next to nothing about each other
            reach = (size + size.max(axis=1, keepdims=True)) / 2
            bins = np.ones(size.shape, dtype=np.int64)
        reach *= 1 + 1e-9
        counts = (int(bins[0].max()) + 2, int(bins[1].max()) + 2)
        steps = tuple(
            np.maximum(_largest_by_bin(reach[axis], bins[axis], counts[axis]) * part, extent[axis] / MOST_CELLS)
            for axis, part in ((0, 0.25), (1, 2.0))
        )
        group = np.unique(groups, return_inverse=True)[1]
        shape = (group * counts[0] + bins[0]) * counts[1] + bins[1]
        taken = np.zeros((int(group.max()) + 1) * counts[0] * counts[1], dtype=bool)
        taken[shape] = True
        column, row = (((centre[axis] - corner[axis]) / steps[axis][bins[axis]]).astype(np.int64) for axis in (0, 1))
        cell = (shape * (MOST_CELLS + 1) + row) * (MOST_CELLS + 1) + column
        order = np.argsort(cell, kind="stable")
        sides, area = tuple(np.ascontiguousarray(boxes.T)), size[0] * size[1]
        return cls(sides, threshold, area, reach, corner, bins, counts, (steps[0], steps[1]), shape, taken, cell, order)

    def conflicts_within(self, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Pairs within `ranks` with IoU above the threshold, the higher score first; and how many were compared."""
        return self._overlapping(self._candidates(ranks, ranks, _ONCE))

    def conflicts_with(self, ranks: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Boxes of `others` that have IoU above the threshold with one of `ranks`; some are named more than once."""
        return self._overlapping(self._candidates(ranks, others, _ALL_AROUND))[1]

    def _candidates(
        self, ranks: np.ndarray, others: np.ndarray, around: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of a box of `ranks` and one of `others` that may conflict."""
        cells = self.cell[others]
        for place in around:
            for looking, first, last in self._neighbours(ranks, *place):
                start, stop = np.searchsorted(cells, first), np.searchsorted(cells, last, side="right")
                lengths = stop - start
                ends = np.cumsum(lengths)
                if not (len(ends) and ends[-1]):
                    continue
                one = np.repeat(looking, lengths)
                other = others[np.arange(ends[-1]) + np.repeat(stop - ends, lengths)]
                if ranks is not others:
                    yield one, other
                elif place == (0, 0):
                    once = one < other
                    yield one[once], other[once]
                else:
                    yield np.minimum(one, other), np.maximum(one, other)

    def _neighbours(self, ranks: np.ndarray, wider: int, higher: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Boxes of `ranks` with the first and the last cell, in one row, of those that they may conflict with."""
        shape = self.shape[ranks] + wider * self.counts[1] + higher
        taken = self.taken[shape]
        looking, shape = ranks[taken], shape[taken]
        left, right = self._range(looking, 0, wider)
        row, bottom = self._range(looking, 1, higher)
        while len(looking):
            first = (shape * (MOST_CELLS + 1) + row) * (MOST_CELLS + 1)
            yield looking, first + left, first + right
            on = row < bottom
            looking, shape, left, right = looking[on], shape[on], left[on], right[on]
            row, bottom = row[on] + 1, bottom[on]

    def _range(self, ranks: np.ndarray, axis: int, apart: int) -> tuple[np.ndarray, np.ndarray]:
        """First and last column (axis 0) or row (1) within reach of boxes, among the boxes some bins away."""
        step = self.steps[axis][self.bins[axis, ranks] + apart]
        centre = (self.sides[axis][ranks] + self.sides[axis + 2][ranks]) / 2 - self.corner[axis]
        reach = self.reach[axis, ranks]
        first, last = (((centre + side * reach) / step) for side in (-1, 1))
        return np.clip(first, 0, MOST_CELLS).astype(np.int64), np.clip(last, 0, MOST_CELLS).astype(np.int64)

    def _overlapping(self, candidates: Iterator[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, int]:
        found, compared = [(np.empty(0, dtype=np.int64),) * 2], 0
        for one, other in candidates:
            compared += len(one)
            a, b = (tuple(side[ranks] for side in self.sides) for ranks in (one, other))
            width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
            height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
            shared = np.maximum(width, 0) * np.maximum(height, 0)
            hit = shared / (self.area[one] + self.area[other] - shared) > self.threshold
            found.append((one[hit], other[hit]))
        ones, others = zip(*found, strict=True)
        return np.concatenate(ones), np.concatenate(others), compared


def _first_come(cells: _Cells) -> np.ndarray:
    """Which boxes stay: (box,), in the order of the ranks."""
    alive = np.ones(len(cells.order), dtype=bool)
    undecided, size = cells.order, FIRST_BLOCK
    while len(undecided):
        limit = np.partition(undecided, size)[size] if len(undecided) > size else len(alive)
        block, rest = undecided[undecided < limit], undecided[undecided >= limit]
        one, other, compared = cells.conflicts_within(block)
        _suppress_in_turn(alive, one, other)
        stay = block[alive[block]]
        if len(rest):
            alive[cells.conflicts_with(stay, rest)] = False
        undecided = rest[alive[rest]]
        if 2 * len(stay) > len(block):
            size = int(size * min(max(math.sqrt(COMPARED_AT_ONCE / max(compared, 1)), 2.0), 8.0))
        else:
            size = max(size // 2, SMALLEST_BLOCK)
    return alive


def _suppress_in_turn(alive: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    """The textbook's loop, over conflicts instead of boxes."""
    order = np.argsort(one, kind="stable")
    ranks, start, lengths = np.unique(one[order], return_index=True, return_counts=True)
    other = other[order]
    for rank, begin, end in zip(ranks.tolist(), start.tolist(), (start + lengths).tolist(), strict=True):
        if alive[rank]:
            alive[other[begin:end]] = False


def _largest_by_bin(values: np.ndarray, bins: np.ndarray, count: int) -> np.ndarray:
    """The largest value in each bin, and where a bin is empty the largest of all."""
    largest = np.zeros(count)
    np.maximum.at(largest, bins, values)
    return np.where(largest > 0, largest, values.max())


def _check(boxes: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise InvalidArgument("threshold", threshold, fix="give an IoU from 0 to 1")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeMismatch(f"boxes of shape {boxes.shape}", fix="give (box, 4): x0, y0, x1, y1")
    for name, values in (("scores", scores), ("groups", groups)):
        if values.shape != (len(boxes),):
            raise ShapeMismatch(f"{name} of shape {values.shape} for {len(boxes)} boxes", fix=f"give ({len(boxes)},)")
    if groups.dtype.kind not in "iu":
        raise InvalidArgument("groups", groups.dtype.name, fix="give whole numbers")
    for name, values in (("boxes", boxes), ("scores", scores)):
        if not np.isfinite(values).all():
            raise InvalidArgument(
                name, values[~np.isfinite(values)][0].item(), fix="give finite numbers; has the training diverged?"
            )
