"""Blur by a Gaussian, one axis after the other: y = g_s * x, g_s(i) = exp(-i^2 / 2 s^2) / sum.

s is in samples, the kernel ends at 4 s, the border is mirrored. A lens out of focus or a thicker section does this to
an image; what was there is still there, so targets stay.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class BlurRecord:
    """The standard deviation in samples, one an axis."""

    deviations: tuple[float, ...] = ()


@dataclass(frozen=True)
class Blur:
    """Draw s uniformly from 0 to `deviation`, the same for all axes.

    `spacing` makes the blur the same in physical units: s is then in units of the finest axis.

    >>> Blur().apply_image(BlurRecord((0.6,)), torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])).round(decimals=3)
    tensor([[0.0000, 0.0030, 0.1660, 0.6640, 0.1660, 0.0030, 0.0000]])
    """

    deviation: float = 1.0
    spacing: tuple[float, ...] | None = None
    record: ClassVar[type[BlurRecord]] = BlurRecord

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise InvalidArgument("deviation", self.deviation, fix="give a number from 0")

    def draw(self, rng: np.random.Generator, dims: int) -> BlurRecord:
        spacing = self.spacing if self.spacing is not None else (1.0,) * dims
        drawn = float(rng.uniform(0, self.deviation))
        return BlurRecord(tuple(drawn * min(spacing) / step for step in spacing))

    def apply_image(self, record: BlurRecord, image: Tensor) -> Tensor:
        for axis, deviation in enumerate(record.deviations, start=1):
            image = _along(image, axis, deviation)
        return image

    def apply_target(self, record: BlurRecord, target: Tensor) -> Tensor:
        return target


def _along(image: Tensor, axis: int, deviation: float) -> Tensor:
    """One axis: shifted copies summed in pairs, on one core several times faster than a one-channel convolution."""
    length = image.shape[axis]
    reach = min(int(np.ceil(4 * deviation)), length - 1)
    if deviation < 1e-3 or reach < 1:
        return image
    kernel = np.exp(-(np.arange(reach + 1) ** 2) / (2 * deviation**2))
    kernel /= 2 * kernel.sum() - kernel[0]
    before = image.narrow(axis, 1, reach).flip(axis)
    after = image.narrow(axis, length - 1 - reach, reach).flip(axis)
    mirrored = torch.cat((before, image, after), dim=axis)
    total = image * float(kernel[0])
    for step, weight in enumerate(kernel[1:].tolist(), start=1):
        pair = mirrored.narrow(axis, reach - step, length) + mirrored.narrow(axis, reach + step, length)
        total.add_(pair, alpha=weight)
    return total
