"""A network run strip by strip along one axis: every operator makes each of its rows once, and nothing twice.

    made(node) = the rows whose last needed row of every parent is there          need(o) <= made(parent) - 1
    held(node) = the rows that some reader has still to read                      from min over readers of start(made)

The image is fed a few rows at a time. Each operator then makes what new rows it can, and keeps of what it reads only
the rows that its next outputs need: two rows before a 3x3 convolution, and of a skip those that wait for the path
below it. So the whole image's answer comes out within rounding, without halo: a tile reads its surroundings again, a
strip does not. Memory goes with the other axes and with the receptive field, not with the length of the axis.

What is read at each place is known from the traced graph (`convolution.tracing`), and at the image's true border each
operator pads as it always does. Line buffers are as old as video hardware; for networks: Alwani, Chen, Ferdman and
Milder 2016, doi:10.1109/MICRO.2016.7783725. An operator that mixes the whole axis, or whose meaning depends on absolute
sizes (views, interpolation by aligned corners), is refused by name: `tiles` may still serve.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from hypercolumn.convolution.node import Node
from hypercolumn.convolution.operators import JOINS, POINTWISE
from hypercolumn.convolution.periodic_table import Border, Reach
from hypercolumn.convolution.receptive_field import mixing_layers
from hypercolumn.convolution.tracing import Graph
from hypercolumn.errors import NetworkError
from hypercolumn.inference.program import Operand, Program, Step

ReadRows = Callable[[int, int], Tensor]
"""Gives rows [start, stop) of the image as (1, channel, *space), the axis of the strips cut to them."""

_WINDOWED = frozenset(
    [f"conv{n}d" for n in (1, 2, 3)]
    + [f"conv_transpose{n}d" for n in (1, 2, 3)]
    + [f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)]
    + [f"{kind}{n}d" for kind in ("upsample_nearest", "_upsample_nearest_exact") for n in (1, 2, 3)]
    + ["upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d"]
    + ["pixel_shuffle", "pixel_unshuffle"]
)
_PADS = frozenset(
    ["pad", "constant_pad_nd", *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3))]
)
_CONVOLUTIONS = frozenset(f"conv{n}d" for n in (1, 2, 3))
_CROPS = frozenset({"slice", "narrow"})
_DROPOUT = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"})
_ROW_BY_ROW = (
    POINTWISE
    | JOINS
    | frozenset(
        [
            "batch_norm",
            "softmax",
            "log_softmax",
            "glu",
            "layer_norm",
            "rms_norm",
            "linear",
            "permute",
            "transpose",
            "mean",
            "sum",
            "amax",
        ]
    )
)


@dataclass(frozen=True)
class Stage:
    """One operator along the axis of the strips, which is its output's `dimension`, `extent` long.

    `sources` are the stages that it reads, by the names that its step has for them; the image's own has no step. To
    make outputs [a, b) of an operator with a reach, rows [start[a], need[b - 1]] of its parent must be there; where
    there is none, output o reads row o of every parent.
    """

    step: Step | None
    sources: Mapping[str, int]
    dimension: int
    extent: int
    reach: Reach | None = None
    start: np.ndarray | None = None
    need: np.ndarray | None = None

    def read(self, begin: int, stop: int) -> tuple[int, int]:
        """The rows of its parent, as a half-open range, that make outputs [begin, stop)."""
        if self.start is None or self.need is None:
            return begin, stop
        return int(self.start[begin]), int(self.need[stop - 1]) + 1

    def reachable(self, made: Sequence[int]) -> int:
        """How many outputs can be made where so many rows of each parent are."""
        if self.need is None:
            return min(made, default=self.extent)
        return int(np.searchsorted(self.need, made[0], side="left"))

    def still_read(self, output: int, extent: int) -> int:
        """The first row of a parent of that extent that outputs from this one on read."""
        if self.start is None:
            return output
        return int(self.start[output]) if output < self.extent else extent


@dataclass(frozen=True)
class Moment:
    """What one strip does at one stage: it makes rows [begin, stop), after which rows from `keep` on are held."""

    begin: int
    stop: int
    keep: int


class Strips:
    """A network laid out for strips along one axis of an input of fixed size.

    graph and program: the network at that size, traced and recorded. Raises NetworkError, naming the layer, where an
    operator cannot be run in strips.

    >>> from hypercolumn.convolution.tracing import trace
    >>> from hypercolumn.inference.program import record
    >>> network = nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.MaxPool1d(2))
    >>> strips = Strips(trace(network, (16,)), record(network, (16,), batch=1, channels=1))
    >>> [(strip[-1].begin, strip[-1].stop) for strip in strips.schedule(4)]
    [(0, 1), (1, 3), (3, 5), (5, 7), (7, 8)]
    """

    def __init__(self, graph: Graph, program: Program, *, axis: int = 0) -> None:
        self.shape, self.program, self.extent = graph.shape, program, graph.shape[axis]
        _check(graph, program, axis)
        steps = {step.name: step for step in program.steps}
        self.stages: list[Stage] = []
        known: dict[str, int] = {}
        for name, node in zip(graph.steps, graph.nodes, strict=True):
            step = steps.get(name)
            if step is not None and _does_nothing(step, node, axis):
                known[name] = known[next(source for source in step.sources if source in known)]
                continue
            known[name] = len(self.stages)
            above = graph.nodes[node.parents[0]].extent(axis) if node.parents else 0
            self.stages.append(_stage(step, node, axis, above, known))
        self._last = known[graph.steps[-1]]
        self._last_reader = {
            parent: place for place, stage in enumerate(self.stages) for parent in stage.sources.values()
        }

    def schedule(self, rows: int) -> list[list[Moment]]:
        """By strip and by stage what is made, where the image comes so many rows at a time.

        No stage makes more of its rows at once than belong to a strip, so the memory that a strip takes is bounded at
        the image's end, too, where all that waited could be made.
        """
        made = [0] * len(self.stages)
        most = [-(-rows * stage.extent // self.extent) for stage in self.stages]
        moments: list[list[Moment]] = []
        while made[self._last] < self.stages[self._last].extent:
            before = list(made)
            for place, stage in enumerate(self.stages):
                can = stage.reachable([made[parent] for parent in stage.sources.values()])
                made[place] = min(can, before[place] + most[place])
            kept = list(made)
            for place, stage in enumerate(self.stages):
                for parent in stage.sources.values():
                    kept[parent] = min(kept[parent], stage.still_read(made[place], self.stages[parent].extent))
            assert made != before
            moments.append([Moment(*numbers) for numbers in zip(before, made, kept, strict=True)])
        return moments

    def first_answer(self, rows: int) -> int:
        """How many strips it takes until the first rows of the output come."""
        strips = self.schedule(rows)
        return next(count for count, strip in enumerate(strips, start=1) if strip[self._last].stop)

    def run(self, network: nn.Module, read: ReadRows, *, rows: int) -> Iterator[tuple[int, int, Tensor]]:
        """The output as it comes: (start, stop, those rows of it, (1, class, *space))."""
        moments = self.schedule(rows)
        constants = self.program.constants(network)
        held = self._held(moments)
        for strip in moments:
            passing: dict[int, tuple[int, Tensor]] = {}
            for place, (stage, moment) in enumerate(zip(self.stages, strip, strict=True)):
                if moment.stop == moment.begin:
                    continue
                buffer = held.get(place)
                target = buffer.room(moment) if buffer is not None else None
                if stage.step is None:
                    made = read(moment.begin, moment.stop)
                else:
                    sources = {
                        name: _Source(self.stages[parent], held.get(parent), passing.get(parent))
                        for name, parent in stage.sources.items()
                    }
                    made = _make(stage, moment, sources, constants, target)
                    del sources
                if buffer is not None:
                    buffer.write(made, target, moment)
                else:
                    passing[place] = (moment.begin, made)
                del made, target
                for parent in stage.sources.values():
                    if self._last_reader[parent] == place:
                        passing.pop(parent, None)
            for place, buffer in held.items():
                buffer.keep = strip[place].keep
            end = strip[self._last]
            if end.stop > end.begin:
                buffer = held.get(self._last)
                answer = passing.pop(self._last)[1] if buffer is None else buffer.rows(end.begin, end.stop)
                yield end.begin, end.stop, answer
                del answer

    def _held(self, moments: Sequence[Sequence[Moment]]) -> dict[int, "_Buffer"]:
        """A buffer for each value of which rows are left over from one strip to the next."""
        buffers = {}
        for place, stage in enumerate(self.stages):
            own = [strip[place] for strip in moments]
            if any(moment.keep < moment.stop for moment in own):
                kept = [0, *(moment.keep for moment in own)]
                most = max(moment.stop - before for moment, before in zip(own, kept, strict=False))
                buffers[place] = _Buffer(stage.dimension, most)
        return buffers


class _Buffer:
    """The rows of one value that are still needed, in a store that is used again for every strip."""

    def __init__(self, dimension: int, most: int) -> None:
        self.dimension, self.most = dimension, most
        self.store: Tensor | None = None
        self.begin = self.stop = self.keep = 0

    def rows(self, start: int, stop: int) -> Tensor:
        assert self.store is not None
        return self.store.narrow(self.dimension, start - self.begin, stop - start)

    def room(self, moment: Moment) -> Tensor | None:
        """The place of the rows that are about to be made; rows no longer needed give way. None before the first."""
        if self.store is None:
            return None
        if moment.stop - self.begin > self.most:
            kept, moved = self.stop - self.keep, self.keep - self.begin
            if kept:
                old = self.rows(self.keep, self.stop)
                self.store.narrow(self.dimension, 0, kept).copy_(old.clone() if kept > moved else old)
            self.begin = self.keep
        return self.rows(moment.begin, moment.stop)

    def write(self, made: Tensor, target: Tensor | None, moment: Moment) -> None:
        """Take in the rows made; where the operator has written them into the target, they are here already."""
        if target is None:
            shape = list(made.shape)
            shape[self.dimension] = self.most
            self.store = torch.empty(shape, dtype=made.dtype, device=made.device, memory_format=_layout(made))
            target = self.rows(moment.begin, moment.stop)
        if made is not target:
            target.copy_(made)
        self.stop = moment.stop


@dataclass(frozen=True)
class _Source:
    """Where the rows of a parent are: in a buffer, or made by this strip and passing on."""

    stage: Stage
    buffer: _Buffer | None
    passing: tuple[int, Tensor] | None

    def rows(self, start: int, stop: int) -> Tensor:
        if self.buffer is not None:
            return self.buffer.rows(start, stop)
        assert self.passing is not None
        begin, tensor = self.passing
        if (start, stop) == (begin, begin + tensor.shape[self.stage.dimension]):
            return tensor
        return tensor.narrow(self.stage.dimension, start - begin, stop - start)


def _make(
    stage: Stage,
    moment: Moment,
    sources: Mapping[str, _Source],
    constants: Mapping[str, Any],
    target: Tensor | None,
) -> Tensor:
    """The rows of a moment; where the operator can, straight into the target."""
    step, reach = stage.step, stage.reach
    assert step is not None
    begin, stop = moment.begin, moment.stop
    named, crop = dict(step.named), None
    if reach is None:
        rows = {name: source.rows(begin, stop) for name, source in sources.items()}
    else:
        ((name, source),) = sources.items()
        if step.operator in _CROPS:
            first = begin * reach.advance + reach.taps[0][0]
            read = source.rows(first, first + (stop - begin - 1) * reach.advance + 1)
            return read[(slice(None),) * stage.dimension + (slice(None, None, reach.advance),)]
        first, last = stage.read(begin, stop)
        exact = _read_exactly(step, reach, begin, stop)
        if exact is not None and exact[0] >= 0 and exact[1] <= source.stage.extent:
            (first, last), named["padding"] = exact, _unpadded(step, stage)
        else:
            offset = first // reach.advance * reach.period
            if step.operator in _PADS:
                named, lead = _padded_at_the_border(step, stage, before=first == 0, after=last == source.stage.extent)
                offset += lead
            crop = (begin - offset, stop - begin)
        if named.get("output_size") is not None:
            named["output_size"] = list(named["output_size"])
            named["output_size"][stage.dimension - 2] = (last - first) * reach.period // reach.advance
        rows = {name: source.rows(first, last)}

    def filled(leaf: Any) -> Any:
        if not isinstance(leaf, Operand):
            return leaf
        return rows[leaf.name] if leaf.name in rows else constants[leaf.name]

    given = {name: tree_map(filled, value) for name, value in named.items()}
    if crop is None and target is not None and _writes_into(step, given, target):
        return target
    made = step.function(**given)
    return made if crop is None else made.narrow(stage.dimension, *crop)


def _read_exactly(step: Step, reach: Reach, begin: int, stop: int) -> tuple[int, int] | None:
    """The rows that a convolution reads, padding included: where all are in the image, it can run without padding
    along this axis, and makes no row too many.
    """
    if step.operator not in _CONVOLUTIONS or isinstance(step.named["padding"], str):
        return None
    taps = reach.taps[0]
    return begin * reach.advance + taps[0], (stop - 1) * reach.advance + taps[-1] + 1


def _padded_at_the_border(step: Step, stage: Stage, *, before: bool, after: bool) -> tuple[dict[str, Any], int]:
    """The arguments of a padding that pads where the image really ends, and what it leaves out at the beginning."""
    name = "pad" if "pad" in step.named else "padding"
    pads = list(step.named[name])
    place = 2 * (len(step.shape) - 1 - stage.dimension)
    lead = max(pads[place], 0) if not before else 0
    pads[place] -= lead
    if not after:
        pads[place + 1] = min(pads[place + 1], 0)
    return {**step.named, name: pads}, lead


def _unpadded(step: Step, stage: Stage) -> list[int]:
    padding = list(step.numbers("padding", len(step.shape) - 2))
    padding[stage.dimension - 2] = 0
    return padding


def _writes_into(step: Step, given: Mapping[str, Any], target: Tensor) -> bool:
    """Whether an operator wrote its rows straight to where they are held: it saves one copy of all it makes."""
    if step.operator == "relu" and given["self"].dtype == target.dtype:
        torch.clamp_min(given["self"], 0, out=target)
        return True
    if step.operator == "cat" and all(part.dtype == target.dtype for part in given["tensors"]):
        torch.cat(given["tensors"], given["dim"], out=target)
        return True
    return False


def _layout(tensor: Tensor) -> torch.memory_format:
    if tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    if tensor.ndim == 5 and tensor.is_contiguous(memory_format=torch.channels_last_3d):
        return torch.channels_last_3d
    return torch.contiguous_format


# ------------------------------------------------------------------------------------------- what is laid out


def _stage(step: Step | None, node: Node, axis: int, above: int, known: Mapping[str, int]) -> Stage:
    """above: how long the axis is in what the step reads; known: the stages so far, by the names of their steps."""
    sources = {name: known[name] for name in step.sources if name in known} if step is not None else {}
    dimension, extent, reach = node.axes.index(axis), node.extent(axis), node.reaches.get(axis)
    if reach is None:
        return Stage(step, sources, dimension, extent)
    start, need = np.full(extent, above), np.zeros(extent, dtype=np.int64)
    if reach.border is Border.REFLECT:
        # A mirror is made of rows up to the border: all that it can show must be there.
        (tap,) = reach.taps[0]
        lead, trail = max(-tap, 0), max(extent + tap - above, 0)
        need[:lead], start[extent - trail :] = lead, above - 1 - trail
    for outputs, positions in reach.reads(extent):
        really, _ = reach.at_border(positions, above)
        for read in (really, np.clip(positions, 0, above - 1)):
            start[outputs] = np.minimum(start[outputs], read)
            need[outputs] = np.maximum(need[outputs], read)
    turns = np.minimum(start // reach.advance, np.arange(extent) // reach.period)
    start = np.minimum.accumulate((turns * reach.advance)[::-1])[::-1]
    return Stage(step, sources, dimension, extent, reach, start, np.maximum.accumulate(need))


def _does_nothing(step: Step, node: Node, axis: int) -> bool:
    """Whether a step gives on what it is given: dropout in evaluation, a crop to the whole length."""
    if step.operator in _DROPOUT or (step.operator in _CROPS and not node.reaches):
        return node.axes[step.named["dim"]] is not None if step.operator in _CROPS else True
    return False


def _check(graph: Graph, program: Program, axis: int) -> None:
    """Raise NetworkError, naming the layer, where something cannot be run in strips along an axis."""
    known = set(graph.steps)
    steps = {step.name: step for step in program.steps}
    mixed = mixing_layers(graph, axis)[-1]
    if mixed:
        raise _refused(mixed, f"it mixes all of axis {axis}, so every output depends on the whole image")
    for step in program.steps:
        if step.name not in known:
            raise _refused(step.title, f"what {step.operator} makes depends on the size of the image")
    for name, node in zip(graph.steps[1:], graph.nodes[1:], strict=True):
        step, reach = steps[name], node.reaches.get(axis)
        if node.fixed:
            raise _refused(step.title, "a tensor bound to absolute positions is joined in")
        if axis not in node.axes:
            raise _refused(step.title, f"axis {axis} is gone")
        allowed = _WINDOWED | _PADS | _CROPS | (_ROW_BY_ROW if reach is None else frozenset())
        if step.operator not in allowed:
            raise _refused(step.title, f"{step.operator} is given sizes that hold for the whole image only")
        if reach is not None and step.named.get("align_corners"):
            raise _refused(step.title, "with aligned corners the places that are read depend on the size of the image")
        if reach is not None and step.named.get("output_size") is not None and reach.advance != 1:
            raise _refused(step.title, "it interpolates to a size that is no multiple of what it is given")
        behind = len(step.shape) - node.axes.index(axis)
        joined = [made.shape for made in program.constant_steps if made.name in step.sources]
        if step.operator in JOINS and any(len(shape) >= behind and shape[-behind] > 1 for shape in joined):
            raise _refused(step.title, "a tensor of the image's own size is joined in")


def _refused(where: str, why: str) -> NetworkError:
    return NetworkError("the network cannot be run in strips", where=where, why=why, fix="run it whole, or in tiles")
