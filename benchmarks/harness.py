"""One bar: a name, a function that measures it, the figure to reach; and the files that the results are written to.

    @bar("tiled inference equals the whole image", unit="largest absolute difference", at_most=1e-5)
    def tiled_equals_whole() -> Measured:
        return Measured(difference, details={"tiles": 12})

A room's file is imported only when the room is asked for. A bar whose function raises is missed, its error told in the
details, and the other bars are still measured. Speeds are ratios measured side by side in one run (`ratio`): absolute
times vary between machines and hours, ratios much less.
"""

import importlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

RESULTS = Path(__file__).parent / "results"
NOT_ROOMS = {"__init__", "__main__", "harness", "peers", "smears"}


@dataclass(frozen=True)
class Measured:
    """What a bar's function returns: the figure held against the bar, and whatever explains it."""

    value: float
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """The figure to reach: `at_least`, `at_most`, or both."""

    name: str
    unit: str
    at_least: float | None
    at_most: float | None
    seed: int
    measure: Callable[[], Measured]

    def reached(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        sides = ((">=", self.at_least), ("<=", self.at_most))
        return ", ".join(f"{sign} {limit:g}" for sign, limit in sides if limit is not None)


def bar(
    name: str, *, unit: str, at_least: float | None = None, at_most: float | None = None, seed: int = 0
) -> Callable[[Callable[[], Measured]], Callable[[], Measured]]:
    """Mark a function as the measurement of a bar; the function itself stays as it is."""
    if at_least is None and at_most is None:
        raise ValueError(f"bar {name!r} has no figure to reach: give at_least or at_most")

    def mark(measure: Callable[[], Measured]) -> Callable[[], Measured]:
        measure.bar = Bar(name, unit, at_least, at_most, seed, measure)  # type: ignore[attr-defined]
        return measure

    return mark


@dataclass(frozen=True)
class Ratio:
    """Median seconds of two ways of doing one thing; `value` is first / second: how many times faster the second is."""

    first: float
    second: float
    repeats: int

    @property
    def value(self) -> float:
        return self.first / self.second

    def details(self, first: str = "first", second: str = "second") -> dict[str, object]:
        """The medians in milliseconds under the names given."""
        return {
            f"{first}, ms": round(self.first * 1e3, 3),
            f"{second}, ms": round(self.second * 1e3, 3),
            "repeats": self.repeats,
        }


def ratio(first: Callable[[], object], second: Callable[[], object], *, repeats: int = 5, warm_up: int = 1) -> Ratio:
    """Time two functions side by side, in turns so that a busy machine is unkind to both; medians over `repeats`."""
    for _ in range(warm_up):
        first()
        second()
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        order = ((0, first), (1, second)) if turn % 2 == 0 else ((1, second), (0, first))
        for side, function in order:
            start = time.perf_counter()
            function()
            seconds[side].append(time.perf_counter() - start)
    return Ratio(statistics.median(seconds[0]), statistics.median(seconds[1]), repeats)


def rooms() -> tuple[str, ...]:
    """The rooms that have a file of bars here."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_ROOMS))


def bars(module: ModuleType) -> list[Bar]:
    """The bars that a room's file defines, in the order of the file."""
    marked = (value for value in vars(module).values() if isinstance(getattr(value, "bar", None), Bar))
    return [value.bar for value in marked if value.__module__ == module.__name__]


def run_room(room: str, *, only: str = "") -> list[dict[str, Any]]:
    """Measure a room's bars whose name contains `only`; write its results; return the rows measured now.

    Rows of bars not measured now are kept as they were; rows of bars that no longer exist are dropped.
    """
    found = bars(importlib.import_module(f"benchmarks.{room}"))
    file = RESULTS / f"{room}.json"
    rows = {row["name"]: row for row in (json.loads(file.read_text("utf-8")) if file.exists() else [])}
    measured = []
    for one in found:
        if only.lower() in one.name.lower():
            print(f"{room}: {one.name} ...", file=sys.stderr, flush=True)
            rows[one.name] = run_bar(room, one)
            measured.append(rows[one.name])
            write(file, [rows[other.name] for other in found if other.name in rows])
    return measured


def run_bar(room: str, one: Bar) -> dict[str, Any]:
    """Measure one bar; the row that is written for it."""
    start = time.perf_counter()
    try:
        result = one.measure()
        value, details = float(result.value), dict(result.details)
    except Exception as error:
        value, details = math.nan, {"error": f"{type(error).__name__}: {error}"}
    return {
        "name": one.name,
        "command": f'python -m benchmarks {room} --only "{one.name}"',
        "measured": value if math.isfinite(value) else None,
        "unit": one.unit,
        "bar": str(one),
        "reached": one.reached(value),
        "seed": one.seed,
        "machine": machine(),
        "seconds": round(time.perf_counter() - start, 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "details": details,
    }


def machine() -> dict[str, object]:
    """What the figures were measured on: processor, cores, the instructions that decide speed, versions."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(said.get("flags", said.get("Features", "")).split())
    telling = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "bf16")
    return {
        "processor": said.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "instructions": [flag for flag in telling if flag in flags],
        "torch": importlib.metadata.version("torch"),
        "python": platform.python_version(),
    }


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    """Write through a neighbouring file, so that a run cut off leaves the last results whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=1, ensure_ascii=False, default=_plain) + "\n", "utf-8")
    partial.replace(file)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a plain table for a terminal."""
    head = ("bar", "measured", "to reach", "unit", "seconds", "")
    cells = [
        (
            row["name"],
            _figure(row),
            row["bar"],
            row["unit"],
            f"{row['seconds']:.1f}",
            "" if row["reached"] else "MISSED",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    aligned = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, *cells)
    )
    return "\n".join(line.rstrip() for line in aligned)


def write_readme() -> Path:
    """One page with all results of all rooms, made from the JSON files beside it."""
    lines = [
        "# Results of the benchmarks",
        "",
        "Written by `python -m benchmarks`; the JSON files beside it hold the details.",
    ]
    for file in sorted(RESULTS.glob("*.json")):
        rows = json.loads(file.read_text("utf-8"))
        lines += [
            "",
            f"## {file.stem}",
            "",
            "| bar | measured | to reach | unit | reached | seconds | machine | date |",
        ]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for row in rows:
            where = f"{row['machine']['processor']}, {row['machine']['cores']} cores, torch {row['machine']['torch']}"
            cells = (
                row["name"],
                _figure(row),
                row["bar"],
                row["unit"],
                "yes" if row["reached"] else "**no**",
                f"{row['seconds']:.1f}",
                where,
                row["date"],
            )
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    page = RESULTS / "README.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return page


def _figure(row: Mapping[str, Any]) -> str:
    return "none" if row["measured"] is None else f"{row['measured']:.4g}"


def _plain(value: object) -> object:
    """NumPy and torch scalars, paths and tuples in details, as JSON can hold them."""
    return value.item() if hasattr(value, "item") else str(value)
