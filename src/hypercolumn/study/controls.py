"""Control runs: what a wrong study would have claimed, measured on purpose, beside what the right one does.

    random split      the pieces of a fold dealt out whatever their lineage: what a careless split would have claimed
    shuffled labels   answers dealt out among the records of a fold: nothing can be learnt, so nothing must be found
    border alone      all but the outer tenth of an image made grey: what is left knows the scanner, not the disease
    metadata alone    site, batch and strata, without a pixel: the baseline of that name, which every run has

A control trains one fold with the plan, the steps and the precision of the locked one, and is scored on its own test
pieces; the locked run's answers to the same pieces stand beside. Wrong splits are `LeakyFolds`, a type of its own that
no certificate, headline score or export accepts. The inflation is the mean over units of what the random split adds.
Yagis et al. 2021, doi 10.1038/s41598-021-01681-w (slices split at random: up to 55 points too high).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from hypercolumn.audit import Finding, Severity
from hypercolumn.data import Fold, Piece
from hypercolumn.errors import RunError
from hypercolumn.evaluation import Predictions, Score, headline_score, inflation
from hypercolumn.evaluation.score import with_interval
from hypercolumn.study.folds import prepare
from hypercolumn.study.galleries import case_values
from hypercolumn.study.material import Material
from hypercolumn.study.objects import fit_objects
from hypercolumn.study.pipeline import fit_fold, table
from hypercolumn.study.predicting import group_names, load_trained, predicted_rows
from hypercolumn.study.progress import Silent, Watcher
from hypercolumn.study.run import Run, require_finished, tell
from hypercolumn.study.study import Study

EDGE = 0.1
"""The share of each side that the border alone leaves to be seen."""
PREFIX = "A-CONTROL-"


@dataclass(frozen=True)
class LeakyFolds:
    """Folds that are wrong on purpose; nothing that asks for a `Split` takes them.

    >>> from hypercolumn.data import Split
    >>> isinstance(LeakyFolds("random split", ()), Split)
    False
    """

    name: str
    folds: tuple[Fold, ...]


@dataclass(frozen=True, eq=False)
class Control:
    """What a control run claimed on its test pieces, and what the locked run says of the same pieces."""

    name: str
    claimed: Score
    locked: Score
    predictions: Predictions


def run_controls(run: Run, *, watcher: Watcher | None = None) -> list[Finding]:
    """Train the controls of a finished run, write what they found into it, and its report again; the findings.

    Raises RunError where the run is not finished or was made with a network of the user's own.
    """
    watcher = watcher or Silent()
    require_finished(run)
    study = Study.read(run.folder / "study.yaml")
    fold, material = run.split.folds[0], study.material
    findings = [*_random_split(run, study, fold, watcher), *_shuffled(run, study, fold, watcher)]
    findings += _border(run, study, fold, watcher)
    findings += _metadata(run, material)
    tell(run, findings, prefix=PREFIX)
    return findings


def random_folds(fold: Fold, *, seed: int) -> LeakyFolds:
    """The pieces of a fold dealt out at random, as many to each side as before; boxes that overlap stay as they are.

    >>> pieces = tuple(Piece(letter) for letter in "abcdef")
    >>> [one] = random_folds(Fold("1", pieces[:3], pieces[3:4], pieces[4:]), seed=0).folds
    >>> len(one.training), len(one.validation), len(one.test)
    (3, 1, 2)
    """
    pieces = [piece for _, side in fold.sides() for piece in side]
    order = [pieces[place] for place in np.random.default_rng((seed, 1)).permutation(len(pieces))]
    first, second = len(fold.training), len(fold.training) + len(fold.validation)
    dealt = Fold(fold.name, tuple(order[:first]), tuple(order[first:second]), tuple(order[second:]))
    return LeakyFolds("random split", (dealt,))


def patches(fold: Fold, shapes: Mapping[str, tuple[int, ...]], *, side: int) -> Fold:
    """The boxes of a fold, or whole records, cut into patches, as a careless split would deal them out.

    >>> fold = patches(Fold("1", (Piece("a"),), (), ()), {"a": (64, 50)}, side=32)
    >>> [piece.name for piece in fold.training]
    ['a[0:32,0:25]', 'a[0:32,25:50]', 'a[32:64,0:25]', 'a[32:64,25:50]']
    """

    def cut(piece: Piece) -> list[Piece]:
        box = piece.box or tuple((0, length) for length in shapes[piece.record])
        edges = [
            np.linspace(start, stop, max(1, round((stop - start) / side)) + 1).round().astype(int).tolist()
            for start, stop in box
        ]
        boxes: list[tuple[tuple[int, int], ...]] = [()]
        for axis in edges:
            boxes = [(*one, pair) for one in boxes for pair in pairwise(axis)]
        return [Piece(piece.record, one) for one in boxes]

    sides = {name: tuple(part for piece in side_ for part in cut(piece)) for name, side_ in fold.sides()}
    return Fold(fold.name, sides["training"], sides["validation"], sides["test"])


def with_shuffled_labels(material: Material, *, seed: int) -> Material:
    """The same images, their answers dealt out anew among all records: label images among those of one shape."""
    cohort = material.cohort
    column = cohort.columns.target
    assert column is not None
    given = cohort.table[column].copy()
    chance = np.random.default_rng((seed, 2))
    shapes: dict[tuple[int, ...], list[str]] = {}
    for record in cohort.records:
        shapes.setdefault(material.headers[record].shape[1:] if material.dense else (), []).append(record)
    for records in shapes.values():
        given.loc[records] = given.loc[[records[place] for place in chance.permutation(len(records))]].to_numpy()
    return replace(material, cohort=replace(cohort, table=cohort.table.assign(**{column: given})))


@dataclass(frozen=True)
class BorderAlone(Material):
    """Images of which only the outer tenth is left; what lies within has the median of the border."""

    def image(self, record: str) -> np.ndarray:
        array = super().image(record).copy()
        inner = tuple(slice(max(1, int(EDGE * n)), n - max(1, int(EDGE * n))) for n in array.shape[1:])
        outside = np.ones(array.shape[1:], dtype=bool)
        outside[inner] = False
        for channel in array:
            channel[inner] = np.median(channel[outside]).astype(array.dtype)
        return array


# ------------------------------------------------------------------------------------------------------ the controls


def _random_split(run: Run, study: Study, fold: Fold, watcher: Watcher) -> list[Finding]:
    material, code = study.material, "RANDOM-SPLIT"
    locked_fold, seed = fold, study.asked.seed
    if study.asked.split.kind == "regions" and material.cohort.columns.position is None:
        window = json.loads((run.fold(fold.name) / "plan.json").read_text(encoding="utf-8"))["window"]
        shapes = {record: header.shape[1:] for record, header in material.headers.items()}
        locked_fold = patches(fold, shapes, side=max(window))
    unit_of = run.split.unit_of()
    units = {unit_of.get(piece.name, piece.record) for _, side in fold.sides() for piece in side}
    pieces = sum(len(side) for _, side in locked_fold.sides())
    if len(units) == pieces and study.asked.split.kind != "regions":
        return [
            _not_checked(
                code,
                f"Every {_singular(run)} has one record, so a random split is the locked one.",
                "Nothing to do.",
            )
        ]
    control = train_control(run, study, material, random_folds(locked_fold, seed=seed), watcher)
    random, locked = _by_unit(control.predictions), _by_unit(_locked(run, study, control.predictions))
    both = {unit for unit in random if unit in locked and np.isfinite([random[unit], locked[unit]]).all()}
    metric, _, _ = case_values(control.predictions)
    if len(both) < 2:
        return [_not_checked(code, "Too few units have a figure under both splits.", "Give more records.")]
    gap = inflation({unit: random[unit] for unit in both}, {unit: locked[unit] for unit in both}, seed=seed)
    assert gap.value is not None
    words = f"{gap.value:+.3f}" + ("" if gap.low is None else f" [{gap.low:+.3f}, {gap.high:+.3f}]")
    return [
        Finding(
            f"{PREFIX}{code}",
            Severity.NOTE,
            f"A random split would have claimed {with_interval(control.claimed)} {control.claimed.metric} where the "
            f"locked one finds {with_interval(control.locked)} on the same pieces: {words} in {metric}, mean over "
            f"{len(both)} {run.unit_words()}. The scores of this report are those of the locked split.",
            evidence={
                "claimed by a random split": with_interval(control.claimed),
                "locked split, the same pieces": with_interval(control.locked),
                f"inflation of {metric}": words,
                "pieces": len(control.predictions),
            },
            remedy="Nothing to do: the split is locked. Quote the difference where a random split is asked for.",
        )
    ]


def _shuffled(run: Run, study: Study, fold: Fold, watcher: Watcher) -> list[Finding]:
    material, code = study.material, "SHUFFLED-LABELS"
    if material.dense or not material.classes:
        why = "a label image fits others in part, and a number has no chance level"
        return [_not_checked(code, f"Labels were not shuffled: {why}.", "Look at the baselines instead.")]
    shuffled = with_shuffled_labels(material, seed=study.asked.seed)
    claimed = train_control(run, study, shuffled, LeakyFolds("shuffled labels", (fold,)), watcher).claimed
    return [_against_chance(code, claimed, chance_level(claimed, len(material.classes)), SHUFFLED)]


def _border(run: Run, study: Study, fold: Fold, watcher: Watcher) -> list[Finding]:
    material, code = study.material, "BORDER-ALONE"
    if material.dense or not material.classes:
        return [_not_checked(code, "The border alone was not tried: the answer lies in the image.", "Nothing to do.")]
    border = BorderAlone(material.cohort, material.target, material.headers)
    claimed = train_control(run, study, border, LeakyFolds("border alone", (fold,)), watcher).claimed
    return [_against_chance(code, claimed, chance_level(claimed, len(material.classes)), BORDER)]


def _metadata(run: Run, material: Material) -> list[Finding]:
    code = "METADATA-ALONE"
    alone = run.baseline_leads().get("metadata alone")
    if alone is None or alone.value is None:
        return [_not_checked(code, "The manifest names no site, batch or stratum.", "Name them under data.columns.")]
    if not material.classes or material.dense:
        return []
    return [_against_chance(code, alone, chance_level(alone, len(material.classes)), METADATA)]


SHUFFLED = (
    "With the labels shuffled",
    "Something tells the answers that is not the image: the split, the file names, or the code leaks.",
    Severity.BLOCKING,
    "Find what leaks before any score is believed: look at what is fitted, and at the names and order of files.",
)
BORDER = (
    "From the outer tenth of the images alone",
    "The border knows the label: a scanner, a marker or a position stands for the disease.",
    Severity.WARNING,
    "Crop the border, harmonise the scanners, or test on another site.",
)
METADATA = (
    "From site, batch and strata alone",
    "Who is examined where tells part of the label, and a network may read it from the image.",
    Severity.WARNING,
    "Compare the score within each site, and test on a site that was not trained on.",
)


def _against_chance(code: str, claimed: Score, chance: float, words: tuple[str, str, Severity, str]) -> Finding:
    """Passed where the interval holds chance or lies below it, what it means otherwise."""
    begins, means, severity, remedy = words
    above = claimed.value is not None and (claimed.low if claimed.low is not None else claimed.value) > chance
    evidence = {f"claimed, {claimed.metric}": with_interval(claimed), "chance": round(chance, 3)}
    if not above:
        claim = f"{begins} {claimed.metric} is {with_interval(claimed)}, no better than chance ({chance:.2f})."
        return Finding(f"{PREFIX}{code}", Severity.PASSED, claim, evidence, "Nothing to do.")
    claim = f"{begins} {claimed.metric} is {with_interval(claimed)} where chance gives {chance:.2f}. {means}"
    spoils = ("*",) if severity is Severity.BLOCKING else ()
    return Finding(f"{PREFIX}{code}", severity, claim, evidence, remedy, spoils=spoils)


def chance_level(score: Score, classes: int) -> float:
    """What guessing gives.

    >>> chance_level(Score("balanced accuracy", 0.5, None, None, unit="patients", units=9, records=9), 4)
    0.25
    """
    return {"AUROC": 0.5, "quadratic weighted kappa": 0.0}.get(score.metric, 1 / classes)


# --------------------------------------------------------------------------------------------------------- one run


def train_control(run: Run, study: Study, material: Material, wrong: LeakyFolds, watcher: Watcher) -> Control:
    """One fold of a control, with all that was decided for the locked fold of that name."""
    [fold] = wrong.folds
    folder = run.folder / "controls" / wrong.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for decided in ("plan.json", "schedule.json"):
        shutil.copy(run.fold(fold.name) / decided, folder / decided)
    unit_of = {piece.name: _unit(run, piece) for _, side in fold.sides() for piece in side}
    watcher.stage(f"control: {wrong.name}")
    job = prepare(folder, material, fold, unit_of=unit_of, asked=study.asked, by_region=False, sees_at_most=None)
    if job.plan.network == "own":
        raise RunError("controls are trained with the plan's own network", fix="run the control in Python")
    fit_fold(job, watcher)
    model = load_trained(folder, sha256=None, memory_bytes=int(study.asked.training.memory * 2**30))
    if material.told_apart:
        pieces = fold.validation or fold.training
        model = replace(model, settings=fit_objects(folder, model.probabilities, material, pieces))
    groups = group_names(material.cohort)
    rows = dict(predicted_rows(model, fold.test, material, fold=fold.name, unit_of=unit_of, groups=groups))
    predictions = table(rows, material, groups)
    predictions.write(folder / "predictions")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    score = partial(headline_score, unit=run.unit_words(), seed=study.asked.seed)
    return Control(wrong.name, score(predictions), score(_locked(run, study, predictions)), predictions)


def _locked(run: Run, study: Study, wanted: Predictions) -> Predictions:
    """What the locked run says of these pieces; patches are cut from its own predictions of the whole."""
    known = run.predictions
    names = [str(name) for name in wanted.table.index]
    if all(name in known.table.index for name in names):
        return known.select(names)
    return _locked_patches(run, study, names)


def _locked_patches(run: Run, study: Study, names: Sequence[str]) -> Predictions:
    """Patches predicted by the fold that did not learn from the region that they lie in."""
    material, groups = study.material, group_names(study.material.cohort)
    rows: dict[str, dict[str, object]] = {}
    for fold in run.split.folds:
        digest = run.state()["folds"][fold.name]["sha256"]
        model = load_trained(run.fold(fold.name), sha256=digest, memory_bytes=2**30)
        inside = [piece for piece in map(_piece, names) if any(_within(piece, whole) for whole in fold.test)]
        unit_of = {piece.name: _unit(run, piece) for piece in inside}
        rows |= dict(predicted_rows(model, inside, material, fold=fold.name, unit_of=unit_of, groups=groups))
    return table(rows, material, groups)


def _piece(name: str) -> Piece:
    record, _, box = name.partition("[")
    if not box:
        return Piece(record)
    return Piece(record, tuple((int(a), int(b)) for a, b in (part.split(":") for part in box.rstrip("]").split(","))))


def _within(piece: Piece, whole: Piece) -> bool:
    if piece.record != whole.record or whole.box is None or piece.box is None:
        return piece.record == whole.record and whole.box is None
    return all(a >= low and b <= high for (a, b), (low, high) in zip(piece.box, whole.box, strict=True))


def _unit(run: Run, piece: Piece) -> str:
    """The unit of a piece; a patch is its own record's box."""
    return run.split.unit_of().get(piece.name, piece.record if piece.box is None else piece.name)


def _by_unit(predictions: Predictions) -> dict[str, float]:
    """The mean figure of each unit, higher is better."""
    _, values, better = case_values(predictions)
    good = [better.goodness(value) for value in values]
    means = predictions.table.assign(_figure=good).groupby("unit")["_figure"].mean()
    return {str(unit): float(value) for unit, value in means.items()}


def _not_checked(code: str, claim: str, remedy: str) -> Finding:
    return Finding(f"{PREFIX}{code}", Severity.NOT_CHECKED, claim, remedy=remedy)


def _singular(run: Run) -> str:
    return run.unit_words().removesuffix("s")
