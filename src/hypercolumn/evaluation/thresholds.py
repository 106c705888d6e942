"""A threshold for each group: a remedy where a network ranks a group well and answers it wrongly.

    threshold of g = argmax_t  sensitivity(t) + specificity(t)         over the training rows of the group (Youden's J)

A group in which fewer than FEWEST units have the disease, or are without it, has the threshold of all. Learnt on the
rows it is given and on nothing else: give it the predictions of the training folds, and answer those of the fold that
is tested. Whether a threshold of its own is fair to a group is not a question of statistics. Youden 1950,
doi 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch

FEWEST = 10


@dataclass(frozen=True)
class Thresholds:
    """The threshold of all, and those of the groups that have their own; at or above it the answer is yes."""

    overall: float
    by_group: Mapping[str, float]

    def answer(self, score: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Answers (row,) as booleans; a group that was not fitted has the threshold of all.

        >>> Thresholds(0.5, {"north": 0.3}).answer(np.array([0.4, 0.4]), np.array(["north", "south"]))
        array([ True, False])
        """
        own = np.array([self.by_group.get(str(group), self.overall) for group in groups], dtype=float)
        return np.asarray(score, dtype=float) >= own


def fit_thresholds(
    truth: np.ndarray, score: np.ndarray, groups: np.ndarray, *, units: np.ndarray | None = None
) -> Thresholds:
    """From truth 0/1, score, group and unit of each training row.

    >>> truth, group = np.tile([0, 1], 40), np.repeat(["north", "south"], 40)
    >>> score = np.where(group == "north", 0.2, 0.6) + 0.2 * truth
    >>> fit_thresholds(truth, score, group).by_group
    {'north': 0.3, 'south': 0.7}
    """
    known, given, named = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float), np.asarray(groups).astype(str)
    unit = np.arange(len(known)) if units is None else np.asarray(units)
    if not known.shape == given.shape == named.shape == unit.shape or known.ndim != 1:
        raise ShapeMismatch(
            f"{known.shape} truths, {given.shape} scores, {named.shape} groups", fix="give one of each a row"
        )
    if not np.isfinite(given).all():
        raise InvalidArgument("score", "NaN or infinite", fix="give finite scores")
    if known.all() or not known.any():
        raise InvalidArgument("truth", "one class", why="no threshold tells it from another", fix="give rows of both")
    found = {}
    for name in np.unique(named):
        rows = named == name
        held = min(len(np.unique(unit[rows & side])) for side in (known, ~known))
        if held >= FEWEST:
            found[str(name)] = _youden(known[rows], given[rows])
    return Thresholds(_youden(known, given), found)


def _youden(truth: np.ndarray, score: np.ndarray) -> float:
    """The middle of the gap between neighbouring scores at which sensitivity + specificity is largest."""
    values, place = np.unique(score, return_inverse=True)
    positives, negatives = (np.bincount(place[side], minlength=len(values)) for side in (truth, ~truth))
    gained = np.cumsum(negatives) / negatives.sum() - np.cumsum(positives) / positives.sum()
    best = int(gained[:-1].argmax()) if len(values) > 1 else -1
    return float(np.round((values[best] + values[best + 1]) / 2, 12)) if len(values) > 1 else float(values[0])
