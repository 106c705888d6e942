"""Whether two sets of vectors could have come from one law: a kernel's answer, and a classifier's.

    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)
            k(a, b) = exp(-|a - b|^2 / (2 s^2)), s the median distance;        p from dealing the two sides anew
    C2ST    a linear classifier learnt on half of the units, judged by AUROC on the other half;  p of Mann and Whitney

The kernel sees any difference there is, and needs many rows to see a small one; the classifier sees shifts. Rows must
be independent: give `units`, and the rows of one patient are averaged first. A patient on both sides is refused.

Gretton and others 2012, JMLR 13:723-773; Lopez-Paz and Oquab 2017, arXiv 1610.06545.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import cdist, pdist
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.ranking import auroc

MOST_ROWS = 2_000
"""Of more rows than this on a side, so many are drawn: the kernel compares every two of them."""

FEWEST = 4


@dataclass(frozen=True)
class TwoSamples:
    """The statistic (squared discrepancy, or AUROC), its p-value, and the independent rows on each side."""

    statistic: float
    p: float
    rows: tuple[int, int]


def maximum_mean_discrepancy(
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: tuple[np.ndarray, np.ndarray] | None = None,
    deals: int = 199,
    seed: int = 0,
) -> TwoSamples:
    """Compare vectors (row, number) by a Gaussian kernel; `units` names the patient of each row, side by side.

    >>> chance = np.random.default_rng(0)
    >>> narrow, wide = chance.normal(size=(60, 2)), chance.normal(scale=2, size=(60, 2))
    >>> found = maximum_mean_discrepancy(narrow, wide)
    >>> round(found.statistic, 3), found.p
    (0.104, 0.005)
    """
    if deals < 1:
        raise InvalidArgument("deals", deals, fix="deal at least once; 199 is usual")
    chance = np.random.default_rng(seed)
    one, other = _sides(first, second, units, chance)
    both = np.concatenate([one, other])
    apart = cdist(both, both, "sqeuclidean")
    middle = float(np.median(pdist(both[chance.permutation(len(both))[:1000]], "sqeuclidean")))
    kernel = np.exp(-apart / (2 * middle)) if middle > 0 else (apart == 0).astype(float)
    np.fill_diagonal(kernel, 0)
    sides = np.tile(np.arange(len(both)) < len(one), (deals, 1))
    dealt = np.concatenate([sides[:1], chance.permuted(sides, axis=1)]).astype(float)
    left = np.einsum("ij,ij->i", dealt @ kernel, dealt)
    right = np.einsum("ij,ij->i", (1 - dealt) @ kernel, 1 - dealt)
    across = np.einsum("ij,ij->i", dealt @ kernel, 1 - dealt)
    m, n = len(one), len(other)
    found = left / (m * (m - 1)) + right / (n * (n - 1)) - 2 * across / (m * n)
    p = (1 + int((found[1:] >= found[0] - 1e-12).sum())) / (1 + deals)
    return TwoSamples(float(found[0]), p, (m, n))


def classifier_two_sample(
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> TwoSamples:
    """Compare vectors (row, number) by how well a classifier tells new ones apart.

    >>> chance = np.random.default_rng(0)
    >>> found = classifier_two_sample(chance.normal(size=(60, 2)), chance.normal(0.8, size=(60, 2)))
    >>> round(found.statistic, 3), round(found.p, 5)
    (0.734, 0.00093)
    """
    chance = np.random.default_rng(seed)
    sides = _sides(first, second, units, chance)
    halves = [np.array_split(chance.permutation(len(side)), 2) for side in sides]
    learnt, new = (
        np.concatenate([side[half[which]] for side, half in zip(sides, halves, strict=True)]) for which in (0, 1)
    )
    of_learnt, of_new = (np.repeat([0, 1], [len(half[which]) for half in halves]) for which in (0, 1))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    scores = classifier.fit(learnt, of_learnt).decision_function(new)
    p = stats.mannwhitneyu(scores[of_new == 1], scores[of_new == 0], alternative="greater").pvalue
    return TwoSamples(float(auroc(of_new, scores)), float(p), (len(sides[0]), len(sides[1])))


def _sides(
    first: np.ndarray,
    second: np.ndarray,
    units: tuple[np.ndarray, np.ndarray] | None,
    chance: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One row a unit, at most MOST_ROWS a side."""
    sides = [np.asarray(side) for side in (first, second)]
    if any(side.ndim != 2 for side in sides) or sides[0].shape[1] != sides[1].shape[1]:
        raise ShapeMismatch(
            f"the two sides are {sides[0].shape} and {sides[1].shape}", fix="give (row, number), with the same numbers"
        )
    if units is not None:
        if set(np.unique(units[0])) & set(np.unique(units[1])):
            raise InvalidArgument(
                "units", "on both sides", why="they are not independent", fix="keep a unit on one side"
            )
        if any(len(names) != len(side) for names, side in zip(units, sides, strict=True)):
            raise ShapeMismatch("units and rows differ in number", fix="name the unit of each row")
    found = []
    for which, side in enumerate(sides):
        if units is not None:
            side = pd.DataFrame(side).groupby(np.asarray(units[which])).mean().to_numpy()
        if len(side) < FEWEST:
            raise InvalidArgument("rows", len(side), fix=f"give at least {FEWEST} independent rows a side")
        if len(side) > MOST_ROWS:
            side = side[chance.choice(len(side), MOST_ROWS, replace=False)]
        side = np.asarray(side, dtype=float)
        if not np.isfinite(side).all():
            raise InvalidArgument("vectors", "NaN or infinite", fix="give finite numbers")
        found.append(side)
    return found[0], found[1]
