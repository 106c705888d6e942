"""Confident learning: which labels a model contradicts where it is sure, and which class is given for which.

    t_j         = mean of p_j(x) over the records given j                how sure the model is of j, on average
    believed(x) = the most probable j among those with p_j(x) >= t_j     none where there is none
    C[i, j]     = records given i and believed j                         the confident joint
    Q[i, j]     = C[i, j] / sum_j C[i, j] * n_i / n                      the calibrated joint of given and true class
    noise[i, j] = Q[i, j] / sum_i Q[i, j]                                P(given i | true j)
    suspects    = the records off the diagonal of C, by p_believed - p_given, the largest first

n_i is the number of records given i. The probabilities must be out of fold: a model that has seen a label repeats it.
Several labels at once are several problems of two classes (`labels_as_classes`).

What this cannot do: tell a wrong label from a record that looks like another class. Where classes overlap, rare cases
of one are counted as errors, so that Q is too high off the diagonal; `wrong_labels` looks only where the model is
surest, and is what an audit judges by. Northcutt, Jiang and Chuang 2021, doi 10.1613/jair.1.12125.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.overlap import ratio

_HAIR = 1e-6
"""Probabilities this far below a threshold still reach it: they may have been stored in single precision."""

_SUM = 1e-3
"""How far the probabilities of a record may be from a sum of one."""


@dataclass(frozen=True, eq=False)
class ConfidentLearning:
    """What a model makes of given labels.

    `thresholds` (class,) are infinite for a class that nobody was given; `believed` (record,) is -1 where the model is
    not sure of any class; `counts`, `joint` (class, class) have given classes as rows; `suspects` are places of
    records, the most doubtful first, and `doubt` (suspect,) is p_believed - p_given of each.
    """

    thresholds: np.ndarray
    believed: np.ndarray
    counts: np.ndarray
    joint: np.ndarray
    suspects: np.ndarray
    doubt: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        """P(given | true), each column summing to one; NaN for a class that nobody has."""
        return ratio(self.joint, np.broadcast_to(self.joint.sum(axis=0), self.joint.shape))

    @property
    def prior(self) -> np.ndarray:
        """The share of each true class."""
        return self.joint.sum(axis=0)

    @property
    def share(self) -> float:
        """The estimated share of wrong labels: all of the joint that is off the diagonal."""
        return float(1 - np.trace(self.joint))


def confident_learning(given: np.ndarray, probabilities: np.ndarray) -> ConfidentLearning:
    """From given classes (record,) and out-of-fold probabilities (record, class).

    Raises ShapeMismatch or InvalidArgument where they cannot be those of one set of records.

    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    >>> found = confident_learning(np.array([0, 0, 0, 1, 1, 1]), p)
    >>> found.thresholds.round(3), found.counts.tolist(), found.suspects.tolist(), found.doubt.tolist()
    (array([0.867, 0.6  ]), [[2, 0], [1, 2]], [5], [0.8])
    >>> found.joint.round(3), round(found.share, 3)
    (array([[0.5  , 0.   ],
           [0.167, 0.333]]), 0.167)
    """
    given, probabilities = checked(given, probabilities)
    classes = probabilities.shape[1]
    held = np.bincount(given, minlength=classes)
    own = probabilities[np.arange(len(given)), given]
    summed = np.bincount(given, weights=own, minlength=classes)
    thresholds = np.divide(summed, held, out=np.full(classes, np.inf), where=held > 0)
    sure = np.where(probabilities >= thresholds - _HAIR, probabilities, -1.0)
    believed = np.where(sure.max(axis=1) >= 0, sure.argmax(axis=1), -1)
    counted = believed >= 0
    counts = np.bincount(given[counted] * classes + believed[counted], minlength=classes * classes)
    counts = counts.reshape(classes, classes)
    off = np.flatnonzero(counted & (believed != given))
    doubt = probabilities[off, believed[off]] - own[off]
    order = np.argsort(-doubt, kind="stable")
    return ConfidentLearning(thresholds, believed, counts, calibrated(counts, held), off[order], doubt[order])


def calibrated(counts: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The joint (..., class, class) of confident counts whose rows are scaled to the records given each class.

    A class of which the model is never sure is taken for right.

    >>> calibrated(np.array([[9, 1], [0, 5]]), np.array([20, 20]))
    array([[0.45, 0.05],
           [0.  , 0.5 ]])
    """
    counts, held = np.asarray(counts, dtype=float), np.asarray(held, dtype=float)
    rows = counts.sum(axis=-1, keepdims=True)
    shares = np.where(rows > 0, ratio(counts, np.broadcast_to(rows, counts.shape)), np.eye(counts.shape[-1]))
    return shares * ratio(held, held.sum(axis=-1, keepdims=True))[..., None]


def labels_as_classes(present: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One label of several as two classes: presence (record,) and its probability (record,) -> given, probabilities.

    >>> labels_as_classes(np.array([True, False]), np.array([0.75, 0.5]))
    (array([1, 0]), array([[0.25, 0.75],
           [0.5 , 0.5 ]]))
    """
    chance = np.asarray(chance, dtype=float)
    return np.asarray(present).astype(int), np.stack([1 - chance, chance], axis=-1)


def checked(given: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Given classes and probabilities as whole numbers and floats, or an error that says where they are wrong.

    >>> checked([0], [[0.25, 0.5]])
    Traceback (most recent call last):
    hypercolumn.errors.InvalidArgument: error[E-ARGUMENT] probabilities = [0.25, 0.5] cannot be used
      why    those of record 0 sum to 0.75
      fix    give one number from 0 to 1 a class, that sum to one in each record
    """
    given, probabilities = np.asarray(given), np.asarray(probabilities, dtype=float)
    if probabilities.ndim != 2 or given.shape != probabilities.shape[:1]:
        raise ShapeMismatch(
            f"given classes {given.shape} and probabilities {probabilities.shape}",
            fix="give (record,) and (record, class) of the same records",
        )
    if not len(given) or probabilities.shape[1] < 2:
        raise InvalidArgument("probabilities", probabilities.shape, fix="give at least one record and two classes")
    wrong = np.any(~((probabilities >= 0) & (probabilities <= 1 + _SUM)), axis=1)
    uneven = np.abs(probabilities.sum(axis=1) - 1) > _SUM
    if (wrong | uneven).any():
        place = int(np.flatnonzero(wrong | uneven)[0])
        said = "are not all between 0 and 1" if wrong[place] else f"sum to {probabilities[place].sum():.4g}"
        raise InvalidArgument(
            "probabilities",
            probabilities[place].tolist(),
            why=f"those of record {place} {said}",
            fix="give one number from 0 to 1 a class, that sum to one in each record",
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= probabilities.shape[1]:
        raise InvalidArgument(
            "given", given[:5].tolist(), why=f"there are {probabilities.shape[1]} classes", fix="give class indices"
        )
    return given.astype(np.int64), probabilities
