"""The figures of a segmentation, for each class but the background, and their mean where there are several.

    Dice, IoU                     of counts pooled over all samples of all records: a large object weighs what it covers
    Dice, mean over patients      each patient's pooled Dice, then the mean: every patient weighs the same
    surface distance              mean over a patient's records, then over patients; likewise the 95th percentile
    expected calibration error    of the class's probability over all samples, where probabilities were kept
    Brier score                   over all samples and classes

What each means where a class is absent is said in `overlap` and `surface`.
"""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from hypercolumn.errors import ManifestError
from hypercolumn.evaluation import overlap
from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.calibration import BIASED, BINS, expected_calibration_error
from hypercolumn.evaluation.figures import MEAN, Figure, Rows, additive, averaged, mean_by_unit
from hypercolumn.evaluation.intervals import DISTANCE, FEW_UNITS_DICE, Scale
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.score import Better

_ABSENT = "the class is in no truth and in no prediction"


def segmentation_figures(predictions: Predictions, *, noun: str) -> Iterator[Figure]:
    """All of them, the headline first."""
    table = predictions.table
    rows = Rows.of(table, noun=noun)
    labels = _labels(predictions.classes)
    counts = class_counts(predictions)
    for label, members in labels:
        yield _pooled_figure(rows, counts[:, members], overlap.dice, "Dice", label)
    sums = rows.sums(counts.reshape(len(counts), -1)).reshape(rows.units, -1, 3)
    by_unit = overlap.dice(sums[..., 0], sums[..., 1], sums[..., 2])
    for label, members in labels:
        yield averaged(rows, by_unit[:, members], f"Dice, mean over {noun}", label, reason=_ABSENT)
    for label, members in labels:
        yield _pooled_figure(rows, counts[:, members], overlap.iou, "IoU", label)
    yield from _distances(table, rows, labels)
    if "brier_sum" in table and table["brier_sum"].notna().all():
        yield from _calibration(predictions, rows, labels)


def class_counts(predictions: Predictions) -> np.ndarray:
    """Counts (row, class, 3) of true positive, false positive and false negative samples, the background left out."""
    names = [[f"{kind}_{index}" for kind in ("tp", "fp", "fn")] for index in range(1, len(predictions.classes))]
    return np.stack([predictions.table[three].to_numpy(float) for three in names], axis=1)


def _labels(classes: tuple[str, ...]) -> list[tuple[str, list[int]]]:
    """Each label with the classes behind it, counted from the first that is not background."""
    single = [(name, [index]) for index, name in enumerate(classes[1:])]
    return single if len(single) == 1 else [(MEAN, list(range(len(single)))), *single]


def _pooled(formula: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The mean over classes of a formula of totals (draw, class * 3)."""

    def of_totals(totals: np.ndarray) -> np.ndarray:
        split = totals.reshape(len(totals), -1, 3)
        return mean_of_defined(formula(split[..., 0], split[..., 1], split[..., 2]))

    return of_totals


def _pooled_figure(
    rows: Rows, counts: np.ndarray, formula: Callable[..., np.ndarray], metric: str, label: str
) -> Figure:
    flat = counts.reshape(len(counts), -1)
    return additive(rows, flat, _pooled(formula), metric, label, reason=_ABSENT, few_units=FEW_UNITS_DICE)


def _distances(table: pd.DataFrame, rows: Rows, labels: list[tuple[str, list[int]]]) -> Iterator[Figure]:
    measured_in = sorted(table["distance_unit"].astype(str).unique())
    classes = max(members[-1] for _, members in labels) + 1
    for column, named in (("surface_mean", "surface distance"), ("surface_95", "surface distance, 95th percentile")):
        values = table[[f"{column}_{index}" for index in range(1, classes + 1)]].to_numpy(float)
        reason = "no record has a surface of the class in both truth and prediction"
        if len(measured_in) > 1:
            values = np.full_like(values, np.nan)
            reason = f"records are measured in {' and in '.join(measured_in)}: give all of them a spacing"
        by_unit = mean_by_unit(rows, values)
        for label, members in labels:
            lacking = len(table) - rows.records_of(~np.isnan(values[:, members]).all(axis=1))
            note = f"{lacking} of {len(table)} records have no surface to measure between" if lacking else ""
            metric = f"{named} ({measured_in[0]})" if len(measured_in) == 1 else named
            yield averaged(
                rows,
                by_unit[:, members],
                metric,
                label,
                scale=DISTANCE,
                reason=reason,
                note=note,
                better=Better.LOWER,
            )


def _calibration(predictions: Predictions, rows: Rows, labels: list[tuple[str, list[int]]]) -> Iterator[Figure]:
    table = predictions.table
    upper = 1.0 if len(predictions.classes) == 2 else 2.0
    both = table[["brier_sum", "samples"]].to_numpy(float)
    yield additive(
        rows,
        both,
        lambda totals: ratio(totals[:, 0], totals[:, 1]),
        "Brier score",
        scale=Scale(0.0, upper),
        better=Better.LOWER,
    )
    for label, members in labels:
        bins = np.stack([reliability_bins(table, index + 1) for index in members], axis=1)  # (row, class, 3, bin)

        def error(totals: np.ndarray, shape: tuple[int, ...] = bins.shape[1:]) -> np.ndarray:
            return mean_of_defined(expected_calibration_error(totals.reshape(len(totals), *shape)))

        flat = bins.reshape(len(bins), -1)
        yield additive(rows, flat, error, "expected calibration error", label, note=BIASED, better=Better.LOWER)


def reliability_bins(table: pd.DataFrame, index: int) -> np.ndarray:
    """The reliability counts (row, 3, bin) of one class, as `segmentation_row` wrote them."""
    try:
        return np.stack(
            [np.asarray(json.loads(text), dtype=float).reshape(3, BINS) for text in table[f"reliability_{index}"]]
        )
    except (TypeError, ValueError) as error:
        column = f"reliability_{index}"
        raise ManifestError(
            "the reliability counts cannot be read", where=column, why=str(error).splitlines()[0]
        ) from None
