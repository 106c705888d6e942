"""The layers of a network as a table: what each gives, what it has to learn, and what it costs.

    multiply-adds of a convolution               outputs * kernel places * input channels / groups
    multiply-adds of a transposed convolution    inputs * kernel places * output channels / groups

Papers call multiply-adds "FLOPs". Normalization, pooling and rectifiers are not counted, as is usual. Nothing is
computed: the network runs once on tensors that have a shape and no content, so the table of a large network takes no
memory.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hypercolumn.errors import NetworkError
from hypercolumn.networks.initialization import Convolution, Transposed


@dataclass(frozen=True)
class LayerRow:
    """One layer as it is called: its output (channel, *space), its weights, its multiply-adds for one example."""

    name: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    multiply_adds: int


def describe(network: nn.Module, shape: tuple[int, ...]) -> list[LayerRow]:
    """Every layer in the order in which it is called, for one example of `shape` (channel, *space), in evaluation mode.

    A layer that is called twice has two rows, the second with no weights. Raises NetworkError where the network's path
    depends on the values of its input.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    >>> for row in describe(network, (3, 34, 34)):
    ...     print(row.kind, row.shape, row.weights, row.multiply_adds)
    Conv2d (8, 32, 32) 224 221184
    ReLU (8, 32, 32) 0 0
    MaxPool2d (8, 16, 16) 0 0
    """
    rows: list[LayerRow] = []
    layers = {name: layer for name, layer in network.named_modules() if _is_layer(layer)}
    weights = {
        name: sum(weight.numel() for weight in layer.parameters(recurse=False)) for name, layer in layers.items()
    }
    training = {module: module.training for module in network.modules()}
    hooks = [layer.register_forward_hook(_recorder(name, weights, rows)) for name, layer in layers.items()]
    network.eval()
    try:
        _run_without_content(network, shape)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    return rows


def _is_layer(module: nn.Module) -> bool:
    """A module without modules inside, or with weights of its own; empty containers are no layers."""
    own = next(module.parameters(recurse=False), None) is not None
    container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    return own or (next(module.children(), None) is None and not container)


def _recorder(name: str, weights: dict[str, int], rows: list[LayerRow]) -> Callable[[nn.Module, Any, Any], None]:
    def record(layer: nn.Module, inputs: Any, output: Any) -> None:
        tensor = output[0] if isinstance(output, tuple) else output
        row = LayerRow(
            name, type(layer).__name__, tuple(tensor.shape[1:]), weights[name], _cost(layer, inputs[0], tensor)
        )
        weights[name] = 0
        rows.append(row)

    return record


def _cost(layer: nn.Module, incoming: Tensor, outgoing: Tensor) -> int:
    if isinstance(layer, nn.Linear):
        return outgoing.numel() * layer.in_features
    if isinstance(layer, Convolution):
        return outgoing.numel() * math.prod(layer.kernel_size) * layer.in_channels // layer.groups
    if isinstance(layer, Transposed):
        return incoming.numel() * math.prod(layer.kernel_size) * layer.out_channels // layer.groups
    return 0


@torch.no_grad()
def _run_without_content(network: nn.Module, shape: tuple[int, ...]) -> None:
    state = {name: tensor.to("meta") for name, tensor in network.state_dict().items()}
    kind = next((weight.dtype for weight in network.parameters()), torch.float32)
    example = torch.empty(1, *shape, device="meta", dtype=kind)
    try:
        functional_call(network, state, (example,))
    except (NotImplementedError, RuntimeError) as error:
        raise NetworkError(
            f"the layers of {type(network).__name__} cannot be listed",
            why=str(error).splitlines()[0],
            fix=f"check that it takes (batch, {', '.join(map(str, shape))}) and does not branch on values",
        ) from error
