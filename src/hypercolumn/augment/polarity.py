"""Exchange bright and dark: y = -x, for images standardized around zero.

Fluorescence shows nuclei bright on dark, a stain shows them dark on bright. Where a cohort holds both, which of them is
bright says how an image was made, not what is in it. Where it holds one, leave this out: brightness is evidence.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class PolarityRecord:
    """Whether bright and dark were exchanged."""

    exchanged: bool = False


@dataclass(frozen=True)
class Polarity:
    """Exchange bright and dark with this probability.

    >>> import torch
    >>> Polarity().apply_image(PolarityRecord(exchanged=True), torch.tensor([[1.0, -2.0]]))
    tensor([[-1.,  2.]])
    """

    probability: float = 0.5
    record: ClassVar[type[PolarityRecord]] = PolarityRecord

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InvalidArgument("probability", self.probability, fix="give a number from 0 to 1")

    def draw(self, rng: np.random.Generator, dims: int) -> PolarityRecord:
        return PolarityRecord(bool(rng.random() < self.probability))

    def apply_image(self, record: PolarityRecord, image: Tensor) -> Tensor:
        return -image if record.exchanged else image

    def apply_target(self, record: PolarityRecord, target: Tensor) -> Tensor:
        return target
