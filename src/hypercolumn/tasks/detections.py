"""What was found in an image, and small masks of boxes back into it: one number a pixel.

    p(pixel) = the mask (m x m) of a box, bilinear at the pixel's centre        inside where p > 1/2

Boxes are gone through in the order given, the best score first, and a pixel stays with the first that takes it: an
instance map has room for one object a pixel. The interpolation is two small products, rows times mask times columns.

    planes (3, y, x)      1 - score | score | number        of the object that has the pixel; 1, 0, 0 where none has

Planes are what a network with stages says of each pixel, as probabilities of the background and of an object with the
object's number beside them. As the better score has a pixel, objects below a score can be left out afterwards without
another taking their place.
"""

from collections.abc import Sequence
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

    def planes(self) -> np.ndarray:
        """What is said of each pixel: (3, y, x), float32."""
        numbers = self.instance_map()
        scores = np.concatenate([[0.0], self.scores])[numbers]
        return np.stack([1 - scores, scores, numbers]).astype(np.float32)


def above(planes: np.ndarray, score: float) -> np.ndarray:
    """The object numbers (y, x) of planes whose score is at least so high, uint32.

    >>> above(np.array([[[0.1, 0.6, 1.0]], [[0.9, 0.4, 0.0]], [[1.0, 2.0, 0.0]]]), 0.5)
    array([[1, 0, 0]], dtype=uint32)
    """
    return np.where(planes[1] >= score, planes[2], 0).astype(np.uint32)


def mean_of_planes(several: Sequence[np.ndarray], *, overlap: float = 0.5) -> np.ndarray:
    """The planes of several networks as one: an object's score is the mean, with 0 of those that did not find it.

    An object of one network is the same as one of another where their IoU is at least `overlap`; of these the one with
    the best score gives the pixels. Those of one network are its own.
    """
    if len(several) == 1:
        return several[0]
    found = [
        (score, network, place)
        for network, planes in enumerate(several)
        for score, place in _each(planes[2].astype(np.int64), planes[1])
    ]
    found.sort(key=lambda one: -one[0])
    numbers = np.zeros(several[0].shape[1:], dtype=np.int64)
    totals, seen, sizes = [0.0], [set[int]()], [0]
    for score, network, place in found:
        under = np.bincount(numbers[place])
        under[0] = 0
        best = int(under.argmax())
        union = sizes[best] + len(place[0]) - under[best]
        if under[best] and under[best] / union >= overlap:
            if network not in seen[best]:
                totals[best] += score
                seen[best].add(network)
            continue
        free = numbers[place] == 0
        if not free.any():
            continue
        totals.append(score)
        seen.append({network})
        sizes.append(int(free.sum()))
        numbers[place[0][free], place[1][free]] = len(totals) - 1
    scores = (np.array(totals) / len(several))[numbers]
    return np.stack([1 - scores, scores, numbers]).astype(np.float32)


def _each(numbers: np.ndarray, scores: np.ndarray) -> list[tuple[float, tuple[np.ndarray, np.ndarray]]]:
    """The score of each object of a map, and its pixels."""
    places = np.flatnonzero(numbers)
    places = places[np.argsort(numbers.reshape(-1)[places], kind="stable")]
    cuts = np.flatnonzero(np.diff(numbers.reshape(-1)[places])) + 1
    width = numbers.shape[1]
    return [
        (float(scores.reshape(-1)[part[0]]), (part // width, part % width))
        for part in np.split(places, cuts)
        if len(part)
    ]


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
