"""A score: a number, its interval, how many units stand behind it, and the best that could be had without a CNN."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One figure of a report.

    `value`, `low` and `high` are None where the figure is undefined (a class that nobody has); `note` then says why, or
    that too few units are there to say. `units` counts the independent units behind the 95 % interval and `unit` names
    them in the plural ("patients"); `label` is the class, or "" for the whole. `method` names the interval.

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

    def title(self, generalises_to: str) -> str:
        """The name with what the score speaks of: no score stands without it."""
        of = f" of {self.label}" if self.label else ""
        return f"{self.metric}{of}, generalising to new {generalises_to}s"

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined ({self.note})"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.value:.3f}{interval}, n = {self.units} {self.unit}"
