"""Which operators of a network run on windows of a sequence, and which on all of it: the plan of a mutagenesis.

    input -> convolutions, norms, pooling, sums (in windows) -> dense layer or global pooling -> the rest (whole)

An operator runs in windows where `windowed` has a rule for it and all that it is given is in windows too. Where it has
not (attention, recurrence, upsampling, a second dense layer) what it is given is put together to whole sequences and
it runs as it was recorded, once for each mutant: the answer is the same, only nothing is saved from there on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypercolumn.convolution.operators import JOINS, POINTWISE
from hypercolumn.inference.affected import Reached, SlidingWindow, join
from hypercolumn.inference.program import Operand, Program, Step
from hypercolumn.inference.windowed import (
    Affine,
    Convolution,
    FlatLinear,
    GlobalPooling,
    GroupedConvolution,
    Moved,
    PlaceByPlace,
    Pooling,
    Rule,
    Site,
    needed,
)

_SAME_PLACE = SlidingWindow(1, 1, 1, 0)


@dataclass(frozen=True)
class Planned:
    """A step that runs in windows. `make` gives its rule once the windows of its output and its sources are known.

    reads: it must hold all that it reads, not only what changes. leaves: what it gives is whole, no window any more.
    """

    step: Step
    sources: tuple[str, ...]
    make: Callable[[Site, tuple[Site, ...]], Rule]
    sliding: SlidingWindow = _SAME_PLACE
    reads: bool = False
    leaves: bool = False


@dataclass
class WindowPlan:
    """How each step of a program is run: `planned` in windows, the others as recorded.

    `flat` tells of which site a value is the flattened form; `lasting` are sites that several steps are given, and
    `last_used` says by the place of a step which values nobody needs after it.
    """

    program: Program
    constants: Mapping[str, Any]
    planned: dict[str, Planned] = field(default_factory=dict)
    flat: dict[str, str] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    lasting: frozenset[str] = frozenset()
    last_used: dict[int, list[str]] = field(default_factory=dict)

    def channels(self, name: str) -> int:
        shapes = {step.name: step.shape for step in self.program.steps}
        return shapes.get(name, self.program.input_shape)[1]

    def whole_size(self, name: str) -> int:
        """How many numbers a value in windows has once it is put together; none for others."""
        site = self.sites.get(self.flat.get(name, name))
        return 0 if site is None else site.length * self.channels(site.name)

    def constant(self, step: Step, name: str) -> Tensor | None:
        """A weight among the arguments of a step, or None where it is not given or depends on the input."""
        operand = step.named.get(name)
        return self.constants.get(operand.name) if isinstance(operand, Operand) else None


def plan(program: Program, constants: Mapping[str, Any]) -> WindowPlan:
    """How each step of a program is run, for inputs (batch, channel, place)."""
    made = WindowPlan(program, constants)
    reached = {program.input: Reached.itself(program.input_shape[2])}
    for step in program.steps:
        names = [name for name in step.sources if name not in constants]
        sites = tuple(made.flat.get(name, name) for name in names)
        if not all(site in reached for site in sites):
            continue
        given = Given(step, sites, tuple(reached[site].length for site in sites), made, made.channels(sites[0]))
        flat = any(name in made.flat for name in names)
        if _flattens(given) and not flat:
            made.flat[step.name] = sites[0]
            continue
        found = _on_flat(given) if flat else _recognize(given)
        if found is None:
            continue
        made.planned[step.name] = found
        if not found.leaves:
            length = given.lengths[0] if flat else step.shape[2]
            reached[step.name] = join([reached[site] for site in sites]).through(found.sliding, length)
            if flat:
                made.flat[step.name] = step.name
    _settle(made, reached)
    return made


def _settle(made: WindowPlan, reached: Mapping[str, Reached]) -> None:
    """The windows to hold, from the output backwards, and the rules that keep to them."""
    consumers: dict[str, list[str]] = {name: [] for name in reached}
    for step in made.program.steps:
        for name in step.sources:
            origin = made.flat.get(name, name)
            if origin in consumers and made.flat.get(step.name) != origin:
                consumers[origin].append(step.name)
    output = made.flat.get(made.program.output, made.program.output)
    made.lasting = frozenset(name for name, steps in consumers.items() if len(steps) > 1 or name == output)
    for name in reversed(list(reached)):
        reader = made.planned.get(consumers[name][0]) if name not in made.lasting and consumers[name] else None
        site = Site(name, reached[name], reached[name].span(), reached[name].span())
        if reader is not None and reader.reads and not reader.leaves and name != made.program.input:
            wanted = needed(made.sites[reader.step.name], site, reader.sliding)
            site = replace(site, held=reached[name].widened([wanted]))
        made.sites[name] = site
    made.last_used = _last_used(made)
    for name, found in made.planned.items():
        sources = tuple(made.sites[source] for source in found.sources)
        made.rules[name] = found.make(made.sites.get(name, sources[0]), sources)


def _last_used(made: WindowPlan) -> dict[int, list[str]]:
    """By the place of a step the values that it is the last to need; a site is needed under its flattened names too."""
    last = {made.program.input: -1}
    for place, step in enumerate(made.program.steps):
        for name in (*step.sources, step.name):
            last[name] = place
            last[made.flat.get(name, name)] = place
    for name in (made.program.output, made.flat.get(made.program.output, "")):
        last.pop(name, None)
    places: dict[int, list[str]] = {}
    for name, place in last.items():
        if name not in made.constants:
            places.setdefault(place, []).append(name)
    return places


def row_order(made: WindowPlan) -> np.ndarray:
    """A number for each place: mutants whose windows lie alike in the costliest convolutions have numbers side by side.

    Rows in this order are multiplied where they stand, and need not be gathered.
    """
    rules = [rule for rule in made.rules.values() if isinstance(rule, Convolution)]
    rules.sort(key=lambda rule: rule.weight.numel() * rule.source.altered.width)
    keys = [rule.site.held.starts * rule.sliding.stride - rule.source.altered.starts for rule in rules]
    order = np.lexsort([np.arange(made.program.input_shape[2]), *keys])
    return np.argsort(order)


# --------------------------------------------------------------------------------------------------- what is known


@dataclass(frozen=True)
class Given:
    """A step with the sites that it is given: their lengths, and the channels of the first."""

    step: Step
    sites: tuple[str, ...]
    lengths: tuple[int, ...]
    plan: WindowPlan
    channels: int

    @property
    def length(self) -> int:
        return self.lengths[0]

    def constant(self, name: str) -> Tensor | None:
        return self.plan.constant(self.step, name)

    def number(self, name: str, default: int) -> int:
        return self.step.numbers(name, 1, default=(default,))[0]

    def planned(self, make: Callable[[Site, tuple[Site, ...]], Rule], **rest: Any) -> Planned:
        return Planned(self.step, self.sites, make, **rest)


def _recognize(given: Given) -> Planned | None:
    rule = _RULES.get(given.step.operator)
    if rule is not None:
        return rule(given)
    if given.step.operator in POINTWISE or given.step.operator in JOINS:
        return _place_by_place(given)
    return None


def _on_flat(given: Given) -> Planned | None:
    """A dense layer on a flattened site, or an operator that does not mind that it is flattened."""
    if given.step.operator == "linear":
        weight = given.constant("weight")
        if weight is None or weight.shape[1] != given.channels * given.length or len(given.sites) > 1:
            return None
        by_place = weight.view(-1, given.channels, given.length).permute(2, 1, 0).contiguous()
        name = given.step.name
        return given.planned(lambda site, sources: FlatLinear(name, sources[0], by_place), leaves=True)
    if given.step.operator in POINTWISE and given.step.operator != "prelu":
        return _place_by_place(given)
    return None


def _flattens(given: Given) -> bool:
    flattening = given.step.operator in {"flatten", "view", "reshape", "_unsafe_view"}
    return flattening and given.step.shape[1:] == (given.channels * given.length,)


def _convolution(given: Given) -> Planned | None:
    weight = given.constant("weight")
    if weight is None:
        return None
    kernel, dilation = weight.shape[2], given.number("dilation", 1)
    padding = given.step.named["padding"]
    if isinstance(padding, str):
        lead = dilation * (kernel - 1) // 2 if padding == "same" else 0
    else:
        lead = given.number("padding", 0)
    sliding = SlidingWindow(kernel, given.number("stride", 1), dilation, lead)
    groups = given.number("groups", 1)
    if groups == 1:
        return given.planned(lambda site, of: Convolution.of(site, of[0], sliding, weight), sliding=sliding)
    return given.planned(lambda site, of: GroupedConvolution(site, of[0], sliding, weight, groups), sliding=sliding)


def _pooling(given: Given) -> Planned | None:
    kernel = given.number("kernel_size", 1)
    stride, dilation = given.number("stride", kernel), given.number("dilation", 1)
    sliding = SlidingWindow(kernel, stride, dilation, given.number("padding", 0))
    largest = given.step.operator == "max_pool1d"
    if given.step.shape[2] == 1 and kernel == given.length and sliding.lead == 0 and sliding.dilation == 1:
        return _global(given, largest=largest)
    divisors = None if largest else torch.from_numpy(_divisors(given, sliding))

    def make(site: Site, of: tuple[Site, ...]) -> Rule:
        return Pooling(site, of[0], sliding, divisors)

    return given.planned(make, sliding=sliding, reads=True)


def _divisors(given: Given, sliding: SlidingWindow) -> np.ndarray:
    """By how much each output of an average pooling divides its sum: less where the last window leaves the padding."""
    begin = np.arange(given.step.shape[2]) * sliding.stride - sliding.lead
    end = np.minimum(begin + sliding.kernel, given.length + sliding.lead)
    inside = np.minimum(end, given.length) - np.maximum(begin, 0)
    return np.asarray(end - begin if given.step.named.get("count_include_pad", True) else inside)


def _normalization(given: Given) -> Planned | None:
    mean, variance = given.constant("running_mean"), given.constant("running_var")
    if mean is None or variance is None:
        return None
    weight, bias = given.constant("weight"), given.constant("bias")
    scale = torch.rsqrt(variance + given.step.named["eps"]) * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    return given.planned(lambda site, of: Affine(site, of[0], scale, shift), reads=True)


def _place_by_place(given: Given) -> Planned | None:
    constants = given.plan.constants
    shapes = [value.shape for name in given.step.sources if isinstance(value := constants.get(name), Tensor)]
    bound = any(shape and shape[-1] != 1 for shape in shapes) and given.step.operator != "prelu"
    if bound or len(set(given.lengths)) > 1:
        return None
    step, names = given.step, tuple(name for name in given.step.sources if name not in constants)
    return given.planned(lambda site, of: PlaceByPlace(site, of, names, step, constants), reads=True)


def _along_channels(given: Given) -> Planned | None:
    return _place_by_place(given) if given.step.named.get("dim", 0) % 3 == 1 else None


def _slice(given: Given) -> Planned | None:
    dimension = given.step.named["dim"] % 3
    if dimension == 1:
        return _place_by_place(given)
    if dimension == 0:
        return None
    start = given.step.named.get("start") or 0
    start = max(start + given.length, 0) if start < 0 else start
    return _moved(given, SlidingWindow(1, given.number("step", 1), 1, -start))


def _padding(given: Given) -> Planned | None:
    pads = given.step.named["pad"]
    if len(pads) != 2 or given.step.named.get("mode", "constant") != "constant":
        return None
    return _moved(given, SlidingWindow(1, 1, 1, pads[0]))


def _moved(given: Given, sliding: SlidingWindow) -> Planned:
    return given.planned(lambda site, of: Moved(site, of[0], sliding), sliding=sliding)


def _reduction(given: Given, *, largest: bool) -> Planned | None:
    dimensions = given.step.numbers("dim", 1, default=())
    return _global(given, largest=largest) if [place % 3 for place in dimensions] == [2] else None


def _adaptive(given: Given) -> Planned | None:
    return _global(given, largest=False) if given.step.shape[2] == 1 else None


def _global(given: Given, *, largest: bool) -> Planned:
    shape = given.step.shape[1:]
    return given.planned(lambda site, of: GlobalPooling(of[0], shape, largest), leaves=True)


_RULES: Mapping[str, Callable[[Given], Planned | None]] = {
    "conv1d": _convolution,
    "max_pool1d": _pooling,
    "avg_pool1d": _pooling,
    "adaptive_avg_pool1d": _adaptive,
    "batch_norm": _normalization,
    **dict.fromkeys(("softmax", "log_softmax", "glu", "cat"), _along_channels),
    **dict.fromkeys(("slice", "narrow"), _slice),
    **dict.fromkeys(("pad", "constant_pad_nd"), _padding),
    "mean": partial(_reduction, largest=False),
    "amax": partial(_reduction, largest=True),
}
