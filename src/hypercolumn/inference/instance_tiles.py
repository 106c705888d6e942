"""Instance maps of images too large for memory: labelled window by window, each object whole and counted once.

    window      what is labelled at once: a tile of the grid with its halo, cut where the image ends
    owned       the part whose labels are taken from this window; every sample is owned by one
    same        an object of this window and one written before, where they lie on the same samples

Objects that cross from tile to tile are seen by both, in the halo; what was written before is compared with what is
seen now, and the numbers of one object are joined. A last pass writes the final numbers.

Connected components (`touching=False`) come out as from the whole image, up to their numbering, with a halo of one
sample: they are the same wherever they share a sample. Objects that touch each other (a watershed, or a detector) are
the same where they share more than half of what the two windows both see. They come out as from the whole image if
every group of touching objects is seen whole, which a halo as large as the largest group ensures; `uncertain` counts
the objects for which this was not so, and 0 proves it. Beyond it nothing is known: such an object may be cut, or two.

Memory is that of one window, and some numbers an object. `target` is read and written: an array, a memory-mapped file,
anything with slices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from hypercolumn.data import Box, WindowGrid
from hypercolumn.data.instance_map import as_instances, with_small_numbers
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.tasks.instances import components


class Labels(Protocol):
    """Where the numbers go: zeros at first, of a type that holds them (uint32)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def __getitem__(self, place: Any, /) -> Any: ...
    def __setitem__(self, place: Any, value: Any, /) -> None: ...


@dataclass(frozen=True)
class TiledInstances:
    """How many objects were written, and how many of them no window saw whole with all that touches them."""

    objects: int
    uncertain: int


def label_tiles(
    label: Callable[[Box], np.ndarray],
    target: Labels,
    *,
    grid: WindowGrid,
    touching: bool,
    smallest: float = 0,
    margin: int = 0,
) -> TiledInstances:
    """Write the instance map of a whole image into `target` (zeros, *space).

    `label` gives the instance map of a box of the image, in samples, half-open; it should leave out nothing for its
    size: objects below `smallest` samples are taken out here, when they are whole. `margin` is how many samples from
    the edge of a window an object is no longer as in the whole image (4 sigma of a smoothing).

    Raises ShapeMismatch where `label` or `target` has another shape, InvalidArgument where the numbers do not fit.

    >>> inside = np.array([[1, 1, 1, 0, 1, 1]], dtype=bool)
    >>> grid = WindowGrid.cover((1, 6), size=(1, 2), halo=(0, 1))
    >>> target = np.zeros((1, 6), dtype=np.uint32)
    >>> label_tiles(lambda box: components(inside[:, slice(*box[1])]), target, grid=grid, touching=False)
    TiledInstances(objects=2, uncertain=0)
    >>> target
    array([[1, 1, 1, 0, 2, 2]], dtype=uint32)
    """
    _check(target, grid)
    owned = np.array([grid.owned(window) for window in grid])
    numbers, pairs, sizes, doubt = 0, [np.zeros((0, 2), dtype=np.int64)], [np.zeros(1, dtype=np.int64)], [False]
    for window in grid:
        seen = _seen(grid, window.box)
        labels = with_small_numbers(as_instances(label(seen), where=f"box {seen}"))
        if labels.shape != tuple(stop - start for start, stop in seen):
            raise ShapeMismatch(
                f"a window is {labels.shape}", where=f"box {seen}", fix="label the box that was asked for"
            )
        own = tuple((int(start), int(stop)) for start, stop in owned[window.index])
        inner = labels[_slices(own, seen)]
        size = np.bincount(inner.reshape(-1), minlength=int(labels.max(initial=0)) + 1)
        size[0] = 0
        found = np.flatnonzero(size)
        number = np.zeros(len(size), dtype=np.int64)
        number[found] = numbers + 1 + np.arange(len(found))
        for earlier in _meeting(owned[: window.index], seen):
            pairs.append(_same(target[_slices(earlier)], labels[_slices(earlier, seen)], number, touching=touching))
        numbers += len(found)
        if numbers > np.iinfo(target.dtype).max:
            raise InvalidArgument(
                "target.dtype", str(target.dtype), why=f"{numbers} numbers are needed", fix="use uint32"
            )
        sizes.append(size[found])
        doubt += _cut(labels, seen, grid.shape, margin)[found].tolist() if touching else [False] * len(found)
        target[_slices(own)] = number.astype(target.dtype)[inner]
    final, answer = _final(np.concatenate(pairs), np.concatenate(sizes), np.asarray(doubt), smallest)
    for window in grid:
        place = _slices(grid.owned(window))
        target[place] = final[target[place]].astype(target.dtype)
    return answer


def _same(before: np.ndarray, labels: np.ndarray, number: np.ndarray, *, touching: bool) -> np.ndarray:
    """Pairs (number written before, number now) that are one object, from the samples that both windows see.

    `number` gives the number now of each label, 0 where none of it belongs to this window.
    """
    table = contingency(before, labels)
    match = table.matched(50) if touching else np.ones(len(table.pair_samples), dtype=bool)
    earlier, now = table.truth[table.pair_truth[match]], number[table.predicted[table.pair_predicted[match]]]
    return np.stack([earlier, now], axis=1)[now > 0]


def _cut(labels: np.ndarray, seen: Box, shape: tuple[int, ...], margin: int) -> np.ndarray:
    """Which labels, from 0, hang together with something at an edge of the window that is not the image's."""
    groups = components(labels > 0)
    reached = [np.zeros(1, dtype=np.int64)]
    for axis, ((start, stop), length) in enumerate(zip(seen, shape, strict=True)):
        if start > 0:
            reached.append(np.unique(groups.take(range(min(margin + 1, stop - start)), axis=axis)))
        if stop < length:
            reached.append(np.unique(groups.take(range(max(stop - start - margin - 1, 0), stop - start), axis=axis)))
    cut = np.zeros(int(groups.max(initial=0)) + 1, dtype=bool)
    cut[np.concatenate(reached)] = True
    cut[0] = False
    answer = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    answer[labels[cut[groups]]] = True
    return answer


def _final(
    pairs: np.ndarray, sizes: np.ndarray, doubt: np.ndarray, smallest: float
) -> tuple[np.ndarray, TiledInstances]:
    """The final number of each number written, 0 for what is too small; counted from 1 in the order of the tiles."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(sizes), len(sizes)))
    count, one = csgraph.connected_components(graph, directed=False)
    kept = np.bincount(one, weights=sizes, minlength=count) >= smallest
    kept[one[0]] = False
    uncertain = np.bincount(one, weights=doubt, minlength=count) > 0
    final = np.where(kept, np.cumsum(kept), 0)[one]
    return final, TiledInstances(int(kept.sum()), int((uncertain & kept).sum()))


def _seen(grid: WindowGrid, box: Box) -> Box:
    return tuple(
        (max(start - halo, 0), min(stop + halo, length))
        for (start, stop), halo, length in zip(box, grid.halo, grid.shape, strict=True)
    )


def _meeting(owned: np.ndarray, seen: Box) -> list[Box]:
    """What this box shares with each of these boxes, where it shares anything."""
    if not len(owned):
        return []
    start = np.maximum(owned[:, :, 0], np.array(seen)[:, 0])
    stop = np.minimum(owned[:, :, 1], np.array(seen)[:, 1])
    some = (start < stop).all(axis=1)
    return [
        tuple(zip(low, high, strict=True)) for low, high in zip(start[some].tolist(), stop[some].tolist(), strict=True)
    ]


def _slices(box: Box, within: Box | None = None) -> tuple[slice, ...]:
    """A box as slices, of the whole or of the window that begins elsewhere."""
    origin = [0] * len(box) if within is None else [start for start, _ in within]
    return tuple(slice(start - first, stop - first) for (start, stop), first in zip(box, origin, strict=True))


def _check(target: Labels, grid: WindowGrid) -> None:
    if tuple(target.shape) != grid.shape:
        raise ShapeMismatch(
            f"the target is {tuple(target.shape)} and the grid covers {grid.shape}", fix="give one shape"
        )
    if np.dtype(target.dtype).kind not in "iu":
        raise InvalidArgument("target.dtype", str(target.dtype), fix="numbers of objects are whole: use uint32")
    several = [length > side for length, side in zip(grid.shape, grid.size, strict=True)]
    if any(halo < 1 and more for halo, more in zip(grid.halo, several, strict=True)):
        raise InvalidArgument("grid.halo", grid.halo, why="objects are joined in the halo", fix="give 1 or more")
