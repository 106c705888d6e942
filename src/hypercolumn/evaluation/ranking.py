"""How well scores put the cases that are above those that are not, whatever the threshold.

    AUROC = P(score of a positive > score of a negative) + P(equal) / 2
    AUPRC = sum over thresholds of (recall gained) * precision       average precision, not the trapezium
    top-k = how often the true class is among the k most probable

All areas take weights by record, (draw, record), so that a whole patient can be left out or drawn twice at one stroke.
Where only one class is there, both are undefined (NaN), as is top-k of nothing. Hanley and McNeil 1982,
doi 10.1148/radiology.143.1.7063747; Davis and Goadrich 2006, doi 10.1145/1143844.1143874.
"""

from collections.abc import Callable

import numpy as np

from hypercolumn.evaluation.overlap import ratio

_AT_ONCE = 2_000_000
"""Weights looked at in one go: 16 MB."""


def auroc(truth: np.ndarray, score: np.ndarray, *, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve: truth 0/1 (record,), score (record,), weights (draw, record) -> (draw,) or a number.

    >>> float(auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8])))
    0.875
    """
    return _by_draw(_auroc_of_ends, truth, score, weights)


def auroc_within(
    truth: np.ndarray, score: np.ndarray, groups: np.ndarray, *, weights: np.ndarray | None = None
) -> np.ndarray:
    """The AUROC of pairs from one group alone, as where patients are compared only with others of their hospital.

    Groups (record,) of any names; a group without both classes has no pair. NaN where no group has one.

    >>> truth, score, hospital = np.array([0, 0, 1, 0, 1, 1]), np.array([1, 2, 1, 7, 7, 8]), np.array(list("AAABBB"))
    >>> float(auroc(truth, score)).__round__(3), float(auroc_within(truth, score, hospital))
    (0.667, 0.5)
    """
    truth, score, groups = np.asarray(truth, dtype=float), np.asarray(score, dtype=float), np.asarray(groups)
    given = np.ones((1, len(score))) if weights is None else np.atleast_2d(np.asarray(weights, dtype=float))
    won, pairs = np.zeros(len(given)), np.zeros(len(given))
    for name in np.unique(groups):
        rows = groups == name
        own = given[:, rows]
        compared = (own @ truth[rows]) * (own @ (1 - truth[rows]))
        won += compared * np.nan_to_num(auroc(truth[rows], score[rows], weights=own))
        pairs += compared
    areas = ratio(won, pairs)
    return areas[0] if weights is None or np.ndim(weights) == 1 else areas


def auprc(truth: np.ndarray, score: np.ndarray, *, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the precision-recall curve as average precision; the arguments are those of `auroc`.

    >>> float(auprc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8])))
    1.0
    """
    return _by_draw(_auprc_of_ends, truth, score, weights)


def top_k_hits(truth: np.ndarray, probabilities: np.ndarray, *, k: int) -> np.ndarray:
    """Whether the true class is among the k most probable (record, class); a tie at the border is a miss.

    >>> top_k_hits(np.array([2, 0]), np.array([[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]]), k=2)
    array([ True, False])
    """
    probabilities = np.asarray(probabilities, dtype=float)
    own = np.take_along_axis(probabilities, np.asarray(truth, dtype=int)[:, None], axis=1)
    return (probabilities >= own).sum(axis=1) <= k


def _by_draw(
    area: Callable[[np.ndarray, np.ndarray], np.ndarray],
    truth: np.ndarray,
    score: np.ndarray,
    weights: np.ndarray | None,
) -> np.ndarray:
    """Cumulated weights of positives and of negatives at the end of each run of equal scores, best score first."""
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float)
    order = np.argsort(-score, kind="stable")
    truth, score = truth[order], score[order]
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1) if len(score) else np.zeros(0, dtype=int)
    given = np.ones((1, len(score))) if weights is None else np.atleast_2d(np.asarray(weights, dtype=float))
    step = max(1, _AT_ONCE // max(1, len(score)))
    parts = []
    for start in range(0, len(given), step):
        drawn = given[start : start + step][:, order]
        parts.append(area((drawn * truth).cumsum(axis=1)[:, ends], (drawn * ~truth).cumsum(axis=1)[:, ends]))
    values = np.concatenate(parts)
    return values[0] if weights is None or np.ndim(weights) == 1 else values


def _auroc_of_ends(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    if hits.shape[1] == 0:
        return np.full(len(hits), np.nan)
    gained = np.diff(alarms, axis=1, prepend=0)
    before = hits - np.diff(hits, axis=1, prepend=0) / 2
    return ratio((gained * before).sum(axis=1), hits[:, -1] * alarms[:, -1])


def _auprc_of_ends(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    if hits.shape[1] == 0:
        return np.full(len(hits), np.nan)
    precision = np.nan_to_num(ratio(hits, hits + alarms))
    gained = np.diff(hits, axis=1, prepend=0)
    areas = ratio((gained * precision).sum(axis=1), hits[:, -1])
    return np.where(alarms[:, -1] > 0, areas, np.nan)
