"""Add white Gaussian noise: y = x + s n, n ~ N(0, 1) for each sample.

The record holds s and the seed of n, not n itself, so that it stays small and the same noise can be made again. s is in
standard deviations of a standardized image. Photon noise, whose variance grows with the light, is not here.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class NoiseRecord:
    """The standard deviation of the noise, and the seed it is made from."""

    deviation: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Noise:
    """Draw s uniformly from 0 to `deviation`.

    >>> noisy = Noise().apply_image(NoiseRecord(0.5, seed=1), torch.zeros(1, 100, 100))
    >>> round(float(noisy.std()), 2)
    0.5
    """

    deviation: float = 0.2
    record: ClassVar[type[NoiseRecord]] = NoiseRecord

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise InvalidArgument("deviation", self.deviation, fix="give a number from 0")

    def draw(self, rng: np.random.Generator, dims: int) -> NoiseRecord:
        return NoiseRecord(float(rng.uniform(0, self.deviation)), int(rng.integers(2**63)))

    def apply_image(self, record: NoiseRecord, image: Tensor) -> Tensor:
        if not record.deviation:
            return image
        generator = torch.Generator().manual_seed(record.seed)
        noise = torch.randn(image.shape, generator=generator, dtype=image.dtype)
        return image + noise.mul_(record.deviation)

    def apply_target(self, record: NoiseRecord, target: Tensor) -> Tensor:
        return target
