"""Scores: every figure that suits the predictions, with its interval over units and n beside it.

The headline is one figure a kind, chosen here and not by whoever has seen the results:

    objects              AP over IoU 0.50 to 0.95, mean over images
    segmentation         Dice, pooled over all samples of all records; mean over classes where there are several
    two classes          AUROC
    several classes      balanced accuracy
    grades               quadratic weighted kappa
    several labels       AUROC, mean over labels
    a number             mean absolute error in the unit of the number, every unit of analysis weighing the same
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.classification_figures import classification_figures
from hypercolumn.evaluation.figures import Figure
from hypercolumn.evaluation.heterogeneity import Heterogeneity, heterogeneity
from hypercolumn.evaluation.instance_figures import MEAN_AP, instance_figures
from hypercolumn.evaluation.intervals import Interval, interval
from hypercolumn.evaluation.predictions import REGRESSION, SEGMENTATION, Predictions
from hypercolumn.evaluation.regression_figures import MEAN_ABSOLUTE_ERROR, in_unit, regression_figures
from hypercolumn.evaluation.score import Score
from hypercolumn.evaluation.segmentation_figures import segmentation_figures


def scores(predictions: Predictions, *, unit: str = "units", seed: int = 0) -> list[Score]:
    """All the figures, the headline first; `unit` names in the plural what the `unit` column holds ("patients").

    >>> from hypercolumn.evaluation.predictions import segmentation_row
    >>> rows = {}
    >>> for patient in ("anna", "ben", "carl"):
    ...     row = segmentation_row(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), classes=("background", "nucleus"))
    ...     rows[patient] = {"record": patient, "fold": "1", "unit": patient} | row
    >>> predictions = Predictions.from_rows(rows, target_kind="mask", classes=("background", "nucleus"))
    >>> found = scores(predictions, unit="patients")[0]
    >>> print(found.metric, "of", found.label, found)
    Dice of nucleus 0.800 [0.800, 0.800], n = 3 patients
    """
    return [_score(figure, seed=seed, noun=unit) for figure in figures(predictions, unit=unit)]


def figures(predictions: Predictions, *, unit: str = "units") -> Iterator[Figure]:
    """The figures behind `scores`, not yet computed."""
    if predictions.target_kind == "instances":
        objects = instance_figures(predictions.table, label=predictions.classes[1], noun=unit)
        return chain(objects, segmentation_figures(predictions, noun=unit))
    if predictions.kind == SEGMENTATION:
        return segmentation_figures(predictions, noun=unit)
    if predictions.kind == REGRESSION:
        return regression_figures(predictions, noun=unit)
    return classification_figures(predictions, noun=unit)


def headline(predictions: Predictions) -> str:
    """The name of the metric that a study of this kind stands by.

    >>> from hypercolumn.evaluation.predictions import classification_row
    >>> rows = {"a": {"record": "a", "fold": "1", "unit": "anna"} | classification_row(1, [0.2, 0.8])}
    >>> headline(Predictions.from_rows(rows, target_kind="class", classes=("benign", "malignant")))
    'AUROC'
    >>> headline(Predictions.from_rows(rows, target_kind="grade", classes=("mild", "severe")))
    'quadratic weighted kappa'
    """
    if predictions.target_kind == "instances":
        return MEAN_AP
    if predictions.kind == SEGMENTATION:
        return "Dice"
    if predictions.kind == REGRESSION:
        return in_unit(MEAN_ABSOLUTE_ERROR, predictions.measured_in)
    if predictions.target_kind == "grade":
        return "quadratic weighted kappa"
    if predictions.target_kind == "labels" or len(predictions.classes) == 2:
        return "AUROC"
    return "balanced accuracy"


def headline_score(predictions: Predictions, *, unit: str = "units", seed: int = 0) -> Score:
    """The headline alone: over all classes where there are several."""
    return _score(_figure(predictions, headline(predictions), None, unit), seed=seed, noun=unit)


def scores_by(
    predictions: Predictions,
    column: str,
    *,
    metric: str | None = None,
    label: str | None = None,
    unit: str = "units",
    seed: int = 0,
) -> dict[str, Score]:
    """The headline, or another metric, within each value of a column, in the order of the values.

    `label` chooses a class; without it the first figure of the metric's name is taken, which is the mean over classes
    where there are several.

    >>> from hypercolumn.evaluation.predictions import classification_row
    >>> rows = {}
    >>> for name, site, truth, chance in (("a", "Bern", 1, 0.9), ("b", "Bern", 0, 0.2), ("c", "Oslo", 1, 0.3)):
    ...     who = {"record": name, "fold": "1", "unit": name, "site": site}
    ...     rows[name] = who | classification_row(truth, [1 - chance, chance])
    >>> predictions = Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"), groups=("site",))
    >>> for site, score in scores_by(predictions, "site", unit="patients").items():
    ...     print(site, score)
    Bern 1.000, n = 2 patients
    Oslo undefined (no record is without it, so that nothing can be ranked)
    """
    return {
        value: _of_interval(figure, found, noun=unit)
        for value, figure, found in _by_value(predictions, column, metric, label, unit, seed)
    }


def heterogeneity_by(
    predictions: Predictions,
    column: str,
    *,
    metric: str | None = None,
    label: str | None = None,
    unit: str = "units",
    seed: int = 0,
) -> Heterogeneity:
    """Whether those scores differ between the values of the column by more than chance."""
    places, errors, degrees = [], [], []
    for _, figure, found in _by_value(predictions, column, metric, label, unit, seed):
        if found.value is not None and found.error and found.degrees:
            places.append(float(figure.scale.forward(np.array(found.value))))
            errors.append(found.error)
            degrees.append(found.degrees)
    shared = int(predictions.table.groupby("unit")[column].nunique().gt(1).sum())
    lacking = predictions.table[column].nunique() - len(places)
    notes = [f"{shared} {unit} stand in more than one group, so that groups are not independent"] if shared else []
    notes += [f"{lacking} groups have no score with an error"] if lacking else []
    return heterogeneity(places, errors, degrees, note="; ".join(notes))


def _by_value(
    predictions: Predictions, column: str, metric: str | None, label: str | None, unit: str, seed: int
) -> Iterator[tuple[str, Figure, Interval]]:
    if column not in predictions.table.columns:
        raise InvalidArgument("column", column, fix=f"use one of {', '.join(('fold', *predictions.groups))}")
    for value, rows in predictions.table.groupby(column, sort=True):
        part = replace(predictions, table=rows)
        figure = _figure(part, metric or headline(predictions), label, unit)
        yield str(value), figure, _interval(figure, seed=seed)


def _figure(predictions: Predictions, metric: str, label: str | None, unit: str) -> Figure:
    names = []
    for figure in figures(predictions, unit=unit):
        names.append(figure.metric)
        if figure.metric == metric and label in (None, figure.label):
            return figure
    raise InvalidArgument("metric", metric, fix=f"use one of {', '.join(dict.fromkeys(names))}, with one of its labels")


def _score(figure: Figure, *, seed: int, noun: str) -> Score:
    return _of_interval(figure, _interval(figure, seed=seed), noun=noun)


def _interval(figure: Figure, *, seed: int) -> Interval:
    if figure.units == 0:
        return Interval(None)
    return interval(
        figure.statistic,
        figure.units,
        scale=figure.scale,
        seed=seed,
        edge_units=figure.edge_units,
        few_units=figure.few_units,
    )


def _of_interval(figure: Figure, found: Interval, *, noun: str) -> Score:
    """The two as one score, in the reader's own word for a unit."""
    if found.value is None:
        note = figure.reason or "nothing to score"
    else:
        note = "; ".join(
            filter(
                None,
                (figure.note, found.note.replace("units", noun).replace("one unit alone", f"one of the {noun} alone")),
            )
        )
    return Score(
        metric=figure.metric,
        value=found.value,
        low=found.low,
        high=found.high,
        unit=noun,
        units=figure.units,
        records=figure.records,
        label=figure.label,
        method=found.method.replace("units", noun),
        note=note,
        better=figure.better,
    )
