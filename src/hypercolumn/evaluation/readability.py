"""How well labels can be read from features that should not tell them: a plain model, held against chance.

    score_i   = x_i (X'X + ridge I)^-1 X' Y           X, Y: the rows of the other folds, standardized; one row a unit
    AUROC     over the pairs of units that one fold tests, one class against the rest, mean over classes
    p         = (1 + #{permutations whose best AUROC over all sources >= this one}) / (1 + permutations)

Labels are permuted within folds, so that each fold keeps its classes and the null is exact (Phipson and Smyth 2010,
doi 10.2202/1544-6115.1585, on the ones). Taking the best over all sources answers for having looked at several
(Westfall and Young 1993). One row is a unit: windows of one patient are never on two sides, and never counted twice.
The interval leaves units out of the scores; it does not fit again.

The model is linear on purpose. What it does not find, a deeper one may: a small AUROC is no proof that nothing is
there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.intervals import interval
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.ranking import auroc

LEAST = 5
"""Each class needs at least so many units."""


@dataclass(frozen=True)
class Readability:
    """What one source tells of the labels: the AUROC with its 95 % interval, and p against permuted labels.

    `chance` is the median AUROC of the permuted labels; `classes` and `units` are how many stood behind it.
    """

    auroc: float
    low: float | None
    high: float | None
    p: float
    chance: float
    classes: int
    units: int


def readability(
    sources: Mapping[str, np.ndarray],
    labels: np.ndarray,
    *,
    folds: int = 5,
    permutations: int = 199,
    ridge: float = 1.0,
    seed: int = 0,
) -> dict[str, Readability]:
    """Read the labels (unit,) from each source (unit, feature) alone.

    Raises ShapeMismatch where a source has other units than the labels, InvalidArgument for features that are no finite
    numbers, for fewer than two classes and for a class with fewer than LEAST units.

    >>> labels = np.repeat(["ill", "well"], 40)
    >>> scanner = (np.arange(80) % 8 < np.where(labels == "ill", 6, 2)).astype(float)[:, None]
    >>> found = readability({"scanner": scanner}, labels)["scanner"]
    >>> round(found.auroc, 2), round(found.low, 2), round(found.high, 2), found.p
    (0.75, 0.63, 0.84, 0.005)
    """
    labels = np.asarray(labels)
    names, truth = np.unique(labels, return_inverse=True)
    counts = np.bincount(truth)
    if len(names) < 2:
        raise InvalidArgument("labels", names.tolist(), why="there is one class alone", fix="give two or more classes")
    if counts.min() < LEAST:
        raise InvalidArgument(
            "labels", str(names[counts.argmin()]), why=f"fewer than {LEAST} units have it", fix="leave the class out"
        )
    if not sources or permutations < 1 or folds < 2:
        raise InvalidArgument(
            "sources", list(sources), fix="give one source or more, 2 folds and 1 permutation or more"
        )
    given = {name: _checked(name, features, len(labels)) for name, features in sources.items()}
    rng = np.random.default_rng(seed)
    parts = StratifiedKFold(min(folds, int(counts.min())), shuffle=True, random_state=seed)
    tests = [test for _, test in parts.split(truth, truth)]
    drawn = _permuted(truth, tests, permutations, rng)
    reached = {name: _aurocs(features, drawn, len(names), tests, ridge) for name, features in given.items()}
    best = np.max([areas[1:] for areas in reached.values()], axis=0)
    return {
        name: _judged(given[name], areas, best, truth=truth, classes=len(names), tests=tests, ridge=ridge)
        for name, areas in reached.items()
    }


def _checked(name: str, features: np.ndarray, units: int) -> np.ndarray:
    features = np.asarray(features, dtype=float)
    if features.ndim != 2 or len(features) != units:
        raise ShapeMismatch(f"{name} is {features.shape} and there are {units} units", fix="give (unit, feature)")
    if not np.isfinite(features).all():
        raise InvalidArgument(name, "NaN or infinite", fix="fill what is missing, or leave the unit out")
    return features


def _permuted(truth: np.ndarray, tests: list[np.ndarray], permutations: int, rng: np.random.Generator) -> np.ndarray:
    """The labels as they are and permuted within each fold (1 + permutations, unit)."""
    drawn = np.tile(truth, (1 + permutations, 1))
    for test in tests:
        drawn[1:, test] = rng.permuted(drawn[1:, test], axis=1)
    return drawn


def _scores(features: np.ndarray, answers: np.ndarray, tests: list[np.ndarray], ridge: float) -> np.ndarray:
    """Out-of-fold scores (unit, column) for answers (unit, column)."""
    scores = np.zeros(answers.shape)
    for test in tests:
        training = np.setdiff1d(np.arange(len(features)), test)
        mean, spread = features[training].mean(axis=0), features[training].std(axis=0)
        varies = spread > 1e-12 * np.maximum(1.0, np.abs(mean))
        x = (features[:, varies] - mean[varies]) / spread[varies]
        level = answers[training].mean(axis=0)
        inner = x[training].T @ x[training] + ridge * np.eye(x.shape[1])
        scores[test] = level + x[test] @ np.linalg.solve(inner, x[training].T @ (answers[training] - level))
    return np.round(scores, 9)


def _aurocs(features: np.ndarray, drawn: np.ndarray, classes: int, tests: list[np.ndarray], ridge: float) -> np.ndarray:
    """The mean AUROC over classes for each row of labels (draw,)."""
    areas = []
    for label in range(classes if classes > 2 else 1):
        answers = (drawn == label).T.astype(float)
        scores = _scores(features, answers, tests, ridge)
        won = pairs = np.zeros(len(drawn))
        for test in tests:
            here, hits = answers[test], answers[test].sum(axis=0)
            won = won + (rankdata(scores[test], axis=0) * here).sum(axis=0) - hits * (hits + 1) / 2
            pairs = pairs + hits * (len(test) - hits)
        areas.append(ratio(won, pairs))
    return np.mean(areas, axis=0)


def _judged(
    features: np.ndarray,
    areas: np.ndarray,
    best: np.ndarray,
    *,
    truth: np.ndarray,
    classes: int,
    tests: list[np.ndarray],
    ridge: float,
) -> Readability:
    shown = range(classes if classes > 2 else 1)
    answers = np.stack([truth == label for label in shown], axis=1).astype(float)
    scores = _scores(features, answers, tests, ridge)

    def mean_area(weights: np.ndarray) -> np.ndarray:
        """Weights (draw, unit) -> (draw,)."""
        areas = []
        for label in shown:
            won = pairs = np.zeros(len(weights))
            for test in tests:
                hit, held = answers[test, label], weights[:, test]
                here = (held @ hit) * (held @ (1 - hit))
                won = won + here * np.nan_to_num(auroc(hit, scores[test, label], weights=held))
                pairs = pairs + here
            areas.append(ratio(won, pairs))
        return np.mean(areas, axis=0)

    found = interval(mean_area, len(truth))
    p = (1 + int((best >= areas[0] - 1e-12).sum())) / (1 + len(best))
    return Readability(float(areas[0]), found.low, found.high, p, float(np.median(areas[1:])), classes, len(truth))
