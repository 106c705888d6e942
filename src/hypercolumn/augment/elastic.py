"""Elastic deformation: y(x) = x(x + u(x)), u smooth, from random arrows on a coarse grid.

    u_a(p) = bicubic interpolation of N(0, s_a) drawn at each control point, for each axis a

Ronneberger, Fischer and Brox 2015 (doi:10.1007/978-3-319-24574-4_28) draw on a 3x3 grid with s = 10 samples: the
defaults. In one dimension this is time-warp, in three a body that is soft. Bicubic is Catmull and Rom's spline (see
`control_grid`). Where neighbouring arrows differ by more than the grid's step the map folds over itself: s must stay
well below the distance of control points. It has no exact inverse. Simard, Steinkraus and Platt 2003 smooth white noise
instead; that takes as many numbers as samples and is not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.augment.control_grid import check_grid, controls_of, field, grid_for
from hypercolumn.augment.sampling import centred, moved, sample_image, sample_target
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class ElasticRecord:
    """The control points along each axis, and the arrows: in samples, all of the first axis, then of the next."""

    grid: tuple[int, ...] = ()
    arrows: tuple[float, ...] = ()


@dataclass(frozen=True)
class Elastic:
    """Draw arrows from a normal distribution of this standard deviation, in samples.

    `spacing` makes the body deform alike in all directions: the deviation is then in samples of the finest axis. Put it
    after an `Affine` in a pipeline: places still on a grid take less time.

    >>> import torch
    >>> warp = ElasticRecord(grid=(3,), arrows=(0.0, 1.0, 0.0))             # the middle comes from one sample later
    >>> Elastic().apply_image(warp, torch.arange(9.0)[None]).round(decimals=3)
    tensor([[0.0000, 1.4380, 2.7500, 3.9380, 5.0000, 5.9380, 6.7500, 7.4380, 8.0000]])
    """

    deviation: float = 10.0
    grid: int | Sequence[int] = 3
    spacing: tuple[float, ...] | None = None
    record: ClassVar[type[ElasticRecord]] = ElasticRecord

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise InvalidArgument("deviation", self.deviation, fix="give a number of samples from 0; 10 is U-Net's")
        check_grid(self.grid)

    def draw(self, rng: np.random.Generator, dims: int) -> ElasticRecord:
        if not self.deviation:
            return ElasticRecord()
        grid, spacing = grid_for(self.grid, dims), self.spacing or (1.0,) * dims
        deviations = [self.deviation * min(spacing) / step for step in spacing]
        arrows = [rng.normal(0, deviation, prod(grid)) for deviation in deviations]
        return ElasticRecord(grid, tuple(np.concatenate(arrows).tolist()))

    def source(self, record: ElasticRecord, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        if not record.grid:
            return coordinates
        arrows = field(controls_of(record.arrows, record.grid), coordinates, size)
        return tuple(arrow.add_(axis) for axis, arrow in zip(coordinates, arrows, strict=True))

    def result_size(self, record: ElasticRecord, size: tuple[int, ...]) -> tuple[int, ...]:
        return size

    def apply_image(self, record: ElasticRecord, image: Tensor) -> Tensor:
        return sample_image(image, self._places(record, tuple(image.shape[1:])))

    def apply_target(self, record: ElasticRecord, target: Tensor) -> Tensor:
        return sample_target(target, self._places(record, tuple(target.shape)))

    def _places(self, record: ElasticRecord, size: tuple[int, ...]) -> Coordinates:
        return moved(self.source(record, centred(size), size), tuple((length - 1) / 2 for length in size))
