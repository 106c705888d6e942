"""Bend the grey scale of each channel: y = low + (high - low) ((x - low) / (high - low))^gamma.

low and high are the channel's least and greatest value, which stay. A gamma below 1 lifts the dark, as a camera's
curve or a stain that saturates does; above 1 it lowers it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class GammaRecord:
    """The exponent."""

    exponent: float = 1.0


@dataclass(frozen=True)
class Gamma:
    """Draw gamma between 1 / (1 + spread) and 1 + spread, uniform in logarithm.

    >>> Gamma().apply_image(GammaRecord(2.0), torch.tensor([[-1.0, 0.0, 1.0]]))
    tensor([[-1.0000, -0.5000,  1.0000]])
    """

    spread: float = 0.4
    record: ClassVar[type[GammaRecord]] = GammaRecord

    def __post_init__(self) -> None:
        if not 0 <= self.spread < np.inf:
            raise InvalidArgument("spread", self.spread, fix="give a number from 0")

    def draw(self, rng: np.random.Generator, dims: int) -> GammaRecord:
        return GammaRecord(float(np.exp(rng.uniform(-1, 1) * np.log1p(self.spread))))

    def apply_image(self, record: GammaRecord, image: Tensor) -> Tensor:
        if record.exponent == 1:
            return image
        low, high = torch.aminmax(image.flatten(1), dim=1)
        low, high = (edge.reshape(-1, *[1] * (image.ndim - 1)) for edge in (low, high))
        extent = (high - low).clamp_min(torch.finfo(image.dtype).tiny)
        return ((image - low) / extent).pow(record.exponent) * (high - low) + low

    def invert(self, record: GammaRecord) -> GammaRecord:
        """The way back, within rounding."""
        return GammaRecord(1 / record.exponent)

    def apply_target(self, record: GammaRecord, target: Tensor) -> Tensor:
        return target
