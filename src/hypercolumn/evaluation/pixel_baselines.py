"""Segmentation without a network: each sample is judged by its own brightness or colour, and a blur of it.

    majority class                 everything is what most samples of the training pieces are
    global threshold               one view of the image, one threshold and one side, by Dice on the training pieces
    Otsu threshold                 each image's own threshold (Otsu 1979, doi 10.1109/TSMC.1979.4310076); the view and
                                   the side that is foreground are learnt from the training pieces
    after background subtraction   the same on the image less its own wide blur
    nearest mean colour            the class whose mean colour is nearest
    logistic regression            on each channel at three degrees of blur; for two classes its threshold by Dice

A view is a channel, or the mean of the channels, as it is or slightly blurred. Nothing here knows shape, which is the
network's business. Images are (channel, *space) with one to three spatial axes.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.filters import threshold_otsu
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hypercolumn.evaluation.overlap import dice

PIECES = 64
"""At most so many training pieces are looked at: a rule of a few numbers is settled long before."""

SAMPLES = 200_000
"""At most so many samples are learnt from, an equal number a piece."""

SLIGHT_BLUR = 1.5
"""Standard deviation in samples of the slightly blurred view."""

BACKGROUND = (1 / 16, 1 / 5)
"""Widths of the background's blur, as shares of the shortest side."""


@dataclass(frozen=True)
class MajorityOfSamples:
    """Everything is what most samples of the training pieces are.

    >>> fitted = MajorityOfSamples(2).fit([], [np.array([0, 0, 0, 1])], pd.DataFrame())
    >>> fitted.predict(np.zeros((3, 2)), pd.Series())
    array([[0.75, 0.75],
           [0.25, 0.25]])
    """

    classes: int
    name: str = "majority class"

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "ConstantSamples":
        total = np.zeros(self.classes)
        for target in targets:
            total += np.bincount(np.asarray(target).ravel(), minlength=self.classes)
        return ConstantSamples(total / total.sum())


@dataclass(frozen=True, eq=False)
class ConstantSamples:
    """The share of each class in the training samples, everywhere."""

    shares: np.ndarray
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        space = np.shape(image)[1:]
        return np.broadcast_to(self.shares.reshape(-1, *[1] * len(space)), (len(self.shares), *space)).copy()


@dataclass(frozen=True)
class View:
    """One grey image made from a (channel, *space) image: a channel or their mean, blurred, less its background.

    >>> print(View(None), "|", View(1, 1.5, 0.2))
    the mean of the channels | channel 1, blurred by 1.5 samples, less a background of 0.20 of the shortest side
    >>> View(None).of(np.array([[1, 2], [3, 6]]))
    array([2., 4.], dtype=float32)
    """

    channel: int | None
    blur: float = 0.0
    background: float | None = None

    def __str__(self) -> str:
        parts = ["the mean of the channels" if self.channel is None else f"channel {self.channel}"]
        parts += [f"blurred by {self.blur:g} samples"] if self.blur else []
        parts += [f"less a background of {self.background:.2f} of the shortest side"] if self.background else []
        return ", ".join(parts)

    def of(self, image: np.ndarray) -> np.ndarray:
        """The view (*space) of an image (channel, *space)."""
        return next(seen_as(image, [self]))


def seen_as(image: np.ndarray, views: Sequence[View]) -> Iterator[np.ndarray]:
    """Each view of one image; views of one channel next to each other share their blurs."""
    known: dict[tuple[str, float], np.ndarray] = {}
    channel: int | None = -1
    for view in views:
        if view.channel != channel:
            channel = view.channel
            grey = np.asarray(image).mean(axis=0) if channel is None else np.asarray(image)[channel]
            known = {("blur", 0.0): np.asarray(grey, dtype=np.float32)}
        sharp = known["blur", 0.0]
        if ("blur", view.blur) not in known:
            known["blur", view.blur] = ndimage.gaussian_filter(sharp, view.blur)
        if view.background is None:
            yield known["blur", view.blur]
            continue
        if ("background", view.background) not in known:
            known["background", view.background] = _wide_blur(sharp, view.background)
        yield known["blur", view.blur] - known["background", view.background]


def candidates_for(channels: int, *, subtract: bool) -> Iterator[View]:
    """All the views that a threshold may be put to.

    >>> len(list(candidates_for(3, subtract=False))), len(list(candidates_for(1, subtract=True)))
    (8, 4)
    """
    for channel in (None, *range(channels)) if channels > 1 else (0,):
        for blur in (0.0, SLIGHT_BLUR):
            for background in BACKGROUND if subtract else (None,):
                yield View(channel, blur, background)


@dataclass(frozen=True)
class GlobalThreshold:
    """One view, one threshold and one side for all images: those with the best pooled Dice on the training pieces.

    >>> image, target = np.array([[1.0, 1, 1, 1, 1, 8, 9, 9]]), np.array([0, 0, 0, 0, 0, 1, 1, 1])
    >>> fitted = GlobalThreshold().fit([image], [target], pd.DataFrame())
    >>> fitted.note
    'brighter than 4.5 in channel 0; Dice 1.000 on the training pieces'
    >>> fitted.predict(np.array([[0.0, 5.0]]), pd.Series())[1]
    array([0., 1.])
    """

    name: str = "global threshold"
    subtract: bool = False
    seed: int = 0

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "FittedThreshold":
        chance = np.random.default_rng(self.seed)
        candidates: list[View] = []
        values, wanted, weights = [], [], []
        for image, target in _some_pieces(images, targets, seed=self.seed):
            candidates = candidates or list(candidates_for(len(image), subtract=self.subtract))
            chosen = _some_samples(np.size(target), min(len(targets), PIECES), chance)
            values.append(np.stack([seen.ravel()[chosen] for seen in seen_as(image, candidates)]))
            wanted.append(np.asarray(target).ravel()[chosen] == 1)
            weights.append(np.full(len(chosen), np.size(target) / len(chosen)))
        seen, truth, weight = np.concatenate(values, axis=1), np.concatenate(wanted), np.concatenate(weights)
        best = max(
            (
                (*best_threshold(sign * row, truth, weight), sign, view)
                for view, row in zip(candidates, seen, strict=True)
                for sign in (1, -1)
            ),
            key=lambda found: found[0],
        )
        reached, threshold, sign, view = best
        side = "brighter" if sign > 0 else "darker"
        note = f"{side} than {sign * threshold:.4g} in {view}; Dice {reached:.3f} on the training pieces"
        return FittedThreshold(view, threshold, sign, note)


@dataclass(frozen=True)
class FittedThreshold:
    """Foreground where the view times `sign` is above the threshold."""

    view: View
    threshold: float
    sign: int
    note: str

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return _two_classes(self.sign * self.view.of(image) > self.threshold)


@dataclass(frozen=True)
class OtsuThreshold:
    """Otsu's threshold of each image; view and side are those with the best pooled Dice on the training pieces.

    >>> image, target = np.array([[1.0, 1, 1, 1, 1, 8, 9, 9]]), np.array([1, 1, 1, 1, 1, 0, 0, 0])
    >>> OtsuThreshold().fit([image], [target], pd.DataFrame()).note
    'darker in channel 0; Dice 1.000 on the training pieces'
    """

    name: str = "Otsu threshold"
    subtract: bool = False
    seed: int = 0

    def fit(self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame) -> "FittedOtsu":
        candidates: list[View] = []
        counted = np.zeros((0, 2, 3))
        for image, target in _some_pieces(images, targets, seed=self.seed):
            if not candidates:
                candidates = list(candidates_for(len(image), subtract=self.subtract))
                counted = np.zeros((len(candidates), 2, 3))
            wanted = np.asarray(target) == 1
            for index, seen in enumerate(seen_as(image, candidates)):
                for side, region in enumerate(_otsu_sides(seen)):
                    hit = np.count_nonzero(region & wanted)
                    counted[index, side] += hit, np.count_nonzero(region) - hit, np.count_nonzero(wanted) - hit
        reached = np.nan_to_num(dice(counted[..., 0], counted[..., 1], counted[..., 2]))
        index, side = np.unravel_index(reached.argmax(), reached.shape)
        view = candidates[index]
        note = f"{'brighter' if side == 0 else 'darker'} in {view}; Dice {reached.max():.3f} on the training pieces"
        return FittedOtsu(view, int(side), note)


@dataclass(frozen=True)
class FittedOtsu:
    """Foreground on the given side, 0 brighter and 1 darker, of each image's own Otsu threshold."""

    view: View
    side: int
    note: str

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return _two_classes(_otsu_sides(self.view.of(image))[self.side])


@dataclass(frozen=True)
class NearestMeanColour:
    """Each sample is of the class whose mean colour in the training pieces is nearest.

    >>> image, target = np.array([[0.0, 1, 5, 9]]), np.array([0, 0, 1, 2])
    >>> NearestMeanColour(3).fit([image], [target], pd.DataFrame()).predict(np.array([[6.0]]), pd.Series()).ravel()
    array([0., 1., 0.])
    """

    classes: int
    name: str = "nearest mean colour"
    seed: int = 0

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "FittedColour":
        features, truth = _colours(images, targets, blurs=(0.0,), seed=self.seed)
        means = [
            features[truth == index].mean(axis=0) if (truth == index).any() else np.full(features.shape[1], np.inf)
            for index in range(self.classes)
        ]
        return FittedColour(np.stack(means))


@dataclass(frozen=True, eq=False)
class FittedColour:
    """Mean colours (class, channel); a class that nobody had lies infinitely far away."""

    means: np.ndarray
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        colours = np.asarray(image, dtype=np.float32)
        apart = np.stack(
            [np.square(colours - mean.reshape(-1, *[1] * (colours.ndim - 1))).sum(axis=0) for mean in self.means]
        )
        return (apart.argmin(axis=0)[None] == np.arange(len(self.means)).reshape(-1, *[1] * (colours.ndim - 1))).astype(
            float
        )


@dataclass(frozen=True)
class LogisticIntensities:
    """Logistic regression on each channel at several degrees of blur, sample by sample.

    >>> image = np.concatenate([np.zeros((1, 20)), np.ones((1, 20))], axis=1)
    >>> fitted = LogisticIntensities(2, blurs=(0.0,)).fit([image], [image[0].astype(int)], pd.DataFrame())
    >>> fitted.predict(np.array([[0.1, 0.9]]), pd.Series()).argmax(axis=0)
    array([0, 1])
    """

    classes: int
    name: str = "logistic regression on smoothed intensities"
    blurs: tuple[float, ...] = (0.0, 2.0, 8.0)
    seed: int = 0

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "FittedIntensities | ConstantSamples":
        features, truth = _colours(images, targets, blurs=self.blurs, seed=self.seed)
        there = np.unique(truth)
        if len(there) < 2:
            return ConstantSamples(np.eye(self.classes)[there[0]], "the training pieces hold one class alone")
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, truth)
        if self.classes > 2:
            return FittedIntensities(model, self.classes, self.blurs, 0.0, "")
        logit = model.decision_function(features)
        reached, threshold = best_threshold(logit, truth == 1, np.ones(len(truth)))
        return FittedIntensities(model, 2, self.blurs, threshold, f"Dice {reached:.3f} on the training pieces")


@dataclass(frozen=True, eq=False)
class FittedIntensities:
    """The regression; for two classes its logit is shifted so that the best threshold lies at a probability of 0.5."""

    model: Pipeline
    classes: int
    blurs: tuple[float, ...]
    shift: float
    note: str

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        features = _blurred(image, self.blurs)
        space = np.shape(image)[1:]
        flat = features.reshape(len(features), -1).T
        if self.classes == 2:
            likely = 1 / (1 + np.exp(-np.clip(self.model.decision_function(flat) - self.shift, -50, 50)))
            return np.stack([1 - likely, likely]).reshape(2, *space)
        chances = np.zeros((self.classes, len(flat)))
        chances[self.model.classes_] = self.model.predict_proba(flat).T
        return chances.reshape(self.classes, *space)


def best_threshold(values: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The Dice and the threshold of the rule "above the threshold" that agrees best with what is wanted.

    >>> best_threshold(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]), np.ones(4))
    (1.0, 2.5)
    """
    order = np.argsort(-values, kind="stable")
    ranked, hits = values[order], (weights * wanted)[order].cumsum()
    alarms = weights[order].cumsum() - hits
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    reached = np.nan_to_num(dice(hits[ends], alarms[ends], hits[-1] - hits[ends]))
    best = ends[reached.argmax()]
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 1
    return float(reached.max()), float((ranked[best] + below) / 2)


def _some_pieces(
    images: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for index in np.sort(np.random.default_rng(seed).permutation(len(targets))[:PIECES]).tolist():
        yield images[index], targets[index]


def _some_samples(size: int, pieces: int, chance: np.random.Generator) -> np.ndarray:
    wanted = max(200, SAMPLES // max(1, pieces))
    return np.arange(size) if size <= wanted else chance.integers(0, size, wanted)


def _colours(
    images: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, blurs: tuple[float, ...], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features (sample, channel * blur) and classes (sample,) of some samples of every image."""
    chance = np.random.default_rng(seed)
    features, truth = [], []
    for image, target in _some_pieces(images, targets, seed=seed):
        chosen = _some_samples(np.size(target), min(len(targets), PIECES), chance)
        seen = _blurred(image, blurs)
        features.append(seen.reshape(len(seen), -1)[:, chosen].T)
        truth.append(np.asarray(target).ravel()[chosen].astype(int))
    return np.concatenate(features), np.concatenate(truth)


def _blurred(image: np.ndarray, blurs: tuple[float, ...]) -> np.ndarray:
    """Each channel at each degree of blur: (channel * blur, *space)."""
    channels = np.asarray(image, dtype=np.float32)
    return np.concatenate(
        [channels if not blur else np.stack([ndimage.gaussian_filter(one, blur) for one in channels]) for blur in blurs]
    )


def _wide_blur(grey: np.ndarray, share: float) -> np.ndarray:
    """A wide blur, near a Gaussian of that deviation, by three running means, whose cost does not grow with width."""
    size = max(3, round(2 * share * min(grey.shape)))
    blurred = grey
    for _ in range(3):
        blurred = ndimage.uniform_filter(blurred, size, mode="reflect")
    return blurred


def _otsu_sides(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Above and below Otsu's threshold; an image of one value has nothing on either side."""
    if grey.min() == grey.max():
        nothing = np.zeros(grey.shape, dtype=bool)
        return nothing, nothing
    above = grey > threshold_otsu(grey)
    return above, ~above


def _two_classes(region: np.ndarray) -> np.ndarray:
    return np.stack([~region, region]).astype(float)
