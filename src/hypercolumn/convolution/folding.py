"""Neighbouring linear layers folded into one, for inference: the same answer with fewer layers.

A normalization by running statistics is y = a x + c for each channel, a = scale / sqrt(variance + eps) and
c = shift - a mean, so it vanishes into the convolution before or after it:

    convolution, normalization      a (w * x + b) + c       = (a w) * x + (a b + c)
    normalization, convolution      w * (a x + c) + b       = (w a) * x + (b + c sum of w)
    convolution, convolution        the one of `composition`, where that takes fewer multiply-adds

Transposed convolutions and dense layers take in a normalization that follows; dense layers one that precedes, too.
Pairs are found in the graph that `torch.export` records, not by the names or the order of modules: the first layer's
output must go into the second and nowhere else, each runs once, dropout between them does nothing in evaluation.

Left as they are, and reported with the reason: a normalization before a convolution that pads with zeros (the zeros
would have to become the shift, so the border would differ), or before a transposed one; statistics of the batch;
convolutions with padding between them. Jacob et al. 2018, doi:10.1109/CVPR.2018.00286, section 3.2. What is folded can
no longer be trained as it was. Nothing is fused that is not linear: see a compiler for that.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from hypercolumn.convolution.absorption import NORMALIZATIONS, WEIGHTED, absorb_after, absorb_before, hindrance
from hypercolumn.convolution.composition import CONVOLUTIONS, compose
from hypercolumn.convolution.sizes import shape_taken
from hypercolumn.convolution.tracing import example_input, probing
from hypercolumn.errors import NetworkError


@dataclass(frozen=True)
class Fold:
    """Two layers that became one, by their paths; the one is at `into`, and nothing is left at the other."""

    layers: tuple[str, str]
    into: str


@dataclass(frozen=True)
class LeftOut:
    """A normalization, or a pair of convolutions, that was left as it was, and why."""

    layers: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Folding:
    """What `fold` gives. Parameters and multiply-adds are (before, after), the latter for one example of `shape`.

    difference: the largest one of the two networks' outputs on random numbers, over the largest output.
    """

    network: nn.Module = field(repr=False)
    folded: tuple[Fold, ...]
    left_out: tuple[LeftOut, ...]
    shape: tuple[int, ...]
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int]
    difference: float


def fold(
    network: nn.Module,
    shape: Sequence[int] | None = None,
    *,
    in_channels: int | None = None,
    tolerance: float = 1e-5,
) -> Folding:
    """A copy of the network in evaluation mode with all that can be folded folded; the network itself is not touched.

    shape: the spatial shape at which the graph is recorded, the cost counted and the answer compared; one that the
    network takes is looked for where none is given. The folding holds for every shape at which the layers are wired as
    they are at this one.

    Raises NetworkError where the network cannot be traced, and where the folded network's output differs by more than
    the tolerance (in formats coarser than float32: than 8 of their last digits).

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.BatchNorm2d(8))
    >>> found = fold(network, (16, 16))
    >>> found.network[0], found.network[1], [one.layers for one in found.folded]
    (Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1)), Identity(), [('0', '1')])
    >>> found.parameters, found.multiply_adds, found.left_out[0]
    ((248, 240), (45472, 43904), LeftOut(layers=('3',), why='neither a convolution nor a dense layer stands beside it'))
    """
    folded = copy.deepcopy(network).eval()
    size = tuple(shape) if shape is not None else shape_taken(folded, in_channels=in_channels)
    example = example_input(folded, size, in_channels=in_channels)
    program = _exported(folded, example)
    signal = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
    parameters, cost, expected = _parameters(folded), _multiply_adds(program.graph), _outputs(folded, signal)
    chain = _Chain(folded, program.graph)
    chain.fold_normalizations()
    chain.fold_convolutions()
    return Folding(
        folded,
        tuple(chain.folded),
        tuple(chain.left_out),
        size,
        (parameters, _parameters(folded)),
        (cost, cost - chain.saved),
        _difference(expected, _outputs(folded, signal), tolerance),
    )


# ----------------------------------------------------------------------------------------------------- the graph


@dataclass
class _Layer:
    """A module that runs: what makes its input, how many read its output, its shape, and why it must stay as it is."""

    path: str
    module: Any
    source: "_Layer | None"
    readers: int
    made: tuple[int, ...]
    must_stay: str = ""


class _Chain:
    """The layers of a network that may be folded, in the order in which they run, and what was done with them."""

    def __init__(self, network: nn.Module, graph: fx.Graph) -> None:
        self.network = network
        self.folded: list[Fold] = []
        self.left_out: list[LeftOut] = []
        self.saved = 0
        self.layers = _layers(network, graph)

    def fold_normalizations(self) -> None:
        seen = {layer.module for layer in self.layers}
        for path, module in self.network.named_modules():
            if type(module) in NORMALIZATIONS and module not in seen:
                self._leave(path, why="it does not run, or runs where the graph cannot be seen through")
        for layer in [found for found in self.layers if type(found.module) in NORMALIZATIONS]:
            source, reader = layer.source, self._reader(layer)
            if layer.must_stay:
                self._leave(layer.path, why=layer.must_stay)
            elif layer.module.running_mean is None:
                self._leave(layer.path, why="it keeps no statistics, and normalizes by the batch")
            elif source is not None and source.readers == 1 and not source.must_stay and _fits(source, layer):
                self._replace(source, absorb_after(source.module, layer.module))
                self._remove(layer, into=source)
            elif reader is not None and not reader.must_stay and _fits(reader, layer):
                if why := hindrance(layer.module, reader.module):
                    self._leave(layer.path, reader.path, why=why)
                else:
                    self._replace(reader, absorb_before(layer.module, reader.module))
                    self._remove(layer, into=reader)
            elif source is not None and _fits(source, layer):
                why = source.must_stay and f"of the first, {source.must_stay}"
                self._leave(source.path, layer.path, why=why or "the output of the first goes elsewhere too")
            else:
                self._leave(layer.path, why="neither a convolution nor a dense layer stands beside it")

    def fold_convolutions(self) -> None:
        for layer in list(self.layers):
            source = layer.source
            if source is None or source.readers != 1 or source.must_stay or layer.must_stay:
                continue
            if type(source.module) not in CONVOLUTIONS or type(layer.module) is not type(source.module):
                continue
            try:
                one = compose(source.module, layer.module)
            except NetworkError as error:
                self._leave(source.path, layer.path, why=error.problem.why)
                continue
            stacked = sum(part.module.weight.numel() * prod(part.made[2:]) for part in (source, layer))
            single = one.weight.numel() * prod(layer.made[2:])
            if single >= stacked:
                why = f"one convolution would take {single} multiply-adds, the two take {stacked}"
                self._leave(source.path, layer.path, why=why)
                continue
            self._replace(source, one)
            self._remove(layer, into=source)
            self.saved += stacked - single

    def _leave(self, *layers: str, why: str) -> None:
        self.left_out.append(LeftOut(layers, why))

    def _reader(self, layer: _Layer) -> _Layer | None:
        """The layer that alone reads this one's output."""
        return next((other for other in self.layers if other.source is layer), None) if layer.readers == 1 else None

    def _remove(self, layer: _Layer, *, into: _Layer) -> None:
        """Nothing is left of a layer: what it was given goes straight to whoever reads it."""
        follows = layer.source is into
        self.folded.append(Fold((into.path, layer.path) if follows else (layer.path, into.path), into.path))
        if type(layer.module) in NORMALIZATIONS:
            self.saved += prod(layer.made)
        self._replace(layer, nn.Identity().eval())
        self.layers.remove(layer)
        if follows:
            into.readers, into.made = layer.readers, layer.made
        for other in self.layers:
            if other.source is layer:
                other.source = layer.source

    def _replace(self, layer: _Layer, new: nn.Module) -> None:
        """Under every name that the module goes by."""
        for parent in list(self.network.modules()):
            for name, child in list(parent._modules.items()):
                if child is layer.module:
                    setattr(parent, name, new)
        layer.module = new


def _exported(network: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    try:
        with probing(network):
            return torch.export.export(network, (example,), strict=False)
    except Exception as error:
        raise NetworkError(
            f"the network cannot be traced at {tuple(example.shape)}: {str(error).strip().splitlines()[0]}",
            why="either it takes no input of this size, or its wiring depends on the data",
            fix="give a shape that the network takes; data-dependent wiring cannot be seen through",
        ) from error


def _layers(network: nn.Module, graph: fx.Graph) -> list[_Layer]:
    """The convolutions, dense layers and normalizations of a network, in the order in which they first run."""
    modules = dict(network.named_modules(remove_duplicate=False))
    steps: dict[nn.Module, list[fx.Node]] = {}
    paths: dict[nn.Module, str] = {}
    readers: dict[fx.Node, set[fx.Node]] = {}
    for step in graph.nodes:
        stack = list((step.meta.get("nn_module_stack") or {}).values())
        path = str(stack[-1][0]) if stack and step.op == "call_function" else ""
        module = modules.get(path)
        if module is not None and step.all_input_nodes and type(module) in (*WEIGHTED, *NORMALIZATIONS):
            steps.setdefault(module, []).append(step)
            paths.setdefault(module, path)
        for given in step.all_input_nodes if not _does_nothing(step) else ():
            readers.setdefault(_origin(given), set()).add(step)
    layers: list[_Layer] = []
    made_by: dict[fx.Node, _Layer] = {}
    for module, own in steps.items():
        counted = [step for step in own if _name(step) in _COUNTED]
        given, made = _origin(own[0].all_input_nodes[0]), own[-1]
        layer = _Layer(paths[module], module, made_by.get(given), len(readers.get(made, ())), _shape(made))
        if module._forward_hooks or module._forward_pre_hooks:
            layer.must_stay = "a hook would see other values"
        elif not counted:
            layer.must_stay = "the graph cannot be seen through"
        elif len(counted) > 1:
            layer.must_stay = "it runs more than once"
        elif any(len(readers[weight]) > 1 for weight in counted[0].all_input_nodes[1:]):
            layer.must_stay = "its weights are used elsewhere too"
        layers.append(layer)
        made_by.update((step, layer) for step in own)
    return layers


_COUNTED = frozenset(
    [*(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3)), "linear", "batch_norm"]
)
_DROPOUT = frozenset({"dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"})


def _name(step: fx.Node) -> str:
    return str(getattr(step.target, "__name__", step.target)).split(".")[0].removesuffix("_")


def _does_nothing(step: fx.Node) -> bool:
    return step.op == "call_function" and _name(step) in _DROPOUT and step.args[2] is False


def _origin(step: fx.Node) -> fx.Node:
    while _does_nothing(step):
        step = step.all_input_nodes[0]
    return step


def _shape(step: fx.Node) -> tuple[int, ...]:
    value = step.meta.get("val")
    return tuple(int(length) for length in value.shape) if isinstance(value, Tensor) else ()


def _multiply_adds(graph: fx.Graph) -> int:
    """Of convolutions, dense layers and normalizations, one a number for the last."""
    total = 0
    for step in graph.nodes:
        name = _name(step) if step.op == "call_function" else ""
        if name not in _COUNTED:
            continue
        given, made = _shape(step.all_input_nodes[0]), _shape(step)
        if name == "batch_norm":
            total += prod(made)
        elif name == "linear":
            total += prod(made[:-1]) * prod(_shape(step.all_input_nodes[1]))
        else:
            places = given if "transpose" in name else made
            total += places[0] * prod(places[2:]) * prod(_shape(step.all_input_nodes[1]))
    return total


def _fits(layer: _Layer, norm: _Layer) -> bool:
    """Whether a normalization beside this layer works on the layer's channels."""
    return type(layer.module) in WEIGHTED and (type(layer.module) is not nn.Linear or len(norm.made) == 2)


def _parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def _outputs(network: nn.Module, signal: Tensor) -> list[Tensor]:
    with torch.no_grad():
        found = torch.utils._pytree.tree_leaves(network(signal))
    return [leaf for leaf in found if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.numel()]


def _difference(expected: list[Tensor], made: list[Tensor], tolerance: float) -> float:
    """The largest difference over the largest output; NetworkError where it is not rounding."""
    largest = max((float(output.abs().max()) for output in expected), default=0.0)
    apart = [float((one.double() - other.double()).abs().max()) for one, other in zip(expected, made, strict=True)]
    found = max(apart, default=0.0) / (largest or 1.0)
    coarsest = max((torch.finfo(output.dtype).eps for output in expected), default=0.0)
    allowed = max(tolerance, 8 * coarsest if coarsest > torch.finfo(torch.float32).eps else 0.0)
    if not found <= allowed:
        raise NetworkError(
            f"the folded network's output differs by {found:.2g} of the largest output",
            why=f"more than {allowed:.2g} is no rounding, or the network makes too much of rounding",
            fix="fold in float64, or allow a larger tolerance",
        )
    return found
