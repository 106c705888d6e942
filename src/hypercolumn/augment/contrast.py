"""Stretch each channel around its mean: y = m + c (x - m).

The mean over space of each channel stays; its standard deviation is multiplied by c.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class ContrastRecord:
    """The factor c."""

    factor: float = 1.0


@dataclass(frozen=True)
class Contrast:
    """Draw c between 1 / (1 + spread) and 1 + spread, uniform in logarithm.

    >>> import torch
    >>> Contrast().apply_image(ContrastRecord(2.0), torch.tensor([[0.0, 1.0, 2.0]]))
    tensor([[-1.,  1.,  3.]])
    """

    spread: float = 0.35
    record: ClassVar[type[ContrastRecord]] = ContrastRecord

    def __post_init__(self) -> None:
        if not 0 <= self.spread < np.inf:
            raise InvalidArgument("spread", self.spread, fix="give a number from 0")

    def draw(self, rng: np.random.Generator, dims: int) -> ContrastRecord:
        return ContrastRecord(float(np.exp(rng.uniform(-1, 1) * np.log1p(self.spread))))

    def apply_image(self, record: ContrastRecord, image: Tensor) -> Tensor:
        if record.factor == 1:
            return image
        mean = image.flatten(1).mean(dim=1).reshape(-1, *[1] * (image.ndim - 1))
        return image * record.factor + mean * (1 - record.factor)

    def invert(self, record: ContrastRecord) -> ContrastRecord:
        """The way back, within rounding."""
        return ContrastRecord(1 / record.factor)

    def apply_target(self, record: ContrastRecord, target: Tensor) -> Tensor:
        return target
