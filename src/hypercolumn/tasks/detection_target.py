"""The truth of one image as a detector learns from it: boxes, classes, and masks that are cut out when asked for.

    mask of object k in box b, m x m    t_ij = [ u_k(centre of cell (i, j) of b) >= 1/2 ]

u_k is the object's mask, bilinear between the centres of its pixels and 0 outside. Of each object only the pixels of
its own box are kept, one behind the other: hundreds of objects do not take hundreds of images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hypercolumn.data.objects import Objects


@dataclass(frozen=True, eq=False)
class MaskWindows:
    """The pixels of objects: `pixels` hold their windows (object, 4: x0, y0, x1, y1) one behind the other, by rows."""

    pixels: Tensor
    windows: Tensor
    start: Tensor

    @classmethod
    def of(cls, objects: Objects, chosen: Sequence[int]) -> "MaskWindows":
        """The windows of the chosen objects, which must have outlines."""
        assert objects.outlines is not None
        windows, pixels = [], []
        for index in chosen:
            x0, y0 = np.floor(objects.boxes[index, :2]).astype(int).tolist()
            x1, y1 = np.ceil(objects.boxes[index, 2:]).astype(int).tolist()
            windows.append((x0, y0, x1, y1))
            pixels.append(objects.outlines[index].window((x0, y0, x1, y1)).reshape(-1))
        sizes = np.array([len(one) for one in pixels], dtype=np.int64)
        flat = np.concatenate([*pixels, np.zeros(0, dtype=bool)]).astype(np.uint8)
        return cls(
            torch.from_numpy(flat),
            torch.tensor(windows, dtype=torch.long).reshape(-1, 4),
            torch.from_numpy(np.cumsum(sizes) - sizes),
        )

    def to(self, device: torch.device | str) -> "MaskWindows":
        return MaskWindows(self.pixels.to(device), self.windows.to(device), self.start.to(device))

    def within(self, boxes: Tensor, objects: Tensor, *, cells: int) -> Tensor:
        """The masks of objects (box,) within boxes (box, 4): (box, cells, cells), float32 of 0 and 1.

        >>> whole = Objects.from_map(np.array([[1, 1, 0, 0], [1, 1, 0, 0]]))
        >>> box = torch.tensor([[0.0, 0.0, 4.0, 2.0]])
        >>> MaskWindows.of(whole, [0]).within(box, torch.tensor([0]), cells=4)[0, 0]
        tensor([1., 1., 0., 0.])
        """
        share = (torch.arange(cells, device=boxes.device, dtype=boxes.dtype) + 0.5) / cells
        position = boxes[:, None, :2] + share[:, None] * (boxes[:, None, 2:] - boxes[:, None, :2]) - 0.5
        before = position.floor()
        beyond = position - before
        x0, y0, x1, y1 = (side[:, None] for side in self.windows[objects].unbind(dim=1))
        first, width = self.start[objects][:, None, None], (x1 - x0)[:, :, None]
        total = boxes.new_zeros(len(boxes), cells, cells)
        for right in (0, 1):
            for below in (0, 1):
                x, y = before[..., 0].long() + right, before[..., 1].long() + below
                inside = ((x >= x0) & (x < x1))[:, None, :] & ((y >= y0) & (y < y1))[:, :, None]
                place = torch.where(inside, first + (y - y0)[:, :, None] * width + (x - x0)[:, None, :], 0)
                across = beyond[..., 0] if right else 1 - beyond[..., 0]
                down = beyond[..., 1] if below else 1 - beyond[..., 1]
                total += inside * self.pixels[place] * down[:, :, None] * across[:, None, :]
        return (total >= 0.5).to(boxes.dtype)


@dataclass(frozen=True, eq=False)
class DetectionTarget:
    """Boxes (object, 4), classes (object,), regions to be left out of account (region, 4), and masks where known."""

    boxes: Tensor
    classes: Tensor
    ignored: Tensor
    masks: MaskWindows | None

    @classmethod
    def of(cls, objects: Objects) -> "DetectionTarget":
        """Ignored objects become regions to leave out of account."""
        counted = np.flatnonzero(~objects.ignored)
        boxes = torch.from_numpy(objects.boxes).float()
        masks = None if objects.outlines is None else MaskWindows.of(objects, counted.tolist())
        classes = torch.from_numpy(np.asarray(objects.classes, dtype=np.int64))
        return cls(boxes[counted], classes[counted], boxes[np.flatnonzero(objects.ignored)], masks)

    def to(self, device: torch.device | str) -> "DetectionTarget":
        masks = None if self.masks is None else self.masks.to(device)
        return DetectionTarget(self.boxes.to(device), self.classes.to(device), self.ignored.to(device), masks)
