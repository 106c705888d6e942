"""The share of labels that are wrong, read where the model is surest.

    s_j = the surest of the records that the model calls j, by p_j             a quarter of them, or fewer of very many
    d_j = the share of s_j that is given another class
    share = sum_j pi_j d_j        pi_j = the share of all records called j

Where a model is unsure, a label that contradicts it says little. Where it is surest, classes hardly overlap any more,
and what is left of contradiction is the labels' own. Measured on classes that a perfect model tells apart in 0.9 of all
cases, with right labels, the share is 0.001 where that of the confident joint is 0.03 (`benchmarks/pitfalls_noise.py`).

The interval is taken over units, with the surest records held fixed. It holds for labels that are wrong no more often
in easy records than in hard ones: of errors that are made in hard records only, this sees few. A weak model has no
records in which classes do not overlap: where a perfect model would be right in 0.75 of all cases, one clean cohort in
six looks as if a few labels in a hundred were wrong; `agreement` (kappa between given and called classes) says how far
to trust it. The probabilities must be out of fold. Anchors of a class: Liu and Tao 2016, doi
10.1109/TPAMI.2015.2456899.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import ShapeMismatch
from hypercolumn.evaluation.agreement import cohen_kappa, confusion_matrix
from hypercolumn.evaluation.confident_learning import checked
from hypercolumn.evaluation.intervals import Interval, interval
from hypercolumn.evaluation.overlap import ratio

SUREST, LEAST, ENOUGH = 0.25, 0.1, 200
"""What share of the records called a class is looked at: a quarter; of many only so many, but at least a tenth."""


@dataclass(frozen=True, eq=False)
class WrongLabels:
    """The estimated share of wrong labels with its interval over units.

    `surest` (record,) marks the records that it was read from, `contradicted` those of them with another label;
    `agreement` is Cohen's kappa between given classes and the classes called, over all records (NaN where all are one).
    """

    share: Interval
    surest: np.ndarray
    contradicted: np.ndarray
    agreement: float


def wrong_labels(
    given: np.ndarray, probabilities: np.ndarray, units: np.ndarray, *, level: float = 0.95
) -> WrongLabels:
    """From given classes (record,), out-of-fold probabilities (record, class), and the unit of each record (record,).

    `level` is that of the interval. Raises ShapeMismatch or InvalidArgument where these are not of one set of records.

    >>> from hypercolumn.data.planted import plant_noise
    >>> planted = plant_noise(0, rate=0.1)
    >>> found = wrong_labels(planted.given, planted.probabilities, planted.units)
    >>> int(found.surest.sum()), int(found.contradicted.sum()), round(found.agreement, 2)
    (126, 8, 0.81)
    >>> round(found.share.value, 3), round(found.share.low, 3), round(found.share.high, 3)
    (0.063, 0.03, 0.131)
    """
    given, probabilities = checked(given, probabilities)
    units = np.asarray(units)
    if units.shape != given.shape:
        raise ShapeMismatch(f"{units.shape} units for {given.shape} records", fix="give the unit of each record")
    called = probabilities.argmax(axis=1)
    classes = probabilities.shape[1]
    surest = surest_records(called, probabilities[np.arange(len(called)), called])
    contradicted = surest & (called != given)
    unit = np.unique(units, return_inverse=True)[1]
    sums = np.stack([_by_unit(unit, called, rows, classes) for rows in (np.ones_like(surest), surest, contradicted)])
    agreement = float(cohen_kappa(confusion_matrix(given, called, classes=classes)))

    def share(weights: np.ndarray) -> np.ndarray:
        held, looked, found = (weights @ part for part in sums)
        seen = np.where(looked > 0, held, 0.0)
        return ratio((seen * np.nan_to_num(ratio(found, looked))).sum(axis=-1), seen.sum(axis=-1))

    found = interval(share, int(unit.max()) + 1, level=level, edge_units=len(np.unique(unit[surest])))
    return WrongLabels(found, surest, contradicted, agreement)


def surest_records(called: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Of the records called each class (record,), those with the highest probability of it (record,), marked.

    >>> surest_records(np.array([0, 0, 0, 0, 1]), np.array([0.6, 0.9, 0.7, 0.8, 0.5]))
    array([False,  True, False, False,  True])
    """
    share = min(SUREST, max(LEAST, ENOUGH / len(called)))
    surest = np.zeros(len(called), dtype=bool)
    for name in np.unique(called):
        own = np.flatnonzero(called == name)
        surest[own[np.argsort(-chance[own], kind="stable")[: int(np.ceil(share * len(own)))]]] = True
    return surest


def _by_unit(unit: np.ndarray, called: np.ndarray, rows: np.ndarray, classes: int) -> np.ndarray:
    """How many of the marked rows each unit has, by the class they are called: (unit, class)."""
    size = (int(unit.max()) + 1) * classes
    return np.bincount((unit * classes + called)[rows], minlength=size).reshape(-1, classes).astype(float)
