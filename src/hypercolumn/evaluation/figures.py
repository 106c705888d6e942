"""A figure before it is a number: a metric as a function of weights over units.

A figure knows how to be computed with any unit left out, which is what `intervals` asks of it. Most need only sums over
each unit (counts, a confusion matrix, bins), worked out once; the areas under curves go back to the records. Which
figures suit which predictions is `segmentation_figures`, `classification_figures` and `regression_figures`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.intervals import FEW_UNITS, PROPORTION, Scale, Statistic
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.score import Better

MEAN = "mean over classes"
"""The label of a figure that is averaged over classes or labels."""


@dataclass(frozen=True, eq=False)
class Figure:
    """`statistic` takes weights (draw, unit) over `units` units that count, from `records` records.

    `reason` says why the figure may be undefined, `note` what a reader must know of it. `edge_units` counts the units
    that a perfect figure rests on, where these are fewer than all: those of the rarest class. Below `few_units` the
    interval is an indication.
    """

    metric: str
    label: str
    statistic: Statistic
    units: int
    records: int
    scale: Scale = PROPORTION
    reason: str = ""
    note: str = ""
    edge_units: int | None = None
    few_units: int = FEW_UNITS
    better: Better = Better.HIGHER


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
    edge_units: int | None = None,
    few_units: int = FEW_UNITS,
    better: Better = Better.HIGHER,
) -> Figure:
    """A figure of totals: values (row, number) that are never below 0, formula (draw, number) -> (draw,).

    Rows and units that add nothing (the class is in neither truth nor prediction) are not counted in n.

    >>> rows = Rows(unit=np.array([0, 0, 1, 2]), units=3, record=np.arange(4), noun="patients")
    >>> right_of_all = np.array([[1.0, 1], [0, 1], [1, 1], [0, 0]])
    >>> figure = additive(rows, right_of_all, lambda totals: totals[:, 0] / totals[:, 1], "accuracy")
    >>> figure.units, figure.statistic(np.array([[1.0, 1.0], [0.0, 1.0]])).round(3)
    (2, array([0.667, 1.   ]))
    """
    sums = rows.sums(values)
    kept = sums[sums.any(axis=1)]
    records = rows.records_of(np.asarray(values.any(axis=1)))

    def statistic(weights: np.ndarray) -> np.ndarray:
        return formula(weights @ kept)

    return Figure(metric, label, statistic, len(kept), records, scale, reason, note, edge_units, few_units, better)


def averaged(
    rows: Rows,
    by_unit: np.ndarray,
    metric: str,
    label: str,
    *,
    scale: Scale = PROPORTION,
    reason: str = "",
    note: str = "",
    better: Better = Better.HIGHER,
) -> Figure:
    """The mean over units, and then over classes, of values (unit, class); what is NaN is left out and not counted."""
    defined = ~np.isnan(by_unit)
    counted = defined.any(axis=1)
    filled, there = np.where(defined, by_unit, 0.0)[counted], defined[counted].astype(float)
    records = rows.records_of(counted[rows.unit])

    def statistic(weights: np.ndarray) -> np.ndarray:
        return mean_of_defined(ratio(weights @ filled, weights @ there))

    return Figure(metric, label, statistic, int(counted.sum()), records, scale, reason, note, better=better)


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

    reason, note = "no class is in some records and not in others, so that nothing can be ranked", ""
    sides = [(rows.units_with(column), rows.units_with(~column)) for column in truth.T.astype(bool)]
    rarest = min((min(has, lacks) for has, lacks in sides if has and lacks), default=0)
    if len(sides) == 1:
        has, lacks = sides[0]
        reason = f"no record {'is without it' if has else 'has it'}, so that nothing can be ranked"
        if 0 < rarest < FEW_UNITS <= rows.units:
            which = "have" if has < lacks else "are without"
            note = f"only {rarest} {rows.noun} {which} it: the interval is an indication"
    records = rows.records_of(np.ones(len(truth), dtype=bool))
    return Figure(metric, label, statistic, rows.units, records, PROPORTION, reason, note, rarest or None)


def mean_by_unit(rows: Rows, values: np.ndarray) -> np.ndarray:
    """Values (row, class) averaged over the rows of each unit where defined: (unit, class).

    >>> rows = Rows(unit=np.array([0, 0, 1]), units=2, record=np.arange(3), noun="patients")
    >>> mean_by_unit(rows, np.array([[1.0], [3.0], [np.nan]]))
    array([[ 2.],
           [nan]])
    """
    defined = ~np.isnan(values)
    return ratio(rows.sums(np.where(defined, values, 0.0)), rows.sums(defined.astype(float)))
