"""What every augmentation is: settings that draw a small record of numbers, and a pure function of (record, array).

    record = augmentation.draw(rng, dims)          all the chance there is, as plain numbers
    image  = augmentation.apply_image(record, image)
    target = augmentation.apply_target(record, target)

The same record gives the same result on every call and every machine of one kind: it can be written down, replayed, and
applied to image and target alike. Images are (channel, *space) floating point, standardized where strengths are said in
standard deviations; targets are (*space) of whole numbers. Nothing here changes its input.

A geometric augmentation says where each sample of the result comes from; so several of them, and the cutting of a
window, are one interpolation (`sampling`), and points and boxes follow the same places the other way (`points`). One
that can be undone says by which record (`Invertible`); a blur or a JPEG cannot, and an elastic deformation only by
points.
"""

from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

Coordinates = tuple[Tensor, ...]
"""One tensor an axis, each broadcasting to (*space): the place of each sample along that axis, in samples."""

Record = TypeVar("Record")


@runtime_checkable
class Augmentation(Protocol[Record]):
    """An intensity augmentation returns targets as they are."""

    record: ClassVar[type[Any]]
    """The frozen dataclass that `draw` returns."""

    def draw(self, rng: np.random.Generator, dims: int) -> Record: ...

    def apply_image(self, record: Record, image: Tensor) -> Tensor: ...

    def apply_target(self, record: Record, target: Tensor) -> Tensor: ...


@runtime_checkable
class Geometric(Augmentation[Record], Protocol[Record]):
    """An augmentation that moves samples."""

    def source(self, record: Record, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        """Where each sample of the result comes from: places relative to the centre of a window of this size."""
        ...

    def result_size(self, record: Record, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size of what comes out of an array of this size."""
        ...


@runtime_checkable
class Invertible(Augmentation[Record], Protocol[Record]):
    """An augmentation whose every result, or that of some records, leads back to what went in."""

    def invert(self, record: Record) -> Record:
        """The record that undoes this one; raises InvalidArgument where none does."""
        ...
