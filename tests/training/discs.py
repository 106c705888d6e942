"""A task small enough for a test: bright discs on noise, drawn from their number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from hypercolumn.augment import standard
from hypercolumn.data import Piece
from hypercolumn.inference import Precision
from hypercolumn.networks import UNet
from hypercolumn.tasks import Segmentation
from hypercolumn.training import Examples, Fitted, Schedule, fit, run_on, seed_torch
from hypercolumn.training.chance import Stream

SIZE = 24


def disc(record: str) -> tuple[np.ndarray, np.ndarray | None]:
    """A noisy image (1, 24, 24) with one bright disc, and its mask."""
    chance = np.random.default_rng(int(record))
    rows, columns = np.indices((SIZE, SIZE))
    centre = chance.uniform(6, SIZE - 6, 2)
    mask = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < chance.uniform(3, 6) ** 2
    image = chance.normal(0, 0.5, (SIZE, SIZE)) + 1.5 * mask
    return image[None].astype(np.float32), mask.astype(np.int64)


def examples(count: int, *, augmented: bool = True, first: int = 0) -> Examples:
    pieces = tuple(Piece(str(number)) for number in range(first, first + count))
    shapes = ((SIZE, SIZE),) * count
    return Examples(pieces, disc, shapes, (16, 16), seed=0, pipeline=standard(2) if augmented else None)


def network(*, normalization: str | None = None, dropout: float = 0.2) -> nn.Module:
    seed_torch(0, Stream.WEIGHTS)
    return UNet(2, 1, 2, width=4, depth=1, padding="same", normalization=normalization, dropout=dropout)


def train(folder: Path, schedule: Schedule, **more: object) -> Fitted:
    """Twelve discs learnt, four watched, on one process in float32."""
    return run_on(train_on, folder, schedule, more, precision=Precision())


def train_on(fabric: object, folder: Path, schedule: Schedule, more: dict) -> Fitted:
    settings = {"validation": examples(4, augmented=False, first=100), "precision": Precision(), **more}
    return fit(
        settings.pop("network", None) or network(),
        settings.pop("task", None) or Segmentation(("background", "disc")),
        examples(10),
        schedule=schedule,
        folder=folder,
        fabric=fabric,
        **settings,
    )


@pytest.fixture
def trainer() -> Callable[..., Fitted]:
    return train
