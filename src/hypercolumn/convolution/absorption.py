"""A normalization by running statistics, taken into the linear layer beside it.

    normalization    y = a x + c for each channel      a = scale / sqrt(variance + eps)      c = shift - a mean

    after a layer    a (w * x + b) + c = (a w) * x + (a b + c)
    before a layer   w * (a x + c) + b = (w a) * x + (b + c sum of w)

A layer is a convolution, a transposed one, or a dense layer. Before a convolution that pads with zeros the shift c
stands in the way, since the border would have to be padded with it; before a transposed one it does, too. Ioffe and
Szegedy 2015, arXiv 1502.03167, write a and c; Jacob et al. 2018, arXiv 1712.05877, section 3.2, fold them.

Which layers of a network may be joined like this is told by `folding`.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from hypercolumn.convolution.composition import CONVOLUTIONS

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
WEIGHTED = (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)


def absorb_after(layer: Any, norm: Any) -> nn.Module:
    """A layer like this one that does what both do, the normalization second. Computed in float64.

    >>> norm = nn.BatchNorm1d(1)
    >>> norm.running_mean[0], norm.running_var[0] = 3.0, 4.0
    >>> layer = absorb_after(nn.Conv1d(1, 1, 1, bias=False), norm)
    >>> round(layer.bias.item(), 4)
    -1.5
    """
    factor, shift = _affine(norm)
    weight = layer.weight.detach().double()
    if isinstance(layer, TRANSPOSED):
        grouped = weight.unflatten(0, (layer.groups, -1)) * _beside(factor.view(layer.groups, 1, -1), weight.ndim + 1)
        weight = grouped.flatten(0, 1)
    else:
        weight = weight * _beside(factor, weight.ndim)
    bias = layer.bias.detach().double() * factor if layer.bias is not None else 0.0
    return _with(layer, weight, bias + shift)


def absorb_before(norm: Any, layer: Any) -> nn.Module:
    """A layer like this one that does what both do, the normalization first; only where nothing hinders it.

    >>> norm, layer = nn.BatchNorm1d(1), nn.Conv1d(1, 1, 2)
    >>> _ = nn.init.constant_(norm.bias, 5.0), nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    >>> absorb_before(norm, layer).bias.item()
    10.0
    """
    factor, shift = _affine(norm)
    weight = layer.weight.detach().double()
    if isinstance(layer, TRANSPOSED):
        return _with(layer, weight * _beside(factor, weight.ndim), layer.bias)
    groups = getattr(layer, "groups", 1)
    rows = weight.unflatten(0, (groups, -1))
    added = (rows * _beside(shift.view(groups, 1, -1), rows.ndim)).sum(dim=tuple(range(2, rows.ndim))).flatten()
    scaled = (rows * _beside(factor.view(groups, 1, -1), rows.ndim)).flatten(0, 1)
    return _with(layer, scaled, added + (layer.bias.detach().double() if layer.bias is not None else 0.0))


def hindrance(norm: Any, layer: Any) -> str:
    """Why a normalization cannot go into the layer after it, in words; nothing where it can.

    >>> norm = nn.BatchNorm1d(1)
    >>> hindrance(norm, nn.Conv1d(1, 1, 3, padding=1))            # shifts nothing
    ''
    >>> _ = nn.init.ones_(norm.bias)
    >>> hindrance(norm, nn.Conv1d(1, 1, 3)), hindrance(norm, nn.Conv1d(1, 1, 3, padding=1))[:16]
    ('', 'zeros are padded')
    """
    if not bool(_affine(norm)[1].any()):
        return ""
    if isinstance(layer, TRANSPOSED):
        return "a transposed convolution adds up the shift of the normalization as often as its kernel overlaps"
    if isinstance(layer, nn.Linear) or layer.padding_mode != "zeros" or layer.padding == "valid":
        return ""
    pads = max(layer.kernel_size) > 1 if layer.padding == "same" else any(layer.padding)
    return "zeros are padded between the two, where the one would need the shift of the normalization" if pads else ""


def _affine(norm: Any) -> tuple[Tensor, Tensor]:
    """a and c of a normalization, in float64."""
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    scale = norm.weight.detach().double() if norm.weight is not None else torch.ones_like(mean)
    shift = norm.bias.detach().double() if norm.bias is not None else torch.zeros_like(mean)
    factor = scale / torch.sqrt(variance + norm.eps)
    return factor, shift - factor * mean


def _beside(values: Tensor, ndim: int) -> Tensor:
    """Values with dimensions of length 1 behind them."""
    return values.reshape(*values.shape, *(1,) * (ndim - values.ndim))


def _with(layer: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """The layer with other weights, in the format, the layout and on the device of its own."""
    made, like = copy.copy(layer), layer.weight
    made._parameters = dict(layer._parameters)
    assert isinstance(like, nn.Parameter)
    made.weight = nn.Parameter(torch.empty_like(like).copy_(weight), requires_grad=like.requires_grad)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().to(like), requires_grad=like.requires_grad)
    return made
