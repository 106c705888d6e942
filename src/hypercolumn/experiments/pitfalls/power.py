"""How often each pitfall is found, by the size of the flaw, and how often where there is none.

    power(size)     = cohorts with an alarm / cohorts           of planted tables, each drawn anew
    false alarms    = power(0)

Shares have Wilson's interval for the number of cohorts. Wilson 1927, doi 10.1080/01621459.1927.10502953.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from hypercolumn.experiments.outcome import Table
from hypercolumn.experiments.pitfalls import alarms
from hypercolumn.study.progress import Watcher

Z = 1.959964


@dataclass(frozen=True)
class Pitfall:
    """How a flaw is planted into tables, and the sizes that are tried; `matters` is the size that should be found."""

    name: str
    flaw: str
    alarm: Callable[[int, float], bool]
    sizes: tuple[float, ...]
    matters: float
    slow: bool = False


PITFALLS = (
    Pitfall("leakage", "share of patients on both sides", alarms.patient_bleed, (0.01, 0.02, 0.05, 0.1), 0.05),
    Pitfall("site", "Cramer's V of scanner and label", alarms.confounded_scanner, (0.1, 0.2, 0.3, 0.4), 0.3),
    Pitfall("labels", "share of labels flipped", alarms.wrong_labels, (0.02, 0.05, 0.1, 0.15), 0.1),
    Pitfall("strata", "share of patients in the group", alarms.hidden_group, (0.03, 0.05, 0.1), 0.05, slow=True),
)


@dataclass(frozen=True)
class Share:
    """How many of so many cohorts raised an alarm."""

    found: int
    cohorts: int

    @property
    def value(self) -> float:
        return self.found / self.cohorts

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval.

        >>> low, high = Share(10, 10).interval
        >>> round(low, 3), round(high, 3)
        (0.722, 1.0)
        """
        p, n = self.value, self.cohorts
        middle, half = p + Z**2 / (2 * n), Z * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return max(0.0, (middle - half) / (1 + Z**2 / n)), min(1.0, (middle + half) / (1 + Z**2 / n))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}]"


def measure_power(*, seed: int, cohorts: int, watcher: Watcher) -> dict[str, dict[float, Share]]:
    """By pitfall and size, 0 first; what takes long is asked of a quarter of the cohorts."""
    answer: dict[str, dict[float, Share]] = {}
    for pitfall in PITFALLS:
        count = max(4, cohorts // 4) if pitfall.slow else cohorts
        answer[pitfall.name] = {}
        for size in (0.0, *pitfall.sizes):
            watcher.stage(f"{pitfall.name}: {count} cohorts with a flaw of {size:g}")
            seeds = np.random.default_rng([seed, round(1000 * size)]).integers(0, 2**31, count).tolist()
            answer[pitfall.name][size] = Share(sum(pitfall.alarm(one, size) for one in seeds), count)
    return answer


def power_table(found: dict[str, dict[float, Share]]) -> Table:
    """A row a pitfall and size."""
    rows = []
    for pitfall in PITFALLS:
        for size, share in found[pitfall.name].items():
            low, high = share.interval
            flaw = f"{pitfall.flaw}: {size:g}" if size else "none: the clean twin"
            rows.append((pitfall.name, flaw, share.cohorts, share.value, low, high))
    return Table(
        "power",
        "How often each pitfall is found in planted tables",
        ("pitfall", "flaw", "cohorts", "share with an alarm", "low", "high"),
        tuple(rows),
        "of a clean twin an alarm is a false one; intervals are Wilson's, 95 %",
    )
