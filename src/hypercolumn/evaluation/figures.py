"""A figure before it is a number: a metric as a function of weights over units.

A figure knows how to be computed with any unit left out, which is what `intervals` asks of it. Most need only sums over
each unit (counts, a confusion matrix, bins), worked out once; the areas under curves go back to the records. Which
figures suit which predictions is `segmentation_figures` and `classification_figures`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.intervals import FEW_UNITS, PROPORTION, Scale, Statistic
from hypercolumn.evaluation.overlap import ratio

MEAN = "mean over classes"
"""The label of a figure that is averaged over classes or labels."""


@dataclass(frozen=True, eq=False)
class Figure:
    """`statistic` takes weights (draw, unit) over `units` units that count, from `records` records.

    `reason` says why the figure may be undefined, `note` what a reader must know of it.
    """

    metric: str
    label: str
    statistic: Statistic
    units: int
    records: int
    scale: Scale = PROPORTION
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table of predictions by unit and by record, both as numbers; `noun` names units in the plural."""

    unit: np.ndarray
    units: int
    record: np.ndarray
    noun: str

    @classmethod
    def of(cls, table: pd.DataFrame, *, noun: str) -> "Rows":
        codes, names = pd.factorize(table["unit"])
        return cls(codes, len(names), pd.factorize(table["record"])[0], noun)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Values (row, number) summed over each unit: (unit, number)."""
        return np.stack([np.bincount(self.unit, weights=column, minlength=self.units) for column in values.T], axis=1)

    def records_of(self, rows: np.ndarray) -> int:
        return len(np.unique(self.record[rows]))

    def units_with(self, rows: np.ndarray) -> int:
        return len(np.unique(self.unit[rows]))


def additive(
    rows: Rows,
    values: np.ndarray,
    formula: Callable[[np.ndarray], np.ndarray],
    metric: str,
    label: str = "",
    *,
    scale: Scale = PROPORTION,
    reason: str = "",
    note: str = "",
) -> Figure:
    """A figure of totals: values (row, number) that are never below 0, formula (draw, number) -> (draw,).

    Rows and units that add nothing (the class is in neither truth nor prediction) are not counted in n.
    """
    sums = rows.sums(values)
    kept = sums[sums.any(axis=1)]
    records = rows.records_of(values.any(axis=1))
    return Figure(metric, label, lambda weights: formula(weights @ kept), len(kept), records, scale, reason, note)


def averaged(
    rows: Rows,
    by_unit: np.ndarray,
    metric: str,
    label: str,
    *,
    scale: Scale = PROPORTION,
    reason: str = "",
    note: str = "",
) -> Figure:
    """The mean over units, and then over classes, of values (unit, class); what is NaN is left out and not counted."""
    defined = ~np.isnan(by_unit)
    counted = defined.any(axis=1)
    filled, there = np.where(defined, by_unit, 0.0)[counted], defined[counted].astype(float)
    records = rows.records_of(counted[rows.unit])

    def statistic(weights: np.ndarray) -> np.ndarray:
        return mean_of_defined(ratio(weights @ filled, weights @ there))

    return Figure(metric, label, statistic, int(counted.sum()), records, scale, reason, note)


def ranked(
    rows: Rows,
    area: Callable[..., np.ndarray],
    truth: np.ndarray,
    score: np.ndarray,
    metric: str,
    label: str,
) -> Figure:
    """An area under a curve of truth and score (row, class), weighted by row, averaged over classes where defined."""

    def statistic(weights: np.ndarray) -> np.ndarray:
        by_row = weights[:, rows.unit]
        areas = [area(truth[:, column], score[:, column], weights=by_row) for column in range(truth.shape[1])]
        return mean_of_defined(np.stack(areas, axis=-1))

    reason, note = "", ""
    if truth.shape[1] == 1:
        has, lacks = rows.units_with(truth[:, 0]), rows.units_with(~truth[:, 0])
        if not has or not lacks:
            reason = f"no record {'has it' if not has else 'is without it'}, so that nothing can be ranked"
        elif min(has, lacks) < FEW_UNITS <= rows.units:
            note = f"only {min(has, lacks)} {rows.noun} {'have' if has < lacks else 'are without'} it: the interval is an indication"
    else:
        reason = "no class is in some records and not in others, so that nothing can be ranked"
    return Figure(
        metric, label, statistic, rows.units, rows.records_of(np.ones(len(truth), dtype=bool)), PROPORTION, reason, note
    )


def mean_by_unit(rows: Rows, values: np.ndarray) -> np.ndarray:
    """Values (row, class) averaged over the rows of each unit where defined: (unit, class)."""
    defined = ~np.isnan(values)
    return ratio(rows.sums(np.where(defined, values, 0.0)), rows.sums(defined.astype(float)))
