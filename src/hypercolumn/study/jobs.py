"""All that a process needs to train one fold, as one value that can be sent to another process."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from hypercolumn.augment import Pipeline, standard
from hypercolumn.data import Fold, Piece
from hypercolumn.inference import Precision
from hypercolumn.preprocessing import Normalization
from hypercolumn.study.material import Material, Prepared
from hypercolumn.study.plan import Plan, build_task
from hypercolumn.study.study_file import StudyFile
from hypercolumn.tasks import Detection, Task, group_sampling_weights, sampling_weights
from hypercolumn.training import Examples, Memory, Schedule


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
    def task(self) -> Task | Detection:
        return build_task(self.plan.task)

    def build(self) -> nn.Module:
        """The network before training: the planned one, or a copy of the one that was handed in."""
        return self.plan.build(self.asked.seed) if self.network is None else copy.deepcopy(self.network)

    def examples(self, pieces: tuple[Piece, ...], *, augmented: bool) -> Examples:
        """The windows of one side."""
        task, material = self.task, self.material
        prepared = Prepared(material, self.normalization, self.plan.border, isinstance(task, Detection))
        limit = int(self.asked.training.memory * 2**30)
        return Examples(
            pieces=pieces,
            read=Memory(prepared, limit_bytes=limit),
            shapes=tuple(material.shape(piece) for piece in pieces),
            window=self.plan.window,
            seed=self.asked.seed,
            pipeline=_pipeline(self.plan, self.asked) if augmented else None,
            labels=None if isinstance(task, Detection) or material.dense else Encoded(material, task),
        )

    def sampling(self, examples: Examples) -> tuple[float, ...] | None:
        """Weights by which examples are drawn, where the plan says so: windows by site, records by class and unit."""
        if not self.plan.balanced_sampling:
            return None
        pieces = [examples.pieces[index] for index in examples.visits]
        if self.material.dense:
            assert self.material.site_of is not None
            return tuple(group_sampling_weights([self.material.site_of(piece.record) for piece in pieces]).tolist())
        labels = [int(self.material.label(piece.record)) for piece in pieces]
        return tuple(
            sampling_weights(labels, [self.unit_of.get(piece.name, piece.record) for piece in pieces]).tolist()
        )


def _pipeline(plan: Plan, asked: StudyFile) -> Pipeline:
    return standard(len(plan.window), strength=asked.training.augmentation, **plan.augmentation)


@dataclass(frozen=True)
class Encoded:
    """The answer of a record as its task compares it."""

    material: Material
    task: Task

    def __call__(self, record: str) -> np.ndarray:
        return self.task.encode(self.material.label(record)).numpy()
