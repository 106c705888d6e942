"""A run used on what it was not made from: new images, another cohort, or somebody else's table altogether."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from hypercolumn import audit, report
from hypercolumn.audit import Finding, Severity
from hypercolumn.data import (
    Cohort,
    Columns,
    Fold,
    InstancesTarget,
    NumberTarget,
    Piece,
    Split,
    Target,
    channel_groups,
    find_copies,
    opened_image,
    read_header,
    read_image,
    read_table,
    units_of,
    write_labels,
)
from hypercolumn.data.certificate import SealedTest
from hypercolumn.data.sealed_set import look
from hypercolumn.errors import DataProblems, HypercolumnError, ManifestError, OutputNotWritable, UsageError
from hypercolumn.evaluation import Score, scores
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.study.anybody import judged, predictions_of
from hypercolumn.study.checks import open_material
from hypercolumn.study.discovery import IMAGES
from hypercolumn.study.large import FROM_SAMPLES, predict_opened
from hypercolumn.study.objects import write_objects
from hypercolumn.study.pipeline import table
from hypercolumn.study.predicting import Ensemble, decode, group_names, load_trained, predicted_rows
from hypercolumn.study.progress import Watcher
from hypercolumn.study.reporting import agreement, forests, lights, noun, reliability
from hypercolumn.study.run import Run, lead_of, write_findings
from hypercolumn.study.study import Study

PRECISIONS: Mapping[str, Literal["auto"] | None] = {"auto": "auto", "float32": None}


@dataclass(frozen=True)
class External:
    """What came of scoring a run on other data."""

    folder: Path
    scores: tuple[Score, ...]
    findings: tuple[Finding, ...]
    generalises_to: str


def load_ensemble(
    run: Run, *, fold: str | None, memory_bytes: int, precision: Literal["auto"] | None = None
) -> Ensemble:
    """The networks of all folds, or of one. Raises UsageError for a fold that is not there."""
    folds = run.state()["folds"]
    if fold is not None and fold not in folds:
        raise UsageError(f"this run has no fold {fold!r}", fix=f"folds: {', '.join(folds)}")
    chosen = [fold] if fold is not None else list(folds)
    if not chosen:
        raise UsageError(
            "this run has no trained network yet", where=run.folder.name, fix=f"hypercolumn train --resume {run.folder}"
        )
    return Ensemble(
        tuple(
            load_trained(run.fold(name), sha256=folds[name]["sha256"], memory_bytes=memory_bytes, precision=precision)
            for name in chosen
        )
    )


def predict_files(
    folder: Path,
    inputs: Sequence[Path],
    out: Path,
    *,
    fold: str | None,
    memory_bytes: int,
    watcher: Watcher,
    precision: str = "auto",
    large_from: int = FROM_SAMPLES,
) -> tuple[list[Path], list[HypercolumnError]]:
    """Predict images and write label images (or a table of probabilities, or of numbers with their unit) into `out`; a
    bad file does not end the batch.

    precision: "float32", in which the run was scored, or "auto", the fastest here that stays within 3 % of its largest
    output. Images of `large_from` samples and more never come into memory whole (`large`). The inputs are never written
    beside. Returns what was written, and the errors of the files that were set aside.
    """
    run = Run.open(folder)
    asked = Study.read(run.folder / "study.yaml").asked
    if precision not in PRECISIONS:
        raise UsageError(f"there is no precision {precision!r}", fix=f"use {' or '.join(PRECISIONS)}")
    model = load_ensemble(run, fold=fold, memory_bytes=memory_bytes, precision=PRECISIONS[precision])
    task, target = model.members[0].task, asked.target.target()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            "the output folder cannot be written", where=str(out), why=error.strerror or ""
        ) from None
    named = target.classes[1] if isinstance(target, InstancesTarget) else ""
    written, failed, rows = [], [], []
    for name, paths in _images(inputs):
        watcher.stage(f"predicting {name}")
        try:
            if model.dense and prod(read_header(paths).space) >= large_from:
                with opened_image(paths) as opened:
                    written += predict_opened(opened, model, out / f"{name}.tif", named=named)
                continue
            sample = read_image(paths)
            probabilities = model.probabilities(sample.array)
            if model.settings is not None:
                labels = model.settings.objects(probabilities, sample.spacing, sample.unit)
                written += write_objects(labels, sample, out / name, named=named)
            elif model.dense:
                path = out / f"{name}.tif"
                write_labels(path, decode(task, probabilities), spacing=sample.spacing, unit=sample.unit)
                written.append(path)
            else:
                rows.append({"record": name} | _answer(target, probabilities))
                written.append(out / "predictions.csv")
        except HypercolumnError as error:
            failed.append(error)
    if rows:
        pd.DataFrame(rows).to_csv(out / "predictions.csv", index=False, lineterminator="\n")
    return written, failed


def _answer(target: Target, probabilities: np.ndarray) -> dict[str, object]:
    """The cells of one record: a probability a class, or the number and its unit."""
    if isinstance(target, NumberTarget):
        return {"number": float(probabilities[0]), "unit": target.unit}
    chances = zip(target.classes, probabilities, strict=True)
    return {f"p_{label}": f"{chance:.6f}" for label, chance in chances}


def evaluate_on(
    folder: Path,
    manifest: Path,
    *,
    folder_of_files: Path | None,
    out: Path | None,
    watcher: Watcher,
    look_for: str | None = None,
) -> External:
    """Score the mean of a run's networks on another cohort, after asking whether it really is another.

    look_for: open the sealed records of the manifest, and write down that they were looked at, and why. Raises
    DataProblems with everything wrong in the manifest and its files, UsageError where sealed records would be seen
    without a word.
    """
    run = Run.open(folder)
    study = Study.read(run.folder / "study.yaml")
    columns = study.asked.data.columns.columns()
    cohort = Cohort.read(manifest, columns, folder=folder_of_files)
    cohort = _opened(run, study, cohort, look_for)
    watcher.stage(f"opening {len(cohort):,} records")
    material = open_material(cohort, study.asked)
    findings = overlap(study.cohort, cohort)
    if look_for is not None:
        findings += audit.looks(study.sealed)
    units = units_of(
        cohort, generalises_to=study.asked.generalises_to if study.asked.generalises_to != "region" else "specimen"
    )
    unit_of = {record: unit for unit, records in units.items() for record in records}
    model = load_ensemble(run, fold=None, memory_bytes=2**31)
    watcher.stage("predicting")
    groups = group_names(cohort)
    pieces = [Piece(record) for record in cohort.records]
    predictions = table(
        dict(predicted_rows(model, pieces, material, fold="external", unit_of=unit_of, groups=groups)), material, groups
    )
    unit = run.unit_words()
    found = scores(predictions, unit=unit, seed=study.asked.seed)
    place = out or run.folder / "external" / manifest.stem
    place.mkdir(parents=True, exist_ok=True)
    predictions.write(place / "predictions")
    write_findings(findings, place / "findings.json")
    (place / "scores.json").write_text(
        json.dumps({"scores": [asdict(score) for score in found], "unit": unit}, indent=1), encoding="utf-8"
    )
    lead = lead_of(found, predictions)
    speaks_of = noun(study.asked, unit)
    report.write(
        report.ReportContent(
            title=f"{study.asked.name} on {manifest.stem}",
            study=study.asked.name,
            generalises_to=speaks_of,
            created=run.state()["created"].split("_")[0],
            version=run.state()["versions"]["hypercolumn"],
            lights=lights(findings, lead, None, "", unit),
            findings=tuple(findings),
            scores=tuple(report.ScoreRow(score, headline=score == lead) for score in found),
            forests=forests(predictions, lead, unit),
            reliability=reliability(predictions),
            agreement=agreement(predictions),
            unit=unit,
        ),
        place,
    )
    return External(place, tuple(found), tuple(findings), speaks_of)


def _opened(run: Run, study: Study, cohort: Cohort, look_for: str | None) -> Cohort:
    """The cohort, or its sealed records after the look was written down."""
    sealed = study.sealed
    if look_for is None:
        hidden = set() if sealed is None else set(sealed.records) & set(cohort.records)
        if hidden:
            raise UsageError(
                f"{len(hidden)} of these records are sealed",
                why="whoever sees their score and goes on changing the study fits it to them",
                fix='open them once, at the end: --look "why"',
            )
        return cohort
    place = study.asked.data.sealed
    if place is None:
        raise UsageError("this run has no sealed test set", fix="hypercolumn seal study.yaml, before training")
    when = date.today().isoformat()
    seen, opened = look(run.folder / place, cohort, when=when, why=look_for, tested=run.folder.name)
    replace(run.certificate, sealed=SealedTest.of(seen)).write(run.folder / "certificate.json")
    return opened


def overlap(trained_on: Cohort, other: Cohort) -> list[Finding]:
    """Whether another cohort shares patients, specimens or images with the one that was trained on."""
    both = _one_table(trained_on, other)
    training = tuple(Piece(f"trained:{record}") for record in trained_on.records)
    test = tuple(Piece(f"other:{record}") for record in other.records)
    units = {piece.record: (piece,) for piece in (*training, *test)}
    level = next((name for name in ("patient", "specimen") if name in both.levels), "specimen")
    split = Split("external", level, units, (Fold("external", training, (), test),), seed=0)
    sources = {
        **{f"trained:{name}": (trained_on, name) for name in trained_on.records},
        **{f"other:{name}": (other, name) for name in other.records},
    }
    similarity = find_copies(both, lambda record: read_image(list(sources[record][0].inputs(sources[record][1]))).array)
    return [*audit.lineage(both, split), *audit.duplicates(both, similarity, split), *audit.not_checked()]


def audit_run(folder: Path) -> list[Finding]:
    """The findings of a run, with its certificate verified again."""
    run = Run.open(folder)
    run.verify(full=False)
    return run.findings


ROLES = ("input", "patient", "specimen", "site", "scanner", "date", "target", "side", "fold")


def audit_table(
    manifest: Path, predictions: Path | None, roles: Mapping[str, str], *, embeddings: Path | None = None
) -> list[Finding]:
    """Audit anybody's model: a manifest that says who was on which side, and what was predicted.

    `roles` name columns: input, patient, specimen, site, scanner, date, target, and `side` (train, validation, test) or
    `fold` (each record is tested in its own fold and trained on in all others).
    """
    raw = read_table(manifest)
    named = {role: roles.get(role, role) for role in ROLES}
    there = {role: column for role, column in named.items() if column in raw.columns}
    missing = [f"{role}={column}" for role, column in roles.items() if column not in raw.columns]
    if missing:
        raise ManifestError(
            f"the manifest has no column for {', '.join(missing)}",
            where=manifest.name,
            why=f"it has {', '.join(raw.columns)}",
        )
    told = None
    if predictions is not None:
        given = read_table(predictions)
        told = predictions_of(given, raw, there)
        raw = _with_sides(raw, given, there)
        there = {role: column for role, column in named.items() if column in raw.columns}
    if "side" not in there and "fold" not in there:
        raise ManifestError(
            "nobody says who was on which side",
            where=manifest.name,
            fix="name the column: --column side=split or --column fold=fold",
        )
    if "input" not in there:
        raw = raw.assign(_row=[f"row {number}" for number in range(2, len(raw) + 2)])
    lineage: dict[str, str] = {str(level): there[level] for level in ("site", "patient", "specimen") if level in there}
    batch = tuple(there[role] for role in ("scanner", "date") if role in there)
    columns = Columns(input=there.get("input", "_row"), target=there.get("target"), lineage=lineage, batch=batch)
    cohort = Cohort.from_table(raw, columns, folder=manifest.parent, where=manifest.name)
    split = _given_split(cohort, there)
    findings = [*audit.lineage(cohort, split), *audit.metadata_shortcut(cohort)]
    if "date" in there:
        findings += audit.time_order(cohort, split, column=there["date"])
    if "input" in there:
        try:
            similarity = find_copies(cohort, lambda record: read_image(list(cohort.inputs(record))).array)
            findings += audit.duplicates(cohort, similarity, split)
        except HypercolumnError as error:
            findings.append(
                Finding(
                    "A-DUPLICATES-NOT-CHECKED",
                    Severity.NOT_CHECKED,
                    f"Copies were not looked for: {error.problem.what}.",
                    remedy="Put the files beside the manifest.",
                )
            )
    else:
        findings.append(
            Finding(
                "A-DUPLICATES-NOT-CHECKED",
                Severity.NOT_CHECKED,
                "Copies were not looked for: the manifest names no files.",
                remedy="Name the column of the files: --column input=NAME.",
            )
        )
    if told is None:
        if embeddings is not None:
            raise UsageError("embeddings without predictions", fix="give --predictions with truth and p_CLASS too")
        return [*findings, *audit.not_checked()]
    seen = None if embeddings is None else Embeddings.read(embeddings, told.table["record"].to_list())
    unit = "patients" if "patient" in there else "records"
    return [*findings, *judged(told, there.get("site"), seen, unit=unit)]


def _with_sides(manifest: pd.DataFrame, predictions: pd.DataFrame, there: Mapping[str, str]) -> pd.DataFrame:
    """The manifest with a fold column taken from predictions, or with those predicted as the test side."""
    if "fold" in there or "side" in there:
        return manifest
    shared = [name for name in manifest.columns if name in predictions.columns]
    if not shared:
        raise DataProblems(
            [ManifestError("manifest and predictions share no column", fix="name the records alike in both").problem]
        )
    key = shared[0]
    if "fold" in predictions.columns:
        return manifest.merge(predictions[[key, "fold"]], on=key, how="inner")
    return manifest.assign(side=np.where(manifest[key].isin(set(predictions[key])), "test", "training"))


def _given_split(cohort: Cohort, there: Mapping[str, str]) -> Split:
    """A split as somebody made it: only to be audited, never to train or to certify."""
    pieces = {record: Piece(record) for record in cohort.records}
    folds = []
    if "fold" in there:
        given = cohort.table[there["fold"]].astype(str)
        for name in sorted(given.unique()):
            test = tuple(pieces[record] for record in cohort.records if given[record] == name)
            training = tuple(pieces[record] for record in cohort.records if given[record] != name)
            folds.append(Fold(name, training, (), test))
    else:
        given = cohort.table[there["side"]].astype(str).str.lower()
        words = {
            "training": ("train", "training", "0"),
            "validation": ("val", "valid", "validation", "dev"),
            "test": ("test", "holdout", "hold-out", "1"),
        }
        sides = {
            side: tuple(pieces[record] for record in cohort.records if given[record] in names)
            for side, names in words.items()
        }
        if not sides["test"] or not sides["training"]:
            raise ManifestError(
                f"column {there['side']!r} names no training or no test side",
                why=f"its values: {', '.join(sorted(given.unique())[:8])}",
                fix="use train, validation and test",
            )
        folds.append(Fold("given", **sides))
    level = next((name for name in ("patient", "specimen") if name in cohort.levels), "specimen")
    return Split("given", level, {record: (piece,) for record, piece in pieces.items()}, tuple(folds), seed=0)


def _one_table(first: Cohort, second: Cohort) -> Cohort:
    """Two cohorts as one, keyed apart; no file is looked for through it."""
    lineage = [first.columns.lineage[level] for level in first.levels]
    parts = []
    for name, cohort in (("trained", first), ("other", second)):
        parts.append(cohort.table[[*lineage]].assign(_key=[f"{name}:{record}" for record in cohort.records]))
    joined = pd.concat(parts).reset_index(drop=True).assign(_input=lambda rows: rows["_key"].str.replace(":", "/", n=1))
    columns = Columns(input="_input", key="_key", lineage=dict(first.columns.lineage))
    return Cohort.from_table(joined, columns, folder=Path("."))


def _images(inputs: Sequence[Path]) -> list[tuple[str, list[Path]]]:
    """Image files by name, one file a channel joined."""
    paths: list[Path] = []
    for item in inputs:
        paths += sorted(path for path in item.rglob("*") if path.suffix.lower() in IMAGES) if item.is_dir() else [item]
    if not paths:
        raise UsageError("no image was given", fix=f"give files or folders with {', '.join(sorted(IMAGES))}")
    sets = channel_groups([str(path) for path in paths])
    found = [(Path(name).stem, [Path(member) for member in members]) for name, members in sets.items()]
    doubled = {name for name, _ in found if [other for other, _ in found].count(name) > 1}
    return [(f"{members[0].parent.name}_{name}" if name in doubled else name, members) for name, members in found]
