"""Imbalance: rare classes weigh more in the loss, or are drawn more often. Both are chosen on the training fold alone.

    w_c  ~  (N / n_c)^power                           scaled so that sum_c n_c w_c = N
    p_i  =  1/C * 1/U_{c(i)} * 1/n_{u(i), c(i)}       C classes, U_c units that have class c, n_{u,c} examples
    p_i  ~  n_g(i)^-power                             n_g examples of group g: a scanner, a site, a stain

Weights: power 1 is the inverse frequency (King and Zeng 2001, Political Analysis 9, 137), 0 none at all. The mean
weight of an example is 1, so that a learning rate keeps its meaning. Sampling: draw a class, then one of the units
that have it, then one of that unit's examples: each class comes equally often, and within a class a patient with a
hundred images no more often than a patient with one. To give every unit the same share *and* every class the same
share is impossible where a unit has one class only; the class goes first. Groups that differ in what their images
look like are drawn half-way between every example alike (power 0) and every group alike (power 1): of a rare group
there is too little to see it as often as the others.

Either makes the network believe that rare classes are common: look at the calibration afterwards. No example is copied
or made up.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from hypercolumn.errors import InvalidArgument


def class_weights(counts: Sequence[float] | np.ndarray, *, power: float = 0.5) -> np.ndarray:
    """A weight a class from how often each occurs (examples or pixels); 1 for each where all are equally frequent.

    The square root (0.5) stands half-way: under full inverse frequency a false alarm for a rare class costs next to
    nothing. A class that nobody has gets the largest weight of the others: training never uses it, and a later loss
    stays defined.

    >>> class_weights([90, 10], power=1.0)
    array([0.55555556, 5.        ])
    >>> class_weights([90, 10])
    array([0.83333333, 2.5       ])
    """
    occurring = np.asarray(counts, dtype=np.float64)
    if occurring.ndim != 1 or not np.isfinite(occurring).all() or (occurring < 0).any() or not occurring.any():
        raise InvalidArgument(
            "counts", counts, fix="give how often each class occurs, at least one of them more than never"
        )
    if not (math.isfinite(power) and power >= 0):
        raise InvalidArgument("power", power, fix="0 is no weights, 0.5 the square root, 1 the inverse frequency")
    present = occurring > 0
    weights = np.zeros_like(occurring)
    weights[present] = (occurring.sum() / occurring[present]) ** power
    weights *= occurring.sum() / (occurring * weights).sum()
    weights[~present] = weights.max()
    return weights


def sampling_weights(labels: Sequence[Hashable] | np.ndarray, units: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """The probability with which each example is drawn, from its class and its unit (the patient, say).

    >>> sampling_weights(["sick", "well", "well", "well"], ["anna", "ben", "ben", "carl"])
    array([0.5  , 0.125, 0.125, 0.25 ])
    """
    if len(labels) != len(units) or len(labels) == 0:
        raise InvalidArgument(
            "units", f"{len(units)} units", fix=f"give one for each of the {len(labels)} labels, and at least one"
        )
    label, unit = _numbered(labels), _numbered(units)
    pair = label * (unit.max() + 1) + unit
    _, of_pair, examples = np.unique(pair, return_inverse=True, return_counts=True)
    class_of_pair = np.unique(pair) // (unit.max() + 1)
    units_of_class = np.bincount(class_of_pair)
    return 1 / (len(units_of_class) * units_of_class[label] * examples[of_pair])


def group_sampling_weights(groups: Sequence[Hashable] | np.ndarray, *, power: float = 0.5) -> np.ndarray:
    """The probability with which each example is drawn, from the group it belongs to.

    >>> group_sampling_weights(["dark", "dark", "dark", "dark", "stained"]).round(3)
    array([0.167, 0.167, 0.167, 0.167, 0.333])
    """
    if len(groups) == 0:
        raise InvalidArgument("groups", groups, fix="give the group of each example, and at least one")
    if not 0 <= power <= 1:
        raise InvalidArgument("power", power, fix="0 draws every example alike, 0.5 is half-way, 1 every group alike")
    numbers = _numbered(groups)
    weights = np.bincount(numbers)[numbers].astype(np.float64) ** -power
    return weights / weights.sum()


def check_class_weights(weights: Sequence[float] | None, classes: Sequence[str]) -> None:
    """Raise InvalidArgument unless there are no weights, or one for each class.

    >>> check_class_weights((1.0, 2.5), ("benign", "malignant"))
    """
    if weights is None:
        return
    numbers = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if len(weights) != len(classes) or not numbers or not any(weights):
        raise InvalidArgument(
            "class_weights", weights, fix=f"give a weight of at least 0 for each of {', '.join(classes)}"
        )


def _numbered(names: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """0, 1, 2, ... in order of appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in list(names)])
