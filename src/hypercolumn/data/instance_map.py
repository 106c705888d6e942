"""Instance maps: an object number for each sample, 0 for background; what may be wrong with one.

    a piece      the samples of one number that hang together by faces, edges or corners
    an object    all samples of one number: as it should be, one piece

A number that stands in two places is either an object cut in two by something that lies over it, or two objects that
were given one number by mistake: nothing in the map says which. `check_instances` finds such numbers; `separated` is
the choice to take every piece for an object of its own. Whether an object may be so small or so large is the reader's
to say, and is not decided here.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import LabelError


@dataclass(frozen=True)
class InstanceCheck:
    """What an instance map holds: how many objects, and the numbers of those to look at."""

    objects: int
    scattered: tuple[int, ...]
    """Numbers that stand in two or more pieces."""
    single: tuple[int, ...]
    """Objects of one sample: often left over from drawing."""
    largest_number: int

    @property
    def empty(self) -> bool:
        """Whether there is no object at all."""
        return self.objects == 0


def check_instances(labels: np.ndarray, *, where: str = "") -> InstanceCheck:
    """Look through an instance map (*space) of one to three axes; LabelError where it is none.

    >>> check_instances(np.array([[1, 1, 0, 2], [0, 0, 0, 0], [1, 0, 7, 7]]))
    InstanceCheck(objects=3, scattered=(1,), single=(2,), largest_number=7)
    >>> check_instances(np.zeros((4, 4), dtype=np.uint16)).empty
    True
    """
    labels = as_instances(labels, where=where)
    pieces = _pieces(labels)
    numbers = np.zeros(int(pieces.max(initial=0)) + 1, dtype=np.int64)
    numbers[pieces.reshape(-1)] = labels.reshape(-1)
    size = np.bincount(pieces.reshape(-1), minlength=len(numbers))
    found, piece, count = np.unique(numbers[1:], return_index=True, return_counts=True)
    alone = found[(count == 1) & (size[1:][piece] == 1)]
    scattered = found[count > 1]
    return InstanceCheck(
        len(found), tuple(scattered.tolist()), tuple(alone.tolist()), int(found.max()) if len(found) else 0
    )


def separated(labels: np.ndarray, *, where: str = "") -> np.ndarray:
    """Every piece as an object of its own, numbered from 1 in the order of their first samples: (*space), uint32.

    >>> separated(np.array([[5, 5, 0, 5], [0, 0, 0, 0], [9, 9, 5, 5]]))
    array([[1, 1, 0, 2],
           [0, 0, 0, 0],
           [3, 3, 4, 4]], dtype=uint32)
    """
    return _pieces(as_instances(labels, where=where)).astype(np.uint32)


def as_instances(labels: np.ndarray, *, where: str = "") -> np.ndarray:
    """Whole numbers from 0 (*space) as they are, booleans as 0 and 1; LabelError for anything else.

    >>> as_instances(np.array([0.5]))
    Traceback (most recent call last):
    hypercolumn.errors.LabelError: error[E-LABEL] an instance map of type float64
      fix    give whole numbers from 0: 0 is background, each object has its own
    """
    labels = np.asarray(labels)
    fix = "give whole numbers from 0: 0 is background, each object has its own"
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.kind not in "iu":
        raise LabelError(f"an instance map of type {labels.dtype}", where=where, fix=fix)
    if not 1 <= labels.ndim <= 3:
        raise LabelError(f"an instance map with {labels.ndim} axes", where=where, fix="give one to three axes of space")
    if labels.size and labels.dtype.kind == "i" and int(labels.min()) < 0:
        raise LabelError(f"an instance map that holds {labels.min()}", where=where, fix=fix)
    return labels


def with_small_numbers(labels: np.ndarray) -> np.ndarray:
    """The same objects under numbers that tables can be made of: none larger than the map has samples.

    Numbers that are small enough stay as they are; others become 1, 2, ... in their order.

    >>> with_small_numbers(np.array([0, 70_000, 9]))
    array([0, 2, 1], dtype=int32)
    """
    if labels.size and int(labels.max()) > labels.size:
        found, row = np.unique(labels, return_inverse=True)
        labels = row.reshape(labels.shape) + int(found[0] > 0)
    return labels.astype(np.int32 if labels.size < 2**31 else np.int64)


def _pieces(labels: np.ndarray) -> np.ndarray:
    """The number of each sample's piece, 0 for background."""
    from skimage.measure import label  # a tenth of a second, and most cohorts have no instance map

    return label(labels, background=0, connectivity=labels.ndim)
