"""Anchors: boxes of a few sizes and shapes at every place of every map, from which boxes are proposed.

    size s, ratio r = h / w        w = s / sqrt(r)        h = s sqrt(r)        all of area s^2
    place (i, j) of a map          centre ((j + 1/2) stride, (i + 1/2) stride)

One size a level and three ratios: Lin et al. 2017, doi:10.1109/CVPR.2017.106, after Ren et al. 2015, arXiv:1506.01497.
The centres are those that RoIAlign gives to the places; many programs put them half a stride to the upper left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument, ShapeMismatch


@dataclass(frozen=True)
class Anchors:
    """One size in pixels a level, from fine to coarse, each in the same ratios of height to width.

    >>> Anchors((32.0,), (1.0, 4.0)).on([(1, 1)], strides=(8,))[0]
    tensor([[-12., -12.,  20.,  20.],
            [ -4., -28.,  12.,  36.]])
    """

    sizes: tuple[float, ...] = (32.0, 64.0, 128.0, 256.0, 512.0)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        for name, values in (("sizes", self.sizes), ("ratios", self.ratios)):
            if not values or not all(0 < value < float("inf") for value in values):
                raise InvalidArgument(name, values, fix="give at least one number above 0")

    @classmethod
    def light(cls) -> "Anchors":
        """For objects of about 6 to 90 pixels, on P2 to P5."""
        return cls((8.0, 16.0, 32.0, 64.0))

    def on(
        self, shapes: Sequence[tuple[int, int]], *, strides: Sequence[int], device: torch.device | None = None
    ) -> list[Tensor]:
        """The boxes of each level (y * x * ratio, 4) for maps of these shapes (y, x): by rows, ratios together."""
        if not len(shapes) == len(strides) == len(self.sizes):
            raise ShapeMismatch(
                f"{len(shapes)} maps and {len(strides)} strides for {len(self.sizes)} sizes of anchors",
                fix="give one size a level of the network",
            )
        ratios = torch.tensor(self.ratios, device=device).sqrt()
        levels = []
        for (height, width), stride, size in zip(shapes, strides, self.sizes, strict=True):
            half = torch.stack([size / ratios, size * ratios], dim=-1) / 2
            x = (torch.arange(width, device=device) + 0.5) * stride
            y = (torch.arange(height, device=device) + 0.5) * stride
            centre = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], dim=-1)[:, :, None]
            levels.append(torch.cat([centre - half, centre + half], dim=-1).reshape(-1, 4))
        return levels
