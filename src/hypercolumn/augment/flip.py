"""Mirror axes: y(x) = x(-x along the axes drawn).

Exact: samples are reordered, never interpolated. Where left and right mean something (situs, handedness of a
molecule), name the other axes alone.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class FlipRecord:
    """The spatial axes mirrored."""

    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Flip:
    """Mirror each of `axes` (all where None) with this probability.

    >>> import torch
    >>> Flip().apply_image(FlipRecord(axes=(0,)), torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1.]])
    """

    probability: float = 0.5
    axes: tuple[int, ...] | None = None
    record: ClassVar[type[FlipRecord]] = FlipRecord

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InvalidArgument("probability", self.probability, fix="give a number from 0 to 1")

    def draw(self, rng: np.random.Generator, dims: int) -> FlipRecord:
        axes = range(dims) if self.axes is None else self.axes
        return FlipRecord(tuple(axis for axis in axes if rng.random() < self.probability))

    def source(self, record: FlipRecord, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        return tuple(-axis if number in record.axes else axis for number, axis in enumerate(coordinates))

    def result_size(self, record: FlipRecord, size: tuple[int, ...]) -> tuple[int, ...]:
        return size

    def invert(self, record: FlipRecord) -> FlipRecord:
        return record

    def apply_image(self, record: FlipRecord, image: Tensor) -> Tensor:
        return image.flip([axis + 1 for axis in record.axes])

    def apply_target(self, record: FlipRecord, target: Tensor) -> Tensor:
        return target.flip(list(record.axes))
