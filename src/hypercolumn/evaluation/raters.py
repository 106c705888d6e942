"""How far several raters agree, beyond what chance alone would give; ratings (record, rater), NaN where one is missing.

    Fleiss' kappa           (P - Pe) / (1 - Pe)       P = mean share of pairs of ratings of a record that agree
                                                      Pe = sum_k share_k^2             as many raters for every record
    Krippendorff's alpha    1 - Do / De               Do = mean distance of two ratings of one record
                                                      De = mean distance of any two ratings
      nominal               d(k, l) = 1 where k and l differ
      ordinal               d(k, l) = (n_k / 2 + n_{k+1} + ... + n_{l-1} + n_l / 2)^2
      interval              d(k, l) = (k - l)^2
    Cohen's kappa           of each pair of raters, over the records that both have rated

Ratings may be missing for alpha and for Cohen's kappa; a record with one rating is passed over. Two ratings of a record
that is given twice to one rater tell about that rater in the same way. All come with an interval over units.

None of this says who is right, and a kappa depends on how common the classes are: 0.6 where one class in a hundred is
rare is another thing than 0.6 where two are as common. Fleiss 1971, doi 10.1037/h0031619; Krippendorff 2004,
doi 10.1111/j.1468-2958.2004.tb00738.x; Hayes and Krippendorff 2007, doi 10.1080/19312450709336664.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation import intervals
from hypercolumn.evaluation.agreement import cohen_kappa
from hypercolumn.evaluation.intervals import AT_MOST_ONE, CORRELATION, Interval, interval
from hypercolumn.evaluation.overlap import ratio

Scale = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(ratings: np.ndarray, *, scale: Scale = "nominal", units: np.ndarray | None = None) -> Interval:
    """Alpha of ratings (record, rater), whatever is missing; `units` (record,) are the records where left out.

    Undefined where all ratings are one value, or no record has two.

    >>> nan = np.nan
    >>> said = np.array([[1, 1, nan], [2, 2, 3], [3, 3, 3], [3, 3, 3], [2, 2, 2], [1, 2, 3], [4, 4, 4], [nan, 5, 5]])
    >>> [round(krippendorff_alpha(said, scale=scale).value, 3) for scale in ("nominal", "ordinal", "interval")]
    [0.71, 0.826, 0.863]
    """
    if scale not in get_args(Scale):
        raise InvalidArgument("scale", scale, fix=f"use {', '.join(get_args(Scale))}")
    ratings = checked_ratings(ratings)
    paired = (~np.isnan(ratings)).sum(axis=1) >= 2
    units = _units(units, len(ratings))[paired]
    if not paired.any():
        return Interval(None, note="no record has two ratings")
    if scale == "interval":
        return _over(units, _moments(ratings[paired]), _alpha_of_moments, AT_MOST_ONE)
    together = coincidences(ratings[paired])
    values = together.shape[1]

    def alpha(sums: np.ndarray) -> np.ndarray:
        return alpha_of_coincidences(sums.reshape(len(sums), values, values), ordinal=scale == "ordinal")

    return _over(units, together.reshape(len(together), -1), alpha, AT_MOST_ONE)


def fleiss_kappa(ratings: np.ndarray, *, units: np.ndarray | None = None) -> Interval:
    """Fleiss' kappa of ratings (record, rater), none missing; undefined where all ratings are one value.

    >>> round(fleiss_kappa(np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1], [1, 1, 0]])).value, 4)
    0.3333
    """
    ratings = checked_ratings(ratings)
    if np.isnan(ratings).any():
        raise InvalidArgument(
            "ratings",
            np.nan,
            why="every record needs as many ratings",
            fix="use krippendorff_alpha where some are missing",
        )
    raters = ratings.shape[1]
    counts = _counts(ratings)
    pairs = (np.square(counts).sum(axis=1) - raters) / (raters * (raters - 1))
    rows = np.column_stack([np.ones(len(counts)), pairs, counts / raters])

    def kappa(sums: np.ndarray) -> np.ndarray:
        means = ratio(sums[:, 1:], np.broadcast_to(sums[:, :1], sums[:, 1:].shape))
        by_chance = np.square(means[:, 1:]).sum(axis=1)
        return 1 - ratio(1 - means[:, 0], np.where(by_chance < 1 - 1e-12, 1 - by_chance, 0))

    return _over(_units(units, len(ratings)), rows, kappa, CORRELATION)


def pairwise_kappa(
    ratings: np.ndarray,
    *,
    weights: Literal["nominal", "linear", "quadratic"] = "nominal",
    units: np.ndarray | None = None,
) -> Mapping[tuple[int, int], Interval]:
    """Cohen's kappa of every two raters over the records that both have rated; grades count by their rank.

    >>> found = pairwise_kappa(np.array([[0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 1, 0]]))
    >>> {pair: round(kappa.value, 2) for pair, kappa in found.items()}
    {(0, 1): 1.0, (0, 2): 0.0, (1, 2): 0.0}
    """
    ratings = checked_ratings(ratings)
    values, ranks = np.unique(ratings[~np.isnan(ratings)], return_inverse=True)
    coded = np.full(ratings.shape, -1)
    coded[~np.isnan(ratings)] = ranks
    owners = _units(units, len(ratings))
    count = len(values)

    def kappa(sums: np.ndarray) -> np.ndarray:
        return cohen_kappa(sums.reshape(len(sums), count, count), weights=weights)

    found = {}
    for first, second in itertools.combinations(range(ratings.shape[1]), 2):
        both = (coded[:, first] >= 0) & (coded[:, second] >= 0)
        cells = np.eye(count * count)[coded[both, first] * count + coded[both, second]]
        none = Interval(None, note="no record was rated by both")
        found[first, second] = _over(owners[both], cells, kappa, CORRELATION) if both.any() else none
    return found


def coincidences(ratings: np.ndarray) -> np.ndarray:
    """How often each two values stand together in a record (record, value, value), each record weighing its ratings.

    >>> coincidences(np.array([[1.0, 1.0, 2.0]]))
    array([[[1., 1.],
            [1., 0.]]])
    """
    counts = _counts(ratings)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    return pairs / (counts.sum(axis=1) - 1)[:, None, None]


def alpha_of_coincidences(together: np.ndarray, *, ordinal: bool = False) -> np.ndarray:
    """Alpha from sums of coincidences (..., value, value), values in their order.

    >>> float(alpha_of_coincidences(np.array([[4.0, 1.0], [1.0, 4.0]])).round(3))
    0.64
    """
    held = together.sum(axis=-1)
    total = held.sum(axis=-1)
    if ordinal:
        middle = held.cumsum(axis=-1) - held / 2
        apart = np.square(middle[..., :, None] - middle[..., None, :])
    else:
        apart = np.broadcast_to(1 - np.eye(held.shape[-1]), together.shape)
    observed = (together * apart).sum(axis=(-2, -1))
    expected = ratio((held[..., :, None] * held[..., None, :] * apart).sum(axis=(-2, -1)), total - 1)
    return 1 - ratio(observed, expected)


def checked_ratings(ratings: np.ndarray) -> np.ndarray:
    """Ratings as floats, or an error in words: two raters at least, numbers or NaN.

    >>> checked_ratings(np.array([[1], [2]]))
    Traceback (most recent call last):
    hypercolumn.errors.InvalidArgument: error[E-ARGUMENT] raters = 1 cannot be used
      why    one rater alone agrees with nobody
      fix    give (record, rater) of at least two raters
    """
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2 or not len(ratings):
        raise ShapeMismatch(f"ratings {ratings.shape}", fix="give (record, rater), NaN where a rating is missing")
    if ratings.shape[1] < 2:
        raise InvalidArgument(
            "raters",
            ratings.shape[1],
            why="one rater alone agrees with nobody",
            fix="give (record, rater) of at least two raters",
        )
    if np.isinf(ratings).any():
        raise InvalidArgument("ratings", np.inf, fix="give finite numbers, NaN where a rating is missing")
    return ratings


def _counts(ratings: np.ndarray) -> np.ndarray:
    """How often each value was given to each record: (record, value)."""
    values = np.unique(ratings[~np.isnan(ratings)])
    return np.stack([(ratings == value).sum(axis=1) for value in values], axis=1).astype(float)


def _moments(ratings: np.ndarray) -> np.ndarray:
    """Of each record: how many ratings, their sum, their sum of squares, and the distance of two of them times that."""
    there = ~np.isnan(ratings)
    centred = np.where(there, ratings - np.nanmedian(ratings), 0.0)
    many = there.sum(axis=1).astype(float)
    total, square = centred.sum(axis=1), np.square(centred).sum(axis=1)
    return np.column_stack([many, total, square, 2 * (many * square - total**2) / (many - 1)])


def _alpha_of_moments(sums: np.ndarray) -> np.ndarray:
    many, total, square, observed = sums.T
    expected = ratio(2 * (many * square - total**2), many - 1)
    return 1 - ratio(observed, np.where(expected > 1e-12 * np.maximum(square, 1e-300), expected, 0))


def _units(units: np.ndarray | None, records: int) -> np.ndarray:
    owners = np.arange(records) if units is None else np.asarray(units)
    if owners.shape != (records,):
        raise ShapeMismatch(f"{owners.shape} units for {records} records", fix="give the unit of each record")
    return owners


def _over(
    units: np.ndarray, rows: np.ndarray, formula: Callable[[np.ndarray], np.ndarray], bounds: intervals.Scale
) -> Interval:
    """A figure of sums over rows (record, number), with its interval over the units of the records."""
    unit = np.unique(units, return_inverse=True)[1]
    sums = np.zeros((int(unit.max()) + 1, rows.shape[1]))
    np.add.at(sums, unit, rows)
    return interval(lambda weights: formula(weights @ sums), len(sums), scale=bounds)
