"""Overlap of a predicted region with the true one, from counts of samples.

    Dice = 2 TP / (2 TP + FP + FN)        IoU = TP / (TP + FP + FN)        Dice = 2 IoU / (1 + IoU)

TP are samples of the class in both, FP in the prediction alone, FN in the truth alone. Counts may be summed over a
record, a patient or everything before the ratio is taken: that is what "pooled" means.

    class absent in truth and in prediction     undefined (NaN) and left out of every mean; the n beside it says so
    class absent in truth, but predicted        0
    class present in truth, never predicted     0

Dice 1945, doi 10.2307/1932409; Jaccard 1912, doi 10.1111/j.1469-8137.1912.tb05611.x. Distances between outlines are
`surface`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Counts:
    """How many samples of each class are right and wrong; each array is (class,), whole numbers.

    `counts` makes them.
    """

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray


def counts(truth: np.ndarray, predicted: np.ndarray, *, classes: int) -> Counts:
    """Count samples of two label arrays (*space) that hold class indices.

    >>> counts(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), classes=3).true_positive
    array([1, 1, 1])
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ShapeMismatch(
            f"truth is {truth.shape} and prediction {predicted.shape}", why="they are compared in place"
        )
    for name, labels in (("truth", truth), ("predicted", predicted)):
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            wrong = int(labels.min() if labels.min() < 0 else labels.max())
            raise InvalidArgument(name, wrong, why=f"classes are 0 to {classes - 1}", fix="give class indices")
    pairs = np.zeros(classes * classes, dtype=np.int64)
    for part in blocks(truth.size):
        codes = truth.reshape(-1)[part].astype(np.int64) * classes + predicted.reshape(-1)[part]
        pairs += np.bincount(codes, minlength=classes * classes)
    confusion = pairs.reshape(classes, classes)
    hit = np.diag(confusion)
    extra, missed = confusion.sum(axis=0) - hit, confusion.sum(axis=1) - hit
    return Counts(hit, extra, missed, confusion.sum() - hit - extra - missed)


def dice(true_positive: np.ndarray, false_positive: np.ndarray, false_negative: np.ndarray) -> np.ndarray:
    """Dice coefficient of counts of any shape; NaN where the class is in neither.

    >>> dice(np.array([8, 0, 0]), np.array([2, 3, 0]), np.array([2, 0, 0]))
    array([0.8, 0. , nan])
    """
    return ratio(2 * np.asarray(true_positive), 2 * np.asarray(true_positive) + false_positive + false_negative)


def iou(true_positive: np.ndarray, false_positive: np.ndarray, false_negative: np.ndarray) -> np.ndarray:
    """Intersection over union, the Jaccard index, of counts of any shape; NaN where the class is in neither.

    >>> iou(np.array([8, 0, 0]), np.array([2, 3, 0]), np.array([0, 0, 0]))
    array([0.8, 0. , nan])
    """
    return ratio(np.asarray(true_positive), np.asarray(true_positive) + false_positive + false_negative)


def blocks(size: int) -> Iterator[slice]:
    """Slices that cover `size` samples, so that counting in a large image takes little memory.

    >>> list(blocks(5))
    [slice(0, 5, None)]
    """
    for start in range(0, size, _BLOCK):
        yield slice(start, min(start + _BLOCK, size))


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above` / `below`, and NaN where nothing stands below.

    >>> ratio(np.array([1, 0]), np.array([4, 0]))
    array([0.25,  nan])
    """
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.full(shape, np.nan), where=np.broadcast_to(below, shape) > 0)
