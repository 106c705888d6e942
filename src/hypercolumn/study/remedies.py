"""Remedies for a site or a group in which the network fails, tried on a finished run and compared.

    as trained              what the run says out of fold
    last layer anew         a logistic model of the network's features: what all others are held against
    groups weighed alike    the same, each cell of group and label with the same weight (Kirichenko and others 2022)
    features harmonised     the same, after ComBat took the group's place and scale out of the features
    a threshold a group     as trained, with the threshold of each group at which its known records are judged best

Everything is fitted on the training and validation side of a fold and asked of its test side; the folds are pooled. The
figure is the balanced accuracy of all records, and that of the group that fares worst: the group is chosen anew for
each remedy, so that none is flattered by a group that it helped. The features are those of the trained network: a
remedy that trains it anew may do better.

Kirichenko, Izmailov and Wilson 2022, arXiv:2204.02937; Johnson, Li and Rabinovic 2007,
doi 10.1093/biostatistics/kxj037.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hypercolumn.audit import Finding, Severity
from hypercolumn.data import Fold, Piece
from hypercolumn.errors import HypercolumnError
from hypercolumn.evaluation import Predictions, Score, scores, scores_by
from hypercolumn.evaluation.score import with_interval
from hypercolumn.preprocessing.harmonisation import FEWEST, fit_harmonisation
from hypercolumn.study.material import Material
from hypercolumn.study.predicting import Trained, group_names, load_trained
from hypercolumn.study.progress import Silent, Watcher
from hypercolumn.study.run import Run, require_finished, tell
from hypercolumn.study.study import Study

PREFIX = "A-REMEDIES"
METRIC = "balanced accuracy"
TRAINED, ANEW, ALIKE, HARMONISED, THRESHOLDS = (
    "as trained",
    "last layer anew",
    "groups weighed alike",
    "features harmonised",
    "a threshold a group",
)
MOST = 4_000
"""Known records of a fold that a last layer is fitted on: of more, so many are drawn."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One side of a fold as its network sees it: features (record, number), probabilities, labels and groups."""

    names: tuple[str, ...]
    features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Remedy:
    """What a remedy gives: the figure of all records, and that of the group that fares worst."""

    name: str
    all: Score
    worst: Score
    group: str


def run_remedies(run: Run, *, watcher: Watcher | None = None) -> list[Finding]:
    """Try the remedies for each declared site, batch and stratum of a finished run of classes; the findings.

    They are written into the run, and its report again. Raises RunError where the run is not finished.
    """
    watcher = watcher or Silent()
    require_finished(run)
    study = Study.read(run.folder / "study.yaml")
    findings = _findings(run, study.material, study.asked.seed, watcher)
    tell(run, findings, prefix=PREFIX)
    return findings


def _findings(run: Run, material: Material, seed: int, watcher: Watcher) -> list[Finding]:
    if material.target.kind != "class":
        return [_not_checked("The answer is no class, so that no last layer was fitted anew.", "Nothing to do.")]
    columns = [name for name in group_names(material.cohort) if name in run.predictions.table.columns]
    columns = [name for name in columns if 1 < run.predictions.table[name].nunique() <= len(run.predictions) // 10]
    if not columns:
        fix = "Name a site, a batch or a stratum under data.columns."
        return [_not_checked("No column names two groups or more of ten records each.", fix)]
    try:
        models = {fold.name: _model(run, fold) for fold in run.split.folds}
    except HypercolumnError as error:
        return [_not_checked("The networks of the run cannot be opened here.", error.problem.fix or "Nothing to do.")]
    if any(getattr(model.predictor.network, "features", None) is None for model in models.values()):
        return [_not_checked("The network shows no features.", "Give it a method `features`.")]
    found = []
    for column in columns:
        watcher.stage(f"remedies for {column}")
        sides = [_sides(models[fold.name], material, fold, column, seed) for fold in run.split.folds]
        found.append(_told(column, compare(run.predictions, sides, column, unit=run.unit_words(), seed=seed)))
    return found


def compare(
    predictions: Predictions, sides: Sequence[tuple[Seen, Seen]], column: str, *, unit: str, seed: int
) -> list[Remedy]:
    """Each remedy's figures, from the known and the test side of every fold; what cannot be fitted is left out."""
    answers: dict[str, dict[str, np.ndarray]] = {TRAINED: {}}
    for known, test in sides:
        for name, remedy in _REMEDIES.items():
            made = remedy(known, test, len(predictions.classes))
            if made is not None:
                answers.setdefault(name, {}).update(zip(test.names, made, strict=True))
        answers[TRAINED].update(zip(test.names, test.probabilities, strict=True))
    complete = {name: made for name, made in answers.items() if len(made) == len(predictions)}
    return [_judged(name, made, predictions, column, unit=unit, seed=seed) for name, made in complete.items()]


def _anew(known: Seen, test: Seen, classes: int) -> np.ndarray | None:
    return _refitted(known.features, test.features, known.labels, classes)


def _alike(known: Seen, test: Seen, classes: int) -> np.ndarray | None:
    cell = pd.factorize(pd.Series(known.groups).astype(str) + "|" + pd.Series(known.labels).astype(str))[0]
    weights = 1.0 / np.bincount(cell)[cell]
    return _refitted(known.features, test.features, known.labels, classes, weights * len(weights) / weights.sum())


def _harmonised(known: Seen, test: Seen, classes: int) -> np.ndarray | None:
    counts = pd.Series(known.groups).value_counts()
    if len(counts) < 2 or counts.min() < FEWEST or set(test.groups) - set(counts.index):
        return None
    fitted = fit_harmonisation(known.features, known.groups)
    before, after = fitted.apply(known.features, known.groups), fitted.apply(test.features, test.groups)
    return _refitted(before, after, known.labels, classes)


def _thresholds(known: Seen, test: Seen, classes: int) -> np.ndarray | None:
    """Probabilities moved so that each group's best threshold lies at one half; two classes only."""
    if classes != 2:
        return None
    moved = test.probabilities[:, 1].copy()
    for group in np.unique(test.groups):
        here = known.groups == group
        if min(np.sum(known.labels[here] == label) for label in (0, 1)) < FEWEST:
            continue
        at = best_threshold(known.probabilities[here, 1], known.labels[here])
        p = moved[test.groups == group]
        moved[test.groups == group] = np.where(p < at, 0.5 * p / max(at, 1e-9), 1 - 0.5 * (1 - p) / max(1 - at, 1e-9))
    return np.stack([1 - moved, moved], axis=1)


_REMEDIES: dict[str, Callable[[Seen, Seen, int], np.ndarray | None]] = {
    ANEW: _anew,
    ALIKE: _alike,
    HARMONISED: _harmonised,
    THRESHOLDS: _thresholds,
}


def best_threshold(p: np.ndarray, labels: np.ndarray) -> float:
    """Where the balanced accuracy of these records is best, in the middle of a gap between them.

    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.8]), np.array([0, 0, 1, 1]))
    0.25
    """
    values = np.unique(p)
    middles = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(1 + values[-1]) / 2]])
    right = [
        (p[labels == 1] >= middle).mean() + (p[labels == 0] < middle).mean() for middle in middles
    ]  # twice the balanced accuracy
    best = np.flatnonzero(np.isclose(right, np.max(right)))
    return float(middles[best[len(best) // 2]])


def _refitted(
    known: np.ndarray, test: np.ndarray, labels: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> np.ndarray | None:
    """Probabilities (record, class) of a logistic model fitted on known features; None where a class is not known."""
    if len(np.unique(labels)) < classes:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2_000))
    model.fit(known, labels, logisticregression__sample_weight=weights)
    return model.predict_proba(test)


def _judged(
    name: str, made: dict[str, np.ndarray], predictions: Predictions, column: str, *, unit: str, seed: int
) -> Remedy:
    rows = np.stack([made[str(index)] for index in predictions.table.index])
    columns = [f"p_{number}" for number in range(len(predictions.classes))]
    judged = replace(predictions, table=predictions.table.assign(**dict(zip(columns, rows.T, strict=True))))
    every = next(score for score in scores(judged, unit=unit, seed=seed) if score.metric == METRIC)
    by_group = scores_by(judged, column, metric=METRIC, unit=unit, seed=seed)
    known = {group: score for group, score in by_group.items() if score.value is not None}
    worst = min(known, key=lambda group: known[group].value or 0.0)
    return Remedy(name, every, known[worst], worst)


def _told(column: str, remedies: list[Remedy]) -> Finding:
    """A finding with a line a remedy."""
    evidence = {
        one.name: f"all {with_interval(one.all)}; worst {with_interval(one.worst)} ({one.group})" for one in remedies
    }
    first, best = remedies[0], max(remedies, key=lambda one: one.worst.value or 0.0)
    gain = (best.worst.value or 0.0) - (first.worst.value or 0.0)
    if best is first or gain < 0.01:
        claim = (
            f"Of {len(remedies) - 1} remedies for {column} none makes the worst group better by a hundredth: as "
            f"trained it is {first.group} with a {METRIC} of {with_interval(first.worst)}."
        )
        remedy = "Nothing to change; more records of the worst group would help most."
    else:
        claim = (
            f"Of {len(remedies) - 1} remedies for {column} '{best.name}' serves the worst group best: its {METRIC} is "
            f"{with_interval(best.worst)} ({best.group}), and {with_interval(first.worst)} ({first.group}) as trained."
        )
        remedy = (
            "Choose a remedy on other records than those that it will be scored on: the best of several looks better "
            "than it is."
        )
    return Finding(f"{PREFIX}-COMPARED", Severity.NOTE, claim, evidence, remedy)


def _model(run: Run, fold: Fold) -> Trained:
    return load_trained(run.fold(fold.name), sha256=run.state()["folds"][fold.name]["sha256"], memory_bytes=2**30)


def _sides(model: Trained, material: Material, fold: Fold, column: str, seed: int) -> tuple[Seen, Seen]:
    known = [*fold.training, *fold.validation]
    if len(known) > MOST:
        chosen = np.sort(np.random.default_rng(seed).choice(len(known), MOST, replace=False))
        known = [known[place] for place in chosen]
    return _seen(model, material, known, column), _seen(model, material, fold.test, column)


def _seen(model: Trained, material: Material, pieces: Sequence[Piece], column: str) -> Seen:
    features: list[np.ndarray] = []
    probabilities: list[np.ndarray] = []
    network = model.predictor.network.eval()
    with torch.inference_mode():
        for piece in pieces:
            image = material.image(piece.record)
            probabilities.append(model.probabilities(image))
            prepared = torch.from_numpy(model.normalization.apply(image))[None]
            features.append(network.features(prepared)[0].float().numpy())  # type: ignore[operator]
    groups = material.cohort.table.loc[[piece.record for piece in pieces], column].astype(str).to_numpy()
    return Seen(
        tuple(piece.name for piece in pieces),
        np.stack(features).astype(np.float64),
        np.stack(probabilities).astype(np.float64),
        np.array([int(material.label(piece.record)) for piece in pieces]),
        groups,
    )


def _not_checked(claim: str, remedy: str) -> Finding:
    return Finding(f"{PREFIX}-NOT-TRIED", Severity.NOT_CHECKED, claim, remedy=remedy)
