"""Intensity standardization: zero mean and unit deviation, by the image's own numbers or by the training records'.

    x' = (x - m) / s        m, s per channel. Kind "image": the middle, and a quarter, of the range from the image's own
                            0.1th to its 99.9th percentile, which become -2 and 2. Kind "cohort": mean and deviation
                            over the training records.

The wide percentiles are for sparse fields: where one nucleus in a hundred thousand pixels is all there is, a narrower
range would be that of the noise. Black and white points are kept, not the median: what is half as dark as a nucleus
on a bright ground stays so. "image" forgives scanners that differ in gain and offset; "cohort" keeps brightness as
evidence. Fitted on the training records alone and saved with the run. Nothing is clipped here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hypercolumn.errors import DataError, InvalidArgument

SAMPLED = 65_536
"""At most so many samples of an image are looked at to find its percentiles: evenly spaced, never at random."""


@dataclass(frozen=True)
class Normalization:
    """How intensities become numbers near zero.

    >>> fitted = Normalization(kind="cohort", centre=(10.0,), spread=(2.0,))
    >>> fitted.apply(np.array([[8.0, 10.0, 14.0]]))
    array([[-1.,  0.,  2.]], dtype=float32)
    """

    kind: str
    centre: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in {"image", "cohort"}:
            raise InvalidArgument("kind", self.kind, fix="use image or cohort")

    def apply(self, array: np.ndarray) -> np.ndarray:
        """An array (channel, *space) of any type, standardized as float32."""
        array = array.astype(np.float32, copy=False)
        if self.kind == "image":
            centre, spread = _robust(array)
        else:
            centre, spread = np.array(self.centre, np.float32), np.array(self.spread, np.float32)
            if len(centre) != array.shape[0]:
                raise DataError(
                    f"the image has {array.shape[0]} channels, the training records had {len(centre)}",
                    fix="give images with the same channels",
                )
        along = (-1,) + (1,) * (array.ndim - 1)
        return (array - centre.reshape(along)) / spread.reshape(along)

    def of_samples(self, samples: np.ndarray) -> "Normalization":
        """What this does to an image, as fixed numbers, from samples (channel, sample) that stand for all of it."""
        if self.kind == "cohort":
            return self
        centre, spread = _robust(samples)
        return Normalization("cohort", tuple(centre.tolist()), tuple(spread.tolist()))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Normalization":
        return cls(record["kind"], tuple(record["centre"]), tuple(record["spread"]))


def fit_normalization(arrays: Iterable[np.ndarray], *, kind: str) -> Normalization:
    """Learn what is needed from training arrays (channel, *space); "image" needs nothing.

    >>> fit_normalization([np.zeros((1, 4)), np.full((1, 4), 2.0)], kind="cohort")
    Normalization(kind='cohort', centre=(1.0,), spread=(1.0,))
    """
    if kind == "image":
        return Normalization(kind)
    count, total, squares = 0, np.zeros(0), np.zeros(0)
    for array in arrays:
        flat = array.reshape(array.shape[0], -1).astype(np.float64)
        if count == 0:
            total, squares = np.zeros(len(flat)), np.zeros(len(flat))
        count += flat.shape[1]
        total += flat.sum(1)
        squares += (flat**2).sum(1)
    if count == 0:
        raise InvalidArgument("arrays", (), fix="fit on at least one training record")
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Normalization(kind, tuple(mean.tolist()), tuple(np.where(deviation > 0, deviation, 1.0).tolist()))


def _robust(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = array.reshape(array.shape[0], -1)
    step = max(1, flat.shape[1] // SAMPLED)
    low, high = np.percentile(flat[:, ::step], (0.1, 99.9), axis=1)
    spread = (high - low) / 4
    deviation = flat.std(axis=1)
    spread = np.where(spread > 0, spread, np.where(deviation > 0, deviation, 1.0))
    return ((low + high) / 2).astype(np.float32), spread.astype(np.float32)
