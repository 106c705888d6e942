"""Cut a window of a given size at a random place: y(x) = x(x + start).

Exact. An array shorter than the window is mirrored. For whole arrays, in `Pipeline.apply`: what `sample_window` cuts
out of a larger image is a crop already, and there a Crop of another size is refused.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.augment.sampling import centred, moved, sample_image, sample_target
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class CropRecord:
    """The size of what is cut, and where along each axis: 0 at the lowest place there is, 1 at the highest."""

    size: tuple[int, ...] = ()
    places: tuple[float, ...] = ()


@dataclass(frozen=True)
class Crop:
    """Draw a place for a window of `size`, evenly over all places; None cuts nothing.

    >>> import torch
    >>> Crop().apply_image(CropRecord((3,), (1.0,)), torch.arange(8.0)[None])
    tensor([[5., 6., 7.]])
    """

    size: tuple[int, ...] | None = None
    record: ClassVar[type[CropRecord]] = CropRecord

    def __post_init__(self) -> None:
        if self.size is not None and (not self.size or min(self.size) < 1):
            raise InvalidArgument("size", self.size, fix="give a length from 1 for each axis")

    def draw(self, rng: np.random.Generator, dims: int) -> CropRecord:
        if self.size is None:
            return CropRecord()
        if len(self.size) != dims:
            raise InvalidArgument("size", self.size, fix=f"give one length for each of {dims} axes")
        return CropRecord(self.size, tuple(float(rng.random()) for _ in range(dims)))

    def source(self, record: CropRecord, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        if not record.size:
            return coordinates
        starts = _starts(record, size)
        offsets = (
            start + (cut - 1) / 2 - (length - 1) / 2
            for start, cut, length in zip(starts, record.size, size, strict=True)
        )
        return moved(coordinates, tuple(offsets))

    def result_size(self, record: CropRecord, size: tuple[int, ...]) -> tuple[int, ...]:
        return record.size or size

    def apply_image(self, record: CropRecord, image: Tensor) -> Tensor:
        return sample_image(image, self._places(record, tuple(image.shape[1:]))) if record.size else image

    def apply_target(self, record: CropRecord, target: Tensor) -> Tensor:
        return sample_target(target, self._places(record, tuple(target.shape))) if record.size else target

    def _places(self, record: CropRecord, size: tuple[int, ...]) -> Coordinates:
        return moved(self.source(record, centred(record.size), size), tuple((length - 1) / 2 for length in size))


def _starts(record: CropRecord, size: tuple[int, ...]) -> list[int]:
    """The first sample along each axis: one of `length - cut + 1`, or before the array where it is too short."""
    if len(record.size) != len(size):
        raise InvalidArgument("size", size, fix=f"the record is for {len(record.size)} axes")
    return [
        min(int(place * (length - cut + 1)), length - cut) if length >= cut else -((cut - length) // 2)
        for place, cut, length in zip(record.places, record.size, size, strict=True)
    ]
