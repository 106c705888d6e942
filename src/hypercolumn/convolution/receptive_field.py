"""The receptive field: which samples of the input one output of a network depends on, exactly.

Along each axis, with o an output index and `lo`, `hi` the first and last input sample that it depends on,

    lo(o + P) = lo(o) + Q          hi(o + P) = hi(o) + Q          stride = Q / P          size = hi - lo + 1

Under upsampling the size depends on the phase o mod P, so it is given as a range: the published U-Net sees 188 to 204
samples. Sequential networks have the closed recursion `size += (kernel - 1) * dilation * jump; jump *= stride`
(Araujo, Norris and Sim 2019, doi 10.23915/distill.00021); this goes through branches, crops and upsampling, by tables
composed over the traced graph.

A field is the hull of what is read: the holes of dilation lie inside it. It says what *can* matter, not how much: for
that see `effective_field`. A network that cannot be traced, as where its wiring depends on the data, is refused with
the line that it stopped at; only where `measure=True` asks for it is its field found by trial (`measured_field`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from torch import nn

from hypercolumn.convolution.measured_field import measured_ends
from hypercolumn.convolution.node import Node
from hypercolumn.convolution.periodic_table import IDENTITY, NOTHING, PeriodicTable, join
from hypercolumn.convolution.sizes import shape_taken
from hypercolumn.convolution.tracing import Graph, trace
from hypercolumn.errors import InvalidArgument, NetworkError

Index = int | slice | range | tuple[int, int]
"""One sample, or a half-open range of samples."""


@dataclass(frozen=True)
class AxisField:
    """The receptive field along one axis.

    `low[o]` and `high[o]` are the first and last sample of an input of `extent` samples that output o depends on, the
    border regarded; where they cross, nothing is read. `table` is the same without borders, or None where no table
    repeats. `mixed_by` names the layer that mixes the whole axis, if one does: the field is infinite then.
    """

    extent: int
    low: np.ndarray
    high: np.ndarray
    table: PeriodicTable | None
    alignment: int
    mixed_by: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """The smallest and largest size over the phases, in samples; infinite where a layer mixes the axis."""
        if self.mixed_by:
            return math.inf, math.inf
        if self.table is not None:
            return self.table.size
        sizes = np.maximum(self.high - self.low + 1, 0)
        return int(sizes.min()), int(sizes.max())

    @property
    def stride(self) -> Fraction:
        """How many samples of the input the field moves on for one output."""
        return self.table.stride if self.table is not None else Fraction(self.extent, max(len(self.low), 1))

    @property
    def offset(self) -> Fraction:
        """Where the middle of output 0's field lies in the input, averaged over the phases."""
        return self.table.offset if self.table is not None else Fraction(0)

    @property
    def halo(self) -> tuple[int, int]:
        """How many samples before `o * stride` and after `(o + 1) * stride - 1` outputs depend on, at most."""
        if self.table is None or self.mixed_by:
            return self.extent, self.extent
        before = after = Fraction(0)
        for output, (low, high) in enumerate(zip(self.table.low, self.table.high, strict=True)):
            if low <= high:
                before = max(before, output * self.stride - low)
                after = max(after, high - (output + 1) * self.stride + 1)
        return math.ceil(before), math.ceil(after)

    def required(self, outputs: Index) -> range:
        """The input samples that a range of outputs depends on."""
        start, stop = _bounds(outputs, len(self.low))
        low, high = self.low[start:stop], self.high[start:stop]
        read = low <= high
        return range(int(low[read].min()), int(high[read].max()) + 1) if read.any() else range(0)

    def affected(self, inputs: Index) -> range:
        """The outputs that a range of input samples lies in the field of: the hull of them."""
        start, stop = _bounds(inputs, self.extent)
        hit = np.flatnonzero((self.low < stop) & (self.high >= start) & (self.low <= self.high))
        return range(int(hit[0]), int(hit[-1]) + 1) if len(hit) and stop > start else range(0)


@dataclass(frozen=True)
class ReceptiveField:
    """What one output sees, along each axis, for an input of the given shape. `measured` where it was found by trial.

    >>> network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
    >>> field = receptive_field(network, (16, 16))
    >>> field.size, field.stride
    (((8, 8), (8, 8)), (Fraction(2, 1), Fraction(2, 1)))
    >>> field.required((0, 2)), field.affected((0, 7))
    ((range(0, 7), range(3, 11)), (range(0, 1), range(1, 5)))
    """

    shape: tuple[int, ...]
    axes: tuple[AxisField, ...]
    spacing: tuple[float, ...] | None = None
    measured: bool = False

    @property
    def size(self) -> tuple[tuple[float, float], ...]:
        """By axis the smallest and the largest size over the phases, in samples."""
        return tuple(axis.size for axis in self.axes)

    @property
    def stride(self) -> tuple[Fraction, ...]:
        return tuple(axis.stride for axis in self.axes)

    @property
    def offset(self) -> tuple[Fraction, ...]:
        """By axis where the middle of output 0's field lies in the input."""
        return tuple(axis.offset for axis in self.axes)

    @property
    def largest(self) -> tuple[float, ...]:
        """By axis the largest size: a gap between regions must be at least this."""
        return tuple(axis.size[1] for axis in self.axes)

    @property
    def alignment(self) -> tuple[int, ...]:
        """By axis the shift of the input, in samples, that shifts every layer by whole samples: tiles begin at its
        multiples.
        """
        return tuple(axis.alignment for axis in self.axes)

    @property
    def halo(self) -> tuple[tuple[int, int], ...]:
        """By axis how many samples before and after its own place an output depends on, at most."""
        return tuple(axis.halo for axis in self.axes)

    @property
    def bounded(self) -> bool:
        """Whether no layer mixes a whole axis."""
        return not any(axis.mixed_by for axis in self.axes)

    @cached_property
    def physical_size(self) -> tuple[tuple[float, float], ...] | None:
        """`size` in the unit of the spacing, or None where no spacing was given."""
        if self.spacing is None:
            return None
        return tuple((low * step, high * step) for (low, high), step in zip(self.size, self.spacing, strict=True))

    def required(self, outputs: Sequence[Index]) -> tuple[range, ...]:
        """The input samples that an output, or a box of outputs, depends on; the border is regarded."""
        return tuple(axis.required(index) for axis, index in zip(self.axes, outputs, strict=True))

    def affected(self, inputs: Sequence[Index]) -> tuple[range, ...]:
        """The outputs that depend on an input sample, or a box of them."""
        return tuple(axis.affected(index) for axis, index in zip(self.axes, inputs, strict=True))

    def __str__(self) -> str:
        lines = []
        for place, axis in enumerate(self.axes):
            if axis.mixed_by:
                lines.append(f"axis {place}: infinite, by {axis.mixed_by}")
                continue
            low, high = axis.size
            size = f"{low}" if low == high else f"{low} to {high}"
            if self.spacing is not None:
                size += f" samples ({high * self.spacing[place]:g} in units of the spacing)"
            how = " (measured)" if self.measured else f", offset {axis.offset}"
            lines.append(f"axis {place}: size {size}, stride {axis.stride}{how}")
        return "\n".join(lines)


def receptive_field(
    network: nn.Module,
    shape: Sequence[int] | None = None,
    *,
    in_channels: int | None = None,
    layer: str | None = None,
    spacing: Sequence[float] | None = None,
    measure: bool = False,
) -> ReceptiveField:
    """The receptive field of a network's output, or of the output of one of its layers.

    shape: the spatial shape of the input; where none is given, one that the network takes is looked for.
    layer: the path of a module, as in `named_modules`. spacing: by axis, for sizes in physical units. measure: where
    the network cannot be traced, find the field by trial at this shape: sizes are then cut off at the border, and where
    the wiring depends on the data they are what was seen, not what may be.

    Raises NetworkError for an operator that is not known, and for wiring that depends on the data.

    >>> print(receptive_field(nn.Sequential(nn.Conv1d(1, 4, 5), nn.AdaptiveAvgPool1d(1)), (100,)))
    axis 0: infinite, by 1 (adaptive_avg_pool1d)
    >>> receptive_field(nn.Sequential(nn.Conv1d(1, 4, 5), nn.AdaptiveAvgPool1d(1)), (100,), layer="0").size
    ((5, 5),)
    """
    shape = shape_taken(network, in_channels=in_channels) if shape is None else tuple(shape)
    if spacing is not None and len(spacing) != len(shape):
        raise InvalidArgument("spacing", spacing, fix=f"give {len(shape)} numbers, one an axis")
    steps = tuple(spacing) if spacing is not None else None
    try:
        graph = trace(network, shape, in_channels=in_channels, layer=layer)
    except NetworkError:
        if not measure:
            raise
        ends = measured_ends(network, shape, in_channels=in_channels, layer=layer)
        axes = tuple(AxisField(n, low, high, None, n) for n, (low, high) in zip(shape, ends, strict=True))
        return ReceptiveField(shape, axes, steps, measured=True)
    return field_of(graph, spacing=steps)


def field_of(graph: Graph, *, spacing: tuple[float, ...] | None = None) -> ReceptiveField:
    """The receptive field of the output of a graph.

    >>> field_of(trace(nn.Conv1d(1, 1, 7), (20,))).size
    ((7, 7),)
    """
    axes = tuple(_axis_field(graph, axis) for axis in range(len(graph.shape)))
    return ReceptiveField(graph.shape, axes, spacing)


def mixing_layers(graph: Graph, axis: int) -> list[str]:
    """For each node the first layer on its way that mixes the whole axis, or an empty string."""
    mixed: list[str] = []
    for node in graph.nodes:
        before = next((mixed[parent] for parent in node.parents if mixed[parent]), "")
        mixed.append(before or (node.title if axis in node.mixed else ""))
    return mixed


def tables(graph: Graph, axis: int) -> list[PeriodicTable | None]:
    """For each node its table along an axis; None where branches of different stride met, or the axis was given up.

    A layer that mixes an axis and keeps its length (instance normalization) leaves the table of places as it is.
    """
    found: list[PeriodicTable | None] = []
    mixed = mixing_layers(graph, axis)
    for node in graph.nodes:
        if not node.parents:
            found.append(IDENTITY)
            continue
        parents = [parent for parent in node.parents if found[parent] is not None or not mixed[parent]]
        known = [table for table in (found[parent] for parent in parents) if table is not None]
        resized = axis in node.mixed and any(graph.nodes[p].extent(axis) != node.extent(axis) for p in parents)
        reach = node.reaches.get(axis)
        lost = len(known) < len(parents) or (resized and len(parents) == 1)
        if not known or lost or (reach is not None and reach.advance == 0):
            found.append(None)
        else:
            found.append(join([table.through(reach) for table in known] if reach is not None else known))
    return found


def _axis_field(graph: Graph, axis: int) -> AxisField:
    extent, mixed = graph.shape[axis], mixing_layers(graph, axis)
    repeating = tables(graph, axis)
    ends: list[tuple[np.ndarray, np.ndarray]] = []
    for node, by in zip(graph.nodes, mixed, strict=True):
        length = node.extent(axis)
        if not node.parents:
            ends.append((np.arange(length), np.arange(length)))
        elif by:
            ends.append((np.zeros(length, dtype=int), np.full(length, extent - 1)))
        else:
            ends.append(_ends(node, axis, [ends[parent] for parent in node.parents]))
    strides = [table.stride.numerator for table in repeating if table is not None]
    low, high = ends[-1]
    return AxisField(extent, low, high, repeating[-1], math.lcm(*strides), mixed[-1])


def _ends(node: Node, axis: int, parents: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The first and last input samples of each output of a node, given those of its parents."""
    length, reach = node.extent(axis), node.reaches.get(axis)
    low, high = np.full(length, NOTHING), np.full(length, -NOTHING)
    for lows, highs in parents:
        if reach is None:
            low, high = np.minimum(low, lows), np.maximum(high, highs)
            continue
        for outputs, positions in reach.reads(length):
            place, read = reach.at_border(positions, len(lows))
            outputs, place = outputs[read], place[read]
            low[outputs] = np.minimum(low[outputs], lows[place])
            high[outputs] = np.maximum(high[outputs], highs[place])
    return low, high


def _bounds(index: Index, length: int) -> tuple[int, int]:
    if isinstance(index, int):
        start, stop = index, index + 1
    elif isinstance(index, tuple):
        start, stop = index
    else:
        start, stop = index.start or 0, length if index.stop is None else index.stop
    if not 0 <= start <= stop <= length:
        raise InvalidArgument("index", index, fix=f"stay within 0 and {length}")
    return start, stop


__all__ = ["AxisField", "ReceptiveField", "field_of", "receptive_field"]
