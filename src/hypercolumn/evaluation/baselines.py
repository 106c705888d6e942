"""What could be had without a convolutional network, fitted and scored exactly as the network is.

    segmentation       majority class, one threshold for all, Otsu's threshold of each image, both again after
                       background subtraction, nearest mean colour, logistic regression on smoothed intensities
    classification     majority class, mean intensities, image size, metadata alone, a thumbnail's pixels
    a number           mean and median of training, then as for a classification

Each is fitted on the training pieces of a fold and answers its test pieces. A network that does not beat the best of
these has learnt nothing that needs a network; one that metadata alone match may have learnt the scanner. The best is
chosen by its score on the test pieces themselves, which flatters the baseline and never the network.

Images are (channel, *space) with any number of spatial axes, and come from a sequence that may read each one when it is
asked for (`OnDemand`), so that a cohort need not fit in memory; a baseline reads each image at most once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, overload

import numpy as np
import pandas as pd

from hypercolumn.evaluation.number_baselines import SameNumber
from hypercolumn.evaluation.pixel_baselines import (
    GlobalThreshold,
    LogisticIntensities,
    MajorityOfSamples,
    NearestMeanColour,
    OtsuThreshold,
)
from hypercolumn.evaluation.predictions import KINDS, REGRESSION, SEGMENTATION
from hypercolumn.evaluation.record_baselines import (
    ImageSize,
    MajorityOfRecords,
    MeanIntensities,
    MetadataAlone,
    ThumbnailPixels,
)
from hypercolumn.evaluation.score import Score

T = TypeVar("T")


class Fitted(Protocol):
    """A baseline that has seen its training pieces."""

    @property
    def note(self) -> str:
        """What it learnt, in words, or why there was nothing to learn."""
        ...

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        """Probabilities: (class, *space) for a segmentation, (class,) for a classification; a number itself as (1,)."""
        ...


class Baseline(Protocol):
    """A way to answer without a network."""

    @property
    def name(self) -> str: ...

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> Fitted:
        """Learn from images (channel, *space), their targets and one row of metadata each, all in one order.

        A target is class indices (*space), one class index, a number, or a 0/1 vector (label,) where there are several
        labels.
        """
        ...


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


def baselines_for(
    target_kind: str, *, classes: int, channels: int = 1, metadata: Sequence[str] = (), seed: int = 0
) -> list[Baseline]:
    """The baselines that suit a target; `metadata` names the columns that metadata alone may use.

    A number has no `classes`: give 0.

    >>> [baseline.name for baseline in baselines_for("class", classes=2, metadata=("scanner",))]
    ['majority class', 'mean intensities', 'image size', 'metadata alone', 'thumbnail pixels']
    """
    if target_kind in KINDS[SEGMENTATION]:
        found: list[Baseline] = [MajorityOfSamples(classes)]
        if classes == 2:
            found += [
                GlobalThreshold(seed=seed),
                GlobalThreshold("global threshold after background subtraction", subtract=True, seed=seed),
                OtsuThreshold(seed=seed),
                OtsuThreshold("Otsu threshold after background subtraction", subtract=True, seed=seed),
            ]
        if classes > 2 or channels > 1:
            found.append(NearestMeanColour(classes, seed=seed))
        return [*found, LogisticIntensities(classes, seed=seed)]
    constants: list[Baseline] = [MajorityOfRecords(target_kind, classes)]
    if target_kind in KINDS[REGRESSION]:
        constants = [SameNumber("mean of training", np.mean), SameNumber("median of training", np.median)]
    records = [*constants, MeanIntensities(target_kind, classes), ImageSize(target_kind, classes)]
    if metadata:
        records.append(MetadataAlone(target_kind, classes, tuple(metadata)))
    return [*records, ThumbnailPixels(target_kind, classes, seed=seed)]


def best_baseline(headlines: Mapping[str, Score]) -> str | None:
    """The name of the baseline whose headline score is best; None where none is defined.

    >>> low, high = (Score("Dice", value, None, None, "patients", 9, 9) for value in (0.4, 0.7))
    >>> best_baseline({"majority class": low, "Otsu threshold": high})
    'Otsu threshold'
    """
    defined = {name: score.goodness for name, score in headlines.items() if score.goodness is not None}
    return max(defined, key=lambda name: defined[name]) if defined else None
