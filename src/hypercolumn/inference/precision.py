"""Which number format and memory layout a network runs fastest in, on this machine, without changing its answer.

    candidates    float32 as it is          float32, channels last          bfloat16 by autocast, channels last
    deviation     max |y - y_float32| / max |y_float32|
    chosen        the fastest whose deviation stays within the tolerance; the first one unless another is faster

bfloat16 is tried only where the processor has units for it: without them it is slower. On processors that have them
it must go with channels last, either alone gains little. The probe runs on the network itself, since the best choice
depends on its widths; a trained network should be probed with real images. Weights stay float32; nothing is compiled.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from hypercolumn.convolution.tracing import evaluating, parameter_of
from hypercolumn.errors import InvalidArgument

Format = Literal["float32", "bfloat16"]
Arranged = TypeVar("Arranged", Tensor, nn.Module)
Loss = Callable[[Tensor], Tensor]

TOLERANCE = 0.03
"""How far a bfloat16 output may lie from float32, over the largest output: bfloat16 holds 8 bits, a layer errs by
0.4 %.
"""

_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass(frozen=True)
class Precision:
    """A number format and a layout, with what the probe measured: seconds by candidate, and the deviation of this one.

    >>> Precision().arrange(torch.zeros(1, 3, 4, 4)).stride()
    (48, 16, 4, 1)
    >>> Precision(channels_last=True).arrange(torch.zeros(1, 3, 4, 4)).stride()
    (48, 1, 12, 3)
    """

    dtype: Format = "float32"
    channels_last: bool = False
    reason: str = "the default; nothing was measured"
    seconds: Mapping[str, float] = field(default_factory=dict)
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if self.dtype not in get_args(Format):
            raise InvalidArgument("dtype", self.dtype, fix=f"use one of {', '.join(get_args(Format))}")

    @property
    def name(self) -> str:
        """The candidate's name, as in `seconds`."""
        return f"{self.dtype}, channels last" if self.channels_last else self.dtype

    @contextmanager
    def autocast(self, device: str = "cpu") -> Iterator[None]:
        """Run what stands under it in this number format.

        >>> with Precision("bfloat16").autocast():
        ...     nn.Conv1d(1, 1, 1)(torch.zeros(1, 1, 4)).dtype
        torch.bfloat16
        """
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.dtype == "bfloat16"):
            yield

    def arrange(self, value: Arranged) -> Arranged:
        """A tensor or a network in this layout: values stay. A network is arranged in place and given back.

        Only images (batch, channel, y, x) and volumes have a channels-last layout; all else stays as it is.
        """
        if isinstance(value, Tensor):
            if self.channels_last and value.ndim in _LAYOUTS:
                return value.contiguous(memory_format=_LAYOUTS[value.ndim])
            return value
        if self.channels_last:
            for weight in value.parameters():
                if weight.ndim in _LAYOUTS:
                    weight.data = weight.data.contiguous(memory_format=_LAYOUTS[weight.ndim])
        return value

    @contextmanager
    def arranged(self, network: nn.Module) -> Iterator[nn.Module]:
        """The network in this layout, and in the layout it had afterwards."""
        before = [(weight, weight.data) for weight in network.parameters()]
        try:
            yield self.arrange(network)
        finally:
            for weight, data in before:
                weight.data = data

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        >>> Precision.from_dict(Precision("bfloat16", channels_last=True).to_dict()).name
        'bfloat16, channels last'
        """
        return {**asdict(self), "seconds": dict(self.seconds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Precision":
        return cls(**values)


def has_bfloat16_units(device: str = "cpu") -> bool:
    """Whether this machine multiplies bfloat16 in hardware: asked of the processor, never assumed."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def candidates(dims: int, *, device: str = "cpu") -> tuple[Precision, ...]:
    """What is worth trying with this many spatial axes; plain float32 comes first.

    >>> [precision.name for precision in candidates(1, device="meta")]
    ['float32']
    """
    found = [Precision()]
    if dims > 1:
        found.append(Precision(channels_last=True))
    if has_bfloat16_units(device):
        found.append(Precision("bfloat16", channels_last=dims > 1))
    return tuple(found)


def choose(
    network: nn.Module,
    example: Tensor,
    *,
    training: bool = False,
    loss: Loss | None = None,
    tolerance: float = TOLERANCE,
    repetitions: int = 5,
) -> Precision:
    """The fastest way to run this network on an example (batch, channel, *space) whose output stays within the
    tolerance.

    training: time a forward and a backward pass, with `loss` of the output (its mean square where none is given). The
    network's weights, gradients, buffers, modes and the state of chance are as they were afterwards.

    >>> choose(nn.Conv1d(1, 1, 3), torch.zeros(1, 1, 64)).seconds.keys() >= {"float32"}
    True
    """
    device = example.device.type
    if parameter_of(network).dtype is not torch.float32:
        return Precision(reason="the network is not in float32, so nothing was tried")
    tried = candidates(example.ndim - 2, device=device)
    outputs = [_output(network, example, precision) for precision in tried]
    scale = float(outputs[0].abs().max()) or 1.0
    deviations = [float((output - outputs[0]).abs().max()) / scale for output in outputs]
    seconds = {
        precision.name: median(times)
        for precision, times in zip(
            tried, _times(network, example, tried, training=training, loss=loss, repetitions=repetitions), strict=True
        )
    }
    plain = seconds[tried[0].name]
    fit = [place for place, deviation in enumerate(deviations) if deviation <= tolerance]
    best = min(fit, key=lambda place: seconds[tried[place].name])
    if seconds[tried[best].name] > 0.95 * plain:
        best = 0
    chosen = tried[best]
    gain = plain / seconds[chosen.name]
    left_out = [tried[place].name for place in range(len(tried)) if place not in fit]
    reason = (
        f"{chosen.name} runs {gain:.1f} times as fast as float32" if best else "nothing is faster than plain float32"
    )
    if left_out:
        reason += f"; {', '.join(left_out)} left the tolerance of {tolerance:g}"
    return Precision(chosen.dtype, chosen.channels_last, reason, seconds, deviations[best])


def _output(network: nn.Module, example: Tensor, precision: Precision) -> Tensor:
    with (
        evaluating(network),
        precision.arranged(network),
        torch.inference_mode(),
        precision.autocast(example.device.type),
    ):
        return network(precision.arrange(example)).float()


def _times(
    network: nn.Module,
    example: Tensor,
    tried: tuple[Precision, ...],
    *,
    training: bool,
    loss: Loss | None,
    repetitions: int,
) -> list[list[float]]:
    """Seconds of each candidate, taken in turns so that a busy moment of the machine meets all alike."""
    run = _training_step if training else _inference_step
    times: list[list[float]] = [[] for _ in tried]
    with _kept(network, example):
        for turn in range(repetitions + 1):
            for place, precision in enumerate(tried):
                with precision.arranged(network):
                    spent = run(network, precision.arrange(example), precision, loss)
                if turn:
                    times[place].append(spent)
    return times


def _inference_step(network: nn.Module, example: Tensor, precision: Precision, loss: Loss | None) -> float:
    with evaluating(network), torch.inference_mode():
        begin = _now(example)
        with precision.autocast(example.device.type):
            network(example)
        return _now(example) - begin


def _training_step(network: nn.Module, example: Tensor, precision: Precision, loss: Loss | None) -> float:
    network.train()
    begin = _now(example)
    with precision.autocast(example.device.type):
        output = network(example)
    value = output.float().square().mean() if loss is None else loss(output.float())
    value.backward()
    spent = _now(example) - begin
    network.zero_grad(set_to_none=True)
    return spent


def _now(example: Tensor) -> float:
    if example.device.type == "cuda":
        torch.cuda.synchronize(example.device)
    return time.perf_counter()


@contextmanager
def _kept(network: nn.Module, example: Tensor) -> Iterator[None]:
    """Buffers (running means), gradients, modes and the state of chance, as they were afterwards."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    gradients = [(weight, weight.grad) for weight in network.parameters()]
    modes = [(module, module.training) for module in network.modules()]
    for weight, _ in gradients:
        weight.grad = None
    devices = [example.device] if example.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)
            for weight, gradient in gradients:
                weight.grad = gradient
            for module, training in modes:
                module.training = training
