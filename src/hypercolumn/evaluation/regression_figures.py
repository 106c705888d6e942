"""The figures of a number that was predicted: what the errors are, and what they leave of the truth.

    mean absolute error            the headline, in the unit of the number
    root mean square error         the same, where large errors weigh more
    R^2, Pearson, Spearman         how much of the truth's own variation the answers follow
    bias, limits of agreement      by how much answers are too high, and between what most errors lie

Each is of means within a patient first and then over patients, so that every patient weighs the same, however many
records it has: the error to expect of a new one. With one record a patient it is the everyday figure. What each means,
and where it is undefined, is said in `deviation`.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from hypercolumn.evaluation import deviation
from hypercolumn.evaluation.figures import Figure, Rows, mean_by_unit
from hypercolumn.evaluation.intervals import (
    AT_MOST_ONE,
    CORRELATION,
    DIFFERENCE,
    DISTANCE,
    FEW_UNITS,
    FEW_UNITS_POOLED,
    Scale,
    Statistic,
)
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.score import Better

MEAN_ABSOLUTE_ERROR = "mean absolute error"

_ALIKE = "all numbers known are alike, so that there is nothing to explain"
_EITHER_ALIKE = "all numbers known, or all answers, are alike, so that nothing can be correlated"


def regression_figures(predictions: Predictions, *, noun: str) -> Iterator[Figure]:
    """All of them, the headline first."""
    rows = Rows.of(predictions.table, noun=noun)
    truth, answer = numbers(predictions)
    by_unit = mean_by_unit(rows, deviation.moments(truth, answer))
    share = 1 / np.bincount(rows.unit, minlength=rows.units)[rows.unit]

    def of_means(formula: Callable[[np.ndarray], np.ndarray]) -> Statistic:
        return lambda weights: formula(weights @ by_unit / weights.sum(axis=1, keepdims=True))

    def limit(side: int) -> Statistic:
        def statistic(weights: np.ndarray) -> np.ndarray:
            count = weights.sum(axis=1)
            return deviation.limits_of_agreement(weights @ by_unit / count[:, None], count)[:, side]

        return statistic

    def ranks(weights: np.ndarray) -> np.ndarray:
        return deviation.spearman(truth, answer, weights=weights[:, rows.unit] * share)

    def figure(
        metric: str,
        statistic: Statistic,
        *,
        scale: Scale,
        better: Better,
        reason: str = "",
        few: int = FEW_UNITS,
    ) -> Figure:
        records = rows.records_of(np.ones(len(truth), dtype=bool))
        return Figure(metric, "", statistic, rows.units, records, scale, reason, few_units=few, better=better)

    def measured(metric: str) -> str:
        return in_unit(metric, predictions.measured_in)

    error = partial(figure, scale=DISTANCE, better=Better.LOWER)
    related = partial(figure, scale=CORRELATION, better=Better.HIGHER, reason=_EITHER_ALIKE)
    shift = partial(figure, scale=DIFFERENCE, better=Better.NEARER_ZERO)
    limit_of = partial(shift, reason=f"one of the {noun} alone has no spread", few=FEW_UNITS_POOLED)
    yield error(measured(MEAN_ABSOLUTE_ERROR), of_means(deviation.mean_absolute_error))
    root = of_means(deviation.root_mean_square_error)
    yield error(measured("root mean square error"), root, few=FEW_UNITS_POOLED)
    explained = of_means(deviation.r_squared)
    yield figure("R^2", explained, scale=AT_MOST_ONE, better=Better.HIGHER, reason=_ALIKE)
    yield related("Pearson correlation", of_means(deviation.pearson))
    yield related("Spearman correlation", ranks)
    yield shift(measured("bias"), of_means(deviation.bias))
    yield limit_of(measured("limit of agreement, lower"), limit(0))
    yield limit_of(measured("limit of agreement, upper"), limit(1))


def numbers(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The numbers known and the numbers answered, each (row,)."""
    return predictions.table["truth"].to_numpy(float), predictions.table["answer"].to_numpy(float)


def in_unit(metric: str, measured_in: str) -> str:
    """The name of a metric with the unit that it is in.

    >>> in_unit("bias", "mm"), in_unit("bias", "")
    ('bias (mm)', 'bias')
    """
    return f"{metric} ({measured_in})" if measured_in else metric
