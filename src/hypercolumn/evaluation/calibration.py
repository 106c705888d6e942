"""Whether a probability means what it says: of all the cases given 0.8, eight in ten should be so.

    Brier score     mean over records of sum_c (p_c - y_c)^2; for two classes half of it, so that it runs from 0 to 1
    reliability     in bins of probability: how many, their mean probability, how often it was true
    ECE             sum_b n_b / n * |mean probability - how often true|
    line            logit P(true) = intercept + slope * logit(p); 0 and 1 are perfect, a slope below 1 is overconfident
    temperature     softmax(logits / T), T > 0, the T with the least negative log likelihood on the validation pieces

A temperature changes no answer, only how sure it sounds; fitted on the test pieces it would be a leak. The expected
calibration error is never below 0, so that chance alone makes it positive with few records.

Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; Cox 1958, doi 10.1093/biomet/45.3-4.562; Guo et al.
2017, arXiv 1706.04599.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.overlap import ratio

BINS = 10
"""Bins of equal width over probability, the last one closed."""

BIASED = "never below 0, so that chance alone makes it positive"
"""What a reader of an expected calibration error must know; no interval mends it."""

TEMPERATURES = (0.05, 20.0)
"""The range in which a temperature is looked for."""

_LEAST = 1e-7


def brier(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared error of each record: class indices (record,), probabilities (record, class) -> (record,).

    >>> brier(np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]]))
    array([0.0625, 0.25  ])
    """
    probabilities = np.asarray(probabilities, dtype=float)
    known = np.eye(probabilities.shape[1])[np.asarray(truth, dtype=int)]
    squared = np.square(probabilities - known).sum(axis=1)
    return squared / 2 if probabilities.shape[1] == 2 else squared


def reliability_counts(true: np.ndarray, probability: np.ndarray, *, bins: int = BINS) -> np.ndarray:
    """Counts (3, bin): how many, sum of their probability, how many true; arrays of one shape.

    >>> reliability_counts(np.array([1, 0, 1]), np.array([0.9, 0.05, 0.5]), bins=2)
    array([[1.  , 2.  ],
           [0.05, 1.4 ],
           [0.  , 2.  ]])
    """
    true, probability = np.asarray(true).ravel(), np.asarray(probability, dtype=float).ravel()
    place = np.clip((probability * bins).astype(np.int64), 0, bins - 1)
    return np.stack(
        [np.bincount(place, weights=values, minlength=bins) for values in (None, probability, true)]
    ).astype(float)


def expected_calibration_error(counts: np.ndarray) -> np.ndarray:
    """ECE of counts (..., 3, bin) as `reliability_counts` gives them; NaN where nothing was counted.

    >>> float(expected_calibration_error(reliability_counts(np.array([1, 0]), np.array([0.9, 0.4]))))
    0.25
    """
    counts = np.asarray(counts, dtype=float)
    return ratio(np.abs(counts[..., 1, :] - counts[..., 2, :]).sum(axis=-1), counts[..., 0, :].sum(axis=-1))


@dataclass(frozen=True)
class CalibrationLine:
    """A straight line on the logit scale; both are NaN where it is undefined."""

    slope: float
    intercept: float


def calibration_line(true: np.ndarray, probability: np.ndarray) -> CalibrationLine:
    """Fit the line by maximum likelihood; undefined where all are true or none, or where p parts them with no mistake.

    >>> probability = np.repeat([0.2, 0.8], 10)
    >>> true = np.concatenate([np.arange(10) < 2, np.arange(10) < 8])  # 2 of 10 and 8 of 10, as promised
    >>> line = calibration_line(true, probability)
    >>> round(line.slope, 3), abs(round(line.intercept, 3))
    (1.0, 0.0)
    """
    true = np.asarray(true, dtype=bool)
    logit = special.logit(np.clip(np.asarray(probability, dtype=float), _LEAST, 1 - _LEAST))
    parted = true.all() or not true.any() or logit[true].min() >= logit[~true].max() or np.ptp(logit) == 0
    if parted or logit[true].max() <= logit[~true].min():
        return CalibrationLine(np.nan, np.nan)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        place = line[0] + line[1] * logit
        left = special.expit(place) - true
        return float((np.logaddexp(0, place) - true * place).mean()), np.array([left.mean(), (left * logit).mean()])

    found = optimize.minimize(loss, np.array([0.0, 1.0]), jac=True, method="BFGS", options={"gtol": 1e-8})
    return CalibrationLine(slope=float(found.x[1]), intercept=float(found.x[0]))


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature with the negative log likelihood of the validation pieces before and after.

    `independent` says that each label has a probability of its own (sigmoid) instead of sharing one (softmax).
    """

    value: float
    before: float
    after: float
    pieces: int
    independent: bool

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities from logits (..., class)."""
        scaled = np.asarray(logits, dtype=float) / self.value
        return special.expit(scaled) if self.independent else special.softmax(scaled, axis=-1)

    def apply_to_probabilities(self, probabilities: np.ndarray) -> np.ndarray:
        """The same where only probabilities (..., class) were kept.

        >>> Temperature(2.0, 0.7, 0.6, 40, independent=False).apply_to_probabilities(np.array([0.9, 0.1]))
        array([0.75, 0.25])
        """
        return self.apply(logits_of(probabilities, independent=self.independent))


def logits_of(probabilities: np.ndarray, *, independent: bool) -> np.ndarray:
    """Logits whose softmax, or sigmoid where `independent`, are these probabilities; 0 and 1 are drawn in by 1e-7.

    >>> logits_of(np.array([0.5, 0.5]), independent=True)
    array([0., 0.])
    """
    drawn_in = np.clip(np.asarray(probabilities, dtype=float), _LEAST, 1 - _LEAST)
    return special.logit(drawn_in) if independent else np.log(drawn_in)


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> Temperature:
    """The temperature of logits (piece, class) for truth (piece,), or (piece, label) of 0 and 1 for several labels.

    Give pieces that the network was not trained on and that are not scored either: the validation side of the fold.
    Where only probabilities were kept, give `logits_of` them.

    >>> logits = np.array([[4.0, 0.0]] * 4)  # says 0.98 four times and is right three times
    >>> found = fit_temperature(logits, np.array([0, 0, 0, 1]))
    >>> found.apply(logits)[0].round(3)
    array([0.75, 0.25])
    """
    logits, truth = np.asarray(logits, dtype=float), np.asarray(truth)
    if logits.ndim != 2 or len(logits) == 0 or not np.isfinite(logits).all():
        raise InvalidArgument("logits", logits.shape, fix="give finite logits (piece, class) of at least one piece")
    independent = truth.ndim == 2
    if truth.shape != (logits.shape if independent else logits.shape[:1]):
        raise ShapeMismatch(f"truth is {truth.shape} for logits {logits.shape}")

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if independent:
            return float((np.logaddexp(0, scaled) - truth * scaled).sum(axis=1).mean())
        own = np.take_along_axis(scaled, truth.astype(int)[:, None], axis=1)[:, 0]
        return float((special.logsumexp(scaled, axis=1) - own).mean())

    low, high = np.log(TEMPERATURES)
    found = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    value = float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0
    return Temperature(value, loss(0.0), loss(np.log(value)), len(logits), independent)
