"""Which way of running a network is fastest on this machine without changing its answer: found by trying.

    candidates    float32; float32, channels last; bfloat16, channels last; then the best of these folded, and compiled
    deviation     max |answer - answer in float32| / max |answer in float32|
    chosen        the fastest whose deviation stays within the tolerance; plain float32 unless another is clearly faster

The probe runs on the network itself, since the best choice depends on its widths, and should be given a real image: a
trained network's answer on noise says little. Candidates are timed in turns, so that a busy moment of the machine meets
all alike. Compiling is tried only when asked for: it takes half a minute and more, which thousands of images repay and
ten do not; where there is no compiler it is left out, and the reason says so. What was chosen is logged.
"""

import copy
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import cast

import torch
from torch import Tensor, nn

from hypercolumn.convolution.folding import fold
from hypercolumn.convolution.sizes import takes
from hypercolumn.convolution.tracing import evaluating, parameter_of
from hypercolumn.errors import NetworkError
from hypercolumn.inference.precision import Precision, candidates

Loss = Callable[[Tensor], Tensor]
Answer = Callable[[Tensor], Tensor]

TOLERANCE = 0.03
"""How far a bfloat16 output may lie from float32, over the largest output: bfloat16 holds 8 bits, a layer errs by
0.4 %.
"""

CLEARLY = 0.95
"""A candidate must take less than this share of the time of what it would replace."""

_LOG = logging.getLogger("hypercolumn")


@dataclass(frozen=True)
class _Tried:
    """A way to run the network, and the network that is run that way: itself, folded, or compiled."""

    precision: Precision
    network: nn.Module

    @property
    def name(self) -> str:
        return self.precision.name


def choose(
    network: nn.Module,
    example: Tensor,
    *,
    training: bool = False,
    loss: Loss | None = None,
    answer: Answer | None = None,
    tolerance: float = TOLERANCE,
    repetitions: int = 5,
    compiling: bool = False,
) -> Precision:
    """The fastest way to run this network on an example (batch, channel, *space) whose answer stays within the
    tolerance.

    training: time a forward and a backward pass, with `loss` of the output (its mean square where none is given).
    answer: what is compared, made of the output; the output itself where none is given. compiling: try that too. The
    network's weights, gradients, buffers, modes and the state of chance are as they were afterwards.

    >>> choose(nn.Conv1d(1, 1, 3), torch.zeros(1, 1, 64)).seconds.keys() >= {"float32"}
    True
    """
    if parameter_of(network).dtype is not torch.float32:
        return Precision(reason="the network is not in float32, so nothing was tried")
    device, compared = example.device.type, answer or (lambda output: output)
    first = [_Tried(precision, network) for precision in candidates(example.ndim - 2, device=device)]
    expected = compared(_output(first[0], example))
    seconds: dict[str, float] = {}
    deviations: dict[str, float] = {}
    notes: list[str] = []

    def fastest(tried: Sequence[_Tried]) -> _Tried:
        """The fastest of those within the tolerance; the first of them unless another is clearly faster."""
        for one in tried:
            if one.name not in deviations:
                deviations[one.name] = _deviation(compared(_output(one, example)), expected)
        timed = _times(tried, example, training=training, loss=loss, repetitions=repetitions)
        now = {one.name: median(times) for one, times in zip(tried, timed, strict=True)}
        seconds.update({name: spent for name, spent in now.items() if name not in seconds})
        best = min((one for one in tried if deviations[one.name] <= tolerance), key=lambda one: now[one.name])
        return best if now[best.name] < CLEARLY * now[tried[0].name] else tried[0]

    best = fastest(first)
    if not training:
        best = fastest([best, *_folded(best, example)])
        best = fastest([best, *(_compiled(best, example, notes) if compiling else ())])
    notes += [f"{name} left the tolerance of {tolerance:g}" for name, off in deviations.items() if off > tolerance]
    gain = seconds["float32"] / seconds[best.name]
    faster = "nothing is faster than plain float32" if best.precision.plain else ""
    reason = "; ".join([faster or f"{best.name} runs {gain:.1f} times as fast as float32", *notes])
    _LOG.info("precision: %s", reason)
    return replace(best.precision, reason=reason, seconds=seconds, deviation=deviations[best.name])


def deviation(network: nn.Module, example: Tensor, precision: Precision, *, answer: Answer | None = None) -> float:
    """How far the answer on an example lies from that in float32, over the largest answer.

    >>> deviation(nn.Conv1d(1, 1, 3), torch.ones(1, 1, 8), Precision())
    0.0
    """
    compared = answer or (lambda output: output)
    expected = compared(_output(_Tried(Precision(), network), example))
    run = network
    if precision.folded:
        run = fold(network, _small_shape(network, example), in_channels=example.shape[1]).network
    return _deviation(compared(_output(_Tried(precision, run), example)), expected)


def compiled(network: nn.Module) -> nn.Module:
    """The network compiled when it first meets a shape, and again for each other shape."""
    return cast(nn.Module, torch.compile(network, dynamic=False))


def _deviation(found: Tensor, expected: Tensor) -> float:
    scale = float(expected.abs().max()) or 1.0
    off = float((found - expected).abs().max()) / scale
    return off if off == off else float("inf")


def _folded(best: _Tried, example: Tensor) -> list[_Tried]:
    """The best so far with its normalizations folded, if it has any that can be."""
    if not any(True for _ in best.network.children()):
        return []
    try:
        found = fold(best.network, _small_shape(best.network, example), in_channels=example.shape[1])
    except NetworkError:
        return []
    return [_Tried(replace(best.precision, folded=True), found.network)] if found.folded else []


def _small_shape(network: nn.Module, example: Tensor) -> tuple[int, ...]:
    """A small spatial shape that the network takes, or that of the example: what is folded is compared on it."""
    dims, channels = example.ndim - 2, example.shape[1]
    tried = ((length,) * dims for length in (32, 64, 128))
    fitting = (shape for shape in tried if max(shape) < max(example.shape[2:]))
    return next((s for s in fitting if takes(network, s, in_channels=channels)), tuple(example.shape[2:]))


def _compiled(best: _Tried, example: Tensor, notes: list[str]) -> list[_Tried]:
    """The best so far compiled; nothing where that fails, and a note in either case."""
    tried = _Tried(replace(best.precision, compiled=True), compiled(copy.deepcopy(best.network)))
    begin = time.perf_counter()
    try:
        _output(tried, example)
    except Exception as error:
        lines = str(error).strip().splitlines()
        notes.append(f"compiling failed ({lines[0] if lines else type(error).__name__})")
        return []
    notes.append(f"compiling took {time.perf_counter() - begin:.0f} s, and does for each shape")
    return [tried]


def _output(tried: _Tried, example: Tensor) -> Tensor:
    precision = tried.precision
    with (
        evaluating(tried.network),
        precision.inferring(tried.network),
        torch.inference_mode(),
        precision.autocast(example.device.type),
    ):
        return tried.network(precision.arrange(example)).float()


def _times(
    tried: Sequence[_Tried], example: Tensor, *, training: bool, loss: Loss | None, repetitions: int
) -> list[list[float]]:
    """Seconds of each candidate, taken in turns; nothing is timed where there is but one."""
    times: list[list[float]] = [[] for _ in tried]
    if len(tried) == 1 and not training:
        repetitions = 1
    with _kept([one.network for one in tried], example):
        for turn in range(repetitions + 1):
            for place, one in enumerate(tried):
                given = one.precision.arrange(example)
                if training:
                    with one.precision.arranged(one.network):
                        spent = _training_step(one.network, given, one.precision, loss)
                else:
                    with one.precision.inferring(one.network):
                        spent = _inference_step(one.network, given, one.precision)
                if turn:
                    times[place].append(spent)
    return times


def _inference_step(network: nn.Module, example: Tensor, precision: Precision) -> float:
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
def _kept(networks: Sequence[nn.Module], example: Tensor) -> Iterator[None]:
    """Buffers (running means), gradients, modes and the state of chance, as they were afterwards."""
    buffers = [(buffer, buffer.clone()) for network in networks for buffer in network.buffers()]
    gradients = [(weight, weight.grad) for network in networks for weight in network.parameters()]
    modes = [(module, module.training) for network in networks for module in network.modules()]
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
