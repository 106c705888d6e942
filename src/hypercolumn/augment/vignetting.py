"""Light that falls off towards the corners: y = low + g (x - low), g(r) = 1 / (1 + (r / f)^2)^2.

This is the law of a thin lens, cos^4 of the angle of view, with f the focal length; r is the distance from an optical
axis that need not stand in the middle, in half diagonals of the window, so that a corner of a centred one has r = 1.
low is the channel's least value, which stands for no light. It is meant for images; before a volume or a signal there
is no lens, and there the law is taken over all axes.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.augment.sampling import centred
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class VignettingRecord:
    """The share of light lost at r = 1, and the optical axis: its distance from the middle in half lengths."""

    loss: float = 0.0
    centre: tuple[float, ...] = ()


@dataclass(frozen=True)
class Vignetting:
    """Draw the loss uniformly from 0 to `loss`, and the optical axis from +-`offset` along each axis.

    >>> Vignetting().apply_image(VignettingRecord(0.75), torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0]]))
    tensor([[0.0000, 0.6400, 1.0000, 0.6400, 0.2500]])
    """

    loss: float = 0.5
    offset: float = 0.2
    record: ClassVar[type[VignettingRecord]] = VignettingRecord

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise InvalidArgument("loss", self.loss, fix="give a share from 0 up to 1")
        if not 0 <= self.offset <= 1:
            raise InvalidArgument("offset", self.offset, fix="give a number from 0 (the middle) to 1 (the border)")

    def draw(self, rng: np.random.Generator, dims: int) -> VignettingRecord:
        centre = tuple(float(rng.uniform(-self.offset, self.offset)) for _ in range(dims))
        return VignettingRecord(float(rng.uniform(0, self.loss)), centre)

    def apply_image(self, record: VignettingRecord, image: Tensor) -> Tensor:
        if not record.loss:
            return image
        size = tuple(image.shape[1:])
        centre = record.centre or (0.0,) * len(size)
        half = [max((length - 1) / 2, 0.5) for length in size]
        diagonal = sum(length**2 for length in half)
        bend = (1 - record.loss) ** -0.5 - 1
        squares = [
            (axis - shift * length).square() * (bend / diagonal)
            for axis, shift, length in zip(centred(size), centre, half, strict=True)
        ]
        light = (1 + sum(squares[1:], squares[0])).square().reciprocal().to(image.dtype)
        low = image.flatten(1).amin(dim=1).reshape(-1, *[1] * len(size))
        return torch.addcmul(low, image - low, light)

    def apply_target(self, record: VignettingRecord, target: Tensor) -> Tensor:
        return target
