"""The settings by which probabilities become objects, chosen on training predictions by the AP of their objects.

    chosen    argmax over (foreground, height, smallest) of the mean over images of AP (IoU 0.50 to 0.95)

For each image and threshold the relief is flooded once; all heights and sizes are then read from one table of basins
against true objects, without touching a sample again. Heights are tried in shares of the median peak inside true
objects, sizes in shares of the median true object, so that nothing depends on the magnification. Of equally good
settings the first in the order given is taken.

What is fitted on an image flatters on that image. Give predictions for the training folds only, best from a network
that did not learn from them (the validation side); an image without a true object adds nothing unless something is
found in it. Holes and smoothing are the caller's, in `start`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.contingency import Contingency, contingency
from hypercolumn.evaluation.instances import matches
from hypercolumn.tasks.basins import Basins
from hypercolumn.tasks.instances import InstanceSettings, basins_of, relief_of, sample_size

FOREGROUNDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
HEIGHT_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
SCORES = tuple(round(0.05 * step, 2) for step in range(1, 20))
SIZE_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True, eq=False)
class PredictedImage:
    """One image of the training folds: its true objects, and what a network said; arrays (*space).

    `distance` and `border` are what was learnt beside the foreground, as `instances` takes them. `numbers` are those of
    a network that finds objects itself, whose scores then are the foreground.
    """

    truth: np.ndarray
    foreground: np.ndarray
    distance: np.ndarray | None = None
    border: np.ndarray | None = None
    spacing: tuple[float, ...] | None = None
    numbers: np.ndarray | None = None

    def basins(self, settings: InstanceSettings) -> Basins:
        return basins_of(self.foreground, settings, distance=self.distance, border=self.border, spacing=self.spacing)


@dataclass(frozen=True)
class FittedInstances:
    """The settings chosen, their AP on the images they were chosen on, and the AP of every setting tried."""

    settings: InstanceSettings
    average_precision: float
    tried: tuple[tuple[InstanceSettings, float], ...]


def fit_instances(
    images: Sequence[PredictedImage],
    *,
    start: InstanceSettings | None = None,
    foregrounds: Sequence[float] = FOREGROUNDS,
    height_shares: Sequence[float] = HEIGHT_SHARES,
    size_shares: Sequence[float] = SIZE_SHARES,
) -> FittedInstances:
    """The settings whose objects have the highest mean AP on these images; components unsplit are tried too.

    Raises InvalidArgument where no image holds a true object.

    >>> truth = np.zeros((20, 40), dtype=int)
    >>> truth[5:15, 5:15], truth[5:15, 17:27] = 1, 2
    >>> foreground = np.where(truth > 0, 0.75, 0.0)
    >>> foreground[9:11, 15:17] = 0.65  # a bridge
    >>> fitted = fit_instances([PredictedImage(truth, foreground)])
    >>> fitted.settings.foreground, round(fitted.settings.height, 2), fitted.average_precision
    (0.3, 0.1, 1.0)
    """
    _require_objects(images)
    start = InstanceSettings() if start is None else start
    peak, size = _typical(images, start)
    heights = (None, *(share * peak for share in height_shares))
    sizes = tuple(share * size for share in size_shares)
    tried = []
    for foreground in foregrounds:
        base = replace(start, foreground=foreground)
        found = np.stack([_precision(image, base, heights, sizes) for image in images], axis=-1)
        for (row, height), (column, smallest) in product(enumerate(heights), enumerate(sizes)):
            value = float(mean_of_defined(found[row, column]))
            tried.append((replace(base, height=height, smallest=smallest), value))
    return _best_of(tried)


def fit_scores(
    images: Sequence[PredictedImage], *, scores: Sequence[float] = SCORES, size_shares: Sequence[float] = SIZE_SHARES
) -> FittedInstances:
    """The least score, and the least size, with which objects that a network found itself have the highest mean AP.

    Raises InvalidArgument where no image holds a true object.

    >>> truth, found = np.array([[1, 1, 0, 0, 2, 2]]), np.array([[1, 1, 0, 3, 2, 2]])
    >>> score = np.array([[0.9, 0.9, 0.0, 0.2, 0.6, 0.6]])
    >>> fit_scores([PredictedImage(truth, score, numbers=found)]).settings.foreground
    0.25
    """
    _require_objects(images)
    size = float(np.median(np.concatenate([_true_sizes(image) for image in images])))
    settings = [
        InstanceSettings(foreground=score, height=None, smallest=share * size)
        for score, share in product(scores, size_shares)
    ]
    found = np.stack([_precision_of_numbers(image, settings) for image in images], axis=-1)
    tried = [(one, float(mean_of_defined(row))) for one, row in zip(settings, found, strict=True)]
    return _best_of(tried)


def _require_objects(images: Sequence[PredictedImage]) -> None:
    if not any(np.any(image.truth) for image in images):
        raise InvalidArgument(
            "images", f"{len(images)} images", why="none holds a true object", fix="give labelled ones"
        )


def _best_of(tried: Sequence[tuple[InstanceSettings, float]]) -> FittedInstances:
    best, value = max(tried, key=lambda one: -1.0 if np.isnan(one[1]) else one[1])
    return FittedInstances(best, value, tuple(tried))


def _true_sizes(image: PredictedImage) -> np.ndarray:
    truth = np.asarray(image.truth)
    return np.unique(truth[truth > 0], return_counts=True)[1] * sample_size(image.spacing)


def _precision_of_numbers(image: PredictedImage, settings: Sequence[InstanceSettings]) -> np.ndarray:
    """AP of one image by setting."""
    assert image.numbers is not None
    numbers = image.numbers.astype(np.int64)
    table = contingency(image.truth, numbers)
    score_of = np.zeros(int(numbers.max(initial=0)) + 1)
    score_of[numbers.reshape(-1)] = image.foreground.reshape(-1)
    scores, sizes = score_of[table.predicted], table.predicted_size * sample_size(image.spacing)
    return np.array(
        [
            matches(table.keep((scores >= one.foreground) & (sizes >= one.smallest))).average_precision
            for one in settings
        ]
    )


def _typical(images: Sequence[PredictedImage], settings: InstanceSettings) -> tuple[float, float]:
    """The median over true objects of the highest relief inside them, and of their size."""
    peaks, sizes = [], []
    for image in images:
        truth = np.asarray(image.truth)
        relief = relief_of(truth > 0, settings, distance=image.distance, border=image.border, spacing=image.spacing)
        ids, row = np.unique(truth[truth > 0], return_inverse=True)
        highest = np.zeros(len(ids), dtype=relief.dtype)
        np.maximum.at(highest, row, relief[truth > 0])
        peaks.append(highest)
        sizes.append(_true_sizes(image))
    return float(np.median(np.concatenate(peaks))), float(np.median(np.concatenate(sizes)))


def _precision(
    image: PredictedImage, base: InstanceSettings, heights: Sequence[float | None], sizes: Sequence[float]
) -> np.ndarray:
    """AP of one image at one threshold: (height, size)."""
    basins = image.basins(base)
    painted = np.zeros(image.foreground.size, dtype=np.int64)
    painted[basins.samples] = basins.basin + 1
    fine = contingency(image.truth, painted.reshape(image.foreground.shape))
    answer = np.empty((len(heights), len(sizes)))
    for row, height in enumerate(heights):
        table = _joined(fine, basins.objects(height))
        for column, smallest in enumerate(sizes):
            large = table.predicted_size * sample_size(image.spacing) >= smallest
            answer[row, column] = matches(table.keep(large)).average_precision
    return answer


def _joined(fine: Contingency, object_of: np.ndarray) -> Contingency:
    """The table of objects made of basins, from the table of the basins."""
    count = int(object_of.max()) + 1 if len(object_of) else 0
    size = np.bincount(object_of, weights=fine.predicted_size, minlength=count).astype(np.int64)
    code, row = np.unique(fine.pair_truth * max(count, 1) + object_of[fine.pair_predicted], return_inverse=True)
    samples = np.bincount(row, weights=fine.pair_samples, minlength=len(code)).astype(np.int64)
    truth, predicted = np.divmod(code, max(count, 1))
    return Contingency(fine.truth, fine.truth_size, np.arange(count), size, truth, predicted, samples)
