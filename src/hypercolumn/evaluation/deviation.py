"""How far the numbers answered lie from the numbers known, from means over pairs (truth t, answer a).

    e = a - t                 the error                                            in the unit of the number
    mean absolute error       E|e|
    root mean square error    sqrt(E[e^2])                                         large errors weigh more
    R^2                       1 - E[e^2] / var(t)                                  see below
    Pearson                   cov(t, a) / sqrt(var(t) var(a))                      blind to a wrong scale or zero
    Spearman                  Pearson of the ranks, those of equal numbers shared  blind to all but the order
    bias                      E[e]
    limits of agreement       bias -+ 1.96 sd(e)                                   95 % of errors that are normal

R^2 is the share of the variance of truth that the answers explain: 1 where all are right, 0 where the mean of truth for
everybody would do as well, below 0 where it would do better. Where all numbers known are alike there is nothing to
explain: it is undefined (NaN), and so are both correlations, also where all answers are alike.

E is a weighted mean, so that a whole patient can be left out at one stroke. Which weights suit repeated records of one
patient is `regression_figures`. Bland and Altman 1986, doi 10.1016/S0140-6736(86)90837-8; Spearman 1904,
doi 10.2307/1412159.
"""

import numpy as np

from hypercolumn.errors import ShapeMismatch
from hypercolumn.evaluation.overlap import ratio

_AT_ONCE = 2_000_000
"""Weights looked at in one go: 16 MB."""

_NOISE = 1e-12
"""A variance below this share of the mean square is rounding: the numbers are all alike."""


def moments(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """What the formulas below take means of: e, |e|, e^2, t, t^2, a, a^2, t a, as (pair, 8).

    Truth and answers are each counted from their median: no formula but those of e sees where their zero lies, and
    seconds since 1970 keep their digits.

    >>> moments(np.array([1.0, 3.0, 5.0]), np.array([1.5, 3.0, 4.0]))[0]
    array([ 0.5 ,  0.5 ,  0.25, -2.  ,  4.  , -1.5 ,  2.25,  3.  ])
    """
    known, given = np.asarray(truth, dtype=float), np.asarray(answer, dtype=float)
    if known.shape != given.shape or known.ndim != 1:
        raise ShapeMismatch(f"{known.shape} numbers known and {given.shape} answers", fix="give one answer a number")
    error = given - known
    t, a = known - np.median(known), given - np.median(given)
    return np.stack([error, np.abs(error), error**2, t, t**2, a, a**2, t * a], axis=1)


def mean_absolute_error(means: np.ndarray) -> np.ndarray:
    """From means of `moments` (..., 8).

    >>> float(mean_absolute_error(moments(np.array([1.0, 3.0, 5.0]), np.array([1.5, 3.0, 4.0])).mean(axis=0)))
    0.5
    """
    return means[..., 1]


def root_mean_square_error(means: np.ndarray) -> np.ndarray:
    """From means of `moments` (..., 8).

    >>> float(root_mean_square_error(moments(np.array([0.0, 0.0]), np.array([1.0, 7.0])).mean(axis=0)))
    5.0
    """
    return np.sqrt(means[..., 2])


def r_squared(means: np.ndarray) -> np.ndarray:
    """From means of `moments` (..., 8); NaN where all numbers known are alike.

    >>> float(r_squared(moments(np.array([1.0, 3.0, 5.0]), np.array([1.5, 3.0, 4.0])).mean(axis=0)))
    0.84375
    """
    return 1 - ratio(means[..., 2], _variance(means[..., 3], means[..., 4]))


def pearson(means: np.ndarray) -> np.ndarray:
    """From means of `moments` (..., 8); NaN where all numbers known, or all answers, are alike.

    >>> float(pearson(moments(np.array([1.0, 3.0, 5.0]), np.array([10.0, 30.0, 50.0])).mean(axis=0)))
    1.0
    """
    t, t2, a, a2, ta = (means[..., column] for column in range(3, 8))
    return np.clip(ratio(ta - t * a, np.sqrt(_variance(t, t2) * _variance(a, a2))), -1, 1)


def bias(means: np.ndarray) -> np.ndarray:
    """From means of `moments` (..., 8): above 0 where the answers are too high.

    >>> float(bias(moments(np.array([1.0, 3.0, 5.0]), np.array([2.5, 4.0, 5.5])).mean(axis=0)))
    1.0
    """
    return means[..., 0]


def limits_of_agreement(means: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The lower and the upper limit (..., 2), from means of `moments` (..., 8) over `count` patients; NaN for one.

    >>> limits_of_agreement(moments(np.array([0.0, 0.0, 0.0]), np.array([-1.0, 0.0, 1.0])).mean(axis=0), np.array(3))
    array([-1.96,  1.96])
    """
    spread = np.sqrt(_variance(means[..., 0], means[..., 2]) * ratio(count, count - 1))
    return means[..., :1] + 1.96 * spread[..., None] * np.array([-1.0, 1.0])


def spearman(truth: np.ndarray, answer: np.ndarray, *, weights: np.ndarray | None = None) -> np.ndarray:
    """Rank correlation: truth and answer (pair,), weights (draw, pair) -> (draw,), or a number without weights.

    >>> float(spearman(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 9.0, 16.0])))
    1.0
    """
    known, given = np.asarray(truth, dtype=float), np.asarray(answer, dtype=float)
    drawn = np.ones((1, len(known))) if weights is None else np.asarray(weights, dtype=float)
    step = max(1, _AT_ONCE // max(1, len(known)))
    parts = [_of_ranks(known, given, drawn[start : start + step]) for start in range(0, len(drawn), step)]
    return np.concatenate(parts)[0] if weights is None else np.concatenate(parts)


def _of_ranks(truth: np.ndarray, answer: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shares = ratio(weights, weights.sum(axis=1, keepdims=True))
    t, a = (ranks - 0.5 for ranks in (_ranks(truth, shares), _ranks(answer, shares)))
    squares = (shares * t * t).sum(axis=1) * (shares * a * a).sum(axis=1)
    return np.clip(ratio((shares * t * a).sum(axis=1), np.sqrt(np.where(squares > _NOISE, squares, 0))), -1, 1)


def _ranks(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The share of all that lies below each value, equal values counted half: (draw, pair)."""
    _, first, place = np.unique(np.sort(values), return_index=True, return_inverse=True)
    order = np.argsort(values, kind="stable")
    held = np.add.reduceat(shares[:, order], first, axis=1)
    ranks = np.empty_like(shares)
    ranks[:, order] = (held.cumsum(axis=1) - held / 2)[:, place]
    return ranks


def _variance(mean: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    found = mean_square - mean**2
    return np.where(found > _NOISE * mean_square, found, 0.0)
