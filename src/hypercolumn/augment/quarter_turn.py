"""Turn by 90, 180 or 270 degrees: y = x with two axes exchanged and one of them mirrored, as `numpy.rot90` does.

Exact: samples are reordered, never interpolated. With the flips the turns of an image are its eight symmetries; in a
volume only planes of equal spacing may turn (`planes`), and a signal has none.

A turn by 90 or 270 degrees of a whole array exchanges the lengths of two axes. A window keeps its size: of the image it
sees one that lies across, exact where both lengths are odd or both even.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class QuarterTurnRecord:
    """The turns one after the other: (first axis, second axis, quarters)."""

    turns: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class QuarterTurn:
    """Turn each of `planes` (all where None) by one of the three quarters with this probability.

    The default makes all four ways as likely.

    >>> image = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    >>> QuarterTurn().apply_image(QuarterTurnRecord(((0, 1, 1),)), image)
    tensor([[[3., 6.],
             [2., 5.],
             [1., 4.]]])
    """

    probability: float = 0.75
    planes: tuple[tuple[int, int], ...] | None = None
    record: ClassVar[type[QuarterTurnRecord]] = QuarterTurnRecord

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InvalidArgument("probability", self.probability, fix="give a number from 0 to 1")
        for plane in self.planes or ():
            if len(plane) != 2 or not 0 <= plane[0] < plane[1]:
                raise InvalidArgument("planes", self.planes, fix="name each plane by its two axes, the lower first")

    def draw(self, rng: np.random.Generator, dims: int) -> QuarterTurnRecord:
        planes = combinations(range(dims), 2) if self.planes is None else self.planes
        return QuarterTurnRecord(
            tuple((*plane, int(rng.integers(1, 4))) for plane in planes if rng.random() < self.probability)
        )

    def source(self, record: QuarterTurnRecord, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        places = list(coordinates)
        for first, second, quarters in reversed(record.turns):
            for _ in range(quarters % 4):
                places[first], places[second] = places[second], -places[first]
        return tuple(places)

    def result_size(self, record: QuarterTurnRecord, size: tuple[int, ...]) -> tuple[int, ...]:
        lengths = list(size)
        for first, second, quarters in record.turns:
            if quarters % 2:
                lengths[first], lengths[second] = lengths[second], lengths[first]
        return tuple(lengths)

    def invert(self, record: QuarterTurnRecord) -> QuarterTurnRecord:
        return QuarterTurnRecord(
            tuple((first, second, -quarters % 4) for first, second, quarters in record.turns[::-1])
        )

    def apply_image(self, record: QuarterTurnRecord, image: Tensor) -> Tensor:
        for first, second, quarters in record.turns:
            image = torch.rot90(image, quarters, (first + 1, second + 1))
        return image

    def apply_target(self, record: QuarterTurnRecord, target: Tensor) -> Tensor:
        return self.apply_image(record, target[None])[0]
