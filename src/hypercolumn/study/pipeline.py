"""The way of one study, with no way back.

    check -> split and certificate -> for each fold: plan, fit, predict, baselines -> pooled predictions
          -> scores with intervals -> report

Everything that was finished is kept: a run that is resumed goes on in the fold where it stopped.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from hypercolumn.data import Fold, Piece
from hypercolumn.data.writing import write_json
from hypercolumn.evaluation import OnDemand, Predictions, baselines_for, group_column, scores
from hypercolumn.study.checks import Preflight
from hypercolumn.study.folds import prepare, train_fold
from hypercolumn.study.jobs import FoldJob
from hypercolumn.study.material import Material
from hypercolumn.study.objects import fit_baseline, fit_objects
from hypercolumn.study.predicting import group_names, load_trained, predicted_rows, row_of, who
from hypercolumn.study.progress import Watcher
from hypercolumn.study.run import Run, write_findings
from hypercolumn.study.study_file import StudyFile
from hypercolumn.training import agree, is_first, run_on


def write_beginning(
    run: Run, before: Preflight, asked: StudyFile, *, data_folder: str, sealed: str | None = None
) -> None:
    """What is known before training, so that the run folder stands for itself."""
    before.cohort.table.to_csv(run.folder / "manifest.csv", index=False, lineterminator="\n")
    own = asked.model_copy(
        update={
            "data": asked.data.model_copy(
                update={
                    "manifest": Path("manifest.csv"),
                    "folder": Path(data_folder),
                    "sealed": None if sealed is None else Path(sealed),
                }
            )
        }
    )
    (run.folder / "study.yaml").write_text(own.resolved(), encoding="utf-8")
    run.write_split(before.split)
    before.certificate.write(run.folder / "certificate.json")
    write_findings(before.findings, run.folder / "findings.json")
    (run.folder / "similarity.json").write_text(json.dumps(before.similarity.to_dict()), encoding="utf-8")
    run.update(
        manifest_sha256=before.cohort.sha256, generalises_to=asked.generalises_to, seed=asked.seed, status="training"
    )


def train(run: Run, before: Preflight, asked: StudyFile, *, watcher: Watcher, network: nn.Module | None = None) -> None:
    """Every fold in its turn; a fold that is done is not done again."""
    split, material = before.split, before.material
    by_region = asked.split.kind == "regions"
    sees_at_most = None
    if by_region and material.cohort.columns.position is None:
        sees_at_most = min(split.gap.values())
    wanted = asked.training
    together = partial(agree, devices=wanted.devices, nodes=wanted.nodes)
    earlier: Path | None = None
    for fold in split.folds:
        if together(partial(_is_done, run, fold.name)):
            earlier = earlier or run.fold(fold.name)
            continue
        begun = time.perf_counter()
        decide = partial(
            prepare, run.fold(fold.name), material, fold, unit_of=split.unit_of(), asked=asked, by_region=by_region,
            sees_at_most=sees_at_most, network=network, earlier=earlier,
        )  # fmt: skip
        if is_first():
            watcher.stage(
                f"{fold.name}: {len(fold.training)} training, {len(fold.validation)} validation, {len(fold.test)} test"
            )
        together(partial(_decided, decide))
        job = decide()
        earlier = earlier or job.folder
        if not (job.folder / "weights.json").exists():
            fit_fold(job, watcher)
        if is_first():
            watcher.stage(f"{fold.name}: predicting and scoring")
            _predict(run, job, split.unit_of())
            shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)
            weights = json.loads((job.folder / "weights.json").read_text(encoding="utf-8"))
            entry = {"sha256": weights["sha256"], "seconds": round(time.perf_counter() - begun, 1)}
            run.update(folds={**run.state()["folds"], fold.name: entry})


def _decided(decide: Callable[[], FoldJob]) -> bool:
    """Whether a fold's decisions are written down; they are not sent to other processes, which read them."""
    decide()
    return True


def _is_done(run: Run, fold: str) -> bool:
    return fold in run.state()["folds"]


def fit_fold(job: FoldJob, watcher: Watcher) -> None:
    """Train one fold and leave its weights in its folder."""
    wanted = job.asked.training
    if wanted.devices * wanted.nodes == 1:
        run_on(train_fold, job, lambda moment: watcher.moment(job.fold.name, moment), precision=job.precision)
    else:
        run_on(train_fold, job, None, precision=job.precision, devices=wanted.devices, nodes=wanted.nodes)


def _predict(run: Run, job: FoldJob, unit_of: Mapping[str, str]) -> None:
    """The test pieces by the network and by each baseline, as tables."""
    material, fold, groups = job.material, job.fold, group_names(job.material.cohort)
    model = load_trained(
        job.folder,
        sha256=None,
        memory_bytes=int(job.asked.training.memory * 2**30),
        network=None if job.network is None else job.build(),
    )
    if material.told_apart:
        pieces = fold.validation or fold.training
        model = replace(model, settings=fit_objects(job.folder, model.probabilities, material, pieces))
    rows = dict(predicted_rows(model, fold.test, material, fold=fold.name, unit_of=unit_of, groups=groups))
    table(rows, material, groups).write(job.folder / "predictions")
    folder = job.folder / "baselines"
    folder.mkdir(exist_ok=True)
    notes = {}
    for name, note, found in baseline_rows(material, fold, unit_of=unit_of, groups=groups, seed=job.asked.seed):
        table(found, material, groups).write(folder / slug(name))
        notes[name] = note
    write_json(notes, folder / "notes.json")


def table(rows: dict[str, dict[str, object]], material: Material, groups: tuple[str, ...]) -> Predictions:
    names = [group_column(name) for name in groups]
    return Predictions.from_rows(
        rows,
        target_kind=material.target.kind,
        classes=material.classes,
        groups=names,
        measured_in=material.measured_in,
    )


def baseline_rows(
    material: Material, fold: Fold, *, unit_of: Mapping[str, str], groups: tuple[str, ...], seed: int
) -> list[tuple[str, str, dict[str, dict[str, object]]]]:
    """What can be had without a CNN, fitted on training and validation, scored on test: (name, note, rows)."""
    seen = (*fold.training, *fold.validation)
    by_name = {piece.name: piece for piece in (*seen, *fold.test)}
    names = [piece.name for piece in seen]
    images = OnDemand(names, lambda name: material.raw(by_name[name])[0])
    targets = OnDemand(names, lambda name: _answer(material, by_name[name]))
    metadata = _metadata(material, list(by_name.values()))
    first = material.headers[seen[0].record]
    found = []
    for baseline in baselines_for(
        material.target.kind,
        classes=len(material.classes),
        channels=first.shape[0],
        metadata=tuple(str(name) for name in metadata),
        seed=seed,
    ):
        fitted = baseline.fit(images, targets, metadata.loc[names])
        rows = {}

        def predict(piece: Piece, fitted: Any = fitted) -> np.ndarray:
            answer = fitted.predict(material.raw(piece)[0], metadata.loc[[piece.name]].iloc[0])
            return np.asarray(answer, dtype=np.float32 if material.classes else np.float64)

        settings = fit_baseline(predict, material, seen) if material.told_apart else None
        for piece in fold.test:
            rows[piece.name] = {
                **who(piece, material.cohort, fold=fold.name, unit=unit_of[piece.name], groups=groups),
                **row_of(predict(piece), piece, material, settings=settings),
            }
        found.append((baseline.name, fitted.note, rows))
    return found


def _answer(material: Material, piece: Piece) -> np.ndarray:
    if not material.dense:
        return material.label(piece.record)
    mask = material.raw(piece)[1]
    assert mask is not None
    return mask


def _metadata(material: Material, pieces: list[Piece]) -> pd.DataFrame:
    """What is known of a piece without looking at its pixels: site, batch columns and strata, never who it is."""
    columns = material.cohort.columns
    known = [name for name in (columns.lineage.get("site"), *columns.batch, *columns.strata) if name is not None]
    rows = material.cohort.table.loc[[piece.record for piece in pieces], list(dict.fromkeys(known))]
    return rows.set_axis([piece.name for piece in pieces])


def pool(run: Run, material: Material, *, unit: str, seed: int) -> None:
    """Join the folds' tables and compute every score once, out of fold."""
    names = list(run.state()["folds"])
    pooled = together([Predictions.read(run.fold(name) / "predictions") for name in names])
    pooled.write(run.folder / "predictions")
    kept = run.folder / "baselines"
    kept.mkdir(exist_ok=True)
    baseline_scores, notes = (
        {},
        json.loads((run.fold(names[0]) / "baselines" / "notes.json").read_text(encoding="utf-8")),
    )
    for baseline in notes:
        joined = together([Predictions.read(run.fold(name) / "baselines" / slug(baseline)) for name in names])
        joined.write(kept / slug(baseline))
        baseline_scores[baseline] = [asdict(score) for score in scores(joined, unit=unit, seed=seed)]
    found = [asdict(score) for score in scores(pooled, unit=unit, seed=seed)]
    saved = {"scores": found, "baselines": baseline_scores, "baseline_notes": notes, "unit": unit}
    (run.folder / "scores.json").write_text(json.dumps(saved, indent=1), encoding="utf-8")


def together(parts: list[Predictions]) -> Predictions:
    """Tables of several folds as one."""
    return replace(parts[0], table=pd.concat([part.table for part in parts]))


def slug(name: str) -> str:
    """A baseline's name as a file name.

    >>> slug("Otsu's threshold")
    'Otsu_s_threshold'
    """
    return "".join(letter if letter.isalnum() or letter in "-" else "_" for letter in name)
