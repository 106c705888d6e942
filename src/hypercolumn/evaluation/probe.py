"""How well something can be told from numbers: the hospital from a network's embeddings, the date from image means.

    W      = (X^T X + d I)^-1 X^T (Y - mean Y)        X standardized, d numbers a row, Y one column a class, or ranks
    score  = x W                                       of units that were not in the fit (five folds of whole units)

A linear classifier, ridge regression onto indicator columns, whose penalty is the number of columns. What it finds is
there to be used by the last layer of a network; what it does not find may still be there in bent form. Rows are means
over a unit's records in one class (a patient's stay in one hospital), so that no patient is learnt and judged.

The null is not 0.5 but the same figure with the classes dealt anew among the units, within `strata` where these are
given (wells within their plate). Folds are drawn without looking at the classes, so p is exact; and since X does not
change, all the deals are one product of matrices. The interval is over units, with the fits as they are.

Alain and Bengio 2016, arXiv 1610.01644; Hastie, Tibshirani and Friedman 2009, section 4.2; Ojala and Garriga 2010,
JMLR 11:1833-1863.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.deviation import spearman
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.intervals import CORRELATION, FEW_UNITS, PROPORTION, Interval, interval
from hypercolumn.evaluation.ranking import auroc

FOLDS = 5

MOST_ROWS = 5_000
"""Of more units than this, so many are drawn: what cannot be told from 5,000 patients matters to no score."""

FEWEST = 5
"""A class that fewer units have is left out."""


@dataclass(frozen=True)
class Probe:
    """`figure` is AUROC (mean over classes, each against the rest) or Spearman's correlation, with its 95 % interval.

    `chance` is the mean of the same with the classes dealt anew, and `p` the share of deals that do as well. `by_class`
    holds the AUROC of each class, `left_out` the classes that too few units have. `figure.value` is None where nothing
    could be told from nothing; `figure.note` says why.
    """

    metric: str
    figure: Interval
    p: float | None = None
    chance: float | None = None
    units: int = 0
    by_class: dict[str, float] = field(default_factory=dict)
    accuracy: float | None = None
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.figure.value is None or self.p is None:
            return f"undefined ({self.figure.note})"
        ends = "" if self.figure.low is None else f" [{self.figure.low:.3f}, {self.figure.high:.3f}]"
        return f"{self.metric} {self.figure.value:.3f}{ends}, {self.chance:.3f} by chance, p = {self.p:.2g}"


def probe(
    embeddings: Embeddings,
    target: pd.Series,
    *,
    units: pd.Series,
    strata: pd.Series | None = None,
    ordered: bool = False,
    deals: int = 199,
    seed: int = 0,
) -> Probe:
    """Tell `target` from embeddings; `target`, `units` and `strata` are series by record, in one order.

    `ordered` takes the target for numbers whose order counts (a date, a row of a plate) instead of names of classes.

    >>> chance = np.random.default_rng(0)
    >>> scanner = np.repeat(["A", "B"], 40)
    >>> embeddings = Embeddings([str(n) for n in range(80)], chance.normal(size=(80, 4)) + (scanner == "B")[:, None])
    >>> by_record = pd.Series(scanner, index=embeddings.records)
    >>> print(probe(embeddings, by_record, units=pd.Series(embeddings.records, index=embeddings.records)))
    AUROC 0.861 [0.739, 0.931], 0.488 by chance, p = 0.005
    """
    if len(target) != len(units) or (strata is not None and len(strata) != len(target)):
        raise ShapeMismatch(
            f"{len(target)} targets of {len(units)} units", fix="give one of each a record, in one order"
        )
    if deals < 1:
        raise InvalidArgument("deals", deals, fix="deal at least once; 199 is usual")
    metric = "Spearman correlation" if ordered else "AUROC"
    rows = _Rows.of(embeddings, target, units, strata, ordered=ordered, seed=seed)
    reason = rows.reason(ordered=ordered)
    if reason:
        return Probe(metric, Interval(None, note=reason), units=rows.units, left_out=rows.left_out)
    chance = np.random.default_rng([seed, 1])
    fold = chance.permutation(rows.units)[rows.unit] % FOLDS
    columns = _ranks(rows.target) if ordered else np.eye(len(rows.classes))[rows.target.astype(int)]
    fits = [_Fit(rows.vectors[fold != one], rows.vectors[fold == one], fold != one) for one in np.unique(fold)]
    place = np.argsort(np.concatenate([np.flatnonzero(~fit.learnt) for fit in fits]))

    def told(values: np.ndarray) -> np.ndarray:
        """Scores (row, ...) of columns (row, ...), out of fold."""
        return np.concatenate([fit.scores(values) for fit in fits])[place]

    scores = told(columns)
    seen = float(_figures(columns[:, None], scores[:, None], ordered=ordered)[0])
    by_chance = np.concatenate(
        [
            _figures(columns[order], told(columns[order]), ordered=ordered)
            for order in _orders(rows.strata, deals, columns.shape[1], chance)
        ]
    )
    figure = _interval(rows, columns, scores, ordered=ordered)
    p = (1 + int((by_chance >= seen - 1e-12).sum())) / (1 + deals)
    if ordered:
        return Probe(metric, figure, p, float(by_chance.mean()), rows.units)
    areas = {name: float(auroc(columns[:, at], scores[:, at])) for at, name in enumerate(rows.classes)}
    right = scores.argmax(axis=1) == rows.target
    accuracy = float(np.mean([right[rows.target == one].mean() for one in range(len(rows.classes))]))
    return Probe(metric, figure, p, float(by_chance.mean()), rows.units, areas, accuracy, rows.left_out)


@dataclass(frozen=True, eq=False)
class _Rows:
    """One row a unit and class: the mean of its records."""

    vectors: np.ndarray
    target: np.ndarray
    unit: np.ndarray
    strata: np.ndarray
    classes: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def units(self) -> int:
        return len(np.unique(self.unit))

    @classmethod
    def of(
        cls,
        embeddings: Embeddings,
        target: pd.Series,
        units: pd.Series,
        strata: pd.Series | None,
        *,
        ordered: bool,
        seed: int,
    ) -> "_Rows":
        records = target.index.to_numpy()
        unit = pd.factorize(units.to_numpy())[0]
        value, names = pd.factorize(target.to_numpy(), sort=True)
        if len(value) and min(unit.min(), value.min()) < 0:
            raise InvalidArgument("target", "missing", fix="leave out the records without one")
        stratum = np.zeros(len(unit), dtype=int) if strata is None else pd.factorize(strata.to_numpy())[0]
        held = np.zeros(len(names), dtype=int)
        stays = np.unique(np.stack([unit, value]), axis=1)
        np.add.at(held, stays[1], 1)
        few = np.zeros(len(names), dtype=bool) if ordered else held < FEWEST
        kept = ~few[value]
        left_out = tuple(str(name) for name in np.asarray(names)[few])
        chosen = np.unique(unit[kept])
        if len(chosen) > MOST_ROWS:
            kept &= np.isin(unit, np.random.default_rng(seed).choice(chosen, MOST_ROWS, replace=False))
        unit, value, stratum = unit[kept], value[kept], stratum[kept]
        if not len(unit):
            return cls(np.zeros((0, 1)), value, unit, stratum, (), left_out)
        blocks, first, block = np.unique(
            np.stack([unit, value, stratum]), axis=1, return_index=True, return_inverse=True
        )
        vectors = embeddings.means(list(records[kept]), block.reshape(-1))
        if strata is not None:
            vectors = vectors - pd.DataFrame(vectors).groupby(blocks[2]).transform("mean").to_numpy()
        present, code = np.unique(value[first], return_inverse=True)
        told = np.asarray(names)[value[first]].astype(float) if ordered else code
        classes = tuple(str(name) for name in np.asarray(names)[present])
        return cls(vectors, told, np.unique(blocks[0], return_inverse=True)[1], blocks[2], classes, left_out)

    def reason(self, *, ordered: bool) -> str:
        """Why nothing can be told, or nothing."""
        if len(self.classes) < 2:
            return "fewer than two values of what is to be told" + (
                f" that {FEWEST} units have" if self.left_out else ""
            )
        if self.units < FEW_UNITS:
            return f"only {self.units} units"
        spread = self.vectors.std(axis=0)
        if not (spread > 1e-12 * np.abs(self.vectors).max()).any():
            return "every unit has the same numbers"
        return ""


class _Fit:
    """A ridge regression whose left-hand side is still to come: scores of held-out rows, linear in what is told."""

    def __init__(self, learnt: np.ndarray, held: np.ndarray, rows: np.ndarray) -> None:
        self.learnt = rows
        centre, spread = learnt.mean(axis=0), learnt.std(axis=0)
        usable = spread > 1e-12 * max(float(np.abs(learnt).max()), 1e-300)
        x, new = ((part[:, usable] - centre[usable]) / spread[usable] for part in (learnt, held))
        penalty = max(1, x.shape[1])
        if x.shape[1] <= len(x):
            solved = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
        else:
            solved = x.T @ np.linalg.inv(x @ x.T + penalty * np.eye(len(x)))
        self.weights = new @ solved

    def scores(self, columns: np.ndarray) -> np.ndarray:
        known = columns[self.learnt]
        flat = (known - known.mean(axis=0)).reshape(len(known), -1)
        return (self.weights @ flat).reshape(len(self.weights), *columns.shape[1:])


def _ranks(values: np.ndarray) -> np.ndarray:
    return (stats.rankdata(values) / len(values))[:, None]


def _orders(strata: np.ndarray, deals: int, columns: int, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """Orders (row, deal) of the rows, each row moved within its stratum alone, some deals at a time."""
    members = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    step = max(1, 4_000_000 // (len(strata) * columns))
    for start in range(0, deals, step):
        orders = np.empty((len(strata), min(step, deals - start)), dtype=int)
        for rows in members:
            orders[rows] = chance.permuted(np.tile(rows[:, None], (1, orders.shape[1])), axis=0)
        yield orders


def _figures(columns: np.ndarray, scores: np.ndarray, *, ordered: bool) -> np.ndarray:
    """The figure of each deal, from what was dealt and what was told, (row, deal, column)."""
    ranks = stats.rankdata(scores, axis=0)
    if ordered:
        known = columns[..., 0] - columns[..., 0].mean(axis=0)
        given = ranks[..., 0] - ranks[..., 0].mean(axis=0)
        size = np.sqrt((known**2).sum(axis=0) * (given**2).sum(axis=0))
        return np.divide((known * given).sum(axis=0), size, out=np.zeros(len(size)), where=size > 0)
    positives = columns.sum(axis=0)
    above = (ranks * columns).sum(axis=0) - positives * (positives + 1) / 2
    return (above / (positives * (len(columns) - positives))).mean(axis=-1)


def _interval(rows: _Rows, columns: np.ndarray, scores: np.ndarray, *, ordered: bool) -> Interval:
    if ordered:
        return interval(
            lambda weights: spearman(columns[:, 0], scores[:, 0], weights=weights[:, rows.unit]),
            rows.units,
            scale=CORRELATION,
        )

    def mean_area(weights: np.ndarray) -> np.ndarray:
        by_row = weights[:, rows.unit]
        areas = [auroc(columns[:, one], scores[:, one], weights=by_row) for one in range(columns.shape[1])]
        return np.mean(areas, axis=0)

    rarest = int(columns.sum(axis=0).min())
    return interval(mean_area, rows.units, scale=PROPORTION, edge_units=rarest)
