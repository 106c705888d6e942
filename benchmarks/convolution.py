"""The operator: `fast_convolve` against SciPy's and torch's own, and networks with their layers folded.

Both sides get NumPy arrays, give NumPy arrays, and may use all threads of the process; torch's side shares memory with
them and flips the kernel, as a true convolution must. Ours pays for its choice: for its checks, for the look for NaN
and for the test whether the kernel is separable. What it measures of the machine it measures before, once, as it does
for everybody, into a folder of its own.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch

from benchmarks.harness import Measured, bar, ratio
from hypercolumn.convolution import method as room
from hypercolumn.convolution.costs import Costs
from hypercolumn.convolution.folding import fold
from hypercolumn.convolution.method import fast_convolve, measured
from hypercolumn.inference import Precision
from hypercolumn.inference.precision import has_bfloat16_units
from hypercolumn.networks import UNet

SIGNALS = {4096: (3, 7, 15, 31, 63, 127, 255, 511, 1023), 100_000: (3, 7, 15, 31, 63, 127, 255, 511, 1023)}
IMAGE, IMAGE_KERNELS = 512, (3, 5, 7, 11, 15, 21, 31, 45, 63)
NEVER_SLOWER = 0.95
TURNS = 9
BATCH_SECONDS = 2e-3


@bar("fast_convolve against the fastest of oaconvolve, fftconvolve and torch, worst case", unit="ratio", at_least=0.9)
def never_slower() -> Measured:
    rows = compared()
    worst = min(rows, key=lambda row: row["ratio"])
    return Measured(worst["ratio"], {"where": worst["problem"], **{row["problem"]: _told(row) for row in rows}})


@bar("fast_convolve against the fastest of oaconvolve, fftconvolve and torch, best case", unit="ratio", at_least=2.0)
def faster_somewhere() -> Measured:
    rows = compared()
    best = max(rows, key=lambda row: row["ratio"])
    ahead = sum(row["ratio"] > 1 for row in rows)
    return Measured(best["ratio"], {"where": best["problem"], "faster than all three": f"{ahead} of {len(rows)}"})


@bar("fast_convolve against a direct sum in float64", unit="largest difference over the largest value", at_most=1e-10)
def fast_is_exact() -> Measured:
    """Every way, float64, on the sizes of the comparison; the direct sum is SciPy's."""
    worst = 0.0
    with measuring():
        for f, k in ((_drawn((4096,), 0), _drawn((127,), 1)), (_drawn((128, 128), 0), _drawn((15, 15), 1))):
            wanted = scipy.signal.convolve(f, k, mode="valid", method="direct")
            for way in room.ways(f.shape, k.shape, separable=f.ndim > 1):
                factors = room._factors(k, "separable") if f.ndim > 1 else None
                made = room.run(way, f, k, room.places(f.shape, k.shape, "valid"), factors)
                worst = max(worst, float(np.abs(made - wanted).max() / np.abs(wanted).max()))
    return Measured(worst)


@bar("time that the choice itself takes", unit="microseconds", at_most=20)
def overhead() -> Measured:
    """`fast_convolve` less the way that it takes, on a signal so short that nothing else counts."""
    f, k = _drawn((64,), 0).astype(np.float32), _drawn((3,), 1).astype(np.float32)
    with measuring():
        fast_convolve(f, k, mode="valid", method="fft")
        where, way = room.places(f.shape, k.shape, "valid"), room.Way("fft")
        found = ratio(
            lambda: [fast_convolve(f, k, mode="valid", method="fft") for _ in range(1000)],
            lambda: [room.run(way, f, k, where, None) for _ in range(1000)],
            repeats=9,
        )
    return Measured((found.first - found.second) * 1e3, {"whole, us": found.first * 1e3, "way, us": found.second * 1e3})


@bar("U-Net inference, normalizations folded against not, float32", unit="times as fast", at_least=NEVER_SLOWER)
def folded_speed() -> Measured:
    return _folded(Precision())


if has_bfloat16_units():

    @bar("U-Net inference, normalizations folded against not, bfloat16", unit="times as fast", at_least=NEVER_SLOWER)
    def folded_speed_in_bfloat16() -> Measured:
        return _folded(Precision("bfloat16", channels_last=True))


@bar("U-Net and its folded copy, float32", unit="largest difference over the largest output", at_most=1e-5)
def folded_difference() -> Measured:
    found = fold(_network(), (256, 256))
    return Measured(found.difference, {"layers folded": len(found.folded), "left out": len(found.left_out)})


@cache
def compared() -> list[dict[str, Any]]:
    """Every problem of the comparison, with the median seconds of each side, taken in turns."""
    problems: list[tuple[str, np.ndarray, np.ndarray]] = []
    for length, kernels in SIGNALS.items():
        problems += [(f"{length} by {k}", _drawn((length,), k), _drawn((k,), k + 1)) for k in kernels]
    for k in IMAGE_KERNELS:
        image, row, column = _drawn((IMAGE, IMAGE), k), _drawn((k,), k + 2), _drawn((k,), k + 3)
        problems.append((f"{IMAGE}^2 by {k}^2", image, _drawn((k, k), k + 1)))
        problems.append((f"{IMAGE}^2 by {k}^2, separable", image, np.outer(column, row)))
    with measuring():
        return [_compared(name, f.astype(np.float32), k.astype(np.float32)) for name, f, k in problems]


def _compared(name: str, f: np.ndarray, k: np.ndarray) -> dict[str, Any]:
    way = next(iter(measured(f, k, mode="valid")))
    seconds = in_turns(
        {
            "ours": lambda: fast_convolve(f, k, mode="valid"),
            "oaconvolve": lambda: scipy.signal.oaconvolve(f, k, mode="valid"),
            "fftconvolve": lambda: scipy.signal.fftconvolve(f, k, mode="valid"),
            "torch": lambda: by_torch(f, k),
        }
    )
    best = min((peer for peer in seconds if peer != "ours"), key=lambda peer: seconds[peer])
    return {"problem": name, "way": way, "best peer": best, "ratio": seconds[best] / seconds["ours"], **seconds}


def in_turns(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, in batches of some milliseconds, since single calls of microseconds cannot be timed."""
    batches = {}
    for name, run in sides.items():
        run()
        begin = time.perf_counter()
        run()
        batches[name] = max(1, int(BATCH_SECONDS / (time.perf_counter() - begin)))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS):
        for name in list(sides) if turn % 2 else reversed(sides):
            begin = time.perf_counter()
            for _ in range(batches[name]):
                sides[name]()
            seconds[name].append((time.perf_counter() - begin) / batches[name])
    return {name: statistics.median(taken) for name, taken in seconds.items()}


@torch.inference_mode()
def by_torch(f: np.ndarray, k: np.ndarray) -> np.ndarray:
    operator = torch.nn.functional.conv1d if f.ndim == 1 else torch.nn.functional.conv2d
    flipped = torch.from_numpy(np.flip(k).copy())
    return operator(torch.from_numpy(f)[None, None], flipped[None, None])[0, 0].numpy()


@contextmanager
def measuring() -> Iterator[None]:
    """What ways cost is measured anew, and forgotten afterwards."""
    kept, chosen = room._costs, dict(room._chosen)
    with tempfile.TemporaryDirectory() as folder:
        room._costs = Costs(Path(folder))
        room._chosen.clear()
        try:
            yield
        finally:
            room._costs = kept
            room._chosen.clear()
            room._chosen.update(chosen)


def _network() -> UNet:
    """Statistics as training might leave them."""
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=32, padding="same", normalization="batch").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
    return network


def _folded(precision: Precision) -> Measured:
    """The same precision and layout on both sides; the difference is the folded copy's within that precision."""
    network, example = _network(), torch.rand(1, 1, 384, 384, generator=torch.Generator().manual_seed(0))
    found = fold(network, (256, 256))
    given = precision.arrange(example)

    def runner(arranged: torch.nn.Module) -> Callable[[], torch.Tensor]:
        def run() -> torch.Tensor:
            with torch.inference_mode(), precision.autocast():
                return arranged(given).float()

        return run

    plain, folded = runner(precision.arrange(network)), runner(precision.arrange(found.network))
    expected = plain()
    difference = float((folded() - expected).abs().max() / expected.abs().max())
    speed = ratio(plain, folded, repeats=7)
    details = {
        "difference": difference,
        "layers folded": len(found.folded),
        "parameters saved": found.parameters[0] - found.parameters[1],
        "multiply-adds saved at 256^2": found.multiply_adds[0] - found.multiply_adds[1],
    }
    return Measured(speed.value, {**speed.details("plain", "folded"), **details})


def _told(row: dict[str, Any]) -> str:
    times = ", ".join(f"{name} {row[name] * 1e6:.0f}" for name in ("ours", "oaconvolve", "fftconvolve", "torch"))
    return f"{row['ratio']:.2f} by {row['way']}; us: {times}"


def _drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)
