"""What a clock decides, once, before the first step: the precision, how wide the network may be, how many steps there
are.

    width     the widest of 32, 24, 16 with which the budget still holds 600 steps on this machine
    steps     (budget - time of the looks at the validation side) / seconds of one step

All of it is written down and read again by a resumed run. Folds whose plans agree share what was measured on the first.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hypercolumn.inference import Precision, choose
from hypercolumn.inference.precision import has_bfloat16_units
from hypercolumn.study.jobs import FoldJob
from hypercolumn.study.plan import Choice, Plan
from hypercolumn.tasks import Detection
from hypercolumn.training import LOOKS, Schedule, seconds_a_step, steps_for

WIDTHS = (32, 24, 16)
ENOUGH_STEPS = 600
GROWTH = 1.7
"""A step of a network twice as wide takes about 2^1.7 times as long: kernels grow fourfold, feature maps twofold."""


@dataclass(frozen=True)
class Pace:
    """What was measured: the precision, the width (None where it was not free), the seconds of one step."""

    precision: Precision
    width: int | None
    seconds: float | None


def set_pace(job: FoldJob, *, earlier: Path | None) -> tuple[FoldJob, float | None]:
    """The job with precision, width and schedule decided, and the seconds of one step where they were measured.

    `earlier` is the folder of a fold that was decided before.
    """
    known = _read(earlier, job.plan) if earlier is not None else None
    pace = known or _measure(job)
    plan = job.plan if pace.width is None else _with_width(job.plan, pace, job.asked.training.minutes)
    job = replace(job, plan=plan, precision=pace.precision)
    return replace(job, schedule=_schedule(job, pace.seconds)), pace.seconds


def _measure(job: FoldJob) -> Pace:
    wanted = job.asked.training
    processes = wanted.devices * wanted.nodes
    free = wanted.width == "auto" and "width" in job.plan.arguments and wanted.steps is None
    if not free:
        precision = _precision(job)
        timed = None if wanted.steps is not None else _seconds(replace(job, precision=precision)) / processes
        return Pace(precision, None, timed)
    assert wanted.minutes is not None
    narrow = _at_width(job, WIDTHS[-1])
    precision = _precision(narrow)
    second = _seconds(replace(narrow, precision=precision)) / processes
    affordable = [width for width in WIDTHS if _steps(job, second * (width / WIDTHS[-1]) ** GROWTH) >= ENOUGH_STEPS]
    width = max(affordable, default=WIDTHS[-1])
    if width != WIDTHS[-1]:
        second = _seconds(replace(_at_width(job, width), precision=precision)) / processes
    return Pace(precision, width, second)


def _at_width(job: FoldJob, width: int) -> FoldJob:
    return replace(job, plan=replace(job.plan, arguments={**job.plan.arguments, "width": width}))


def _with_width(plan: Plan, pace: Pace, minutes: float | None) -> Plan:
    why = f"the widest with which {minutes:g} minutes hold {ENOUGH_STEPS} steps here: one takes {pace.seconds:.2f} s"
    if pace.width == WIDTHS[-1]:
        why = f"{minutes:g} minutes are few on this machine: one step takes {pace.seconds:.2f} s"
    choices = tuple(
        Choice("width", str(pace.width), why) if choice.what == "width" else choice for choice in plan.choices
    )
    return replace(plan, arguments={**plan.arguments, "width": pace.width}, choices=choices)


def _read(folder: Path, plan: Plan) -> Pace | None:
    """What another fold measured, if its plan is the same but for the width."""
    other = Plan.from_dict(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
    saved = json.loads((folder / "schedule.json").read_text(encoding="utf-8"))
    same = (other.network, other.window, other.batch) == (plan.network, plan.window, plan.batch) and {
        **other.arguments,
        "width": None,
    } == {**plan.arguments, "width": None}
    if not same:
        return None
    return Pace(Precision.from_dict(saved["precision"]), saved["width"], saved["seconds_a_step"])


def _seconds(job: FoldJob) -> float:
    training = job.examples(job.fold.training, augmented=True)
    return seconds_a_step(job.build(), job.task, training, batch=job.plan.batch, precision=job.precision)


def _precision(job: FoldJob) -> Precision:
    """What the study file says, or the fastest on this network and machine."""
    wanted = job.asked.training.precision
    if wanted != "auto":
        return Precision(wanted, channels_last=wanted == "bfloat16", reason="the study file says so")
    network, task = job.build(), job.task
    if isinstance(task, Detection):
        if has_bfloat16_units():
            return Precision("bfloat16", channels_last=True, reason="this processor multiplies bfloat16 in hardware")
        return Precision(channels_last=True, reason="this processor has no units for bfloat16")
    training = job.examples(job.fold.training, augmented=False)
    drawn = [training.plain(index % len(training)) for index in range(min(4, job.plan.batch))]
    images, targets = torch.stack([one.image for one in drawn]), torch.stack([one.target for one in drawn])
    return choose(network, images, training=True, loss=lambda logits: task.loss(logits, targets).mean(), repetitions=3)


def _steps(job: FoldJob, second: float) -> int:
    minutes = job.asked.training.minutes
    assert minutes is not None
    validated = len(job.examples(job.fold.validation, augmented=False)) if job.fold.validation else 0
    return steps_for(minutes, second, batch=job.plan.batch, validated=validated)


def _schedule(job: FoldJob, second: float | None) -> Schedule:
    wanted = job.asked.training
    if wanted.steps is not None:
        steps = wanted.steps
    else:
        assert second is not None
        steps = _steps(job, second)
    every = max(1, steps // LOOKS)
    return Schedule(
        steps=steps,
        batch=job.plan.batch,
        learning_rate=job.plan.learning_rate,
        weight_decay=wanted.weight_decay,
        warmup=max(1, min(100, steps // 10)),
        evaluate_every=every,
        checkpoint_every=every,
        patience=wanted.patience,
        seed=job.asked.seed,
    )
