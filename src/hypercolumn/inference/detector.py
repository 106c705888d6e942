"""A network with stages over an image of any size: windows that overlap, each object from the window of its middle.

    window    512 x 512 and a margin of 128 on each side, in which an object is seen whole
    kept      boxes whose middle lies in the window itself, so that each is found once
    joined    suppression of all that were kept, best score first, then pasted into one map

An image of up to 768 x 768 is one window. An object that is wider than the margin may be cut at a border of windows.
What is said of a pixel depends on where windows begin, since group normalization sees all of a window: unlike the tiles
of `prediction` these are not equal to the whole image.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from hypercolumn.errors import ShapeMismatch
from hypercolumn.inference.precision import Precision
from hypercolumn.tasks import Detection, Detections, non_maximum_suppression
from hypercolumn.tasks.staged import StagedNetwork

WHOLE, WINDOW, MARGIN = 768, 512, 128


class Detector:
    """Objects of images (channel, y, x) of any size, as planes (3, y, x): see `tasks.detections`."""

    def __init__(self, network: nn.Module, task: Detection, *, precision: Precision | None = None) -> None:
        self.network, self.task = network.eval(), task
        self.precision = precision or Precision()
        self.precision.arrange(self.network)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The planes of an image that is standardized already."""
        return self.find(image).planes()

    def find(self, image: np.ndarray) -> Detections:
        """The objects of an image, the best score first."""
        if image.ndim != 3:
            raise ShapeMismatch(f"an image of shape {image.shape}", fix="give (channel, y, x)")
        shape = (image.shape[1], image.shape[2])
        if max(shape) <= WHOLE:
            return self._window(image)
        boxes, scores, classes, masks = [], [], [], []
        for y in _starts(shape[0]):
            for x in _starts(shape[1]):
                top, left = max(0, y - MARGIN), max(0, x - MARGIN)
                part = image[:, top : y + WINDOW + MARGIN, left : x + WINDOW + MARGIN]
                found = self._window(np.ascontiguousarray(part))
                placed = found.boxes + np.array([left, top, left, top])
                across, down = (placed[:, 0] + placed[:, 2]) / 2 - x, (placed[:, 1] + placed[:, 3]) / 2 - y
                kept = (across >= 0) & (across < WINDOW) & (down >= 0) & (down < WINDOW)
                boxes.append(placed[kept])
                scores.append(found.scores[kept])
                classes.append(found.classes[kept])
                masks.append(None if found.masks is None else found.masks[kept])
        known = [mask for mask in masks if mask is not None]
        every = Detections(
            shape,
            np.concatenate(boxes),
            np.concatenate(scores),
            np.concatenate(classes),
            np.concatenate(known) if known else None,
        )
        order = non_maximum_suppression(
            every.boxes.astype(np.float32),
            every.scores,
            threshold=self.task.settings.suppression,
            groups=every.classes,
        )
        return replace(
            every,
            boxes=every.boxes[order],
            scores=every.scores[order],
            classes=every.classes[order],
            masks=None if every.masks is None else every.masks[order],
        )

    def _window(self, image: np.ndarray) -> Detections:
        assert isinstance(self.network, StagedNetwork)
        with torch.inference_mode(), self.precision.autocast():
            return self.task.decode(self.network, self.precision.arrange(torch.from_numpy(image)[None]))[0]


def _starts(length: int) -> range:
    return range(0, length, WINDOW)
