"""The reliability curve: of what was called 80 % likely, how much was true? A number has no such curve.

    one point a bin      mean predicted probability  against  observed frequency

The interval of a frequency is Wilson's, over records that count as independent; over the samples of images, which are
not, none is given. Wilson 1927, doi:10.1080/01621459.1927.10502953.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hypercolumn.evaluation.calibration import reliability_counts
from hypercolumn.evaluation.classification_figures import label_truth, probabilities
from hypercolumn.evaluation.predictions import REGRESSION, SEGMENTATION, Predictions
from hypercolumn.evaluation.segmentation_figures import reliability_bins


@dataclass(frozen=True)
class ReliabilityCurve:
    """The bins of one class that hold anything; `low` and `high` are None where no interval can be given."""

    label: str
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    counts: tuple[int, ...]


def reliability_curves(predictions: Predictions) -> list[ReliabilityCurve]:
    """One curve a class, the background left out; of two classes the second alone says it all; none of a number.

    >>> rows = {str(index): {"record": str(index), "fold": "1", "unit": str(index)} for index in range(4)}
    >>> from hypercolumn.evaluation.predictions import classification_row
    >>> for index, (truth, chance) in enumerate(((0, 0.1), (0, 0.1), (1, 0.1), (1, 0.9))):
    ...     rows[str(index)] |= classification_row(truth, [1 - chance, chance])
    >>> [curve] = reliability_curves(Predictions.from_rows(rows, target_kind="class", classes=("benign", "malignant")))
    >>> [round(value, 2) for value in curve.predicted], [round(value, 2) for value in curve.observed], curve.counts
    ([0.1, 0.9], [0.33, 1.0], (3, 1))
    """
    return [
        _curve(label, counts, independent=predictions.kind != SEGMENTATION) for label, counts in _counted(predictions)
    ]


def _counted(predictions: Predictions) -> Iterator[tuple[str, np.ndarray]]:
    """Each class with its counts (3, bin): how many, sum of probability, how many true."""
    if not len(predictions) or predictions.kind == REGRESSION:
        return
    if predictions.kind == SEGMENTATION:
        for index, label in enumerate(predictions.classes[1:], start=1):
            if f"reliability_{index}" in predictions.table:
                yield label, reliability_bins(predictions.table, index).sum(0)
        return
    given = probabilities(predictions)
    if predictions.target_kind == "labels":
        truth = label_truth(predictions)
    else:
        truth = np.eye(len(predictions.classes))[predictions.table["truth"].to_numpy(dtype=int)]
    first = 1 if len(predictions.classes) == 2 and predictions.target_kind != "labels" else 0
    for index in range(first, len(predictions.classes)):
        yield predictions.classes[index], reliability_counts(truth[:, index], given[:, index])


def _curve(label: str, counts: np.ndarray, *, independent: bool) -> ReliabilityCurve:
    many, summed, true = (part[counts[0] > 0] for part in counts)
    low: list[float | None] = [None] * len(many)
    high: list[float | None] = [None] * len(many)
    if independent:
        for index, (hits, size) in enumerate(zip(true, many, strict=True)):
            found = stats.binomtest(round(float(hits)), round(float(size))).proportion_ci(method="wilson")
            low[index], high[index] = float(found.low), float(found.high)
    return ReliabilityCurve(
        label,
        tuple((summed / many).tolist()),
        tuple((true / many).tolist()),
        tuple(low),
        tuple(high),
        tuple(round(float(size)) for size in many),
    )
