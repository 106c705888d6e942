"""Add one number to the whole image: y = x + b.

b is in standard deviations of a standardized image. Exposure that multiplies is `contrast`; light that varies over
the image is not here.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class BrightnessRecord:
    """What is added."""

    shift: float = 0.0


@dataclass(frozen=True)
class Brightness:
    """Draw b from a normal distribution of this standard deviation.

    >>> import torch
    >>> Brightness().apply_image(BrightnessRecord(0.5), torch.tensor([[-1.0, 0.0, 1.0]]))
    tensor([[-0.5000,  0.5000,  1.5000]])
    """

    deviation: float = 0.2
    record: ClassVar[type[BrightnessRecord]] = BrightnessRecord

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise InvalidArgument("deviation", self.deviation, fix="give a number from 0")

    def draw(self, rng: np.random.Generator, dims: int) -> BrightnessRecord:
        return BrightnessRecord(float(rng.normal(0, self.deviation)))

    def apply_image(self, record: BrightnessRecord, image: Tensor) -> Tensor:
        return image + record.shift if record.shift else image

    def invert(self, record: BrightnessRecord) -> BrightnessRecord:
        """The way back, within rounding."""
        return BrightnessRecord(-record.shift)

    def apply_target(self, record: BrightnessRecord, target: Tensor) -> Tensor:
        return target
