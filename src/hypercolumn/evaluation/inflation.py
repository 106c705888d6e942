"""Inflation: how much better a random split would have made a score look than the locked one.

    inflation = mean over units of the figure under the random split - the same under the locked split

Both splits score the same records, so the two figures of a unit belong together and units are drawn in pairs:

    95 %      = the 2.5th and 97.5th percentile of the difference over units drawn with replacement

Efron 1979, doi 10.1214/aos/1176344552. Published inflations: 29 to 55 points of accuracy for slices of brains (Yagis
and others 2021, doi 10.1038/s41598-021-01681-w), up to 41 points for tiles of slides (Bussola and others 2021,
doi 10.1007/978-3-030-68763-2_13). The interval speaks of new units; that networks trained anew would differ is not in
it.
"""

from collections.abc import Mapping

import numpy as np

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.intervals import FEW_UNITS, Interval

_AT_ONCE = 2_000_000


def inflation(
    random_scores: Mapping[str, float],
    locked_scores: Mapping[str, float],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The mean difference of two scores a unit, random less locked, with its bootstrap interval over units.

    Both map each unit to its figure (its accuracy, its Dice), higher is better. Raises InvalidArgument where they do
    not name the same units or a figure is no finite number.

    >>> found = inflation({"a": 1.0, "b": 0.9, "c": 1.0, "d": 1.0}, {"a": 0.5, "b": 0.6, "c": 0.4, "d": 0.6})
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.45, 0.35, 0.55)
    """
    if set(random_scores) != set(locked_scores):
        strays = sorted(set(random_scores) ^ set(locked_scores))
        raise InvalidArgument("units", strays[:5], why="one of the two does not score them", fix="score the same units")
    if not random_scores:
        raise InvalidArgument("units", 0, fix="give at least one unit")
    if draws < 100 or not 0 < level < 1:
        raise InvalidArgument("draws", draws, fix="give 100 or more, and a level between 0 and 1")
    units = sorted(random_scores)
    difference = np.array([float(random_scores[unit]) - float(locked_scores[unit]) for unit in units])
    if not np.isfinite(difference).all():
        raise InvalidArgument(
            "scores", units[int(np.flatnonzero(~np.isfinite(difference))[0])], fix="give finite numbers"
        )
    value = float(difference.mean())
    if len(units) == 1:
        return Interval(value, note="one unit alone: nothing can be said of new ones")
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // len(units))
    means = np.concatenate(
        [
            difference[rng.integers(len(units), size=(min(step, draws - start), len(units)))].mean(axis=1)
            for start in range(0, draws, step)
        ]
    )
    low, high = np.percentile(means, (50 * (1 - level), 50 * (1 + level)))
    few = f"only {len(units)} units: the interval is an indication" if len(units) < FEW_UNITS else ""
    error = float(difference.std(ddof=1) / len(units) ** 0.5)
    method = f"percentile bootstrap over units, {draws} draws"
    return Interval(value, float(low), float(high), error, len(units) - 1.0, method, few)
