"""Inference: strips and tiles against the whole image (difference, time, memory), against MONAI's sliding window, and
the precision chosen against plain float32.

What bfloat16 should gain hangs on the units that the processor has. Vector units multiply twice as many bfloat16 as
float32 in a cycle: 1.7 times as fast is asked of inference, 1.3 times of training. Matrix units (AMX) have reached
7 and 5. Without either, nothing but "never slower" is asked, within 5 % of noise.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from benchmarks.harness import Measured, Ratio, bar, ratio
from benchmarks.peers import ask, peer
from hypercolumn.convolution.folding import fold
from hypercolumn.inference import Precision, Predictor, choose
from hypercolumn.inference.precision import has_bfloat16_units
from hypercolumn.networks import UNet, describe

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
    before = _peak_forgotten()
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
        own = fold(net, tuple(example.shape[2:])).network if how.folded else deepcopy(net)
        arranged, given = how.arrange(own), how.arrange(example)

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


# ----------------------------------------------------------------------------- a sliding window beside it

MONAI = """
import json, os, sys, time
import numpy, torch
from monai.inferers import sliding_window_inference
from safetensors.torch import load_file
from hypercolumn.networks.unet import UNet

weights, image, width, wanted, out = sys.argv[1:6]
network = UNet(2, 1, 2, width=int(width), padding="same", normalization="batch").eval()
network.load_state_dict(load_file(weights))
picture = torch.from_numpy(numpy.load(image))[None]

def memory(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

found = {}
with torch.inference_mode():
    sliding_window_inference(picture[..., :512, :512], (512, 512), 1, network)
    for mode in wanted.split(","):
        earlier, before = memory("VmHWM"), memory("VmRSS")
        with open("/proc/self/clear_refs", "w") as peak:
            peak.write("5")
        begin = time.perf_counter()
        made = sliding_window_inference(picture, (512, 512), 1, network, mode=mode)
        seconds = time.perf_counter() - begin
        now = memory("VmHWM")
        found[mode] = {"seconds": seconds, "grown": now - before - made.numel() * 4, "peak": max(earlier, now)}
        if out:
            numpy.save(f"{out}-{mode}.npy", made[0].numpy())
print(json.dumps(found))
"""
"""MONAI at its defaults (overlap 0.25) with windows of 512 x 512, one at a time: four at once take four times the
memory and are no faster.
"""

OURS = "import json, sys; from benchmarks.inference import predicted; print(json.dumps(predicted(*sys.argv[1:5])))"
AGAINST_MONAI = 4.0 if has_bfloat16_units() else NEVER_SLOWER
TURNS = 5
PATIENCE = 420.0
"""After so many seconds no further turn is begun, if three are done."""


@cache
def beside_monai(width: int, length: int) -> dict[str, list[float]]:
    """Seconds and bytes grown of both sides, each in a process of its own, in turns."""
    found: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        given = _handed_over(Path(folder), width, length)
        begin = time.perf_counter()
        for turn in range(TURNS):
            if turn >= 3 and time.perf_counter() - begin > PATIENCE:
                break
            for mode, one in _monai(*given, "constant,gaussian", "").items():
                for name, value in one.items():
                    found.setdefault(f"{mode}, {name}", []).append(value)
            for name, value in _ours(*given, "").items():
                found.setdefault(f"strips, {name}", []).append(value)
            told = {name: f"{values[-1]:.4g}" for name, values in found.items()}
            print(f"  {length} x {length}, turn {turn + 1}: {told}", file=sys.stderr, flush=True)
    return found


def predicted(weights: str, picture: str, width: str, out: str) -> dict[str, float]:
    """Our side, run in a process of its own: seconds of one prediction by a prepared network; the bytes by which the
    process grew meanwhile; and its peak in all, imports, choosing a precision and preparing included.
    """
    net, array = network(int(width)), np.load(picture)
    net.load_state_dict(load_file(weights))
    precision = choose(net, torch.from_numpy(array[None, :, :256, :256].copy()), repetitions=3)
    predictor = Predictor(net, memory_bytes=ALLOWED[int(width)], precision=precision)
    predictor.prepare(array.shape)
    predictor(array[:, :64, :64])
    peak, before = _status("VmHWM"), _peak_forgotten()
    begin = time.perf_counter()
    made = predictor(array)
    seconds = time.perf_counter() - begin
    if out:
        np.save(out, made)
    now = _status("VmHWM")
    return {"seconds": seconds, "grown": now - before - made.nbytes, "peak": max(peak, now)}


def _peak_forgotten() -> int:
    """The bytes that this process holds; its peak is counted anew from here."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")
    return _status("VmRSS")


ALLOWED = {16: 160 << 20, 64: 512 << 20}
"""What a prediction may take, by width: less than MONAI does."""


def _handed_over(folder: Path, width: int, length: int) -> tuple[Path, Path, int]:
    weights, picture = folder / "weights.safetensors", folder / "image.npy"
    save_file(network(width).state_dict(), weights)
    np.save(picture, image(length))
    return weights, picture, width


def _monai(weights: Path, picture: Path, width: int, modes: str, out: str) -> dict[str, dict[str, float]]:
    python = peer("monai", "monai>=1.5,<2", "safetensors")
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'src')!r})\n"
    return ask(python, path + MONAI, (weights, picture, width, modes, out))


def _ours(weights: Path, picture: Path, width: int, out: str) -> dict[str, float]:
    return ask(Path(sys.executable), OURS, (weights, picture, width, out))


def _times_as_fast(width: int, length: int) -> Measured:
    found = beside_monai(width, length)
    seconds = {side: statistics.median(found[f"{side}, seconds"]) for side in ("constant", "gaussian", "strips")}
    details = {f"{side}, s": round(spent, 2) for side, spent in seconds.items()}
    best = min(seconds["constant"], seconds["gaussian"])
    return Measured(best / seconds["strips"], {**details, "repeats": len(found["strips, seconds"])})


def _memory_beside(width: int, length: int) -> Measured:
    """The peaks of whole processes, imports and preparation included."""
    found = beside_monai(width, length)
    sides = ("constant", "gaussian", "strips")
    peak, grown = ({side: statistics.median(found[f"{side}, {what}"]) for side in sides} for what in ("peak", "grown"))
    details = {f"{side}, MiB": round(taken / 2**20) for side, taken in peak.items()}
    details |= {f"{side}, by the prediction alone, MiB": round(taken / 2**20) for side, taken in grown.items()}
    return Measured(peak["strips"] / min(peak["constant"], peak["gaussian"]), details)


@bar("U-Net of width 16 on 4096 x 4096, against MONAI's sliding window", unit="times as fast", at_least=AGAINST_MONAI)
def narrow_against_monai() -> Measured:
    return _times_as_fast(16, 4096)


@bar("U-Net of width 16 on 4096 x 4096, peak memory over MONAI's", unit="ratio", at_most=1.0)
def narrow_memory() -> Measured:
    return _memory_beside(16, 4096)


@bar(
    "U-Net of 31 M weights on 2048 x 2048, against MONAI's sliding window", unit="times as fast", at_least=AGAINST_MONAI
)
def wide_against_monai() -> Measured:
    return _times_as_fast(64, 2048)


@bar("U-Net of 31 M weights on 2048 x 2048, peak memory over MONAI's", unit="ratio", at_most=1.0)
def wide_memory() -> Measured:
    return _memory_beside(64, 2048)


@bar("strips against the whole image in the same precision", unit="difference over the largest output", at_most=0.02)
def strips_and_windows_against_the_whole() -> Measured:
    """Ours in the precision chosen, MONAI's in float32, each against the whole image in its own: see details.

    On 1024 x 1024, where the whole fits. bfloat16 rounds each layer by up to 0.4 %, and other lengths round elsewhere.
    """
    width, length = 16, 1024
    with TemporaryDirectory() as folder:
        weights, picture, width = _handed_over(Path(folder), width, length)
        _monai(weights, picture, width, "constant,gaussian", f"{folder}/monai")
        windows = {mode: np.load(f"{folder}/monai-{mode}.npy") for mode in ("constant", "gaussian")}
    net, array = network(width), image(length)
    precision = choose(net, torch.from_numpy(array[None, :, :256, :256].copy()), repetitions=3)
    details: dict[str, object] = {"chosen": precision.name}
    differences = {}
    for name, how in (("float32", Precision()), ("chosen", precision)):
        whole = Predictor(net, memory_bytes=8 << 30, precision=how)(array)
        strips = Predictor(net, memory_bytes=128 << 20, precision=how)(array)
        differences[name] = float(np.abs(strips - whole).max() / np.abs(whole).max())
        details[f"strips, {name}"] = differences[name]
        if how.plain:
            for mode, made in windows.items():
                details[f"MONAI, {mode}, float32"] = float(np.abs(made - whole).max() / np.abs(whole).max())
    return Measured(differences["chosen"], details)


@bar("strips equal the whole image", unit="difference over the largest output", at_most=1e-5)
def strips_equal_whole() -> Measured:
    net, picture = network(8), image(1024)
    strips = Predictor(net, memory_bytes=80 << 20)
    _, plan = strips.prepare(picture.shape)
    whole, made = Predictor(net, memory_bytes=8 << 30)(picture), strips(picture)
    assert plan.rows is not None
    return Measured(float(np.abs(whole - made).max() / np.abs(whole).max()), {"rows of a strip": plan.rows})


@bar("share of the machine's GEMM peak that U-Net inference reaches", unit="share", at_least=0.6)
def share_of_peak() -> Measured:
    """The peak is the best of three products of 4096^3 in bfloat16 where there are units for it, else in float32."""
    net, array = network(64), image(1024)
    precision = choose(net, torch.from_numpy(array[None, :, :256, :256].copy()), repetitions=3)
    predictor = Predictor(net, memory_bytes=1 << 30, precision=precision)
    predictor.prepare(array.shape)
    kind = torch.bfloat16 if has_bfloat16_units() else torch.float32
    a, b = torch.randn(4096, 4096).to(kind), torch.randn(4096, 4096).to(kind)
    found = ratio(lambda: a @ b, lambda: predictor(array), repeats=5)
    operations = 2 * sum(row.multiply_adds for row in describe(net, array.shape))
    peak, reached = 2 * 4096**3 / found.first / 1e9, operations / found.second / 1e9
    details = {"peak, GFLOP/s": round(peak, 1), "reached, GFLOP/s": round(reached, 1), "chosen": precision.name}
    return Measured(reached / peak, {**found.details("product", "network"), **details})
