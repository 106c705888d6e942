"""The figures of instances: how many objects were found and how well, which were lost, and how.

    AP, mean over images          each image's AP over IoU 0.50 to 0.95, then the mean: the score of DSB2018
    AP, all objects               of counts pooled over images; so are F1, panoptic quality and aggregated Jaccard
    missed, split, merged         of all true objects
    false                         of all predicted objects
    mask AP (COCO)                where objects have scores; the order is that of all images together

All but COCO's need only sums over each unit of what `instance_row` wrote. An image with no object in truth and none
predicted adds nothing and is not counted in n. What each figure means is said in `instances`, `object_errors` and
`average_precision`.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hypercolumn.errors import ManifestError
from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.average_precision import THRESHOLDS, average_precision, detections
from hypercolumn.evaluation.figures import Figure, Rows, additive
from hypercolumn.evaluation.instances import COUNTS, ERRORS, PERCENTS, SUMS, Matches
from hypercolumn.evaluation.intervals import FEW_UNITS_POOLED
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.score import Better

MEAN_AP = "AP, mean over images"
DETECTION_COLUMNS = ("true_objects", "detection_scores", "detection_hits")
"""What `detection_row` writes."""

_NOTHING = "there is no object in truth and none was predicted"
_NO_TRUTH = "there is no object in truth"


def instance_figures(table: pd.DataFrame, *, label: str = "", noun: str = "units") -> Iterator[Figure]:
    """All of them from a table with the columns of `instance_row`, the headline first; `label` names the objects.

    >>> from hypercolumn.evaluation.instances import instance_row
    >>> who = pd.DataFrame({"unit": ["anna", "ben"], "record": ["a", "b"]})
    >>> a, b = instance_row(np.array([1, 1, 2]), np.array([1, 1, 0])), instance_row(np.array([0, 3]), np.array([0, 1]))
    >>> for figure in instance_figures(who.join(pd.DataFrame([a, b]))):
    ...     print(figure.metric, figure.statistic(np.ones((1, figure.units))).round(3))
    AP, mean over images [0.75]
    AP, all objects [0.667]
    F1 at IoU 0.5 [0.8]
    F1 at IoU 0.75 [0.8]
    panoptic quality [0.8]
    aggregated Jaccard [0.75]
    missed objects [0.333]
    false objects [0.]
    split objects [0.]
    merged objects [0.]
    """
    rows, sums = Rows.of(table, noun=noun), table[list(SUMS)].to_numpy(float)
    each = precision_by_row(table)
    defined = ~np.isnan(each)
    images = np.stack([np.where(defined, each, 0.0), defined], axis=1)
    yield additive(rows, images, _share, MEAN_AP, label, reason=_NOTHING)
    pooled = (
        ("AP, all objects", lambda totals: _matches(totals).average_precision),
        ("F1 at IoU 0.5", lambda totals: _matches(totals).f1[:, PERCENTS.index(50)]),
        ("F1 at IoU 0.75", lambda totals: _matches(totals).f1[:, PERCENTS.index(75)]),
        ("panoptic quality", lambda totals: _matches(totals).panoptic_quality),
        ("aggregated Jaccard", lambda totals: _matches(totals).aggregated_jaccard),
    )
    for metric, formula in pooled:
        yield additive(rows, sums, formula, metric, label, reason=_NOTHING, few_units=FEW_UNITS_POOLED)
    for error in ERRORS:
        of = "predicted_objects" if error == "false_objects" else "true_objects"
        yield additive(
            rows,
            table[[error, of]].to_numpy(float),
            _share,
            error.replace("_", " "),
            label,
            reason="no object was predicted" if error == "false_objects" else _NO_TRUTH,
            few_units=FEW_UNITS_POOLED,
            better=Better.LOWER,
        )


def detection_figures(
    table: pd.DataFrame, *, label: str = "", noun: str = "units", of: str = "mask"
) -> Iterator[Figure]:
    """COCO's AP, AP50 and AP75 from a table with the columns of `detection_row`; `of` says what the IoU was taken of.

    >>> from hypercolumn.evaluation.average_precision import detection_row
    >>> found = detection_row(np.array([[0.62], [0.1]]), np.array([0.9, 0.8]))
    >>> table = pd.DataFrame([{"unit": "anna", "record": "a"} | found])
    >>> {figure.metric: round(float(figure.statistic(np.ones((1, 1)))[0]), 3) for figure in detection_figures(table)}
    {'mask AP': 0.3, 'mask AP50': 1.0, 'mask AP75': 0.0}
    """
    rows, truth = Rows.of(table, noun=noun), table["true_objects"].to_numpy(float)
    score, hit, row = _all_detections(table)
    by_unit = rows.sums(truth[:, None])[:, 0]
    records = rows.records_of(np.ones(len(table), dtype=bool))
    for metric, members in (
        ("AP", range(len(THRESHOLDS))),
        ("AP50", [THRESHOLDS.index(0.5)]),
        ("AP75", [THRESHOLDS.index(0.75)]),
    ):

        def statistic(weights: np.ndarray, kept: np.ndarray = hit[list(members)]) -> np.ndarray:
            return mean_of_defined(
                average_precision(score, kept, weights @ by_unit, weights=weights[:, rows.unit[row]])
            )

        yield Figure(f"{of} {metric}", label, statistic, rows.units, records, reason=_NO_TRUTH)


def precision_by_row(table: pd.DataFrame) -> np.ndarray:
    """The AP of each image (row,); NaN where there is no object in truth and none was predicted."""
    return _matches(table[list(SUMS)].to_numpy(float)).average_precision


def _matches(sums: np.ndarray) -> Matches:
    """Columns (..., SUMS) as counts."""
    last = len(COUNTS)
    return Matches(sums[..., 0], sums[..., 1], sums[..., 2:last], sums[..., last], sums[..., last + 1 :])


def _share(totals: np.ndarray) -> np.ndarray:
    return ratio(totals[:, 0], totals[:, 1])


def _all_detections(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (found,), hits (threshold, found) and the row of each found object, of all images."""
    scores, found = [np.zeros(0)], [np.zeros((len(THRESHOLDS), 0), dtype=bool)]
    rows = [np.zeros(0, dtype=np.int64)]
    for row, (score, bits) in enumerate(zip(table["detection_scores"], table["detection_hits"], strict=True)):
        try:
            one, hit = detections(score, bits)
        except (TypeError, ValueError) as error:
            where, why = str(table.index[row]), str(error).splitlines()[0]
            raise ManifestError("the scores of found objects cannot be read", where=where, why=why) from None
        if one.ndim != 1 or hit.shape[1:] != one.shape:
            raise ManifestError("scores and hits of found objects differ in number", where=str(table.index[row]))
        scores.append(one)
        found.append(hit)
        rows.append(np.full(len(one), row))
    return np.concatenate(scores), np.concatenate(found, axis=1), np.concatenate(rows)
