"""Hidden strata: a group in which the network fails and that no column names.

The units are dealt into two halves. In each, candidates are looked for in two ways: an error-aware mixture over
embeddings, labels and answers (`evaluation.mixture`, Domino), and clusters of the embeddings inside each class. The
candidates that fare worst are kept, and each is judged on the *other* half, where its members are found by embedding
and label alone, never by what was answered. Whoever picks the worst of many groups finds a bad one among records that
are all alike; the half that it was not picked on says whether it is one. All p-values are corrected together (Holm).

A slice is told by what its members share: metadata (lift, how many times as often a value is found inside) and image
statistics (difference of means in deviations). What this does not find: a slice that the embeddings do not show, or one
of fewer than FEWEST units in a half. Near the border of two classes more errors are no defect, and are found as well.

Oakden-Rayner and others 2020, doi 10.1145/3368555.3384468; Eyuboglu and others 2022, arXiv 2203.14960.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.strata import FEWEST, LEVEL, MATERIAL, gap_evidence
from hypercolumn.audit.wording import between, counted, listed, p_value, unchecked
from hypercolumn.errors import InvalidArgument, ManifestError
from hypercolumn.evaluation.classification_figures import probabilities
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.gap import Gap, group_gap
from hypercolumn.evaluation.losses import losses
from hypercolumn.evaluation.mixture import COMPONENTS, NUMBERS, fit_error_mixture
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.predictions import Predictions

KEPT = 3
"""Candidates that each way may bring forward from one half."""

CLUSTERS = 5
"""Clusters of each class."""

ROWS_A_COMPONENT = 100
"""The mixture has one component for so many rows, and no more than COMPONENTS."""

MOST_ROWS = 50_000
"""Of more predictions, whole units are drawn until there are so many."""

SHOWN = 50
"""Records of a slice that a finding carries, the surest first."""


def slices(
    predictions: Predictions,
    embeddings: Embeddings | None,
    *,
    metadata: pd.DataFrame | None = None,
    statistics: Embeddings | None = None,
    deals: int = 4999,
    seed: int = 0,
) -> list[Finding]:
    """Look for groups of a classification in which it fails; `metadata` is a table of names by record.

    Raises ManifestError where a predicted record has no embedding, InvalidArgument where probabilities do not sum to
    one.

    >>> from hypercolumn.data.planted import plant_slice
    >>> planted = plant_slice(0)
    >>> predictions = Predictions(planted.table, "class", ("healthy", "diseased"), ("device", "sex"))
    >>> finding, *_ = slices(predictions, Embeddings(tuple(planted.table.index), planted.embeddings))
    >>> finding.code, str(finding.severity), finding.evidence["shared"]
    ('A-SLICES-WORSE', 'warning', 'device = drain (3.8 times as often)')
    """
    reason = _reason(predictions, embeddings)
    if reason or embeddings is None:
        remedy = (
            "Give the embeddings of the predicted records, from a classifier that is judged on 40 patients or more."
        )
        return [unchecked("SLICES", f"whether the network fails a group that no column names: {reason}", remedy)]
    chance = np.random.default_rng(seed)
    rows = _drawn(predictions, chance)
    table = predictions.table.iloc[rows]
    records, unit = table["record"].to_numpy(), pd.factorize(table["unit"])[0]
    data = _Data(
        np.asarray(embeddings.vectors[embeddings.rows(list(records))], dtype=float),
        table["truth"].to_numpy(int),
        probabilities(predictions)[rows],
        losses(predictions)[rows],
        unit,
    )
    half = (chance.permutation(int(unit.max()) + 1) % 2)[unit]
    tested: list[tuple[_Slice, Gap]] = []
    for side in (0, 1):
        for found in _candidates(data, np.flatnonzero(half == side), np.flatnonzero(half != side), seed):
            inside = np.zeros(len(rows), dtype=bool)
            inside[found.members] = True
            judged = half != side
            if _judgeable(data, inside, judged):
                gap = group_gap(data.lost[judged], inside[judged], units=unit[judged], classes=data.truth[judged],
                                deals=deals, seed=seed)  # fmt: skip
                tested.append((found, gap))
    if not tested:
        what = f"whether the network fails a group that no column names: no candidate has {FEWEST} units in each half"
        return [unchecked("SLICES", what, "Test on more patients.")]
    corrected = holm([gap.p for _, gap in tested])
    described = _Described.of(predictions, records, metadata, statistics)
    return [*_worse(predictions, tested, corrected, records, described)] or [_passed(tested, corrected)]


@dataclass(frozen=True, eq=False)
class _Data:
    vectors: np.ndarray
    truth: np.ndarray
    answers: np.ndarray
    lost: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True, eq=False)
class _Slice:
    """The rows of the other half that belong to a candidate, the surest first, and how it was found."""

    members: np.ndarray
    way: str


def _reason(predictions: Predictions, embeddings: Embeddings | None) -> str:
    if predictions.target_kind not in {"class", "grade"}:
        return f"this looks at classes, not at {predictions.target_kind}"
    if embeddings is None:
        return "no embeddings were given"
    sums = probabilities(predictions).sum(axis=1)
    if np.abs(sums - 1).max() > 1e-3:
        place = int(np.abs(sums - 1).argmax())
        raise InvalidArgument(
            "probabilities",
            round(float(sums[place]), 4),
            why=f"those of {predictions.table.index[place]!r} do not sum to one",
            fix="give the probabilities of all classes, after the softmax",
        )
    if embeddings.constant:
        return "every record has the same embedding"
    units = predictions.table["unit"].nunique()
    if units < 4 * FEWEST:
        return f"only {counted(units, 'unit')}, and a half finds what the other judges"
    wrong = losses(predictions)
    return f"all {len(wrong):,} answers are {'wrong' if wrong.all() else 'right'}" if np.ptp(wrong) == 0 else ""


def _drawn(predictions: Predictions, chance: np.random.Generator) -> np.ndarray:
    """The rows that are looked at: all, or those of units drawn until there are MOST_ROWS."""
    if len(predictions) <= MOST_ROWS:
        return np.arange(len(predictions))
    unit, names = pd.factorize(predictions.table["unit"])
    order = chance.permutation(len(names))
    held = np.cumsum(np.bincount(unit)[order]) <= MOST_ROWS
    if not held.any():
        raise ManifestError(
            f"one unit has more than {MOST_ROWS:,} predictions",
            why="they are compared with each other in memory",
            fix="predict one piece a record, or sample the pieces of each unit",
        )
    return np.flatnonzero(np.isin(unit, order[held]))


def _candidates(data: _Data, here: np.ndarray, there: np.ndarray, seed: int) -> Iterator[_Slice]:
    """The worst groups of one half, as rows of the other."""
    count = int(np.clip(len(here) // ROWS_A_COMPONENT, 4, COMPONENTS))
    gap = 1 - data.answers[np.arange(len(data.truth)), data.truth]
    mixture = fit_error_mixture(
        data.vectors[here], data.truth[here], data.answers[here], components=count, numbers=NUMBERS, seed=seed
    )
    held = mixture.memberships(data.vectors[here], data.truth[here], data.answers[here])
    weight = held.sum(axis=0)
    mean = np.where(weight >= FEWEST, held.T @ gap[here] / np.maximum(weight, 1e-9), -1.0)
    new = mixture.memberships(data.vectors[there], data.truth[there])
    for component in np.argsort(-mean, kind="stable")[:KEPT]:
        yield _sure(there, new[:, component], "mixture over embeddings, labels and answers")
    worst = []
    for one in np.unique(data.truth[here]):
        own, other = here[data.truth[here] == one], there[data.truth[there] == one]
        if len(own) < CLUSTERS * FEWEST or not len(other):
            continue
        clusters = KMeans(CLUSTERS, n_init=1, random_state=seed).fit(data.vectors[own])
        apart = clusters.transform(data.vectors[other])
        base = gap[own].mean()
        for cluster in range(CLUSTERS):
            inside = clusters.labels_ == cluster
            if inside.sum() >= FEWEST:
                closeness = np.where(apart.argmin(axis=1) == cluster, 1 / (1 + apart[:, cluster]), 0)
                worst.append((float(gap[own][inside].mean() - base), other, closeness))
    for _, other, closeness in sorted(worst, key=lambda each: -each[0])[:KEPT]:
        chosen = np.flatnonzero(closeness > 0)
        yield _Slice(other[chosen[np.argsort(-closeness[chosen], kind="stable")]], "cluster inside a class")


def _sure(there: np.ndarray, membership: np.ndarray, way: str) -> _Slice:
    chosen = np.flatnonzero(membership > 0.5)
    return _Slice(there[chosen[np.argsort(-membership[chosen], kind="stable")]], way)


def _judgeable(data: _Data, inside: np.ndarray, judged: np.ndarray) -> bool:
    own, rest = judged & inside, judged & ~inside
    shared = np.isin(data.truth[own], data.truth[rest])
    return min(len(np.unique(data.unit[own][shared])), len(np.unique(data.unit[rest]))) >= FEWEST


def _worse(
    predictions: Predictions,
    tested: list[tuple[_Slice, Gap]],
    corrected: np.ndarray,
    records: np.ndarray,
    described: "_Described",
) -> Iterator[Finding]:
    """The worst first; a slice that mostly repeats one already told is not told again."""
    named: set[int] = set()
    order = np.argsort([-(gap.difference.value or 0.0) for _, gap in tested], kind="stable")
    for place in order:
        (found, gap), p = tested[place], float(corrected[place])
        if not p < LEVEL or len(named & set(found.members.tolist())) > len(found.members) / 2:
            continue
        named |= set(found.members.tolist())
        shared = described.words(found.members)
        worse = gap.difference.value or 0.0
        sure = gap.difference.low is None or gap.difference.low > 0
        said = f" They share {shared}." if shared else ""
        yield Finding(
            "A-SLICES-WORSE",
            Severity.WARNING if worse >= MATERIAL and sure else Severity.NOTE,
            f"The network does worse in a group that no column was declared for: {counted(gap.records, 'record')} of "
            f"{counted(gap.units, 'unit')} with an accuracy of {1 - (gap.inside.value or 0.0):.3f}, and "
            f"{1 - gap.expected:.3f} in the same classes outside: worse by {worse:.3f} ({between(gap.difference)}, "
            f"p = {p:.2g} after correction for {counted(len(tested), 'candidate')}).{said} It was found on one half of "
            "the units and judged on the other.",
            evidence={
                **gap_evidence(predictions, "the slice", gap),
                "p, corrected": p_value(p),
                "candidates judged": len(tested),
                "found by": found.way,
                "shared": shared or "nothing that was given",
            },
            remedy="Look at these records together; if they are a subtype, a device or a treated group, name it in a "
            "column, report its score, and train with its loss weighed higher.",
            groups=tuple((str(record),) for record in dict.fromkeys(records[found.members[:SHOWN]])),
        )


def _passed(tested: list[tuple[_Slice, Gap]], corrected: np.ndarray) -> Finding:
    worst = max(0.0, *(gap.difference.value or 0.0 for _, gap in tested))
    return Finding(
        "A-SLICES-PASSED",
        Severity.PASSED,
        f"Of {counted(len(tested), 'candidate')} found on one half of the units, none fares worse on the other half by "
        f"more than chance; the largest difference is {worst:.3f} (smallest corrected p = {corrected.min():.2g}).",
        evidence={"candidates judged": len(tested), "largest difference": round(worst, 4)},
        remedy="Nothing to do.",
    )


@dataclass(frozen=True, eq=False)
class _Described:
    """What may be said of a group of rows: names by row, and standardized statistics by row with their names."""

    names: pd.DataFrame
    numbers: np.ndarray
    titles: tuple[str, ...]

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        records: np.ndarray,
        metadata: pd.DataFrame | None,
        statistics: Embeddings | None,
    ) -> "_Described":
        names = predictions.table[list(predictions.groups)].set_axis(predictions.table["record"].to_numpy())
        names = names[~names.index.duplicated()].loc[records]
        if metadata is not None:
            lacking = ~pd.Index(records).isin(metadata.index)
            if lacking.any():
                raise ManifestError(
                    f"{int(lacking.sum()):,} predicted records have no metadata",
                    where=listed(records[lacking], most=5),
                    fix="index the metadata by record, or leave it out",
                )
            extra = metadata.loc[records, [name for name in metadata.columns if name not in names.columns]]
            names = pd.concat([names, extra], axis=1)
        if statistics is None:
            return cls(names, np.zeros((len(records), 0)), ())
        numbers = np.asarray(statistics.vectors[statistics.rows(list(records))], dtype=float)
        spread = numbers.std(axis=0)
        titles = statistics.names or tuple(f"statistic {place}" for place in range(numbers.shape[1]))
        return cls(names, (numbers - numbers.mean(axis=0)) / np.where(spread > 0, spread, 1), titles)

    def words(self, members: np.ndarray) -> str:
        """At most three names that most members have and that are found inside half as often again, or numbers."""
        told: list[tuple[float, str]] = []
        for column in self.names.columns:
            cells = self.names[column].astype(str)
            share = cells.iloc[members].value_counts(normalize=True)
            value, inside = str(share.index[0]), float(share.iloc[0])
            lift = inside / float((cells == value).mean())
            if inside >= 0.5 and lift >= 1.5:
                told.append((lift, f"{column} = {value} ({lift:.1f} times as often)"))
        if self.numbers.shape[1]:
            shift = self.numbers[members].mean(axis=0)
            for place in np.argsort(-np.abs(shift))[:3]:
                if abs(shift[place]) >= 0.8:
                    side = "higher" if shift[place] > 0 else "lower"
                    said = f"{self.titles[place]} {side} by {abs(shift[place]):.1f} deviations"
                    told.append((1 + abs(float(shift[place])), said))
        return ", ".join(said for _, said in sorted(told, key=lambda each: -each[0])[:3])
