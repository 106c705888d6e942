"""An answer a record without a network: what a glance at an image, at its file or at its label on the shelf tells.

    majority class       how often each class stands in the training pieces
    mean intensities     mean, standard deviation and five quantiles of each channel
    image size           the length of each axis, and the size of the file where metadata have a column "file_bytes"
    metadata alone       the columns named (scanner, site, date): categories and numbers, no pixel at all
    thumbnail pixels     the image averaged down to some 256 values a channel

All but the first are a logistic regression on standardised numbers, one for each label where there are several; a
measured number is learnt by ridge regression on the same (`number_baselines`). With more than two classes they weigh
classes alike, since the headline (balanced accuracy, kappa) does. Image size and metadata should tell nothing; where
they do, so may a network have been told.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hypercolumn.evaluation.number_baselines import ConstantNumber, FittedNumber, Glance, fit_number, same_for_all

RECORDS = 5_000
"""A thumbnail's pixels are learnt from at most so many records."""

FILE_BYTES = "file_bytes"
"""The metadata column that holds the size of the file."""


@dataclass(frozen=True)
class MajorityOfRecords:
    """Each class as likely as it was in the training pieces.

    >>> fitted = MajorityOfRecords("grade", 3).fit([], [0, 0, 2, 0], pd.DataFrame())
    >>> fitted.predict(np.zeros((1, 2)), pd.Series())
    array([0.75, 0.  , 0.25])
    """

    target_kind: str
    classes: int
    name: str = "majority class"

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "ConstantRecord":
        return ConstantRecord(_matrix(targets, self.target_kind, self.classes).mean(axis=0))


@dataclass(frozen=True, eq=False)
class ConstantRecord:
    """The same probabilities for every record."""

    shares: np.ndarray
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return self.shares.copy()


@dataclass(frozen=True)
class MeanIntensities:
    """Mean, standard deviation and quantiles of each channel."""

    target_kind: str
    classes: int
    name: str = "mean intensities"

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> "Learnt":
        return _fit(intensities, _numbers(intensities, images, metadata), targets, self.target_kind, self.classes)


@dataclass(frozen=True)
class ImageSize:
    """The length of each axis and the size of the file; nothing is learnt where these are the same for all."""

    target_kind: str
    classes: int
    name: str = "image size"

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> "Learnt":
        numbers = _numbers(size, images, metadata)
        if (numbers == numbers[0]).all():
            note = "all images and files have the same size: nothing to learn"
            if self.target_kind == "number":
                return same_for_all(targets, note)
            return ConstantRecord(_matrix(targets, self.target_kind, self.classes).mean(axis=0), note)
        return _fit(size, numbers, targets, self.target_kind, self.classes)


@dataclass(frozen=True)
class MetadataAlone:
    """The named columns of the metadata, without a look at the image.

    >>> metadata = pd.DataFrame({"scanner": ["old", "new"] * 20})
    >>> fitted = MetadataAlone("class", 2, ("scanner",)).fit([], [1, 0] * 20, metadata)
    >>> fitted.predict(np.zeros((1, 2)), metadata.iloc[0]).argmax()
    np.int64(1)
    """

    target_kind: str
    classes: int
    columns: tuple[str, ...]
    name: str = "metadata alone"

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> "Learnt":
        glance = MetadataGlance.of(metadata, self.columns)
        numbers = np.stack([glance.encode(row) for _, row in metadata.iterrows()])
        return _fit(glance, numbers, targets, self.target_kind, self.classes)


@dataclass(frozen=True)
class MetadataGlance:
    """Columns of the metadata as numbers: a 0 or 1 for each value seen in training, or the number itself.

    >>> seen = pd.DataFrame({"scanner": ["A", "B"], "age": [40, 60]})
    >>> MetadataGlance.of(seen, ("scanner", "age")).encode(pd.Series({"scanner": "B", "age": 50}))
    array([ 0.,  1., 50.])
    """

    values: tuple[tuple[str, tuple[str, ...]], ...]
    """Each column with the values seen; a column of numbers with its mean, which stands in where one is missing."""
    numeric: tuple[str, ...]

    @classmethod
    def of(cls, metadata: pd.DataFrame, columns: Sequence[str]) -> "MetadataGlance":
        numeric = tuple(name for name in columns if pd.api.types.is_numeric_dtype(metadata[name]))
        return cls(
            tuple(
                (
                    name,
                    (str(metadata[name].mean()),) if name in numeric else tuple(sorted(set(map(str, metadata[name])))),
                )
                for name in columns
            ),
            numeric,
        )

    def __call__(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return self.encode(metadata)

    def encode(self, metadata: pd.Series) -> np.ndarray:
        numbers: list[float] = []
        for name, values in self.values:
            cell = metadata[name]
            if name in self.numeric:
                numbers.append(float(values[0]) if pd.isna(cell) else float(cell))
            else:
                numbers += [float(str(cell) == value) for value in values]
        return np.nan_to_num(np.array(numbers))


@dataclass(frozen=True)
class ThumbnailPixels:
    """The image averaged down to a thumbnail, all its values."""

    target_kind: str
    classes: int
    name: str = "thumbnail pixels"
    seed: int = 0

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> "Learnt":
        chosen = np.sort(np.random.default_rng(self.seed).permutation(len(images))[:RECORDS]).tolist()
        numbers = np.stack([thumbnail_values(images[index], metadata.iloc[index]) for index in chosen])
        return _fit(thumbnail_values, numbers, [targets[index] for index in chosen], self.target_kind, self.classes)


@dataclass(frozen=True, eq=False)
class FittedRecord:
    """One regression over classes, or one for each label; None stands for an answer that was always the same."""

    glance: Glance
    models: tuple[Pipeline | None, ...]
    shares: np.ndarray
    several: bool
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        numbers = self.glance(image, metadata)[None]
        chances = self.shares.astype(float)
        if self.several:
            for index, model in enumerate(self.models):
                if model is not None:
                    chances[index] = model.predict_proba(numbers)[0, 1]
        elif self.models[0] is not None:
            chances = np.zeros(len(self.shares))
            chances[self.models[0].classes_] = self.models[0].predict_proba(numbers)[0]
        return chances


Learnt = FittedRecord | ConstantRecord | FittedNumber | ConstantNumber
"""What comes of a fit."""


def intensities(image: np.ndarray, metadata: pd.Series) -> np.ndarray:
    """Mean, standard deviation and the quantiles 5, 25, 50, 75 and 95 % of each channel, one channel after the other.

    >>> intensities(np.array([[0.0, 1.0, 2.0, 3.0, 4.0]]), pd.Series())[[0, 4]]
    array([2., 2.])
    """
    numbers = []
    for channel in np.asarray(image, dtype=np.float64):
        numbers += [channel.mean(), channel.std(), *np.quantile(channel, (0.05, 0.25, 0.5, 0.75, 0.95))]
    return np.array(numbers)


def size(image: np.ndarray, metadata: pd.Series) -> np.ndarray:
    """The logarithm of each axis' length, and of the file's size where it is known.

    >>> size(np.zeros((1, 1, 1)), pd.Series({"file_bytes": 1}))
    array([0., 0., 0.])
    """
    lengths = np.log(np.shape(image)[1:])
    if FILE_BYTES not in metadata.index:
        return lengths
    return np.append(lengths, np.log(max(1.0, float(metadata[FILE_BYTES]))))


def thumbnail(image: np.ndarray, *, values: int = 256) -> np.ndarray:
    """Means over blocks, some `values` of them a channel and equally many along each axis: (channel, *blocks).

    >>> thumbnail(np.arange(8.0).reshape(1, 8), values=4)
    array([[0.5, 2.5, 4.5, 6.5]])
    """
    small = np.asarray(image, dtype=float)
    side = max(1, round(values ** (1 / (small.ndim - 1))))
    for axis in range(1, small.ndim):
        length = small.shape[axis]
        starts = (np.arange(side) * length) // side
        counts = np.maximum(np.diff(np.append(starts, length)), 1)
        shape = [-1 if other == axis else 1 for other in range(small.ndim)]
        small = np.add.reduceat(small, starts, axis=axis) / counts.reshape(shape)
    return small


def thumbnail_values(image: np.ndarray, metadata: pd.Series) -> np.ndarray:
    """The thumbnail's values in a row.

    >>> thumbnail_values(np.ones((3, 64, 64)), pd.Series()).shape
    (768,)
    """
    return thumbnail(image).ravel()


def _numbers(glance: Glance, images: Sequence[np.ndarray], metadata: pd.DataFrame) -> np.ndarray:
    return np.stack([glance(image, metadata.iloc[position]) for position, image in enumerate(images)])


def _matrix(targets: Sequence[np.ndarray], target_kind: str, classes: int) -> np.ndarray:
    """What each record has, as 0 and 1: (record, class)."""
    if target_kind == "labels":
        return np.stack([np.asarray(target) for target in targets]).astype(int)
    return np.eye(classes, dtype=int)[np.asarray([int(target) for target in targets])]


def _fit(glance: Glance, numbers: np.ndarray, targets: Sequence[np.ndarray], target_kind: str, classes: int) -> Learnt:
    if target_kind == "number":
        return fit_number(glance, numbers, targets)
    matrix = _matrix(targets, target_kind, classes)
    several = target_kind == "labels"
    answers = list(matrix.T) if several else [matrix.argmax(axis=1)]
    weights = "balanced" if not several and classes > 2 else None
    models = tuple(_regression(numbers, wanted, weights) for wanted in answers)
    note = "" if any(model is not None for model in models) else "the training pieces hold one class alone"
    return FittedRecord(glance, models, matrix.mean(axis=0), several, note)


def _regression(numbers: np.ndarray, wanted: np.ndarray, weights: str | None) -> Pipeline | None:
    if len(np.unique(wanted)) < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000, class_weight=weights))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(numbers, wanted)
