"""A share of many things that belong to units: so many of so many, with its interval over units, and what lies far out.

    share      = sum of hits / sum of things            over rows (records, objects, events), by unit
    far out    = |g(x) - median g| > 5 * 1.4826 median |g(x) - median g|        g = log(1 + x / median x), or g = x

The spread is that of the middle half, so that what lies far out does not widen it. Of a normal law two values in a
million lie five such deviations out; of a law with heavier tails more. Hampel 1974, doi 10.1080/01621459.1974.10482962.
"""

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.intervals import Interval, interval
from hypercolumn.evaluation.overlap import ratio

FAR = 5.0
"""How many robust deviations from the median count as far out."""

_AS_NORMAL = 1.4826
"""The deviation of a normal law over its median absolute deviation."""


def share(hits: np.ndarray, units: np.ndarray, *, things: np.ndarray | None = None, level: float = 0.95) -> Interval:
    """The share of hits (row,) among `things` (row,), one a row where left out, with the unit of each row (row,).

    >>> found = share(np.array([1, 0, 0, 1, 0, 0, 0, 0]), np.array(["a", "a", "b", "c", "d", "e", "f", "g"]))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.25, 0.037, 0.743)
    """
    hits = np.asarray(hits, dtype=float)
    things = np.ones_like(hits) if things is None else np.asarray(things, dtype=float)
    units = np.asarray(units)
    if hits.ndim != 1 or hits.shape != things.shape or hits.shape != units.shape:
        raise ShapeMismatch(
            f"{hits.shape} hits, {things.shape} things and {units.shape} units", fix="give one of each a row"
        )
    if not things.sum() > 0 or (hits < 0).any() or (hits > things).any():
        raise InvalidArgument("hits", hits[:5].tolist(), fix="give from 0 to as many hits as things, and some things")
    unit = np.unique(units, return_inverse=True)[1]
    above, below = np.bincount(unit, hits), np.bincount(unit, things)
    above, below = above[below > 0], below[below > 0]
    return interval(lambda weights: ratio(weights @ above, weights @ below), len(below), level=level)


def far_out(values: np.ndarray, *, positive: bool = True) -> np.ndarray:
    """Which values (record,) lie far from the middle of all, marked; NaN is not marked. Of positive ones only above.

    Without a spread (more than half are alike) nothing is far out.

    >>> far_out(np.array([1.0, 1.2, 0.9, 1.1, 1.0, np.nan, 9.0]))
    array([False, False, False, False, False, False,  True])
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if not known.any():
        return known
    middle = np.median(values[known])
    if positive and not middle > 0:
        return np.zeros_like(known)
    with np.errstate(invalid="ignore"):
        scaled = np.log1p(values / middle) - np.log(2) if positive else values - middle
    spread = _AS_NORMAL * np.median(np.abs(scaled[known]))
    beyond = scaled if positive else np.abs(scaled)
    return known & (spread > 0) & (np.nan_to_num(beyond, nan=0.0) > FAR * spread)
