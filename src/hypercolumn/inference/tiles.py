"""Tiles that give the whole image's answer: where to cut, what of each tile's output to keep, and why that is exact.

A tile begins at a multiple of the network's alignment A, so that every layer's samples fall where they fall in the whole image,
and all tiles have one length L with N - L a multiple of A, so that every crop and every rounding of a length is the same:

    start = k A        L = N - m A        output o of the tile is output o + start / stride of the image

An output is kept if nothing it depends on, in any layer, would have been read beyond a cut: `right_outputs` follows that
through the graph. At the image's own border the network pads as it always does. Nothing is blended: every output is taken
from one tile. A graph whose layers are not the same at both lengths is refused (`check_congruent`), and never tiled on trust.

The overlap-tile strategy of Ronneberger, Fischer and Brox 2015 is the case without padding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import numpy as np

from hypercolumn.convolution.operators import Node
from hypercolumn.convolution.receptive_field import ReceptiveField, mixing_layers, tables
from hypercolumn.convolution.tracing import Graph
from hypercolumn.errors import NetworkError


@dataclass(frozen=True)
class Cut:
    """One tile along one axis, half-open: what it reads of the image, what of its output is kept, and where that belongs."""

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
    """Tiles of one shape that together make every output once.

    >>> plan = TilePlan((8,), ((Cut((0, 8), (0, 6), (0, 6)), Cut((4, 12), (2, 8), (6, 12))),))
    >>> len(plan), plan.reads_each_sample
    (2, 1.33...)
    """

    shape: tuple[int, ...]
    cuts: tuple[tuple[Cut, ...], ...]

    def __len__(self) -> int:
        return prod(len(cuts) for cuts in self.cuts)

    def __iter__(self) -> Iterator[tuple[Cut, ...]]:
        return product(*self.cuts)

    @property
    def reads_each_sample(self) -> float:
        """How often a sample is read on average: what the overlap costs."""
        return prod(len(cuts) * length / cuts[-1].read[1] for cuts, length in zip(self.cuts, self.shape, strict=True))


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
                why=f"along axis {axis} its branches have different strides at {graph.shape[axis]} samples and slide against each other",
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


def losses(graph: Graph, field: ReceptiveField) -> tuple[Losses, ...]:
    """By axis what a cut costs, told from a graph; the same at every congruent length."""
    found = []
    for axis in range(len(graph.shape)):
        start, stop = right_outputs(graph, axis, first=False, last=False)
        found.append(Losses(start, len(field.axes[axis].low) - stop, field.axes[axis].alignment))
    return tuple(found)


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


def cut_axis(
    extent: int, length: int, stride: tuple[int, int], outputs: int, loss: Losses
) -> tuple[Cut, ...] | None:
    """The fewest tiles of one length that cover an axis, or None where they are too short to cover it.

    stride: input samples and outputs that go together; outputs: of the whole axis.

    >>> [cut.read for cut in cut_axis(32, 16, (1, 1), 32, Losses(3, 3, 4))]
    [(0, 16), (8, 24), (16, 32)]
    """
    advance, period = stride
    made = outputs - (extent - length) * period // advance
    if length == extent:
        return (Cut((0, extent), (0, outputs), (0, outputs)),)
    cuts = [Cut((0, length), (0, made - loss.after), (0, made - loss.after))]
    if made - loss.after <= 0:
        return None
    while cuts[-1].write[1] < outputs:
        done, previous = cuts[-1].write[1], cuts[-1].read[0]
        start = (done - loss.before) * advance // period // loss.alignment * loss.alignment
        start = min(start, extent - length)
        shift = start * period // advance
        stop = outputs if start == extent - length else shift + made - loss.after
        if start <= previous or stop <= done:
            return None
        cuts.append(Cut((start, start + length), (done - shift, stop - shift), (done, stop)))
    return tuple(cuts)


def check_congruent(whole: Graph, tile: Graph, field: ReceptiveField) -> None:
    """Raise NetworkError, naming the layer, unless a tile's graph is the whole image's, only shorter."""
    if len(whole.nodes) != len(tile.nodes):
        raise _incongruent(whole.output, "other operators run")
    for axis in range(len(whole.shape)):
        removed = whole.shape[axis] - tile.shape[axis]
        if removed % field.alignment[axis]:
            raise _incongruent(whole.nodes[0], f"it is {removed} samples shorter, not a multiple of {field.alignment[axis]}")
        for large, small, table in zip(whole.nodes, tile.nodes, tables(whole, axis), strict=True):
            if (large.operator, large.parents, large.axes) != (small.operator, small.parents, small.axes):
                raise _incongruent(large, "another operator runs in its place")
            if removed and large.reaches.get(axis) != small.reaches.get(axis):
                raise _incongruent(large, "it reads other neighbours")
            if table is not None and (large.extent(axis) - small.extent(axis)) * table.stride != removed:
                raise _incongruent(large, "its length does not shrink with the image's")


def shrunk(shape: Sequence[int], lengths: Sequence[int], alignment: Sequence[int]) -> tuple[int, ...]:
    """By axis the largest congruent tile length that is at most the one asked for, and at least the least congruent one.

    >>> shrunk((100, 100), (64, 200), (16, 16))
    (52, 100)
    """
    found = []
    for extent, length, step in zip(shape, lengths, alignment, strict=True):
        steps = min(max(ceil((extent - length) / step), 0), (extent - 1) // step)
        found.append(extent - steps * step)
    return tuple(found)


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
