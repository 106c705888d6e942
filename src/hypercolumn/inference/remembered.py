"""Choices of a probe remembered: for this process in memory, for later ones in a folder of the user's cache.

    key = SHA-256 of (machine, versions, the network's layers and shapes, the number of samples to a power of two)

What is remembered is which way was fastest, and how long each took. Neither weights nor data are looked at for the key
or kept; and since it is the weights that decide how far bfloat16 strays, the deviation is measured again on the network
and image at hand, every time. A cache that cannot be read or written is done without.
"""

import hashlib
import json
import logging
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from hypercolumn.errors import HypercolumnError
from hypercolumn.inference.precision import Precision, has_bfloat16_units
from hypercolumn.inference.probe import TOLERANCE, Answer, choose, deviation

_LOG = logging.getLogger("hypercolumn")
_KNOWN: dict[str, Precision] = {}
Result = TypeVar("Result")


def remembered(
    network: nn.Module, example: Tensor, *, answer: Answer | None = None, tolerance: float = TOLERANCE
) -> Precision:
    """What `choose` found for such a network on this machine before, if it stays within the tolerance here; or else
    what it finds now.

    >>> remembered(nn.Conv1d(1, 1, 3).double(), torch.zeros(1, 1, 64).double()).name
    'float32'
    """
    key = _key(network, example, tolerance)
    found = _KNOWN.get(key) or _read(key)
    if found is not None:
        off = 0.0 if found.plain else deviation(network, example, found, answer=answer)
        if off <= tolerance:
            _KNOWN[key] = found
            _LOG.info("precision: %s, as chosen on this machine before", found.name)
            return replace(found, deviation=off)
    chosen = choose(network, example, answer=answer, tolerance=tolerance, repetitions=3)
    if chosen.seconds:
        _KNOWN[key] = chosen
        _write(key, chosen)
    return chosen


def cache_folder() -> Path | None:
    """Where this system keeps what can be made again; None where the user has no home."""
    try:
        if sys.platform == "win32":
            place = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            place = Path.home() / "Library" / "Caches"
        else:
            place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return place / "hypercolumn" / "precision"


def _key(network: nn.Module, example: Tensor, tolerance: float) -> str:
    layers = re.sub(r" at 0x[0-9a-f]+", "", repr(network))
    shapes = [(name, tuple(value.shape), str(value.dtype)) for name, value in network.state_dict().items()]
    size = (tuple(example.shape[:2]), example.ndim, prod(example.shape[2:]).bit_length())
    told = [_machine(example), (version("hypercolumn"), torch.__version__), layers, shapes, size, tolerance]
    return hashlib.sha256(json.dumps(told).encode("utf-8")).hexdigest()


def _machine(example: Tensor) -> tuple[str, ...]:
    device = example.device
    if device.type == "cuda":
        return ("cuda", torch.cuda.get_device_name(device))
    units = "bfloat16" if has_bfloat16_units(device.type) else "float32"
    return (platform.machine(), _processor(), str(os.cpu_count()), str(torch.get_num_threads()), units)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _read(key: str) -> Precision | None:
    return _tolerant(lambda folder: Precision.from_dict(json.loads((folder / f"{key}.json").read_text("utf-8"))))


def _write(key: str, precision: Precision) -> None:
    def write(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{key}.{os.getpid()}.partial"
        partial.write_text(json.dumps(precision.to_dict(), indent=1), encoding="utf-8")
        partial.replace(folder / f"{key}.json")

    _tolerant(write)


def _tolerant(work: Callable[[Path], Result]) -> Result | None:
    folder = cache_folder()
    try:
        return work(folder) if folder is not None else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, HypercolumnError):
        return None
