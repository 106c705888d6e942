"""How far the answers given agree with the answers known, from a confusion matrix.

    confusion[t, p]        how often class t was answered p
    recall of c            confusion[c, c] / row sum           sensitivity of the class
    balanced accuracy      mean recall over the classes that somebody has
    F1 of c                2 TP / (2 TP + FP + FN)             undefined where the class is neither known nor answered
    kappa                  1 - sum w observed / sum w expected from the margins alone
                           w = 1 where t and p differ, |t - p| (linear) or (t - p)^2 (quadratic) for grades

A class that nobody has has no recall and is left out of the mean; a class that nobody has but somebody was given has an
F1 of 0. Kappa is undefined where all answers, known and given, are one grade. All take (..., class, class), so that a
stack of resampled matrices is one call. More than two raters are `raters`.

Cohen 1960, doi 10.1177/001316446002000104; Cohen 1968, doi 10.1037/h0026256; Brodersen et al. 2010, doi
10.1109/ICPR.2010.764.
"""

from typing import Literal

import numpy as np

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.overlap import dice, ratio


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, *, classes: int) -> np.ndarray:
    """Counts (class, class) of class indices (record,): rows are known, columns are answered.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2)
    array([[1, 1],
           [0, 1]])
    """
    pairs = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def recall(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class (..., class); NaN for a class that nobody has.

    >>> recall(np.array([[3, 1], [0, 0]]))
    array([0.75,  nan])
    """
    confusion = np.asarray(confusion, dtype=float)
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean recall over the classes that somebody has.

    >>> float(balanced_accuracy(np.array([[3, 1], [1, 1]])))
    0.625
    """
    return mean_of_defined(recall(confusion))


def f1(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class (..., class).

    >>> f1(np.array([[3, 1, 0], [1, 1, 0], [0, 0, 0]]))
    array([0.75, 0.5 ,  nan])
    """
    confusion = np.asarray(confusion, dtype=float)
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return dice(hit, confusion.sum(axis=-2) - hit, confusion.sum(axis=-1) - hit)


def quadratic_weighted_kappa(confusion: np.ndarray) -> np.ndarray:
    """Cohen's kappa with squared distances between grades: 1 is full agreement, 0 what the margins alone would give.

    >>> float(quadratic_weighted_kappa(np.array([[2, 0, 0], [0, 2, 0], [0, 1, 1]]))).__round__(4)
    0.8571
    """
    return cohen_kappa(confusion, weights="quadratic")


def cohen_kappa(confusion: np.ndarray, *, weights: Literal["nominal", "linear", "quadratic"] = "nominal") -> np.ndarray:
    """Cohen's kappa: agreement beyond what the margins alone would give; grades may count by their distance.

    >>> float(cohen_kappa(np.array([[20, 5], [10, 15]]))).__round__(4)
    0.4
    """
    if weights not in ("nominal", "linear", "quadratic"):
        raise InvalidArgument("weights", weights, fix="use nominal, linear or quadratic")
    confusion = np.asarray(confusion, dtype=float)
    grade = np.arange(confusion.shape[-1])
    apart = np.abs(grade[:, None] - grade[None, :]).astype(float)
    apart = {"nominal": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weights]
    total = confusion.sum(axis=(-2, -1))
    known, given = confusion.sum(axis=-1), confusion.sum(axis=-2)
    observed = (confusion * apart).sum(axis=(-2, -1))
    expected = ratio(np.einsum("...i,ij,...j->...", known, apart, given), total)
    return 1 - ratio(observed, expected)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is defined.

    >>> mean_of_defined(np.array([[0.5, np.nan, 1.0], [np.nan, np.nan, np.nan]]))
    array([0.75,  nan])
    """
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))
