"""Rotation, scale, shear and translation: one matrix, one interpolation.

    y(x) = x(M^-1 (x - t))        M = R K S      about the centre of the window

R turns by an angle in each plane of two axes, K shears, S scales; t is a translation in fractions of the window. With
a spacing the turn is one of the body, not of the array: M becomes D^-1 M D with D = diag(spacing). Images are read
linearly, targets at the nearest sample, both mirrored at the border. In one dimension there are scale and translation
alone.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import numpy as np
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.augment.sampling import centred, moved, sample_image, sample_target
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class AffineRecord:
    """Angles in degrees and shears, one for each plane (axes 0-1, then 0-2 and 1-2); scales and shifts, one an axis.

    A positive angle turns from the second axis of its plane towards the first, as `numpy.rot90` does; a scale above 1
    magnifies; a shift of 0.1 moves the content a tenth of the window towards higher indices.
    """

    angles: tuple[float, ...]
    scales: tuple[float, ...]
    shears: tuple[float, ...]
    shifts: tuple[float, ...]

    def matrix(self) -> np.ndarray:
        """M: from places in the original to places in the result.

        >>> AffineRecord((90.0,), (2.0, 2.0), (0.0,), (0.0, 0.0)).matrix().round(3)
        array([[ 0., -2.],
               [ 2.,  0.]])
        """
        dims = len(self.scales)
        matrix = np.diag(np.asarray(self.scales, dtype=np.float64))
        planes = list(combinations(range(dims), 2))
        for (first, second), shear in zip(planes, self.shears, strict=True):
            step = np.eye(dims)
            step[first, second] = shear
            matrix = step @ matrix
        for (first, second), angle in zip(planes, self.angles, strict=True):
            matrix = _turn(dims, first, second, np.deg2rad(angle)) @ matrix
        return matrix


@dataclass(frozen=True)
class Affine:
    """Draw angles from +-`rotation` degrees, a common scale from 1 / (1 + s) ... 1 + s in logarithm, and so on.

    `stretch` scales each axis by a factor of its own beside the common one, `shear` and `translation` are drawn from
    +- their value. `planes` names the planes that turn, all where None; `spacing` is the size of a sample along each
    axis.

    >>> import torch
    >>> image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> quarter = AffineRecord((90.0,), (1.0, 1.0), (0.0,), (0.0, 0.0))
    >>> Affine().apply_image(quarter, image).round()
    tensor([[[2., 4.],
             [1., 3.]]])
    """

    rotation: float = 0.0
    scale: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    translation: float = 0.0
    planes: tuple[tuple[int, int], ...] | None = None
    spacing: tuple[float, ...] | None = None
    record: ClassVar[type[AffineRecord]] = AffineRecord

    def __post_init__(self) -> None:
        for name in ("rotation", "scale", "stretch", "shear", "translation"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InvalidArgument(
                    name, getattr(self, name), fix="give a number from 0: draws are symmetric around none"
                )
        for plane in self.planes or ():
            if len(plane) != 2 or not 0 <= plane[0] < plane[1]:
                raise InvalidArgument("planes", self.planes, fix="name each plane by its two axes, the lower first")

    def draw(self, rng: np.random.Generator, dims: int) -> AffineRecord:
        planes = list(combinations(range(dims), 2))
        turns = [self.planes is None or plane in self.planes for plane in planes]
        common = _log_uniform(rng, self.scale)
        return AffineRecord(
            angles=tuple(float(rng.uniform(-self.rotation, self.rotation)) * turn for turn in turns),
            scales=tuple(common * _log_uniform(rng, self.stretch) for _ in range(dims)),
            shears=tuple(float(rng.uniform(-self.shear, self.shear)) * turn for turn in turns),
            shifts=tuple(float(rng.uniform(-self.translation, self.translation)) for _ in range(dims)),
        )

    def source(self, record: AffineRecord, coordinates: Coordinates, size: tuple[int, ...]) -> Coordinates:
        if len(record.scales) != len(size) or len(self.spacing or size) != len(size):
            raise InvalidArgument(
                "size", size, fix=f"the record is for {len(record.scales)} axes; give a spacing for each"
            )
        back = np.linalg.inv(record.matrix())
        if self.spacing is not None:
            step = np.asarray(self.spacing, dtype=np.float64)
            back = back * step[None, :] / step[:, None]
        shift = tuple(-part * length for part, length in zip(record.shifts, size, strict=True))
        places = moved(coordinates, shift) if any(shift) else coordinates
        if np.array_equal(back, np.eye(len(size))):
            return places
        return tuple(_combine(row, places) for row in back)

    def result_size(self, record: AffineRecord, size: tuple[int, ...]) -> tuple[int, ...]:
        return size

    def invert(self, record: AffineRecord) -> AffineRecord:
        """The way back: exact for a shift by whole samples, else within what two interpolations smooth away.

        What left the window does not return. A shift beside a turn, a scale or a shear is refused: undone, it would
        depend on the window.
        """
        back = np.linalg.inv(record.matrix())
        if not any(record.shifts):
            return _record(back)
        if not np.array_equal(back, np.eye(len(back))):
            raise InvalidArgument(
                "record", record, why="it shifts and turns at once", fix="draw the shift in a step of its own"
            )
        return replace(record, shifts=tuple(-shift for shift in record.shifts))

    def apply_image(self, record: AffineRecord, image: Tensor) -> Tensor:
        return sample_image(image, self._places(record, tuple(image.shape[1:])))

    def apply_target(self, record: AffineRecord, target: Tensor) -> Tensor:
        return sample_target(target, self._places(record, tuple(target.shape)))

    def _places(self, record: AffineRecord, size: tuple[int, ...]) -> Coordinates:
        return moved(self.source(record, centred(size), size), tuple((length - 1) / 2 for length in size))


def _turn(dims: int, first: int, second: int, radians: float) -> np.ndarray:
    turn = np.eye(dims)
    turn[first, first] = turn[second, second] = np.cos(radians)
    turn[second, first] = np.sin(radians)
    turn[first, second] = -turn[second, first]
    return turn


def _record(matrix: np.ndarray) -> AffineRecord:
    """The angles, shears and scales whose matrix this is, by QR: a turn, then an upper triangle K S."""
    dims = len(matrix)
    planes = list(combinations(range(dims), 2))
    turn, triangle = np.linalg.qr(matrix)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
    turn, triangle, angles = turn * signs, triangle * signs[:, None], []
    for first, second in planes:
        radians = np.arctan2(-turn[first, second], turn[first, first])
        turn = turn @ _turn(dims, first, second, -radians)
        angles.append(float(np.rad2deg(radians)))
    scales = np.diag(triangle)
    shears = triangle / scales
    return AffineRecord(
        tuple(angles), tuple(scales.tolist()), tuple(float(shears[plane]) for plane in planes), (0.0,) * dims
    )


def _log_uniform(rng: np.random.Generator, spread: float) -> float:
    """Between 1 / (1 + spread) and 1 + spread: shrinking is as likely as growing by the same factor."""
    return float(np.exp(rng.uniform(-1, 1) * np.log1p(spread)))


def _combine(row: np.ndarray, places: Coordinates) -> Tensor:
    """sum_a row_a places_a; an axis that has no part leaves the sum open along it."""
    terms = [axis * float(weight) for weight, axis in zip(row, places, strict=True) if abs(weight) > 1e-12]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
