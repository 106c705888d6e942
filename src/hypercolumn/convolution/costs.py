"""What ways of doing one thing took on this machine: measured when first asked for, and kept.

A way is a function that is called with no arguments, under a name. All are run a few times, those more than twice as
slow as the fastest drop out, and the rest are run in turns, so that a busy moment meets all alike; the median counts,
since a way that needs every core at once may be the fastest at best and slow as a rule. What was found is kept in a
small file, one for each machine and set of versions:

    $XDG_CACHE_HOME/hypercolumn/, or ~/.cache/hypercolumn/

It may be deleted at any time. Where it cannot be read or written, the times are kept for as long as the process lives.
"""

import contextlib
import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import scipy
import torch

_LONGEST = 0.15
_MOST_ROUNDS = 25
_SHORT = 0.01
"""Seconds, of which the first run of anything may take some for itself."""


@dataclass(frozen=True)
class Candidate:
    """A way that may be timed: its name, what runs it, and seconds that it cannot beat on any machine."""

    name: str
    run: Callable[[], object]
    at_least: float = 0.0


class Costs:
    """Seconds by way, for each question that was asked. `folder` is where they are kept; None keeps them nowhere."""

    def __init__(self, folder: Path | None) -> None:
        self.file = None if folder is None else folder / f"convolution-{machine()}.json"
        self._known: dict[str, dict[str, float]] | None = None

    def seconds(self, question: str, ways: Callable[[], Iterable[Candidate]]) -> dict[str, float]:
        """What is known, the fastest way first; or else what a measurement of `ways` finds now.

        >>> Costs(None).seconds("nothing", lambda: [Candidate("at once", lambda: None)]).keys()
        dict_keys(['at once'])
        """
        known = self.known()
        if question not in known:
            known[question] = measure(ways())
            self._write()
        return known[question]

    def known(self) -> dict[str, dict[str, float]]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[str, dict[str, float]]:
        if self.file is None:
            return {}
        try:
            found = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            question: times
            for question, times in found.items()
            if isinstance(times, dict) and times and all(isinstance(value, float) for value in times.values())
        }

    def _write(self) -> None:
        """Together with what other processes have written since, through a neighbouring file."""
        if self.file is None:
            return
        self._known = {**self._read(), **self.known()}
        partial = self.file.with_suffix(f".{os.getpid()}.partial")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._known, indent=1), "utf-8")
            partial.replace(self.file)


def measure(ways: Iterable[Candidate]) -> dict[str, float]:
    """The median seconds of each way that is not far behind, the fastest first.

    A way whose bound is above the best so far is not run, and one that is ten times as slow is run only once.
    """
    runs: dict[str, Callable[[], object]] = {}
    times: dict[str, float] = {}
    for way in ways:
        best = min(times.values(), default=math.inf)
        if way.at_least > best or _timed(way.run) > max(10 * best, _SHORT):
            continue
        runs[way.name], times[way.name] = way.run, min(_timed(way.run), _timed(way.run))
    best = min(times.values())
    left = [name for name, seconds in times.items() if seconds <= 2 * best]
    spent: dict[str, list[float]] = {name: [] for name in left}
    begin = time.perf_counter()
    for turn in range(_MOST_ROUNDS):
        for name in left if turn % 2 else reversed(left):
            spent[name].append(_timed(runs[name]))
        if turn >= 2 and time.perf_counter() - begin > _LONGEST:
            break
    return dict(sorted(((name, median(taken)) for name, taken in spent.items()), key=lambda found: found[1]))


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the user keeps what can be made again; None where there is no such place.

    >>> str(cache_folder({"XDG_CACHE_HOME": "/tmp/cache"}))
    '/tmp/cache/hypercolumn'
    """
    given = environment.get("XDG_CACHE_HOME")
    try:
        base = Path(given) if given and Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "hypercolumn"


def machine() -> str:
    """A short name for this processor and these versions: times of another would say nothing here."""
    said = [platform.machine(), platform.processor(), str(os.cpu_count())]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        said += sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    said += [np.__version__, scipy.__version__, torch.__version__]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]


def _timed(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
