"""Inference: tiles against the whole image (difference, time, memory), and the precision chosen against plain float32.

What bfloat16 should gain hangs on the units that the processor has. Vector units multiply twice as many bfloat16 as
float32 in a cycle: 1.7 times as fast is asked of inference, 1.3 times of training. Matrix units (AMX) have reached
7 and 5. Without either, nothing but "never slower" is asked, within 5 % of noise.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch

from benchmarks.harness import Measured, Ratio, bar, ratio
from hypercolumn.inference import Precision, Predictor, choose
from hypercolumn.inference.precision import has_bfloat16_units
from hypercolumn.networks import UNet

NEVER_SLOWER = 0.95
INFERENCE = 4.0 if torch.cpu._is_amx_tile_supported() else 1.7 if has_bfloat16_units() else NEVER_SLOWER
TRAINING = 3.0 if torch.cpu._is_amx_tile_supported() else 1.3 if has_bfloat16_units() else NEVER_SLOWER
BUDGET = 160 << 20


def network(width: int, *, depth: int = 4) -> UNet:
    torch.manual_seed(0)
    return UNet(2, 1, 2, width=width, depth=depth, padding="same", normalization="batch").eval()


def image(length: int) -> np.ndarray:
    """Uniform noise over [0, 1), the range of a normalized micrograph."""
    return np.random.default_rng(0).random((1, length, length), dtype=np.float32)


@bar("tiled inference equals the whole image", unit="largest absolute difference", at_most=1e-5)
def tiled_equals_whole() -> Measured:
    net, picture = network(8), image(1536)
    predictor = Predictor(net, tile=(512, 768))
    whole, tiled = Predictor(net, memory_bytes=8 << 30)(picture), predictor(picture)
    _, plan = predictor.prepare(picture.shape)
    details = {"tiles": len(plan), "tile": plan.shape, "largest output": round(float(np.abs(whole).max()), 3)}
    return Measured(float(np.abs(whole - tiled).max()), details)


@bar("tiled inference equals the whole image, float64", unit="largest absolute difference", at_most=1e-10)
def tiled_equals_whole_in_float64() -> Measured:
    net, picture = network(4, depth=2).double(), image(300)
    whole, tiled = Predictor(net)(picture), Predictor(net, tile=(96, 160))(picture)
    return Measured(float(np.abs(whole - tiled).max()), {"size": 300})


@bar("time for each sample read, tiles over the whole image", unit="ratio", at_most=1.1)
def tiled_time() -> Measured:
    """Tiles cost what they read and no more. What they read, and the plain ratio of times, hangs on the budget: see
    details.
    """
    net, picture = network(8), image(1024)
    whole, tiled = Predictor(net, memory_bytes=8 << 30), Predictor(net, memory_bytes=BUDGET)
    (_, plan), _ = tiled.prepare(picture.shape), whole.prepare(picture.shape)
    found = ratio(lambda: tiled(picture), lambda: whole(picture), repeats=5)
    read = plan.volume / picture.size
    details = {"time, tiles over whole": round(found.value, 3), "tiles": len(plan), "read per sample": round(read, 2)}
    return Measured(found.value / read, {**found.details("tiled", "whole"), **details})


@bar("memory taken over memory allowed", unit="ratio", at_most=1.0)
def budget_is_kept() -> Measured:
    """The largest growth of a fresh process over several runs, against the budget; the result itself is not
    counted.
    """
    details = {}
    for kind in ("float32", "bfloat16"):
        command = f"from benchmarks.inference import grown; print(grown({kind!r}))"
        answer = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
        details[f"{kind}, MiB"] = round(int(answer.stdout) / 2**20, 1)
    return Measured(max(details.values()) / (BUDGET / 2**20), {**details, "allowed, MiB": BUDGET / 2**20})


def grown(dtype: str) -> int:
    """The bytes by which this process grew at most while it predicted: Linux counts them."""
    net, picture = network(16), image(800)
    precision = Precision(dtype, channels_last=dtype == "bfloat16")  # type: ignore[arg-type]
    Predictor(net, precision=precision)(picture[:, :64, :64])
    predictor = Predictor(net, memory_bytes=BUDGET, precision=precision)
    predictor.prepare(picture.shape)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")
    before = _status("VmRSS")
    result = predictor(picture)
    return _status("VmHWM") - before - result.nbytes


def _status(name: str) -> int:
    with open(f"/proc/{os.getpid()}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@bar("U-Net inference, chosen precision against plain float32", unit="times as fast", at_least=INFERENCE)
def inference_speed() -> Measured:
    net, example = network(32), torch.from_numpy(image(384))[None]
    precision = choose(net, example)

    def runner(how: Precision) -> Callable[[], None]:
        arranged, given = how.arrange(deepcopy(net)), how.arrange(example)

        def run() -> None:
            with torch.inference_mode(), how.autocast():
                arranged(given)

        return run

    return _measured(ratio(runner(Precision()), runner(precision), repeats=5), precision)


@bar("U-Net training step, chosen precision against plain float32", unit="times as fast", at_least=TRAINING)
def training_speed() -> Measured:
    net, example = network(32).train(), torch.rand(2, 1, 192, 192)
    labels = torch.randint(2, (2, 192, 192))

    def loss(output: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(output, labels)

    precision = choose(net, example, training=True, loss=loss)

    def runner(how: Precision) -> Callable[[], None]:
        arranged, given = how.arrange(deepcopy(net)), how.arrange(example)
        optimiser = torch.optim.SGD(arranged.parameters(), lr=0.01, momentum=0.9)

        def run() -> None:
            with how.autocast():
                output = arranged(given)
            loss(output.float()).backward()
            optimiser.step()
            optimiser.zero_grad()

        return run

    return _measured(ratio(runner(Precision()), runner(precision), repeats=5), precision)


def _measured(found: Ratio, precision: Precision) -> Measured:
    tried = {f"probe, {name}, ms": round(seconds * 1e3, 1) for name, seconds in precision.seconds.items()}
    details = {"chosen": precision.name, "deviation": round(precision.deviation, 5)}
    return Measured(found.value, {**found.details("plain", "chosen"), **details, **tried})
