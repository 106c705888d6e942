"""One fold from its split to its weights: everything that is fitted sees training pieces alone.

What is decided (plan, normalization, precision, number of steps, threads) is written down before the first step and
read again by a resumed run, which therefore goes the same way to the bit.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hypercolumn.data import Fold
from hypercolumn.data.writing import write_json
from hypercolumn.inference import Precision
from hypercolumn.preprocessing import Normalization, fit_normalization
from hypercolumn.study.fingerprint import fingerprint
from hypercolumn.study.jobs import FoldJob
from hypercolumn.study.material import Material, in_box
from hypercolumn.study.pace import set_pace
from hypercolumn.study.plan import Plan, make_plan
from hypercolumn.study.progress import Lines
from hypercolumn.study.study_file import StudyFile
from hypercolumn.training import Schedule, Watch, fit, load_checkpoint, save_weights


def prepare(
    folder: Path,
    material: Material,
    fold: Fold,
    *,
    unit_of: Mapping[str, str],
    asked: StudyFile,
    by_region: bool,
    sees_at_most: int | None,
    network: nn.Module | None = None,
    earlier: Path | None = None,
) -> FoldJob:
    """Decide everything about a fold, or read what a run that is resumed had decided.

    `earlier` is the folder of a fold that was decided before, whose measured times hold here too.
    """
    make = partial(FoldJob, folder, material, fold, unit_of, asked, network=network)
    decided = folder / "schedule.json"
    if decided.exists():
        saved = json.loads(decided.read_text(encoding="utf-8"))
        return make(
            plan=Plan.from_dict(json.loads((folder / "plan.json").read_text(encoding="utf-8"))),
            normalization=Normalization.from_dict(saved["normalization"]),
            schedule=Schedule(**saved["schedule"]),
            precision=Precision.from_dict(saved["precision"]),
            threads=saved["threads"],
        )
    folder.mkdir(parents=True, exist_ok=True)
    seen = fingerprint(
        fold.training,
        read=material.raw,
        shapes={piece.name: material.shape(piece) for piece in fold.training},
        unit_of=unit_of,
        classes=len(material.classes),
        labels=None if material.dense else material.label,
        site_of=material.site_of,
        objects=(lambda piece: in_box(material.instances(piece.record), piece.box)) if material.told_apart else None,
    )
    plan = make_plan(
        seen,
        material.target,
        asked.training,
        by_region=by_region,
        sees_at_most=sees_at_most,
        own_network=network,
    )
    arrays = (material.raw(piece)[0] for piece in fold.training)
    normalization = fit_normalization(arrays, kind=plan.normalization)
    undecided = make(
        plan=plan,
        normalization=normalization,
        schedule=Schedule(steps=1, batch=plan.batch),
        precision=Precision(),
        threads=torch.get_num_threads(),
    )
    job, second = set_pace(undecided, earlier=earlier)
    write_json(job.plan.to_dict(), folder / "plan.json")
    write_json(
        {
            "schedule": asdict(job.schedule),
            "precision": job.precision.to_dict(),
            "normalization": normalization.to_dict(),
            "fitted_on": [piece.name for piece in fold.training],
            "threads": job.threads,
            "seconds_a_step": second,
            "width": job.plan.arguments.get("width") if asked.training.width == "auto" else None,
        },
        decided,
    )
    return job


def train_fold(fabric: Any, job: FoldJob, watch: Watch | None) -> None:
    """Train one fold on this process's share and leave its weights in the fold's folder; called on every process."""
    torch.set_num_threads(job.threads)
    network = job.build()
    training = job.examples(job.fold.training, augmented=True)
    validation = job.examples(job.fold.validation, augmented=False) if job.fold.validation else None
    first = fabric.is_global_zero
    begun = time.perf_counter()
    resumed = load_checkpoint(job.folder / "checkpoints")
    fitted = fit(
        network,
        job.task,
        training,
        validation=validation,
        schedule=job.schedule,
        precision=job.precision,
        folder=job.folder / "checkpoints",
        fabric=fabric,
        sampling=job.sampling(training),
        workers=job.asked.training.workers,
        watch=watch or (Lines(sys.stderr).moment_of(job.fold.name) if first else _nobody),
    )
    if first:
        sheet = {
            "network": job.plan.network,
            "arguments": dict(job.plan.arguments),
            "task": dict(job.plan.task),
            "normalization": job.normalization.to_dict(),
            "window": list(job.plan.window),
            "test_time_flips": job.asked.training.test_time_flips,
            "seed": job.asked.seed,
            "steps": fitted.steps,
            "best_step": fitted.progress.best_step,
            "seconds": time.perf_counter() - begun,
            "resumed_from_step": resumed.step if resumed else 0,
            "curve": fitted.progress.curve,
            "stopped_early": fitted.progress.stopped_at is not None,
        }
        save_weights(fitted.weights, sheet, job.folder / "weights.safetensors")
    fabric.barrier()


def _nobody(moment: object) -> None:
    return
