"""Boxes of an array that keep a distance: blocks to test, a region to watch, and what is left to learn from.

Two half-open boxes are apart when on some axis at least `gap` samples lie between them:

    max over axes of ( max(start_a, start_b) - min(stop_a, stop_b) - gap ) >= 0

An array is cut into as many blocks as folds, along its longest axis or on a grid over its two longest, whichever
leaves more to learn from in its worst fold, and each block into cells no shorter than the gap. What is apart from a
block is the array less the block grown by the gap on every side; it is cut up again into disjoint boxes, the largest
first. Only geometry stands here: records and folds are `regions`'.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import prod

import numpy as np

from hypercolumn.data.split import Box

CELLS_A_BLOCK = 4
"""Cells along one axis of a block, where the gap leaves room for so many."""


@dataclass(frozen=True)
class Layout:
    """What is asked of the cut of one array: its shape, the gap and the least training length for each axis."""

    shape: tuple[int, ...]
    gap: tuple[int, ...]
    least: tuple[int, ...]
    folds: int
    validation: float


@dataclass(frozen=True)
class Cut:
    """One fold of one array: cells tested, cells watched, and the boxes left to learn from."""

    test: tuple[Box, ...]
    validation: tuple[Box, ...]
    training: tuple[Box, ...]


def lay_out(layout: Layout, rng: np.random.Generator) -> tuple[Cut, ...] | None:
    """One cut a fold, or None where some fold would have nothing to learn from; test cells cover the array once.

    >>> layout = Layout(shape=(12,), gap=(1,), least=(1,), folds=2, validation=0.0)
    >>> lay_out(layout, np.random.default_rng(0))[0]
    Cut(test=(((0, 1),), ((1, 3),), ((3, 4),), ((4, 6),)), validation=(), training=(((7, 12),),))
    """
    order = sorted(range(len(layout.shape)), key=lambda axis: (-layout.shape[axis], -axis))
    best: tuple[int, tuple[Cut, ...]] = (0, ())
    for blocks in _grids(layout.folds, order):
        if all(layout.shape[axis] >= count for axis, count in blocks.items()):
            cuts = _cut(layout, blocks, rng)
            worst = min(sum(map(volume, cut.training)) for cut in cuts)
            if worst > best[0]:
                best = worst, cuts
    return best[1] or None


def largest_gap(layout: Layout) -> int:
    """The largest gap, up to the one asked for, that leaves something to learn from in every fold; -1 where none does.

    >>> largest_gap(Layout(shape=(20,), gap=(9,), least=(1,), folds=5, validation=0.2))
    7
    """
    low, high = -1, max(layout.gap) + 1
    while high - low > 1:  # a gap that fits still fits when it is made smaller
        middle = (low + high) // 2
        gap = tuple(min(width, middle) for width in layout.gap)
        smaller = Layout(layout.shape, gap, layout.least, layout.folds, validation=0.0)
        fits = lay_out(smaller, np.random.default_rng(0)) is not None
        low, high = (middle, high) if fits else (low, middle)
    return low


def _grids(folds: int, order: Sequence[int]) -> Iterator[dict[int, int]]:
    """How many blocks along which axis: all along the longest, then ever more evenly over the two longest."""
    yield {order[0]: folds}
    if len(order) > 1:
        for few in range(2, int(folds**0.5) + 1):
            if folds % few == 0:
                yield {order[0]: folds // few, order[1]: few}


def _cut(layout: Layout, blocks: Mapping[int, int], rng: np.random.Generator) -> tuple[Cut, ...]:
    edges = [_spans(0, length, blocks.get(axis, 1)) for axis, length in enumerate(layout.shape)]
    cells_in = [
        [_cells(span, layout.gap[axis]) if axis in blocks else [span] for span in spans]
        for axis, spans in enumerate(edges)
    ]
    tests = [
        list(product(*(cells_in[axis][place] for axis, place in enumerate(block))))
        for block in product(*(range(len(spans)) for spans in edges))
    ]
    cells = [cell for test in tests for cell in test]
    return tuple(_one_fold(layout, test, cells, rng) for test in tests)


def _one_fold(layout: Layout, test: Sequence[Box], cells: Sequence[Box], rng: np.random.Generator) -> Cut:
    """What is left to learn from, and a validation region of about the wished size, or smaller where room is short.

    A validation region is taken only where as much is left to learn from as it watches.
    """
    block = hull(test)
    training = _free_boxes(layout, [block])
    wanted = layout.validation * (prod(layout.shape) - volume(block))
    for group in _regions_to_watch(layout, cells, block, wanted) if wanted else ():
        options = [(region, _free_boxes(layout, [block, hull(region)])) for region in group]
        room = [sum(map(volume, boxes)) for _, boxes in options]
        best = [option for option, left in zip(options, room, strict=True) if left == max(room)]
        region, boxes = best[int(rng.integers(len(best)))]
        if max(room) >= volume(hull(region)):
            return Cut(tuple(test), region, tuple(boxes))
    return Cut(tuple(test), (), tuple(training))


def _regions_to_watch(
    layout: Layout, cells: Sequence[Box], block: Box, wanted: float
) -> Iterator[list[tuple[Box, ...]]]:
    """Boxes of whole cells apart from the test block, by volume: those near the wished one, then ever smaller."""
    free = [cell for cell in cells if apart(cell, block, layout.gap)]
    largest = max([2 * wanted, *(volume(cell) for cell in free)])
    found: dict[Box, tuple[Box, ...]] = {}
    for first, last in product(free, free):
        if all(a[0] <= b[0] for a, b in zip(first, last, strict=True)):
            whole = hull((first, last))
            if whole not in found and volume(whole) <= largest and apart(whole, block, layout.gap):
                found[whole] = tuple(cell for cell in free if hull((cell, whole)) == whole)
    left = dict(found)
    while left:
        nearest = min(left, key=lambda whole: abs(volume(whole) - wanted))
        alike = [whole for whole in left if abs(volume(whole) - volume(nearest)) <= 0.1 * wanted]
        yield [found[whole] for whole in alike]
        left = {whole: run for whole, run in left.items() if volume(whole) < min(volume(whole) for whole in alike)}


def _free_boxes(layout: Layout, taken: Sequence[Box]) -> list[Box]:
    """Disjoint boxes apart from all that is taken, each the largest there is when it is chosen."""
    grown = [
        tuple(
            (max(start - width, 0), min(stop + width, length))
            for (start, stop), width, length in zip(box, layout.gap, layout.shape, strict=True)
        )
        for box in taken
    ]
    marks = [
        sorted({0, length, *(mark for box in grown for mark in box[axis])}) for axis, length in enumerate(layout.shape)
    ]
    free = np.ones([len(line) - 1 for line in marks], dtype=bool)
    for box in grown:
        free[tuple(slice(line.index(a), line.index(b)) for line, (a, b) in zip(marks, box, strict=True))] = False
    boxes: list[Box] = []
    while True:
        found = max(_boxes_within(free, marks, layout.least), key=lambda option: option[:2], default=None)
        if found is None:
            return boxes
        boxes.append(found[1])
        free[found[2]] = False


def _boxes_within(
    free: np.ndarray, marks: Sequence[Sequence[int]], least: tuple[int, ...]
) -> Iterator[tuple[int, Box, tuple[slice, ...]]]:
    """Every box between marks that is free throughout and long enough: volume, box, place among the marks."""
    for choice in product(*(combinations(range(len(line)), 2) for line in marks)):
        box = tuple((line[a], line[b]) for line, (a, b) in zip(marks, choice, strict=True))
        place = tuple(slice(a, b) for a, b in choice)
        if all(b - a >= short for (a, b), short in zip(box, least, strict=True)) and free[place].all():
            yield volume(box), box, place


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around some.

    >>> hull([((0, 2), (5, 6)), ((1, 4), (0, 3))])
    ((0, 4), (0, 6))
    """
    return tuple((min(start for start, _ in axis), max(stop for _, stop in axis)) for axis in zip(*boxes, strict=True))


def apart(one: Box, other: Box, gap: tuple[int, ...]) -> bool:
    """Whether at least `gap` samples lie between two boxes on some axis.

    >>> apart(((0, 4),), ((7, 9),), (3,)), apart(((0, 4),), ((7, 9),), (4,))
    (True, False)
    """
    return any(max(a[0], b[0]) - min(a[1], b[1]) >= width for a, b, width in zip(one, other, gap, strict=True))


def volume(box: Box) -> int:
    """The number of samples in a box.

    >>> volume(((0, 4), (2, 5)))
    12
    """
    return prod(stop - start for start, stop in box)


def _cells(span: tuple[int, int], gap: int) -> list[tuple[int, int]]:
    """A block's span cut into cells that are not shorter than the gap."""
    length = span[1] - span[0]
    return _spans(*span, max(1, min(CELLS_A_BLOCK, length // max(gap, 1))))


def _spans(start: int, stop: int, count: int) -> list[tuple[int, int]]:
    marks = [start + (stop - start) * place // count for place in range(count + 1)]
    return list(pairwise(marks))
