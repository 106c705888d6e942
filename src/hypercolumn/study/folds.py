"""One fold from its split to its weights: everything that is fitted sees training pieces alone.

What is decided (plan, normalization, precision, number of steps, threads) is written down before the first step and read
again by a resumed run, which therefore goes the same way to the bit.
"""

import copy
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hypercolumn.augment import standard
from hypercolumn.data import Fold, Piece
from hypercolumn.data.writing import write_json
from hypercolumn.inference import Precision
from hypercolumn.inference.precision import choose
from hypercolumn.preprocessing import Normalization, fit_normalization
from hypercolumn.study.fingerprint import fingerprint
from hypercolumn.study.material import Material, Prepared
from hypercolumn.study.plan import Plan, build_task, make_plan
from hypercolumn.study.progress import Lines
from hypercolumn.study.study_file import StudyFile
from hypercolumn.tasks import Task, sampling_weights
from hypercolumn.training import (
    LOOKS,
    Examples,
    Memory,
    Schedule,
    Watch,
    fit,
    load_checkpoint,
    save_weights,
    seconds_a_step,
    steps_for,
)


@dataclass(frozen=True)
class FoldJob:
    """All that a process needs to train one fold; it can be sent to another process."""

    folder: Path
    material: Material
    fold: Fold
    unit_of: Mapping[str, str]
    asked: StudyFile
    plan: Plan
    normalization: Normalization
    schedule: Schedule
    precision: Precision
    threads: int
    network: nn.Module | None = None

    @property
    def task(self) -> Task:
        return build_task(self.plan.task)

    def build(self) -> nn.Module:
        """The network before training: the planned one, or a copy of the one that was handed in."""
        return self.plan.build(self.asked.seed) if self.network is None else copy.deepcopy(self.network)

    def examples(self, pieces: tuple[Piece, ...], *, augmented: bool) -> Examples:
        """The windows of one side."""
        task, material = self.task, self.material
        limit = int(self.asked.training.memory * 2**30)
        return Examples(
            pieces=pieces,
            read=Memory(Prepared(material, self.normalization), limit_bytes=limit),
            shapes=tuple(material.shape(piece) for piece in pieces),
            window=self.plan.window,
            seed=self.asked.seed,
            pipeline=standard(len(self.plan.window), strength=self.asked.training.augmentation) if augmented else None,
            labels=None if material.dense else Encoded(material, task),
        )

    def schedule_seconds(self) -> float:
        """The seconds of one step, as timed before the first one."""
        training = self.examples(self.fold.training, augmented=True)
        return seconds_a_step(self.build(), self.task, training, batch=self.plan.batch, precision=self.precision)

    def sampling(self, examples: Examples) -> tuple[float, ...] | None:
        """Weights that show each class and each unit equally often, where the plan says so."""
        if not self.plan.balanced_sampling:
            return None
        pieces = [examples.pieces[index] for index in examples.visits]
        labels = [int(self.material.label(piece.record)) for piece in pieces]
        return tuple(sampling_weights(labels, [self.unit_of.get(piece.name, piece.record) for piece in pieces]).tolist())


@dataclass(frozen=True)
class Encoded:
    """The answer of a record as its task compares it."""

    material: Material
    task: Task

    def __call__(self, record: str) -> np.ndarray:
        return self.task.encode(self.material.label(record)).numpy()


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
) -> FoldJob:
    """Decide everything about a fold, or read what a run that is resumed had decided."""
    decided = folder / "schedule.json"
    make_job = _Jobs(folder, material, fold, unit_of, asked, network)
    if decided.exists():
        saved = json.loads(decided.read_text(encoding="utf-8"))
        plan = Plan.from_dict(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
        schedule, precision = Schedule(**saved["schedule"]), Precision.from_dict(saved["precision"])
        return make_job(plan, Normalization.from_dict(saved["normalization"]), schedule, precision, saved["threads"])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = asked.training
    label_of = None if material.dense or not material.classes else material.label
    seen = fingerprint(
        fold.training,
        read=material.raw,
        shapes={piece.name: material.shape(piece) for piece in fold.training},
        unit_of=unit_of,
        classes=len(material.classes),
        labels=label_of,
    )
    plan = make_plan(
        seen,
        material.target,
        wanted,
        by_region=by_region,
        sees_at_most=sees_at_most,
        numbers=_numbers(material, fold),
        own_network=network,
    )
    arrays = (material.raw(piece)[0] for piece in fold.training)
    normalization = fit_normalization(arrays, kind=plan.normalization)
    job = make_job(plan, normalization, Schedule(steps=1, batch=plan.batch), Precision(), torch.get_num_threads())
    precision = _precision(job)
    schedule, second = _schedule(replace(job, precision=precision))
    write_json(plan.to_dict(), folder / "plan.json")
    write_json(
        {
            "schedule": asdict(schedule),
            "precision": precision.to_dict(),
            "normalization": normalization.to_dict(),
            "threads": job.threads,
            "seconds_a_step": second,
        },
        decided,
    )
    return replace(job, schedule=schedule, precision=precision)


@dataclass(frozen=True)
class _Jobs:
    """A job for one fold, once its decisions are there."""

    folder: Path
    material: Material
    fold: Fold
    unit_of: Mapping[str, str]
    asked: StudyFile
    network: nn.Module | None

    def __call__(
        self, plan: Plan, normalization: Normalization, schedule: Schedule, precision: Precision, threads: int
    ) -> FoldJob:
        return FoldJob(
            self.folder,
            self.material,
            self.fold,
            self.unit_of,
            self.asked,
            plan,
            normalization,
            schedule,
            precision,
            threads,
            self.network,
        )


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


def _precision(job: FoldJob) -> Precision:
    """What the study file says, or the fastest on this network and machine."""
    wanted = job.asked.training.precision
    if wanted != "auto":
        return Precision(wanted, channels_last=wanted == "bfloat16", reason="the study file says so")
    network, task = job.build(), job.task
    training = job.examples(job.fold.training, augmented=False)
    drawn = [training.plain(index % len(training)) for index in range(min(4, job.plan.batch))]
    images, targets = torch.stack([one.image for one in drawn]), torch.stack([one.target for one in drawn])
    return choose(network, images, training=True, loss=lambda logits: task.loss(logits, targets).mean())


def _schedule(job: FoldJob) -> tuple[Schedule, float | None]:
    """Steps from the budget; from here on only steps count."""
    wanted, second = job.asked.training, None
    steps = wanted.steps
    if steps is None:
        assert wanted.minutes is not None
        second = job.schedule_seconds() / (wanted.devices * wanted.nodes)
        validated = len(job.examples(job.fold.validation, augmented=False)) if job.fold.validation else 0
        steps = steps_for(wanted.minutes, second, batch=job.plan.batch, validated=validated)
    every = max(1, steps // LOOKS)
    schedule = Schedule(
        steps=steps,
        batch=job.plan.batch,
        learning_rate=job.plan.learning_rate,
        weight_decay=wanted.weight_decay,
        warmup=max(1, min(100, steps // 20)),
        evaluate_every=every,
        checkpoint_every=every,
        patience=wanted.patience,
        seed=job.asked.seed,
    )
    return schedule, second


def _numbers(material: Material, fold: Fold) -> tuple[float, float] | None:
    if material.target.kind != "number":
        return None
    values = np.array([float(material.label(piece.record)) for piece in fold.training])
    return float(values.mean()), float(values.std() or 1.0)
