"""RoIAlign: the features of boxes of any size and place as small maps of one size, and nothing is rounded.

    bin (i, j) of a box    the mean of S x S samples of the feature map, evenly spread over the bin, each bilinear
    position               u = x / stride - 1/2        since sample k of a map covers [k, k + 1), its centre at k + 1/2
    level                  k = floor(4 + log2(sqrt(w h) / 224)), held between 2 and the coarsest

He, Gkioxari, Dollar and Girshick 2017, doi:10.1109/ICCV.2017.322; the levels are equation 1 of Lin et al. 2017,
doi:10.1109/CVPR.2017.106. On a feature map that is a linear ramp every bin holds the ramp's value at its own centre.
Older programs leave the half sample out, and so read half a stride to the right and below.

All bins of all boxes are one product: a sparse matrix of bilinear weights (bin, place) times the maps (place, channel),
ten times as fast on a CPU as sampling each box. Positions beyond the border read the border. Boxes get no gradient, as
in the paper; nor is the number of samples adapted to the size of a box.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument, ShapeMismatch

FINEST_LEVEL, CANONICAL_LEVEL = 2, 4


def region_align(
    maps: Sequence[Tensor],
    boxes: Sequence[Tensor],
    *,
    strides: Sequence[int],
    bins: int,
    samples: int = 2,
    canonical_size: float = 224.0,
) -> Tensor:
    """The features of boxes: (box, channel, bins, bins), in float32, or in float64 where the maps are.

    maps: one (batch, channel, y, x) a level, from fine to coarse, with its stride; boxes: one (box, 4) an image, x0,
    y0, x1, y1 in pixels of the image. The boxes of all images follow each other in the answer. Boxes whose side is
    `canonical_size` lie on the third level.

    >>> ramp = torch.arange(8.0).expand(1, 1, 8, 8)                                # the value at x is x / 2 - 1/2
    >>> region_align([ramp], [torch.tensor([[2.0, 2.0, 10.0, 10.0]])], strides=[2], bins=2)[0, 0]
    tensor([[1.5000, 3.5000],
            [1.5000, 3.5000]])
    """
    _check(maps, boxes, strides, bins, samples)
    dtype = torch.float64 if maps[0].dtype == torch.float64 else torch.float32
    together = torch.cat([box.detach() for box in boxes]).to(dtype)
    device = together.device
    image = torch.repeat_interleave(torch.tensor([len(box) for box in boxes], device=device))
    level = levels_of(together, levels=len(maps), canonical_size=canonical_size)
    height, width = (torch.tensor([one.shape[axis] for one in maps], device=device)[level] for axis in (2, 3))
    sizes = [one.shape[0] * one.shape[2] * one.shape[3] for one in maps]
    base = torch.tensor([sum(sizes[:place]) for place in range(len(sizes))], device=device)[level]
    base = base + image * height * width
    stride = torch.tensor(strides, device=device, dtype=dtype)[level]
    column, across = _taps(together[:, 0::2], stride, width, bins, samples)
    row, down = _taps(together[:, 1::2], stride, height, bins, samples)

    row = base[:, None, None] + row * width[:, None, None]
    places = row[:, :, None, :, None] + column[:, None, :, None, :]
    weights = down[:, :, None, :, None] * across[:, None, :, None, :]
    count, taps = len(together) * bins * bins, (2 * samples) ** 2
    bin_of = torch.arange(count, device=device).repeat_interleave(taps)
    table = torch.cat([one.permute(0, 2, 3, 1).reshape(-1, one.shape[1]).to(dtype) for one in maps])
    with torch.autocast(device.type, enabled=False):
        matrix = torch.sparse_coo_tensor(
            torch.stack([bin_of, places.reshape(-1)]), weights.reshape(-1), (count, len(table)), check_invariants=False
        )
        rows = torch.sparse.mm(matrix, table)
    return rows.reshape(len(together), bins, bins, maps[0].shape[1]).permute(0, 3, 1, 2)


def levels_of(boxes: Tensor, *, levels: int, canonical_size: float = 224.0) -> Tensor:
    """Which map each box (box, 4) is read from, 0 for the finest of `levels`: (box,).

    >>> levels_of(torch.tensor([[0, 0, 112, 112], [0, 0, 111, 111], [0, 0, 224, 224], [0, 0, 9e3, 9e3]]), levels=4)
    tensor([1, 0, 2, 3])
    """
    side = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0).prod(dim=1).sqrt()
    exact = CANONICAL_LEVEL - FINEST_LEVEL + torch.log2(side.clamp_min(1e-12) / canonical_size)
    return torch.floor(exact).clamp(0, levels - 1).long()


def _taps(edges: Tensor, stride: Tensor, length: Tensor, bins: int, samples: int) -> tuple[Tensor, Tensor]:
    """Along one axis: the places that each bin of each box reads, and their weights: (box, bin, 2 * samples) twice."""
    share = (torch.arange(bins * samples, device=edges.device, dtype=edges.dtype) + 0.5) / (bins * samples)
    position = (edges[:, :1] + share * (edges[:, 1:] - edges[:, :1])) / stride[:, None] - 0.5
    last = (length - 1)[:, None]
    position = torch.minimum(position.clamp_min(0), last.to(edges.dtype))
    before = position.floor()
    beyond = position - before
    before = before.long()
    places = torch.stack([before, torch.minimum(before + 1, last)], dim=-1)
    weights = torch.stack([1 - beyond, beyond], dim=-1) / samples
    shape = (len(edges), bins, 2 * samples)
    return places.reshape(shape), weights.reshape(shape)


def _check(maps: Sequence[Tensor], boxes: Sequence[Tensor], strides: Sequence[int], bins: int, samples: int) -> None:
    for name, value in (("bins", bins), ("samples", samples)):
        if value < 1:
            raise InvalidArgument(name, value, fix="give at least 1")
    if len(maps) != len(strides) or not maps:
        raise ShapeMismatch(f"{len(maps)} maps and {len(strides)} strides", fix="give one stride a map, at least one")
    for one in maps:
        if one.ndim != 4 or len(one) != len(boxes) or one.shape[1] != maps[0].shape[1] or not math.prod(one.shape[2:]):
            raise ShapeMismatch(
                f"a map {tuple(one.shape)} for boxes of {len(boxes)} images",
                fix="give maps (batch, channel, y, x) of one batch and one number of channels",
            )
    for box in boxes:
        if box.ndim != 2 or box.shape[1] != 4:
            raise ShapeMismatch(f"boxes of shape {tuple(box.shape)}", fix="give (box, 4) an image: x0, y0, x1, y1")
