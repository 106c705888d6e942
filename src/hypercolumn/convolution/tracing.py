"""A network as the list of its operators, at one size of input: what reads what, and along which axis.

    trace(network, shape) -> Graph        Graph.nodes in the order in which they run; node 0 is the input

`torch.export` runs the network on tensors without data and records every operator; crops that depend on the size
become numbers. `operators` then says of each what it reads. Only operators known there are let through, others are
refused by name, and so are networks whose wiring depends on the data. Nothing is computed and no weight is looked at.
A graph holds for its size only.
"""

import logging
import operator
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from hypercolumn.convolution import operators
from hypercolumn.convolution.node import Constant, Node
from hypercolumn.errors import InvalidArgument, NetworkError


@dataclass(frozen=True)
class Graph:
    """The operators that lie between the input, node 0, and the output, the last node.

    `modules[i]` are the paths of the modules that node i belongs to, outermost first; `steps[i]` is the name that the
    recorded program gives it.
    """

    nodes: tuple[Node, ...]
    shape: tuple[int, ...]
    modules: tuple[tuple[str, ...], ...] = field(repr=False)
    steps: tuple[str, ...] = field(default=(), repr=False)

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The length of the output along each spatial axis; 1 along an axis that it no longer has."""
        lengths = dict(zip(self.output.axes, self.output.shape, strict=True))
        return tuple(lengths.get(axis, 1) for axis in range(len(self.shape)))

    def up_to(self, layer: str) -> "Graph":
        """The part of the graph that the output of a module depends on."""
        ends = [index for index, paths in enumerate(self.modules) if layer in paths]
        if not ends:
            names = sorted({path for paths in self.modules for path in paths if path})
            raise InvalidArgument("layer", layer, fix=f"name a module that runs: {', '.join(names)}")
        return self.before(ends[-1])

    def before(self, last: int) -> "Graph":
        """The part of the graph that node `last` depends on, which it then ends with."""
        needed = {0, last}
        for index in range(last, -1, -1):
            if index in needed:
                needed.update(self.nodes[index].parents)
        kept = sorted(needed)
        place = {old: new for new, old in enumerate(kept)}
        return Graph(
            tuple(self.nodes[index].reparented(place) for index in kept),
            self.shape,
            tuple(self.modules[index] for index in kept),
            tuple(self.steps[index] for index in kept) if self.steps else (),
        )


def trace(
    network: nn.Module, shape: Sequence[int], *, in_channels: int | None = None, layer: str | None = None
) -> Graph:
    """The graph of a network in evaluation mode for one input of the given spatial shape.

    >>> graph = trace(nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.MaxPool1d(2)), (20,))
    >>> [node.operator for node in graph.nodes], graph.output_shape
    (['input', 'conv1d', 'relu', 'max_pool1d'], (9,))
    """
    shape = tuple(int(length) for length in shape)
    with FakeTensorMode(allow_non_fake_inputs=True):
        example = example_input(network, shape, in_channels=in_channels)
    try:
        with probing(network):
            program = torch.export.export(network, (example,), strict=False)
    except Exception as error:
        raise NetworkError(
            f"the network cannot be traced at {_times(shape)}: {_first_line(error)}",
            where=_users_line(error),
            why="either it takes no input of this size, or its wiring depends on the data",
            fix="give a shape that the network takes; data-dependent wiring cannot be seen through",
        ) from error
    return _graph(program, shape, layer)


def _graph(program: torch.export.ExportedProgram, shape: tuple[int, ...], layer: str | None) -> Graph:
    inputs = set(program.graph_signature.user_inputs)
    nodes: list[Node] = []
    modules: list[tuple[str, ...]] = []
    place: dict[str, int] = {}
    constants: dict[str, Constant] = {}
    refused: dict[str, NetworkError] = {}
    outputs: list[fx.Node] = []
    for step in program.graph.nodes:
        if step.op == "placeholder":
            if step.name in inputs:
                place[step.name] = 0
                nodes.append(operators.input_node(_shape(step), axes=len(shape)))
                modules.append(())
            else:
                constants[step.name] = Constant(_shape(step), uniform=False)
        elif step.op == "output":
            outputs = [value for value in torch.utils._pytree.tree_leaves(step.args) if isinstance(value, fx.Node)]
        elif step.op == "get_attr":
            constants[step.name] = Constant(_shape(step), uniform=False)
        else:
            sources = [value.name for value in step.all_input_nodes]
            failed = next((refused[name] for name in sources if name in refused), None)
            if failed is not None:
                refused[step.name] = failed
                continue
            paths = _module_paths(step)
            try:
                made = operators.interpret(
                    _operator(step), _arguments(step), _shape(step), (paths or ("",))[-1], nodes, place, constants
                )
            except NetworkError as error:
                refused[step.name] = error
                continue
            if isinstance(made, Node):
                place[step.name] = len(nodes)
                nodes.append(made)
                modules.append(paths)
            elif made is not None:
                constants[step.name] = made
    graph = Graph(tuple(nodes), shape, tuple(modules), tuple(place))
    if layer is not None:
        for step in program.graph.nodes:
            if step.name in refused and layer in _module_paths(step):
                raise refused[step.name]
        return graph.up_to(layer)
    if len(outputs) != 1:
        raise NetworkError(
            f"the network returns {len(outputs)} tensors",
            fix="name the layer that is meant, or return one tensor alone",
        )
    if outputs[0].name in refused:
        raise refused[outputs[0].name]
    if outputs[0].name not in place:
        raise NetworkError("the output of the network does not depend on its input")
    return graph.before(place[outputs[0].name])


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, and every module back in the mode it was in afterwards.

    >>> network = nn.Sequential(nn.Dropout())
    >>> with evaluating(network):
    ...     network.training, network[0].training
    (False, False)
    >>> network.training, network[0].training
    (True, True)
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def probing(network: nn.Module) -> Iterator[None]:
    """For runs without data: evaluation mode, no gradients, no autocast of the caller's, and warnings kept silent.

    A warning that the caller has turned into an error would otherwise look like a size that the network does not take;
    and that it does not take one is an answer here, which torch would log with its traceback.
    """
    device = parameter_of(network).device.type
    log = logging.getLogger("torch._subclasses.fake_tensor")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), evaluating(network), torch.no_grad(), torch.autocast(device, enabled=False):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def example_input(network: nn.Module, shape: Sequence[int], *, in_channels: int | None = None) -> Tensor:
    """Zeros (1, channel, *shape) of the type and on the device of the network's parameters."""
    channels = channels_of(network) if in_channels is None else in_channels
    weights = parameter_of(network)
    return torch.zeros((1, channels, *shape), dtype=weights.dtype, device=weights.device)


def parameter_of(network: nn.Module) -> Tensor:
    """A weight of the network, for its number format and device; where it has none, a float32 on the processor.

    >>> parameter_of(nn.Conv1d(1, 1, 1).double()).dtype
    torch.float64
    """
    return next((weight for weight in network.parameters() if weight.is_floating_point()), torch.zeros(()))


def channels_of(network: nn.Module) -> int:
    """The channels of the input: what the network says in `in_channels`, or what its first convolution takes.

    >>> channels_of(nn.Sequential(nn.ReLU(), nn.Conv2d(6, 8, 3, groups=2)))
    6
    """
    said = getattr(network, "in_channels", None)
    if isinstance(said, int):
        return said
    module = first_convolution(network)
    if module is None:
        raise NetworkError("the channels of the input cannot be told from the network", fix="give in_channels")
    return module.in_channels


def dims_of(network: nn.Module) -> int:
    """The number of spatial axes, as the first convolution has it.

    >>> dims_of(nn.Sequential(nn.Conv3d(1, 8, 3)))
    3
    """
    module = first_convolution(network)
    if module is None:
        raise NetworkError("the number of spatial axes cannot be told from the network", fix="give shape")
    return module.weight.ndim - 2


def first_convolution(network: nn.Module) -> nn.Conv1d | nn.Conv2d | nn.Conv3d | None:
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return next((module for module in network.modules() if isinstance(module, kinds)), None)  # type: ignore[return-value]


def _operator(step: fx.Node) -> str:
    if step.target is operator.getitem:
        return "getitem"
    name = str(getattr(step.target, "__name__", step.target)).split(".")[0]
    return name.removesuffix("_") if not name.startswith("_") else name


def _arguments(step: fx.Node) -> dict[str, Any]:
    """The arguments by name, defaults included, with graph nodes given by their names."""
    if step.target is operator.getitem:
        return {"self": step.args[0], "index": step.args[1]}
    schema = getattr(step.target, "_schema", None)
    if schema is None:
        return {str(place): value for place, value in enumerate(step.args)}
    named: dict[str, Any] = {}
    for place, argument in enumerate(schema.arguments):
        if place < len(step.args):
            named[argument.name] = step.args[place]
        elif argument.name in step.kwargs:
            named[argument.name] = step.kwargs[argument.name]
        else:
            named[argument.name] = argument.default_value if argument.has_default_value() else None
    return named


def _shape(step: fx.Node) -> tuple[int, ...]:
    value = step.meta.get("val")
    if isinstance(value, (tuple, list)) and value:
        value = value[0]
    return tuple(int(length) for length in value.shape) if isinstance(value, Tensor) else ()


def _module_paths(step: fx.Node) -> tuple[str, ...]:
    stack: Mapping[str, Any] = step.meta.get("nn_module_stack") or {}
    return tuple(str(entry[0]) for entry in stack.values())


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(length) for length in shape)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _users_line(error: Exception) -> str:
    """The last line of code outside of torch that the error went through."""
    torch_folder, here = str(Path(torch.__file__).parent), str(Path(__file__))
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(torch_folder)
        and frame.filename != here
        and Path(frame.filename).suffix == ".py"
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
