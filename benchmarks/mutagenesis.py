"""Mutagenesis: all 3,000 point mutants of 1,000 bp by what they change, against running every mutant in batches.

Both sides are in float32 and run the same network with the same weights, its norms as they stand (folded on neither
side). The naive side runs at the batch size that is fastest for it here, found first among 16 to 512; its inputs are
made beforehand. Preparing a network (tracing, arranging its weights) is done once for all sequences and not timed.
"""

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Measured, bar, ratio
from benchmarks.peers import ask, peer
from hypercolumn.inference import Mutator

LENGTH = 1000
BATCHES = (16, 32, 64, 128, 256, 512)


Layer = tuple[str, list[object], dict[str, object]]


def _basset() -> list[Layer]:
    layers: list[Layer] = []
    channels = 4
    for width, kernel, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        layers += [("Conv1d", [channels, width, kernel], {"padding": "same"}), ("BatchNorm1d", [width], {})]
        layers += [("ReLU", [], {}), ("MaxPool1d", [pool], {})]
        channels = width
    dense: list[Layer] = [
        ("Linear", [4000, 1000], {}),
        ("ReLU", [], {}),
        ("Linear", [1000, 1000], {}),
        ("ReLU", [], {}),
    ]
    return [*layers, ("Flatten", [], {}), *dense, ("Linear", [1000, 164], {})]


BASSET = _basset()
"""Kelley, Snoek and Rinn 2016: three convolutions of 19, 11 and 7 taps, two dense layers of 1,000, 164 outputs."""

DEEPSEA: list[Layer] = [
    *[("Conv1d", [4, 320, 8], {}), ("ReLU", [], {}), ("MaxPool1d", [4], {}), ("Dropout", [0.2], {})],
    *[("Conv1d", [320, 480, 8], {}), ("ReLU", [], {}), ("MaxPool1d", [4], {}), ("Dropout", [0.2], {})],
    *[("Conv1d", [480, 960, 8], {}), ("ReLU", [], {}), ("Dropout", [0.5], {}), ("Flatten", [], {})],
    *[("Linear", [53 * 960, 925], {}), ("ReLU", [], {}), ("Linear", [925, 919], {}), ("Sigmoid", [], {})],
]
"""Zhou and Troyanskaya 2015: three convolutions of 8 taps, a dense layer of 925, 919 outputs."""


def network_of(layers: list[Layer]) -> nn.Sequential:
    """Weights of a scale that keeps signals alive through the layers, and running statistics that are not 0 and 1."""
    network = nn.Sequential(*(getattr(nn, kind)(*given, **named) for kind, given, named in layers)).eval()
    generator = torch.Generator().manual_seed(0)
    for module in network:
        if isinstance(module, (nn.Conv1d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        elif isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return network


def sequence() -> np.ndarray:
    """1,000 bases drawn evenly, as (base, place)."""
    bases = np.random.default_rng(0).integers(0, 4, LENGTH)
    return np.eye(4, dtype=np.float32)[bases].T.copy()


@cache
def mutants() -> tuple[Tensor, np.ndarray, np.ndarray]:
    """All 3,000 mutants as one tensor, with the place and the base of each."""
    original = sequence()
    places, bases = np.nonzero(original.T == 0)
    made = np.repeat(original[None], len(places), axis=0)
    rows = np.arange(len(places))
    made[rows, :, places] = 0
    made[rows, bases, places] = 1
    return torch.from_numpy(made), places, bases


def naive(network: nn.Module, batch: int) -> Tensor:
    """Every mutant run, so many at a time; the difference to the sequence itself."""
    made, _, _ = mutants()
    with torch.inference_mode():
        reference = network(torch.from_numpy(sequence())[None])
        return torch.cat([network(part) for part in made.split(batch)]) - reference


def best_batch(network: nn.Module) -> int:
    """The batch size at which 1,024 mutants run in the least time."""
    made = mutants()[0][:1024]
    seconds = {}
    with torch.inference_mode():
        for batch in BATCHES:
            times = ratio(lambda batch=batch: [network(part) for part in made.split(batch)], lambda: None, repeats=3)
            seconds[batch] = times.first
    return min(seconds, key=seconds.__getitem__)


def _speed(network: nn.Module) -> Measured:
    mutator, given, batch = Mutator(network, length=LENGTH), sequence(), best_batch(network)
    times = ratio(lambda: naive(network, batch), lambda: mutator(given), repeats=5)
    return Measured(times.value, {**times.details("every mutant", "what changes"), "naive batch": batch})


def _difference(network: nn.Module) -> Measured:
    _, places, bases = mutants()
    expected = naive(network, 128).numpy()
    found = Mutator(network, length=LENGTH)(sequence()).differences[places, bases]
    largest = float(np.abs(expected).max())
    return Measured(float(np.abs(found - expected).max()), {"largest difference to the sequence": round(largest, 4)})


@bar("mutagenesis of Basset against every mutant in batches, 1,000 bp", unit="times as fast", at_least=20.0)
def basset_speed() -> Measured:
    return _speed(network_of(BASSET))


@bar("mutagenesis of DeepSEA against every mutant in batches, 1,000 bp", unit="times as fast", at_least=10.0)
def deepsea_speed() -> Measured:
    return _speed(network_of(DEEPSEA))


@bar("mutagenesis of Basset equals every mutant", unit="largest absolute difference, float32", at_most=1e-5)
def basset_difference() -> Measured:
    return _difference(network_of(BASSET))


@bar("mutagenesis of DeepSEA equals every mutant", unit="largest absolute difference, float32", at_most=1e-5)
def deepsea_difference() -> Measured:
    return _difference(network_of(DEEPSEA))


_PEER = """
import json, statistics, sys, time
import numpy, torch
from tangermeme import saturation_mutagenesis as module
layers, weights, threads = json.loads(sys.argv[1]), numpy.load(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
network = torch.nn.Sequential(*(getattr(torch.nn, kind)(*given, **named) for kind, given, named in layers)).eval()
network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files if name != "sequence"})
sequence = torch.from_numpy(weights["sequence"])[None]
found = {}
for minimum in (0.0, 30.0):
    module._FAST_MIN_SECONDS = minimum
    for batch in (32, 128, 512):
        seconds = []
        for _ in range(2 if minimum else 4):
            begin = time.perf_counter()
            before, after = module.saturation_mutagenesis(
                network, sequence, batch_size=batch, raw_outputs=True, device="cpu"
            )
            seconds.append(time.perf_counter() - begin)
        found[f"{'as it decides' if minimum else 'its fast path'}, batch {batch}"] = statistics.median(seconds[1:])
numpy.save(sys.argv[4], (after - before[:, None, None]).numpy()[0])
print(json.dumps(found))
"""


@bar("mutagenesis of Basset against tangermeme, 1,000 bp", unit="times as fast", at_least=1.0)
def against_tangermeme() -> Measured:
    """Against the fastest that tangermeme has: its fast path or the plain one, at the best of three batch sizes.

    By itself it tries its fast path only where the plain one would take 30 seconds or more; here it is made to.
    """
    network, given = network_of(BASSET), sequence()
    mutator = Mutator(network, length=LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        weights, answer = Path(folder) / "weights.npz", Path(folder) / "differences.npy"
        np.savez(weights, sequence=given, **{name: value.numpy() for name, value in network.state_dict().items()})
        arguments = (json.dumps(BASSET), weights, torch.get_num_threads(), answer)
        seconds = ask(peer("tangermeme", "tangermeme"), _PEER, arguments)
        theirs = np.load(answer)
    ours = ratio(lambda: mutator(given), lambda: None, repeats=9)
    found = mutator(given).differences
    details = {f"tangermeme {name}, s": round(value, 2) for name, value in seconds.items()}
    details |= {
        "hypercolumn, s": round(ours.first, 3),
        "largest difference": float(np.abs(theirs.transpose(1, 0, 2) - found).max()),
    }
    return Measured(min(seconds.values()) / ours.first, details)
