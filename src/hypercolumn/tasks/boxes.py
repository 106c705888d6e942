"""Boxes: how much two overlap, what lies within the image, and a box as its difference from another.

    IoU    |A n B| / |A u B|
    code   ( wx (x - xa) / wa,  wy (y - ya) / ha,  ww log(w / wa),  wh log(h / ha) )        of a box against an anchor a

x and y are centres, w and h sides. Girshick et al. 2014, doi:10.1109/CVPR.2014.81. The weights scale the codes to about
the same spread: (1, 1, 1, 1) for proposals, (10, 10, 5, 5) for the heads, as in the authors' later programs. A box is
x0, y0, x1, y1 in pixels; pixel j covers [j, j + 1), so that the box of pixels 3 to 5 is 3 to 6, and has width 3.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument

LARGEST_GROWTH = math.log(1000 / 16)
"""The logarithm by which a decoded side may exceed its anchor's at most: an untrained network must not overflow."""


@dataclass(frozen=True)
class BoxCode:
    """The code of boxes against anchors, with one weight for each of its four numbers.

    >>> anchor, box = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[5.0, 0.0, 15.0, 20.0]])
    >>> BoxCode().encode(box, anchor)
    tensor([[0.5000, 0.5000, 0.0000, 0.6931]])
    >>> BoxCode((10.0, 10.0, 5.0, 5.0)).decode(torch.tensor([[5.0, 5.0, 0.0, 5 * 0.6931]]), anchor).round()
    tensor([[ 5.,  0., 15., 20.]])
    """

    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if len(self.weights) != 4 or not all(math.isfinite(weight) and weight > 0 for weight in self.weights):
            raise InvalidArgument("weights", self.weights, fix="give four numbers above 0")

    def encode(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        """The codes (..., 4) of boxes against anchors (..., 4), both with an area."""
        centre, size = _centre_and_size(boxes)
        origin, unit = _centre_and_size(anchors)
        return torch.cat([(centre - origin) / unit, torch.log(size / unit)], dim=-1) * boxes.new_tensor(self.weights)

    def decode(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """The boxes (..., 4) that codes mean against anchors (..., 4)."""
        origin, unit = _centre_and_size(anchors)
        codes = codes / codes.new_tensor(self.weights)
        centre = origin + codes[..., :2] * unit
        half = unit * torch.exp(codes[..., 2:].clamp(max=LARGEST_GROWTH)) / 2
        return torch.cat([centre - half, centre + half], dim=-1)


def areas(boxes: Tensor) -> Tensor:
    """The area of each box (..., 4), 0 where a side is turned round."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(dim=-1)


def intersections(a: Tensor, b: Tensor) -> Tensor:
    """The area that each box of a (box, 4) shares with each of b (other, 4): (box, other)."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    return (high - low).clamp_min(0).prod(dim=-1)


def iou_matrix(a: Tensor, b: Tensor) -> Tensor:
    """The IoU of each box of a (box, 4) with each of b (other, 4): (box, other); 0 where neither has an area.

    >>> iou_matrix(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]]))
    tensor([[0.3333, 0.0000]])
    """
    shared = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    return torch.where(union > 0, shared / union, 0)


def clip(boxes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut to an image (height, width).

    >>> clip(torch.tensor([[-3.0, 2.0, 9.0, 20.0]]), (10, 8))
    tensor([[ 0.,  2.,  8., 10.]])
    """
    height, width = shape
    return torch.minimum(boxes.clamp_min(0), boxes.new_tensor((width, height, width, height)))


def _centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
