"""The objects of one image as somebody annotated them: boxes, classes, and pixels where they are known.

    boxes      (object, 4) x0, y0, x1, y1      pixel j covers [j, j + 1), so an object of whole pixels has whole sides
    classes    (object,) indices of `names`
    ignored    (object,) neither to be found, nor a mistake where found: crowds, and what was marked as difficult
    outlines   which pixels, or None where only boxes are known

Every format of annotation is read into this (`readers.annotations`). `notes` say in words what was done to make it fit:
corners cut at the border of the image, an object in several pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.data.instance_map import check_instances
from hypercolumn.data.outlines import Outline, runs_of
from hypercolumn.data.readers.header import LIMIT_BYTES, grant
from hypercolumn.errors import LabelError, ShapeMismatch


@dataclass(frozen=True, eq=False)
class Objects:
    """What lies in an image of `shape` (y, x). Boxes lie within it and have an area; all arrays are of one length.

    >>> Objects.from_map(np.array([[0, 5, 5], [0, 0, 5]]), names=("nucleus",)).boxes
    array([[1., 0., 3., 2.]])
    """

    shape: tuple[int, int]
    names: tuple[str, ...]
    boxes: np.ndarray
    classes: np.ndarray
    ignored: np.ndarray
    outlines: tuple[Outline, ...] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.boxes)
        lengths = {"classes": len(self.classes), "ignored": len(self.ignored)}
        if self.outlines is not None:
            lengths["outlines"] = len(self.outlines)
        if self.boxes.shape != (count, 4) or any(length != count for length in lengths.values()):
            raise ShapeMismatch(
                f"boxes {self.boxes.shape} with {', '.join(f'{length} {name}' for name, length in lengths.items())}",
                fix="give boxes (object, 4) and one value an object of all else",
            )
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        if not (np.isfinite(self.boxes).all() and (low >= 0).all() and (high <= self.shape[::-1]).all()):
            raise LabelError("a box leaves the image", where=f"image of {self.shape[1]} x {self.shape[0]} pixels")
        if not (low < high).all():
            raise LabelError("a box has no area", where=f"object {int(np.flatnonzero((low >= high).any(axis=1))[0])}")
        if count and not (self.classes.min() >= 0 and self.classes.max() < len(self.names)):
            raise LabelError(f"classes from {self.classes.min()} to {self.classes.max()} of {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.boxes)

    def to_map(self, *, limit_bytes: int = LIMIT_BYTES) -> np.ndarray:
        """The objects as an instance map (y, x), uint32: the first is 1; those that are ignored are left out.

        Where objects overlap the one with the smaller box lies on top, or it would be lost below. An object that covers
        no pixel's centre is not in the map. Raises LabelError where there are only boxes, and FileTooLarge.

        >>> Objects.from_map(np.array([[0, 5, 5], [9, 9, 5]])).to_map()
        array([[0, 1, 1],
               [2, 2, 1]], dtype=uint32)
        """
        if self.outlines is None and len(self):
            raise LabelError("there are boxes alone, no outlines", fix="take boxes as the target, or draw outlines")
        grant(4 * self.shape[0] * self.shape[1], limit_bytes, where="instance map")
        labels = np.zeros(self.shape, dtype=np.uint32)
        low, high = np.floor(self.boxes[:, :2]).astype(np.int64), np.ceil(self.boxes[:, 2:]).astype(np.int64)
        for place in np.argsort(-(high - low).prod(axis=1), kind="stable").tolist():
            if not self.ignored[place] and self.outlines is not None:
                (x0, y0), (x1, y1) = low[place].tolist(), high[place].tolist()
                labels[y0:y1, x0:x1][self.outlines[place].window((x0, y0, x1, y1))] = place + 1
        return labels

    @classmethod
    def from_map(
        cls, labels: np.ndarray, *, names: Sequence[str] = ("object",), classes: np.ndarray | None = None
    ) -> "Objects":
        """The objects of an instance map (y, x): whole numbers, 0 is background.

        classes: the class of each number, in ascending order of the numbers; without it all are of the first.
        Numbers whose pixels lie in several pieces stay one object, and a note says how many they are.

        >>> Objects.from_map(np.array([[1, 0, 1]])).notes
        ('1 of 1 objects lies in several pieces, number 1 for example; each is taken as one object',)
        """
        labels = np.asarray(labels)
        if labels.ndim != 2:
            raise ShapeMismatch(f"an instance map of shape {labels.shape}", fix="give (y, x), one number a pixel")
        scattered = check_instances(labels).scattered
        runs = runs_of(labels)[1]
        boxes = np.array([mask.bounds for mask in runs], dtype=np.float64).reshape(-1, 4)
        indices = np.zeros(len(runs), dtype=np.int64) if classes is None else np.asarray(classes, dtype=np.int64)
        ignored = np.zeros(len(runs), dtype=bool)
        shape = (labels.shape[0], labels.shape[1])
        return cls(shape, tuple(names), boxes, indices, ignored, tuple(runs), _pieces(scattered, len(runs)))


def _pieces(scattered: tuple[int, ...], count: int) -> tuple[str, ...]:
    if not scattered:
        return ()
    verb = "lies" if len(scattered) == 1 else "lie"
    return (
        f"{len(scattered)} of {count} objects {verb} in several pieces, number {scattered[0]} for example; "
        "each is taken as one object",
    )
