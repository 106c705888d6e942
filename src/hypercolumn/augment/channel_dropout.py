"""Take whole channels away: y_k = 0 for each channel k that is dropped.

0 is the mean of a standardized image, so a network sees neither a bright nor a dark channel but an empty one: a stain
that failed, a lead that fell off. One channel always stays. A network that is to work with a channel missing must have
seen it missing.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class ChannelDropoutRecord:
    """How likely each channel is dropped, and the seed that decides, whatever the number of channels."""

    probability: float = 0.0
    seed: int = 0

    def kept(self, channels: int) -> np.ndarray:
        """Which channels stay.

        >>> ChannelDropoutRecord(0.5, seed=3).kept(4).tolist()
        [False, False, True, True]
        """
        chance = np.random.default_rng(self.seed).random(channels)
        return (chance >= self.probability) | (chance == chance.max())


@dataclass(frozen=True)
class ChannelDropout:
    """Drop each channel with this probability, never all.

    >>> dropped = ChannelDropout().apply_image(ChannelDropoutRecord(0.5, seed=3), torch.ones(4, 1))
    >>> dropped.flatten()
    tensor([0., 0., 1., 1.])
    """

    probability: float = 0.2
    record: ClassVar[type[ChannelDropoutRecord]] = ChannelDropoutRecord

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InvalidArgument("probability", self.probability, fix="give a number from 0 to 1")

    def draw(self, rng: np.random.Generator, dims: int) -> ChannelDropoutRecord:
        return ChannelDropoutRecord(self.probability, int(rng.integers(2**32)))

    def apply_image(self, record: ChannelDropoutRecord, image: Tensor) -> Tensor:
        dropped = torch.from_numpy(~record.kept(len(image)))
        return image.masked_fill(dropped.reshape(-1, *[1] * (image.ndim - 1)), 0) if bool(dropped.any()) else image

    def apply_target(self, record: ChannelDropoutRecord, target: Tensor) -> Tensor:
        return target
