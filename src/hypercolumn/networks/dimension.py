"""The operators of a network in one, two or three dimensions, chosen once by the number of spatial axes.

A signal, an image and a volume differ in the number of spatial axes, not in kind, so a network is written once over
`dims` and asks here for its operators. The weights are torch's own modules; nothing is computed here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from hypercolumn.errors import InvalidArgument

Normalization = Literal["batch", "group", "instance"]
"""Over batch and space (Ioffe and Szegedy 2015, arXiv:1502.03167), over groups of channels and space (Wu and He 2018,
arXiv:1803.08494), or over space alone (Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022)."""

GROUPS = 8
"""Groups of a group normalization, or the half or quarter of it where that many do not divide the channels."""


@dataclass(frozen=True)
class Operators:
    """What a network is built from in one dimension count; `interpolation` is torch's name of linear interpolation."""

    convolution: Callable[..., nn.Module]
    transposed_convolution: Callable[..., nn.Module]
    max_pooling: Callable[..., nn.Module]
    batch_normalization: Callable[..., nn.Module]
    instance_normalization: Callable[..., nn.Module]
    interpolation: str


OPERATORS = {
    1: Operators(nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d, nn.BatchNorm1d, nn.InstanceNorm1d, "linear"),
    2: Operators(nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.BatchNorm2d, nn.InstanceNorm2d, "bilinear"),
    3: Operators(nn.Conv3d, nn.ConvTranspose3d, nn.MaxPool3d, nn.BatchNorm3d, nn.InstanceNorm3d, "trilinear"),
}


def operators(dims: int) -> Operators:
    """The operators for `dims` spatial axes.

    >>> operators(3).convolution(1, 8, 5)
    Conv3d(1, 8, kernel_size=(5, 5, 5), stride=(1, 1, 1))
    """
    if dims not in OPERATORS:
        raise InvalidArgument("dims", dims, fix="give 1 for signals, 2 for images, 3 for volumes")
    return OPERATORS[dims]


def normalization_layer(kind: Normalization, dims: int, channels: int) -> nn.Module:
    """A normalization of `channels` feature maps with a learnt scale and shift for each.

    >>> normalization_layer("group", 2, 12)
    GroupNorm(4, 12, eps=1e-05, affine=True, ...)
    """
    if kind == "batch":
        return operators(dims).batch_normalization(channels)
    if kind == "instance":
        return operators(dims).instance_normalization(channels, affine=True)
    if kind == "group":
        return nn.GroupNorm(math.gcd(channels, GROUPS), channels)
    raise InvalidArgument("normalization", kind, fix=f"use one of {', '.join(get_args(Normalization))}")
