"""Feature pyramid: what the deep maps of a network know, at the resolution of its shallow ones.

    P_5 = smooth(lateral(C_5))                 C_l = the map of a ResNet's stage, stride 2^l, l = 2 ... 5
    M_l = lateral(C_l) + up(M_{l+1})           lateral: a 1x1 convolution to a common number of channels
    P_l = smooth(M_l)                          smooth: a 3x3 convolution; up: each sample twice along each axis
    P_6 = every second sample of P_5           where a sixth level is asked for

with M_5 = lateral(C_5). Lin et al. 2017, doi:10.1109/CVPR.2017.106. Neither normalization nor rectifier stand in the
pyramid itself. Where a map has an odd size, what comes from above is cut at its end, so that the strides stay whole.
The dense layer of the ResNet has nothing to say here and is left out. No heads: see `mask_rcnn`.
"""

from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks.dimension import Normalization, operators
from hypercolumn.networks.initialization import he_initialization
from hypercolumn.networks.resnet import DEPTHS, ResNet

FINEST, COARSEST = 2, 5
"""The levels that a ResNet's stages lie on."""


class FeaturePyramid(nn.Module):
    """Maps of one width, from fine to coarse, of a signal, an image or a volume.

    Input (batch, in_channels, *space); output one map (batch, channels, *space) a level, the spaces divided by
    `strides` and rounded up. `depth`, `width` and `normalization` are those of the ResNet; `levels` is 4 for P2 to P5
    or 5 for P2 to P6.

    >>> import torch
    >>> pyramid = FeaturePyramid(2, 3, 16, depth=18, width=8, levels=5)
    >>> [tuple(level.shape) for level in pyramid(torch.zeros(1, 3, 100, 64))]
    [(1, 16, 25, 16), (1, 16, 13, 8), (1, 16, 7, 4), (1, 16, 4, 2), (1, 16, 2, 1)]
    >>> pyramid.strides
    (4, 8, 16, 32, 64)
    """

    def __init__(
        self,
        dims: int,
        in_channels: int,
        channels: int,
        *,
        depth: int = 50,
        width: int = 64,
        normalization: Normalization = "batch",
        levels: int = 5,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise InvalidArgument("channels", channels, fix="give at least 1")
        if levels not in (4, 5):
            raise InvalidArgument("levels", levels, fix="give 4 for P2 to P5, or 5 for P2 to P6")
        self.dims, self.in_channels, self.channels, self.levels = dims, in_channels, channels, levels
        self.strides = tuple(2**level for level in range(FINEST, FINEST + levels))
        self.backbone = ResNet(dims, in_channels, 1, depth=depth, width=width, normalization=normalization)
        self.backbone.add_module("classify", nn.Identity())
        incoming = [width * 2**stage * DEPTHS[depth].expansion for stage in range(COARSEST - FINEST + 1)]
        convolution = operators(dims).convolution
        self.lateral = nn.ModuleList(convolution(count, channels, 1) for count in incoming)
        self.smooth = nn.ModuleList(convolution(channels, channels, 3, padding=1) for _ in incoming)
        he_initialization(self.lateral)
        he_initialization(self.smooth)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        stages = self.backbone.stage_maps(image)
        merged = [self.lateral[-1](stages[-1])]
        for stage, lateral in zip(stages[-2::-1], list(self.lateral)[-2::-1], strict=True):
            here = lateral(stage)
            merged.append(here + _doubled(merged[-1], here))
        maps = [smooth(level) for smooth, level in zip(self.smooth, reversed(merged), strict=True)]
        if self.levels > len(maps):
            maps.append(maps[-1][(..., *(slice(None, None, 2),) * self.dims)])
        return tuple(maps)


def _doubled(coarse: Tensor, like: Tensor) -> Tensor:
    """Each sample twice along each axis, cut at the end to the size of another map."""
    for axis in range(2, coarse.ndim):
        coarse = coarse.repeat_interleave(2, dim=axis).narrow(axis, 0, like.shape[axis])
    return coarse
