"""The figures of a classification: two classes, several, ordered grades, or several labels at once.

    two classes       AUROC, AUPRC, balanced accuracy, F1, sensitivity and specificity, of the second class
    several classes   balanced accuracy, F1 and one-against-the-rest AUROC by class and on average; top-3 from five on
    grades            quadratic weighted kappa, then as for several classes
    several labels    AUROC, AUPRC and F1 by label and on average
    all               Brier score, expected calibration error

The answer is the most probable class; for two classes that is a threshold of 0.5, as it is for each of several labels.
Nothing tunes a threshold here: one that was tuned on the records it is scored on is no score. Folds are pooled, and
their networks may be calibrated differently, which can only cost the areas under curves.
"""

from collections.abc import Callable, Iterator

import numpy as np

from hypercolumn.evaluation import agreement, overlap, ranking
from hypercolumn.evaluation.calibration import BIASED, BINS, brier, expected_calibration_error
from hypercolumn.evaluation.figures import MEAN, Figure, Rows, additive, ranked
from hypercolumn.evaluation.intervals import CORRELATION, PROPORTION, Scale
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.score import Better

TOP_K = 3
TOP_K_FROM = 5
"""Top-k accuracy is shown from this many classes on."""


def classification_figures(predictions: Predictions, *, noun: str) -> Iterator[Figure]:
    """All of them, the headline first."""
    rows = Rows.of(predictions.table, noun=noun)
    chances = probabilities(predictions)
    if predictions.target_kind == "labels":
        return _labels(rows, label_truth(predictions), chances, predictions.classes)
    truth = predictions.table["truth"].to_numpy(int)
    if len(predictions.classes) == 2 and predictions.target_kind == "class":
        return _two(rows, truth, chances, predictions.classes)
    return _several(rows, truth, chances, predictions.classes, grades=predictions.target_kind == "grade")


def probabilities(predictions: Predictions) -> np.ndarray:
    """The probabilities (row, class)."""
    return predictions.table[[f"p_{index}" for index in range(len(predictions.classes))]].to_numpy(float)


def label_truth(predictions: Predictions) -> np.ndarray:
    """Which labels each row has, (row, label), as booleans."""
    return predictions.table[[f"truth_{index}" for index in range(len(predictions.classes))]].to_numpy(int).astype(bool)


def _two(rows: Rows, truth: np.ndarray, chances: np.ndarray, classes: tuple[str, ...]) -> Iterator[Figure]:
    positive = truth[:, None] == 1
    yield ranked(rows, ranking.auroc, positive, chances[:, 1:], "AUROC", classes[1])
    yield ranked(rows, ranking.auprc, positive, chances[:, 1:], "AUPRC", classes[1])
    answered = chances.argmax(axis=1)
    onehot = _confusion(truth, answered, 2)
    yield _of_confusion(rows, truth, onehot, agreement.balanced_accuracy, "balanced accuracy", classes)
    yield _of_confusion(rows, truth, onehot, lambda matrix: agreement.f1(matrix)[..., 1], "F1", classes, classes[1])
    yield _recall(rows, truth, answered, 1, "sensitivity", classes)
    yield _recall(rows, truth, answered, 0, "specificity", classes, label=classes[1])
    yield from _calibration(rows, truth, chances, chances[:, 1], truth == 1)


def _several(
    rows: Rows, truth: np.ndarray, chances: np.ndarray, classes: tuple[str, ...], *, grades: bool
) -> Iterator[Figure]:
    count = len(classes)
    answered = chances.argmax(axis=1)
    onehot = _confusion(truth, answered, count)
    if grades:
        yield _of_confusion(
            rows,
            truth,
            onehot,
            agreement.quadratic_weighted_kappa,
            "quadratic weighted kappa",
            classes,
            scale=CORRELATION,
        )
    yield _of_confusion(rows, truth, onehot, agreement.balanced_accuracy, "balanced accuracy", classes)
    yield _of_confusion(
        rows, truth, onehot, lambda matrix: agreement.mean_of_defined(agreement.f1(matrix)), "F1", classes, MEAN
    )
    for index, name in enumerate(classes):
        one = np.stack([(truth == index) & (answered == index), (truth != index) & (answered == index),
                        (truth == index) & (answered != index)], axis=1).astype(float)  # fmt: skip
        yield additive(rows, one, _dice_of_totals, "F1", name, reason="nobody has the class and nobody was given it")
    for index in range(count):
        yield _recall(rows, truth, answered, index, "sensitivity", classes)
    against_rest = np.eye(count, dtype=bool)[truth]
    yield ranked(rows, ranking.auroc, against_rest, chances, "AUROC", MEAN)
    for index, name in enumerate(classes):
        yield ranked(rows, ranking.auroc, against_rest[:, [index]], chances[:, [index]], "AUROC", name)
    if count >= TOP_K_FROM:
        yield _mean(rows, ranking.top_k_hits(truth, chances, k=TOP_K).astype(float), f"top-{TOP_K} accuracy")
    yield from _calibration(rows, truth, chances, chances.max(axis=1), truth == answered)


def _labels(rows: Rows, truth: np.ndarray, chances: np.ndarray, classes: tuple[str, ...]) -> Iterator[Figure]:
    for metric, area in (("AUROC", ranking.auroc), ("AUPRC", ranking.auprc)):
        if len(classes) > 1:
            yield ranked(rows, area, truth, chances, metric, MEAN)
        for index, name in enumerate(classes):
            yield ranked(rows, area, truth[:, [index]], chances[:, [index]], metric, name)
    answered = chances >= 0.5
    counts = np.stack([truth & answered, ~truth & answered, truth & ~answered], axis=-1).astype(
        float
    )  # (row, label, 3)
    if len(classes) > 1:
        yield additive(
            rows,
            counts.reshape(len(truth), -1),
            _dice_of_totals,
            "F1",
            MEAN,
            reason="nobody has any label and nobody was given one",
        )
    for index, name in enumerate(classes):
        yield additive(
            rows, counts[:, index], _dice_of_totals, "F1", name, reason="nobody has the label and nobody was given it"
        )
    squared = np.square(chances - truth).mean(axis=1)
    yield _mean(rows, squared, "Brier score", better=Better.LOWER)
    bins = np.stack([_in_bins(truth[:, index], chances[:, index]) for index in range(len(classes))], axis=1)

    def error(totals: np.ndarray) -> np.ndarray:
        return agreement.mean_of_defined(expected_calibration_error(totals.reshape(len(totals), len(classes), 3, BINS)))

    yield additive(
        rows,
        bins.reshape(len(bins), -1),
        error,
        "expected calibration error",
        MEAN if len(classes) > 1 else classes[0],
        note=BIASED,
        better=Better.LOWER,
    )


def _calibration(
    rows: Rows, truth: np.ndarray, chances: np.ndarray, confidence: np.ndarray, right: np.ndarray
) -> Iterator[Figure]:
    upper = 1.0 if chances.shape[1] == 2 else 2.0
    yield _mean(rows, brier(truth, chances), "Brier score", upper=upper, better=Better.LOWER)
    bins = _in_bins(right, confidence)

    def error(totals: np.ndarray) -> np.ndarray:
        return expected_calibration_error(totals.reshape(len(totals), 3, BINS))

    flat = bins.reshape(len(bins), -1)
    yield additive(rows, flat, error, "expected calibration error", note=BIASED, better=Better.LOWER)


def _confusion(truth: np.ndarray, answered: np.ndarray, classes: int) -> np.ndarray:
    """Each row's own confusion matrix, flat: (row, class * class)."""
    onehot = np.zeros((len(truth), classes * classes))
    onehot[np.arange(len(truth)), truth * classes + answered] = 1
    return onehot


def _of_confusion(
    rows: Rows,
    truth: np.ndarray,
    onehot: np.ndarray,
    formula: Callable[[np.ndarray], np.ndarray],
    metric: str,
    classes: tuple[str, ...],
    label: str = "",
    *,
    scale: Scale = PROPORTION,
) -> Figure:
    def of_totals(totals: np.ndarray) -> np.ndarray:
        return formula(totals.reshape(len(totals), len(classes), len(classes)))

    held = [rows.units_with(truth == index) for index in range(len(classes))]
    notes = [f"nobody has {name}" for name, units in zip(classes, held, strict=True) if units == 0]
    notes += [
        f"only one of the {rows.noun} has {name}" for name, units in zip(classes, held, strict=True) if units == 1
    ]
    reason = "answers and truth are all one class"
    rarest = min(units for units in held if units)
    return additive(
        rows,
        onehot,
        of_totals,
        metric,
        label,
        scale=scale,
        reason=reason,
        note="; ".join(notes),
        edge_units=rarest,
    )


def _recall(
    rows: Rows,
    truth: np.ndarray,
    answered: np.ndarray,
    index: int,
    metric: str,
    classes: tuple[str, ...],
    *,
    label: str | None = None,
) -> Figure:
    own = truth == index
    values = np.stack([own & (answered == index), own], axis=1).astype(float)
    name = classes[index] if label is None else label
    return additive(rows, values, _share_of_totals, metric, name, reason=f"nobody has {classes[index]}")


def _mean(rows: Rows, values: np.ndarray, metric: str, *, upper: float = 1.0, better: Better = Better.HIGHER) -> Figure:
    both = np.stack([values, np.ones_like(values)], axis=1)
    return additive(rows, both, _share_of_totals, metric, scale=Scale(0.0, upper), better=better)


def _share_of_totals(totals: np.ndarray) -> np.ndarray:
    return ratio(totals[:, 0], totals[:, 1])


def _dice_of_totals(totals: np.ndarray) -> np.ndarray:
    split = totals.reshape(len(totals), -1, 3)
    return agreement.mean_of_defined(overlap.dice(split[..., 0], split[..., 1], split[..., 2]))


def _in_bins(true: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Each row's own reliability counts: (row, 3, bin)."""
    bins = np.zeros((len(true), 3, BINS))
    place = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    bins[np.arange(len(true)), :, place] = np.stack([np.ones(len(true)), probability, true.astype(float)], axis=1)
    return bins
