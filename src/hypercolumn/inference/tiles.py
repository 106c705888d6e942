"""Tiles that give the whole image's answer: where to cut, what of each tile's output to keep, and why that is exact.

A tile begins at a multiple of the network's alignment A, so that every layer's samples fall where they fall in the
whole image, and all tiles have one length L with N - L a multiple of A, so that every crop and every rounding of a
length is the same:

    start = k A        L = N - m A        output o of the tile is output o + start / stride of the image

An output is kept if nothing it depends on, in any layer, would have been read beyond a cut: `right_outputs` follows
that through the graph. At the image's own border the network pads as it always does. Nothing is blended: every output
is taken from one tile. A graph whose layers are not the same at both lengths is refused (`check_congruent`), and
never tiled on trust.

The overlap-tile strategy of Ronneberger, Fischer and Brox 2015 is the case without padding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod

import numpy as np

from hypercolumn.convolution.node import Node
from hypercolumn.convolution.receptive_field import ReceptiveField, mixing_layers, tables
from hypercolumn.convolution.tracing import Graph
from hypercolumn.errors import NetworkError


@dataclass(frozen=True)
class Cut:
    """One tile along one axis: what it reads of the image, what of its output is kept, and where that belongs."""

    read: tuple[int, int]
    keep: tuple[int, int]
    write: tuple[int, int]


@dataclass(frozen=True)
class Losses:
    """How many outputs at either end of a tile are wrong where it is cut, and the alignment, along one axis."""

    before: int
    after: int
    alignment: int


@dataclass(frozen=True)
class TilePlan:
    """Tiles of one shape that together make every output once; each in strips of so many rows where `rows` is given.

    >>> plan = TilePlan((8,), ((Cut((0, 8), (0, 6), (0, 6)), Cut((4, 12), (2, 8), (6, 12))),))
    >>> len(plan), plan.volume
    (2, 16)
    """

    shape: tuple[int, ...]
    cuts: tuple[tuple[Cut, ...], ...]
    rows: int | None = None

    def __len__(self) -> int:
        return prod(len(cuts) for cuts in self.cuts)

    def __iter__(self) -> Iterator[tuple[Cut, ...]]:
        return product(*self.cuts)

    @property
    def volume(self) -> int:
        """The samples that are read in all, those that several tiles read counted each time."""
        return len(self) * prod(self.shape)


def check_tileable(graph: Graph, field: ReceptiveField) -> None:
    """Raise NetworkError, naming the layer, where the network cannot be computed in parts."""
    for axis in range(len(graph.shape)):
        mixed = mixing_layers(graph, axis)[-1]
        if mixed:
            raise NetworkError(
                "the network cannot be computed in tiles",
                where=mixed,
                why=f"this layer mixes all of axis {axis}, so every output depends on the whole image",
                fix="give more memory, so that the image is run whole, or use a network without such a layer",
            )
        found = tables(graph, axis)
        if found[-1] is None:
            at = next(place for place, table in enumerate(found) if table is None)
            raise NetworkError(
                "the network cannot be computed in tiles",
                where=graph.nodes[at].title,
                why=f"its branches have different strides along axis {axis} at {graph.shape[axis]} samples",
                fix="interpolate by a whole factor without align_corners, and give a size that all strides divide",
            )
    fixed = next((node for node in graph.nodes if node.fixed), None)
    if fixed is not None:
        raise NetworkError(
            "the network cannot be computed in tiles",
            where=fixed.title,
            why="a tensor bound to absolute positions is joined in",
            fix="give more memory, so that the image is run whole",
        )


def cut_losses(graph: Graph, field: ReceptiveField) -> tuple[Losses, ...]:
    """By axis what a cut costs, told from a graph; the same at every congruent length."""
    found = []
    for axis in range(len(graph.shape)):
        start, stop = right_outputs(graph, axis, first=False, last=False)
        found.append(Losses(start, len(field.axes[axis].low) - stop, field.axes[axis].alignment))
    return tuple(found)


@dataclass(frozen=True)
class Tiling:
    """All the ways to cut one image into congruent tiles; `cheapest` is the one to use.

    By axis: samples of the image, outputs that the network makes of them, outputs that are wanted, input samples an
    output, and what a cut costs.

    >>> tiling = Tiling((64,), (64,), (64,), (Fraction(1),), (Losses(3, 3, 4),))
    >>> tiling.smallest(), tiling.cheapest(32).shape, len(tiling.cheapest(32))
    ((12,), (28,), 3)
    """

    shape: tuple[int, ...]
    made: tuple[int, ...]
    wanted: tuple[int, ...]
    stride: tuple[Fraction, ...]
    losses: tuple[Losses, ...]

    def whole(self) -> TilePlan:
        """One tile: the image."""
        return TilePlan(self.shape, tuple(self._along(axis, extent) or () for axis, extent in enumerate(self.shape)))

    def cut(self, lengths: Sequence[int]) -> TilePlan | None:
        """The fewest tiles of these lengths, or None where they are too short to cover the image."""
        cuts = [self._along(axis, length) for axis, length in enumerate(lengths)]
        return TilePlan(tuple(lengths), tuple(found for found in cuts if found)) if all(cuts) else None

    def at_most(self, lengths: Sequence[int]) -> tuple[int, ...]:
        """By axis the largest congruent length that is at most the one asked for, or else the least congruent one."""
        found = []
        for extent, length, loss in zip(self.shape, lengths, self.losses, strict=True):
            steps = min(max(ceil((extent - length) / loss.alignment), 0), (extent - 1) // loss.alignment)
            found.append(extent - steps * loss.alignment)
        return tuple(found)

    def smallest(self, *, whole: Sequence[int] = ()) -> tuple[int, ...]:
        """The smallest tile that still covers the image, as long as the image along the axes that are kept whole."""
        found = []
        for axis, (extent, loss) in enumerate(zip(self.shape, self.losses, strict=True)):
            if axis in whole:
                found.append(extent)
                continue
            lengths = range((extent - 1) % loss.alignment + 1, extent + 1, loss.alignment)
            found.append(next(length for length in lengths if self._along(axis, length)))
        return tuple(found)

    def cheapest(self, volume: float, *, whole: Sequence[int] = ()) -> TilePlan | None:
        """Of the cubes and bars of at most this volume the one with the least to compute; None where none will do.

        whole: axes along which nothing is cut.
        """
        choices = [(True,) if axis in whole else (False, True) for axis in range(len(self.shape))]
        plans = [self._largest(volume, kept) for kept in product(*choices)]
        return min((plan for plan in plans if plan is not None), key=lambda plan: plan.volume, default=None)

    def _largest(self, volume: float, kept: Sequence[bool]) -> TilePlan | None:
        """The largest tile of one length along all axes but those kept whole, made shorter where that costs no
        tile.
        """
        step = max(loss.alignment for loss in self.losses)
        best: TilePlan | None = None
        low, high = 0, ceil(max(self.shape) / step) + 1
        while high - low > 1:
            middle = (low + high) // 2
            asked = [extent if whole else middle * step for extent, whole in zip(self.shape, kept, strict=True)]
            lengths = self.at_most(asked)
            plan = self.cut(lengths) if prod(lengths) <= volume else None
            if plan is not None:
                best = plan
            if prod(lengths) <= volume:
                low = middle
            else:
                high = middle
        return None if best is None else self._balanced(best)

    def _balanced(self, plan: TilePlan) -> TilePlan:
        lengths = list(plan.shape)
        for axis, loss in enumerate(self.losses):
            shorter = self._along(axis, lengths[axis] - loss.alignment)
            while shorter and len(shorter) == len(plan.cuts[axis]):
                lengths[axis] -= loss.alignment
                shorter = self._along(axis, lengths[axis] - loss.alignment)
        balanced = self.cut(lengths)
        assert balanced is not None
        return balanced

    def _along(self, axis: int, length: int) -> tuple[Cut, ...] | None:
        if length <= 0:
            return None
        cuts = cut_axis(self.shape[axis], length, self.made[axis], self.stride[axis], self.losses[axis])
        return None if cuts is None else _cropped(cuts, self.wanted[axis])


def right_outputs(graph: Graph, axis: int, *, first: bool, last: bool) -> tuple[int, int]:
    """The outputs of a tile that equal the whole image's, as a half-open range.

    first, last: whether the tile begins, or ends, at the image's own border, where what the network pads is right.
    """
    right: list[np.ndarray] = []
    for node in graph.nodes:
        if not node.parents:
            right.append(np.ones(node.extent(axis), dtype=bool))
        else:
            right.append(_right(node, axis, [right[parent] for parent in node.parents], first=first, last=last))
    return _longest_run(right[-1])


def cut_axis(extent: int, length: int, made: int, stride: Fraction, loss: Losses) -> tuple[Cut, ...] | None:
    """The fewest tiles of one length that cover an axis, or None where they are too short to cover it.

    made: the outputs of the whole axis; stride: input samples an output.

    >>> [cut.read for cut in cut_axis(32, 16, 32, Fraction(1), Losses(3, 3, 4))]
    [(0, 16), (8, 24), (16, 32)]
    """
    if length == extent:
        return (Cut((0, extent), (0, made), (0, made)),)
    right = made - int((extent - length) / stride) - loss.after
    if right <= 0:
        return None
    cuts = [Cut((0, length), (0, right), (0, right))]
    while cuts[-1].write[1] < made:
        done, previous = cuts[-1].write[1], cuts[-1].read[0]
        start = floor((done - loss.before) * stride / loss.alignment) * loss.alignment
        start = min(start, extent - length)
        shift = int(start / stride)
        stop = made if start == extent - length else shift + right
        if start <= previous or stop <= done:
            return None
        cuts.append(Cut((start, start + length), (done - shift, stop - shift), (done, stop)))
    return tuple(cuts)


def check_tiles(plan: TilePlan, *, whole: Graph, tile: Graph, field: ReceptiveField) -> None:
    """Raise NetworkError unless tiles lie on the alignment, treat sizes as the image does and keep only what is right.

    The last is asked of the tile's own graph, not of the image's from which the plan was made.
    """
    check_congruent(whole, tile, field)
    for axis, cuts in enumerate(plan.cuts):
        for cut in cuts:
            first, last = cut.read[0] == 0, cut.read[1] == whole.shape[axis]
            start, stop = right_outputs(tile, axis, first=first, last=last)
            if cut.read[0] % field.alignment[axis]:
                raise _incongruent(
                    whole.nodes[0], f"it begins at {cut.read[0]}, no multiple of {field.alignment[axis]}"
                )
            if not start <= cut.keep[0] <= cut.keep[1] <= stop:
                raise _incongruent(tile.output, f"outputs {cut.keep} are kept where only {(start, stop)} are right")


def check_congruent(whole: Graph, tile: Graph, field: ReceptiveField) -> None:
    """Raise NetworkError, naming the layer, unless a tile's graph is the whole image's, only shorter."""
    if len(whole.nodes) != len(tile.nodes):
        raise _incongruent(whole.output, "other operators run")
    for axis in range(len(whole.shape)):
        removed = whole.shape[axis] - tile.shape[axis]
        if removed % field.alignment[axis]:
            raise _incongruent(
                whole.nodes[0], f"it is {removed} samples shorter, not a multiple of {field.alignment[axis]}"
            )
        for large, small, table in zip(whole.nodes, tile.nodes, tables(whole, axis), strict=True):
            if (large.operator, large.parents, large.axes) != (small.operator, small.parents, small.axes):
                raise _incongruent(large, "another operator runs in its place")
            if removed and large.reaches.get(axis) != small.reaches.get(axis):
                raise _incongruent(large, "it reads other neighbours")
            if table is not None and (large.extent(axis) - small.extent(axis)) * table.stride != removed:
                raise _incongruent(large, "its length does not shrink with the image's")


def _right(node: Node, axis: int, parents: Sequence[np.ndarray], *, first: bool, last: bool) -> np.ndarray:
    """Which outputs of a node are right, given which samples of its parents are."""
    length, reach = node.extent(axis), node.reaches.get(axis)
    right = np.ones(length, dtype=bool)
    for known in parents:
        if reach is None:
            right &= known
            continue
        for outputs, positions in reach.reads(length):
            place, read = reach.at_border(positions, len(known))
            beyond = ((positions < 0) & (not first)) | ((positions >= len(known)) & (not last))
            right[outputs] &= ~beyond & (known[place] | ~read)
    return right


def _longest_run(right: np.ndarray) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], right, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    return int(edges[2 * longest]), int(edges[2 * longest + 1])


def _incongruent(node: Node, what: str) -> NetworkError:
    return NetworkError(
        "the network cannot be computed in tiles",
        where=node.title,
        why=f"in a tile, {what}: the network treats sizes in a way that does not repeat",
        fix="give more memory, so that the image is run whole",
    )


def _cropped(cuts: Sequence[Cut], wanted: int) -> tuple[Cut, ...]:
    """The cuts without the outputs that nobody wants, which all lie at the far end."""
    kept = []
    for cut in cuts:
        surplus = max(cut.write[1] - wanted, 0)
        if cut.write[1] - surplus > cut.write[0]:
            kept.append(Cut(cut.read, (cut.keep[0], cut.keep[1] - surplus), (cut.write[0], cut.write[1] - surplus)))
    return tuple(kept)
