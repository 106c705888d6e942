"""A network as the operators that it runs, each with its arguments, so that they can be run in another way.

    record(network, shape, batch=8) -> Program        Program.steps in the order in which they run

`torch.export` records the operators at one size and one number of examples, and only there may a step be run as it
was recorded (`Step.run`): sizes are numbers by then. Who knows better what an operator means runs it at other sizes.
Operators that write into their input are replaced by those that make a new tensor, so every value may be kept. Refused
are networks whose wiring depends on the data, and those in which one example changes the answer of another or chance
takes part.

For what the operators read of each other see `convolution.tracing`; here they are run.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves, tree_map

from hypercolumn.convolution.tracing import parameter_of, probing, trace
from hypercolumn.errors import NetworkError


@dataclass(frozen=True)
class Operand:
    """A tensor among the arguments of a step, by name: a weight, a constant, or what an earlier step made."""

    name: str


@dataclass(frozen=True)
class Step:
    """One operator: what it is called, the module it belongs to, what it is given, and the shape that it makes.

    `named` holds all arguments by name, defaults included.
    """

    name: str
    operator: str
    layer: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    named: Mapping[str, Any]
    shape: tuple[int, ...]

    @property
    def title(self) -> str:
        """What an error calls it: the layer's path and the operator."""
        return f"{self.layer} ({self.operator})" if self.layer else self.operator

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all tensors that it is given."""
        leaves = tree_leaves((self.arguments, dict(self.keywords)))
        return tuple(dict.fromkeys(leaf.name for leaf in leaves if isinstance(leaf, Operand)))

    def run(self, values: Mapping[str, Any]) -> Any:
        """The operator as it was recorded, for the batch that it was recorded with."""

        def filled(leaf: Any) -> Any:
            return values[leaf.name] if isinstance(leaf, Operand) else leaf

        return self.function(*tree_map(filled, self.arguments), **tree_map(filled, dict(self.keywords)))

    def numbers(self, name: str, count: int, *, default: Sequence[int] = (0,)) -> tuple[int, ...]:
        """An argument that is one number, or one number an axis."""
        value = self.named.get(name)
        given = default if value is None or value == [] else value
        values = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        return values * count if len(values) == 1 else values


@dataclass(frozen=True)
class Program:
    """The steps that lie between the input and the output; `constants` do not depend on the input."""

    steps: tuple[Step, ...]
    input: str
    output: str
    input_shape: tuple[int, ...]
    weights: Mapping[str, str]
    lifted: Mapping[str, Tensor]
    constant_steps: tuple[Step, ...]

    def constants(self, network: nn.Module) -> dict[str, Any]:
        """Weights and buffers as the network has them now, and what is made of them alone.

        >>> network = nn.Linear(3, 2)
        >>> sorted(record(network, (3,), batch=1, channels=3).constants(network))
        ['p_bias', 'p_weight']
        """
        values: dict[str, Any] = dict(self.lifted)
        for name, path in self.weights.items():
            owner, _, leaf = path.rpartition(".")
            values[name] = getattr(network.get_submodule(owner), leaf)
        for step in self.constant_steps:
            values[step.name] = step.run(values)
        return values

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What comes out for the batch that was recorded."""
        return next(step.shape for step in self.steps if step.name == self.output)

    @property
    def uses(self) -> dict[str, tuple[int, ...]]:
        """By name of a value the places of the steps that are given it; the output is used once more, at the end."""
        found: dict[str, list[int]] = {name: [] for name in (self.input, *(step.name for step in self.steps))}
        for place, step in enumerate(self.steps):
            for name in step.sources:
                if name in found:
                    found[name].append(place)
        found[self.output].append(len(self.steps))
        return {name: tuple(places) for name, places in found.items()}


def record(network: nn.Module, shape: Sequence[int], *, batch: int, channels: int) -> Program:
    """The steps of a network in evaluation mode for a batch (batch, channel, *shape).

    >>> program = record(nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(inplace=True)), (20,), batch=2, channels=4)
    >>> [(step.title, step.shape) for step in program.steps]
    [('0 (conv1d)', (2, 8, 18)), ('1 (relu)', (2, 8, 18))]
    """
    weights = parameter_of(network)
    given = (batch, channels, *shape)
    example = torch.zeros(given, dtype=weights.dtype, device=weights.device)
    try:
        with torch.inference_mode(mode=False), probing(network):
            program = torch.export.export(network, (example.clone(),), strict=False)
    except Exception as error:
        trace(network, shape, in_channels=channels)
        raise NetworkError(
            f"the network cannot be traced with {batch} examples at once", why=str(error).strip().splitlines()[0]
        ) from error
    return _program(program, given)


def _program(program: torch.export.ExportedProgram, given: tuple[int, ...]) -> Program:
    signature = program.graph_signature
    paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    lifted_names = signature.inputs_to_lifted_tensor_constants
    (input_name,) = signature.user_inputs
    dependent = {input_name}
    steps: list[Step] = []
    constant_steps: list[Step] = []
    outputs: list[fx.Node] = []
    for node in program.graph.nodes:
        if node.op == "output":
            outputs = [leaf for leaf in tree_leaves(node.args) if isinstance(leaf, fx.Node)]
        elif node.op == "get_attr":
            raise NetworkError("the network branches while it runs", where=str(node.target))
        elif node.op == "call_function" and not _is_check(node):
            step = _step(node)
            if dependent.isdisjoint(step.sources):
                constant_steps.append(step)
            else:
                dependent.add(step.name)
                steps.append(step)
    if len(outputs) != 1:
        raise NetworkError(f"the network returns {len(outputs)} tensors", fix="return one tensor alone")
    if outputs[0].name not in dependent:
        raise NetworkError("the output of the network does not depend on its input")
    return Program(
        _needed(steps, outputs[0].name),
        str(input_name),
        outputs[0].name,
        given,
        {name: path for name, path in paths.items() if path not in program.constants},
        {name: program.constants[path] for name, path in (paths | lifted_names).items() if path in program.constants},
        tuple(constant_steps),
    )


def _step(node: fx.Node) -> Step:
    function, name = _making_anew(node)
    stack: Mapping[str, Any] = node.meta.get("nn_module_stack") or {}
    paths = [str(entry[0]) for entry in stack.values()]
    value = node.meta.get("val")
    shape = tuple(int(length) for length in value.shape) if isinstance(value, Tensor) else ()

    def operands(argument: Any) -> Any:
        replaced: Any = fx.node.map_arg(argument, lambda source: Operand(source.name))  # type: ignore[arg-type, return-value]
        return replaced

    arguments, keywords = operands(node.args), operands(node.kwargs)
    schema = getattr(function, "_schema", None)
    named = {}
    for place, argument in enumerate(schema.arguments if schema is not None else ()):
        default = argument.default_value if argument.has_default_value() else None
        given = arguments[place] if place < len(arguments) else keywords.get(argument.name, default)
        named[argument.name] = list(given) if isinstance(given, list) else given
    step = Step(node.name, name, (paths or ("",))[-1], function, arguments, dict(keywords), named, shape)
    _check_examples_apart(step)
    return step


def _making_anew(node: fx.Node) -> tuple[Callable[..., Any], str]:
    """The operator, or the one that does the same without writing into its input; and its name."""
    if node.target is operator.getitem:
        return operator.getitem, "getitem"
    target: Any = node.target
    packet, _, overload = str(target.__name__).partition(".")
    schema = getattr(target, "_schema", None)
    if schema is None or not schema.is_mutable:
        return target, packet
    source = node.args[0]
    tied = isinstance(source, fx.Node) and (_is_view(source) or any(_is_view(user) for user in source.users))
    anew = getattr(getattr(torch.ops.aten, packet.removesuffix("_"), None), overload, None)
    if anew is None or tied:
        raise NetworkError(
            f"the operator {packet} writes into a tensor that is used elsewhere",
            where=str(node.meta.get("stack_trace") or node.name).strip().splitlines()[-1],
            fix="use the operator that makes a new tensor",
        )
    return anew, packet.removesuffix("_")


def _is_view(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None or schema.is_mutable:
        return False
    return any(result.alias_info is not None for result in schema.returns)


def _is_check(node: fx.Node) -> bool:
    """An operator that makes nothing: the checks that export leaves behind."""
    return not node.users and "assert" in str(node.target)


def _check_examples_apart(step: Step) -> None:
    """Chance and statistics over the batch make the answer for one example depend on the run or on the others."""
    if step.named.get("train") is True or step.named.get("training") is True:
        raise NetworkError(
            f"the operator {step.operator} runs in training mode even in evaluation",
            where=step.title,
            why="the answer for one example would depend on chance or on the other examples",
            fix="pass training=self.training, or keep running statistics",
        )


def _needed(steps: Sequence[Step], output: str) -> tuple[Step, ...]:
    """The steps that the output depends on."""
    wanted, kept = {output}, []
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.sources)
            kept.append(step)
    return tuple(reversed(kept))
