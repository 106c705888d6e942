"""What could be had without a convolutional network: fitted on the training pieces, scored on the test pieces like the network.

    segmentation       majority class, global threshold, Otsu's threshold of each image, colours by pixel
    classification     majority class, mean colour, image size, metadata alone, a thumbnail's pixels

A network that does not beat the best of these has learnt nothing that needs a network; one that metadata alone match may
have learnt the scanner. Images are (channel, *space) with any number of spatial axes and come from a sequence that may
read each one when it is asked for (`OnDemand`), so that a cohort need not fit in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, overload

import numpy as np
import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class OnDemand(Sequence[T], Generic[T]):
    """A sequence that reads its items when they are asked for and keeps none.

    >>> images = OnDemand(("a", "b"), lambda name: np.zeros((3, 4, 4)))
    >>> len(images), images[1].shape
    (2, (3, 4, 4))
    """

    names: Sequence[str]
    read: Callable[[str], T]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> "OnDemand[T]": ...

    def __getitem__(self, index: int | slice) -> "T | OnDemand[T]":
        if isinstance(index, slice):
            return OnDemand(self.names[index], self.read)
        return self.read(self.names[index])


class Fitted(Protocol):
    """A baseline that has seen its training pieces. `note` says what it learnt, or why there was nothing to learn."""

    note: str

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        """Probabilities: (class, *space) for a segmentation, (class,) for a classification."""
        ...


class Baseline(Protocol):
    """A way to answer without a network."""

    name: str

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> Fitted:
        """Learn from images (channel, *space), targets, and one row of metadata each, all in the same order."""
        ...


def baselines_for(target_kind: str, *, classes: int, channels: int = 1, seed: int = 0) -> list[Baseline]:
    """The baselines that suit a target."""
    from hypercolumn.evaluation.pixel_baselines import MajoritySamples, OtsuThreshold

    if target_kind in ("mask", "instances"):
        return [MajoritySamples(classes), OtsuThreshold()]
    return []
