"""Take the colour out: y_k = (1 - a) x_k + a (mean of x over channels).

With a = 1 all channels are alike, as in a grey image stored in colour. For cohorts that hold both, so that a network
does not need the colour where there is one.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class GreyingRecord:
    """The share a of the mean over channels."""

    share: float = 0.0


@dataclass(frozen=True)
class Greying:
    """Draw a between 0 and `most`, uniformly.

    >>> import torch
    >>> Greying().apply_image(GreyingRecord(1.0), torch.tensor([[1.0], [2.0], [6.0]])).flatten()
    tensor([3., 3., 3.])
    """

    most: float = 1.0
    record: ClassVar[type[GreyingRecord]] = GreyingRecord

    def __post_init__(self) -> None:
        if not 0 <= self.most <= 1:
            raise InvalidArgument("most", self.most, fix="give a number from 0 to 1")

    def draw(self, rng: np.random.Generator, dims: int) -> GreyingRecord:
        return GreyingRecord(float(rng.uniform(0, self.most)))

    def apply_image(self, record: GreyingRecord, image: Tensor) -> Tensor:
        if record.share == 0:
            return image
        return (1 - record.share) * image + record.share * image.mean(dim=0, keepdim=True)

    def apply_target(self, record: GreyingRecord, target: Tensor) -> Tensor:
        return target
