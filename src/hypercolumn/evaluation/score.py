"""A score: a number, its interval, how many units stand behind it, and which way it gets better."""

from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which values of a metric are good: high ones, low ones (errors, distances), or those near nought (a bias)."""

    HIGHER = "higher"
    LOWER = "lower"
    NEARER_ZERO = "nearer to 0"

    def goodness(self, value: float) -> float:
        """The value turned so that more is better.

        >>> Better.HIGHER.goodness(0.5), Better.LOWER.goodness(0.5), Better.NEARER_ZERO.goodness(-0.5)
        (0.5, -0.5, -0.5)
        """
        return {Better.HIGHER: value, Better.LOWER: -value, Better.NEARER_ZERO: -abs(value)}[self]


@dataclass(frozen=True)
class Score:
    """One figure of a report.

    `value`, `low` and `high` are None where the figure is undefined (a class that nobody has); `note` then says why, or
    that too few units are there to say. `units` counts the independent units behind the 95 % interval and `unit` names
    them in the plural ("patients"); `label` is the class, or "" for the whole. `method` names the interval, `better`
    says which way the metric gets better.

    >>> Score("Dice", 0.913, 0.88, 0.94, unit="patients", units=24, records=96, label="nucleus").title("patient")
    'Dice of nucleus, generalising to new patients'
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    units: int
    records: int
    label: str = ""
    method: str = ""
    note: str = ""
    better: Better = Better.HIGHER

    @property
    def goodness(self) -> float | None:
        """The value turned so that more is better; None where it is undefined."""
        return None if self.value is None else Better(self.better).goodness(self.value)

    @property
    def least_goodness(self) -> float | None:
        """The same of the worse end of the interval; None where there is none.

        >>> score = Score("mean absolute error (mm)", 2.0, 1.5, 2.7, "patients", 24, 96, better=Better.LOWER)
        >>> score.goodness, score.least_goodness
        (-2.0, -2.7)
        """
        if self.low is None or self.high is None:
            return None
        return min(Better(self.better).goodness(end) for end in (self.low, self.high))

    def title(self, generalises_to: str) -> str:
        """The name with what the score speaks of: no score stands without it."""
        of = f" of {self.label}" if self.label else ""
        return f"{self.metric}{of}, generalising to new {generalises_to}s"

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined ({self.note})"
        interval = "" if self.low is None or self.high is None else f" [{shown(self.low)}, {shown(self.high)}]"
        return f"{shown(self.value)}{interval}, n = {self.units} {self.unit}"


def with_interval(score: Score) -> str:
    """The figure and its interval alone, in three decimals, as evidence of a finding.

    >>> with_interval(Score("AUROC", 0.9, 0.85, 0.95, unit="patients", units=9, records=9))
    '0.900 [0.850, 0.950]'
    """
    if score.value is None:
        return "undefined"
    span = "" if score.low is None else f" [{score.low:.3f}, {score.high:.3f}]"
    return f"{score.value:.3f}{span}"


def shown(value: float) -> str:
    """A figure in a line of text: three decimals, or four digits where it is large or small.

    >>> shown(0.91349), shown(-0.5), shown(48213.7), shown(0.0000271)
    ('0.913', '-0.500', '4.821e+04', '2.71e-05')
    """
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) < 10_000 else f"{value:.4g}"
