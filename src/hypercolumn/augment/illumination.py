"""Uneven light: y = low + g (x - low), g(p) = exp(f(p)), f smooth over the window.

f is drawn on a coarse grid of control points and interpolated by cubic pieces (`control_grid`): a lamp off the axis, a
field that is not flat, the bias field of a coil. low is the channel's least value, which stands for no light: an image
standardized to mean 0 has lost its own. All channels are lit alike. The field spans the window, not the image that the
window was cut from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.augment.control_grid import check_grid, controls_of, field, grid_for
from hypercolumn.augment.sampling import centred
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class IlluminationRecord:
    """The control points along each axis, and the logarithm of the light at each."""

    grid: tuple[int, ...] = ()
    logarithms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Illumination:
    """Draw the logarithm of the light at each control point from a normal distribution of this standard deviation.

    >>> lit = IlluminationRecord(grid=(2,), logarithms=(0.0, float(np.log(2))))
    >>> Illumination().apply_image(lit, torch.tensor([[-1.0, 1.0, 1.0]]))
    tensor([[-1.0000,  1.8284,  3.0000]])
    """

    deviation: float = 0.15
    grid: int | Sequence[int] = 3
    record: ClassVar[type[IlluminationRecord]] = IlluminationRecord

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise InvalidArgument("deviation", self.deviation, fix="give a number from 0")
        check_grid(self.grid)

    def draw(self, rng: np.random.Generator, dims: int) -> IlluminationRecord:
        if not self.deviation:
            return IlluminationRecord()
        grid = grid_for(self.grid, dims)
        return IlluminationRecord(grid, tuple(rng.normal(0, self.deviation, prod(grid)).tolist()))

    def apply_image(self, record: IlluminationRecord, image: Tensor) -> Tensor:
        if not record.grid:
            return image
        size = tuple(image.shape[1:])
        light = field(controls_of(record.logarithms, record.grid), centred(size), size).exp_().to(image.dtype)
        low = image.flatten(1).amin(dim=1).reshape(-1, *[1] * len(size))
        return torch.addcmul(low, image - low, light)

    def apply_target(self, record: IlluminationRecord, target: Tensor) -> Tensor:
        return target
