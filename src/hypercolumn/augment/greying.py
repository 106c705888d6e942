"""Take the colour out, as a camera without colour behind some filter would.

    y_k = (1 - s) x_k + s sum_j w_j x_j          for every channel k, w positive with sum 1

Nobody knows the filter, so the weights w are drawn evenly over all that there are (Dirichlet, all parameters 1). For
cohorts that hold colour images and grey ones stored in colour: a network learns what a stained nucleus looks like
without its stain. An image whose channels are all alike stays as it is.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class GreyingRecord:
    """The share s that is taken out, and the seed of the filter's weights, which holds for any number of channels."""

    share: float = 0.0
    seed: int = 0

    def weights(self, channels: int) -> np.ndarray:
        """The filter: one weight a channel.

        >>> GreyingRecord(1.0, seed=3).weights(3).round(3).tolist()
        [0.058, 0.205, 0.737]
        """
        return np.random.default_rng(self.seed).dirichlet(np.ones(channels))


@dataclass(frozen=True)
class Greying:
    """Take out the share s of the colour, all of it by default.

    >>> grey = Greying().apply_image(GreyingRecord(1.0, seed=3), torch.tensor([[1.0], [2.0], [6.0]]))
    >>> grey.flatten()
    tensor([4.8897, 4.8897, 4.8897])
    """

    share: float = 1.0
    record: ClassVar[type[GreyingRecord]] = GreyingRecord

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InvalidArgument("share", self.share, fix="give a number from 0 to 1")

    def draw(self, rng: np.random.Generator, dims: int) -> GreyingRecord:
        return GreyingRecord(self.share, int(rng.integers(2**32)))

    def apply_image(self, record: GreyingRecord, image: Tensor) -> Tensor:
        if record.share == 0:
            return image
        weights = torch.from_numpy(record.weights(len(image))).to(image)
        grey = torch.einsum("c,c...->...", weights, image)
        return (1 - record.share) * image + record.share * grey

    def apply_target(self, record: GreyingRecord, target: Tensor) -> Tensor:
        return target
