"""What was found in an image, and small masks of boxes back into it: one number a pixel.

    p(pixel) = the mask (m x m) of a box, bilinear at the pixel's centre        inside where p > 1/2

Boxes are gone through in the order given, the best score first, and a pixel stays with the first that takes it: an
instance map has room for one object a pixel. The interpolation is two small products, rows times mask times columns.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import LabelError, ShapeMismatch


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in an image of `shape` (y, x), the best score first: boxes (object, 4), scores and classes
    (object,), and where the pixels were asked for, masks (object, m, m) of probabilities within the boxes.
    """

    shape: tuple[int, int]
    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def instance_map(self) -> np.ndarray:
        """The number k + 1 of object k at its pixels (y, x), int32; where objects overlap the better score has them."""
        if self.masks is None:
            raise LabelError("these objects have boxes alone", fix="decode with a task that has masks")
        return paste(self.boxes, self.masks, self.shape)


def paste(boxes: np.ndarray, masks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An instance map (y, x), int32: object k of boxes (object, 4) and masks (object, m, m) has the number k + 1.

    An object that others cover wholly, or whose mask is nowhere above one half, has no pixel in it.

    >>> boxes = np.array([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    >>> paste(boxes, np.ones((2, 4, 4)), (3, 4))
    array([[2, 1, 1, 0],
           [2, 1, 1, 0],
           [0, 0, 0, 0]], dtype=int32)
    """
    if boxes.shape != (len(masks), 4) or masks.ndim != 3:
        raise ShapeMismatch(f"boxes {boxes.shape} and masks {masks.shape}", fix="give (object, 4) and (object, m, m)")
    numbers = np.zeros(shape, dtype=np.int32)
    for index, (box, mask) in enumerate(zip(boxes.astype(np.float64), masks, strict=True)):
        rows, down = _weights(box[1], box[3], shape[0], mask.shape[0])
        columns, across = _weights(box[0], box[2], shape[1], mask.shape[1])
        window = numbers[rows, columns]
        window[(window == 0) & (down @ mask @ across.T > 0.5)] = index + 1
    return numbers


def _weights(low: float, high: float, length: int, cells: int) -> tuple[slice, np.ndarray]:
    """The pixels whose centres lie within a side, and how each mixes the cells of the mask: (pixel, cell)."""
    first, last = (int(np.clip(np.ceil(side - 0.5), 0, length)) for side in (low, high))
    centres = np.arange(first, max(first, last)) + 0.5
    position = np.clip((centres - low) / max(high - low, 1e-9) * cells - 0.5, 0, cells - 1)
    return slice(first, max(first, last)), np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells)))
