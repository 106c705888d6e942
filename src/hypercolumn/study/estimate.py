"""How long, how much memory and how much disk a run will take: its first fold is planned and timed."""

import tempfile
from pathlib import Path

from hypercolumn.study.checks import Preflight
from hypercolumn.study.folds import prepare
from hypercolumn.study.study import Study
from hypercolumn.training import seconds_a_step

OVERHEAD = 1.15
"""Scoring, baselines and the report take about this much more than training alone."""


def estimate(study: Study, before: Preflight) -> list[str]:
    """The plan of the first fold with its reasons, and what a run takes, in words."""
    split, wanted = before.split, study.asked.training
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(
            Path(folder),
            before.material,
            split.folds[0],
            unit_of=split.unit_of(),
            asked=study.asked,
            by_region=study.asked.split.kind == "regions",
            sees_at_most=min(split.gap.values()) if split.gap and before.cohort.columns.position is None else None,
        )
        weights = sum(weight.numel() * weight.element_size() for weight in job.build().parameters())
    second = seconds_a_step(
        job.build(),
        job.task,
        job.examples(job.fold.training, augmented=True),
        batch=job.plan.batch,
        precision=job.precision,
    )
    minutes = len(split.folds) * job.schedule.steps * second / 60 * OVERHEAD
    held = sum(before.material.headers[record].nbytes * 5 for record in before.cohort.records)
    memory = _peak_bytes() + min(held, int(wanted.memory * 2**30))
    disk = len(split.folds) * weights + 2 * 4 * weights + 10 * 2**20
    lines = [str(choice) for choice in job.plan.choices]
    lines.append(f"precision: {job.precision.name}, since {job.precision.reason}")
    lines.append(
        f"time: about {minutes:.0f} minutes for {len(split.folds)} folds of {job.schedule.steps} steps, "
        f"{second:.2f} s a step"
    )
    lines.append(f"memory: about {memory / 2**30:.1f} GiB; disk: about {disk / 2**20:.0f} MiB")
    return lines


def _peak_bytes() -> int:
    """The most memory that this process has held: it has just made a few steps."""
    try:
        import resource
    except ImportError:
        return 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
