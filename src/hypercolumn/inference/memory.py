"""How much memory one run of a network takes at its peak, told beforehand.

    peak(shape) = max over time of the bytes of all tensors alive, and of what the running convolution works in

The network runs on tensors without data, so nothing is computed and nothing taken; every storage is counted from the
operator that makes it to the moment the last tensor on it dies, so what Python keeps alive is counted as it would be.
Weights are there already and not counted. What a library keeps for later runs (thread pools, compiled kernels) is not
known here.
"""

import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hypercolumn.convolution.tracing import channels_of, example_input, parameter_of, probing
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.strips import Strips

FRAGMENTATION = 1.2
RESERVE = 32 << 20
_BLOCK = 16


def needed_bytes(
    network: nn.Module, shape: Sequence[int], *, precision: Precision, in_channels: int | None = None
) -> int:
    """The memory that a process grows by when it runs an input (1, channel, *shape).

    >>> network = nn.Sequential(nn.Sigmoid(), nn.Sigmoid())
    >>> needed_bytes(network, (1000,), precision=Precision(), in_channels=1) - RESERVE
    14400
    """
    peak = peak_bytes(network, shape, precision=precision, in_channels=in_channels)
    return _with_reserve(peak) + precision.cast_bytes(network)


def needed_strip_bytes(
    network: nn.Module, strips: Strips, *, rows: int, precision: Precision, in_channels: int | None = None
) -> int:
    """The memory that a process grows by when it runs a network in strips of so many rows.

    Only the first strips are looked at: once answers come, every strip takes what the one before it took.
    """
    channels = channels_of(network) if in_channels is None else in_channels
    others, weights = strips.shape[1:], parameter_of(network)

    def read(start: int, stop: int) -> Tensor:
        return precision.arrange(
            torch.zeros((1, channels, stop - start, *others), dtype=weights.dtype, device=weights.device)
        )

    enough = strips.first_answer(rows) + 2
    with (
        probing(network),
        FakeTensorMode(allow_non_fake_inputs=True),
        _Ledger() as ledger,
        precision.autocast(weights.device.type),
    ):
        for _ in islice(strips.run(network, read, rows=rows), enough):
            pass
    return _with_reserve(ledger.peak) + precision.cast_bytes(network)


def _with_reserve(peak: int) -> int:
    return ceil(FRAGMENTATION * peak) + RESERVE


def peak_bytes(
    network: nn.Module, shape: Sequence[int], *, precision: Precision, in_channels: int | None = None
) -> int:
    """The peak of memory that one forward pass of an input (1, channel, *shape) takes, the input included.

    >>> peak_bytes(nn.Sequential(nn.Sigmoid(), nn.Sigmoid()), (1000,), precision=Precision(), in_channels=1)
    12000
    """
    with probing(network), FakeTensorMode(allow_non_fake_inputs=True):
        example = precision.arrange(example_input(network, shape, in_channels=in_channels))
        with _Ledger() as ledger, precision.autocast(example.device.type):
            ledger.enter(example)
            output = network(example)
            del output
    return ledger.peak


class _Ledger(TorchDispatchMode):
    """Counts the storages that are alive while operators run."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = 0
        self.peak = 0
        self._tensors: Counter[int] = Counter()
        self._bytes: dict[int, int] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*arguments, **(options or {}))
        given = {_key(value) for value in tree_leaves((arguments, options)) if isinstance(value, Tensor)}
        made = [value for value in tree_leaves(result) if isinstance(value, Tensor)]
        for value in made:
            if _key(value) not in given or _key(value) in self._bytes:
                self.enter(value)
        self.peak = max(self.peak, self.alive + _workspace(str(function), arguments, made))
        return result

    def enter(self, tensor: Tensor) -> None:
        key = _key(tensor)
        if key not in self._bytes:
            self._bytes[key] = tensor.untyped_storage().nbytes()
            self.alive += self._bytes[key]
            self.peak = max(self.peak, self.alive)
        self._tensors[key] += 1
        weakref.finalize(tensor, self._leave, key).atexit = False

    def _leave(self, key: int) -> None:
        self._tensors[key] -= 1
        if not self._tensors[key]:
            self.alive -= self._bytes.pop(key)


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _workspace(name: str, arguments: tuple[Any, ...], made: Sequence[Tensor]) -> int:
    """What a convolution works in: both sides and the weights rearranged, channels in blocks of 16.

    In float64, for which there are no such kernels, a column for every place.
    """
    if "conv" not in name or len(arguments) < 2 or not made:
        return 0
    source, weight = arguments[0], arguments[1]
    if source.dtype == torch.float64:
        return weight[0].numel() * made[0][:, 0].numel() * source.element_size()
    return sum(_blocked_bytes(tensor) for tensor in (source, weight, made[0]))


def _blocked_bytes(tensor: Tensor) -> int:
    channels = tensor.shape[1]
    return tensor.numel() // max(channels, 1) * (ceil(channels / _BLOCK) * _BLOCK) * tensor.element_size()
