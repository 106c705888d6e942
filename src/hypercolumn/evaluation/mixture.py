"""Slices that nobody named: an error-aware mixture over embeddings, labels and answers (Domino).

    log L = sum_i log sum_s P(s) N(z_i | mean_s, diag var_s) P(y_i | s)^g prod_c P(c | s)^(g' h_ic)

z are the first principal components of the embeddings, y the true class, h the probabilities answered. A component that
fits is alike in its embeddings, in its labels and in its answers at once, so records that look alike and are answered
wrongly gather. EM, at most 100 rounds, from the cells of the confusion matrix, to which the components are dealt, with
a little noise. Each round raises log L. Eyuboglu and others 2022, arXiv 2203.14960.

It always finds components. Whether one of them fares worse than chance is for records that it was not fitted on, and
there it may see their embedding and their label, never their answer: that would choose the wrong ones to be judged.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from hypercolumn.errors import InvalidArgument, ShapeMismatch

COMPONENTS, NUMBERS, ROUNDS = 25, 128, 100

_FLOOR = 1e-3
"""No variance is below this share of the mean variance of its number, and no probability below it."""


@dataclass(frozen=True, eq=False)
class ErrorMixture:
    """`shares` (component,), `means` and `variances` (component, number), `labels` and `answers` (component, class).

    `trace` is log L by round. The weights g and g' are `label_weight` and `answer_weight`.
    """

    shares: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    label_weight: float
    answer_weight: float
    trace: tuple[float, ...]

    def memberships(
        self, vectors: np.ndarray, truth: np.ndarray | None = None, answers: np.ndarray | None = None
    ) -> np.ndarray:
        """P(component | what is given) of new records (record, component)."""
        joint = self._joint((np.asarray(vectors, dtype=float) - self.centre) @ self.axes, truth, answers)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def _joint(self, z: np.ndarray, truth: np.ndarray | None, answers: np.ndarray | None) -> np.ndarray:
        precision = 1 / self.variances
        apart = z**2 @ precision.T - 2 * z @ (self.means * precision).T + (self.means**2 * precision).sum(axis=1)
        joint = np.log(self.shares) - (apart + np.log(2 * np.pi * self.variances).sum(axis=1)) / 2
        if truth is not None:
            joint = joint + self.label_weight * np.log(self.labels.T[np.asarray(truth, dtype=int)])
        if answers is not None:
            joint = joint + self.answer_weight * np.asarray(answers, dtype=float) @ np.log(self.answers.T)
        return joint


def fit_error_mixture(
    vectors: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    *,
    components: int = COMPONENTS,
    label_weight: float = 1.0,
    answer_weight: float = 1.0,
    numbers: int = NUMBERS,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> ErrorMixture:
    """Fit to embeddings (record, number), true classes (record,) and probabilities (record, class).

    >>> chance = np.random.default_rng(0)
    >>> truth, inside = np.repeat([0, 1], 100), np.arange(200) >= 170
    >>> right = np.where(inside, 0.1, 0.9)
    >>> answers = np.where(np.eye(2)[truth] == 1, right[:, None], 1 - right[:, None])
    >>> vectors = chance.normal(size=(200, 3)) + 4 * np.outer(truth, [1, 0, 0]) + 5 * np.outer(inside, [0, 1, 0])
    >>> found = fit_error_mixture(vectors, truth, answers, components=6)
    >>> worst = np.argmax(np.abs(found.labels - found.answers).sum(axis=1))
    >>> bool((found.memberships(vectors, truth)[inside, worst] > 0.5).mean() > 0.9)
    True
    """
    given, known, said = (
        np.asarray(vectors, dtype=float),
        np.asarray(truth, dtype=int),
        np.asarray(answers, dtype=float),
    )
    if given.ndim != 2 or said.ndim != 2 or not len(given) == len(known) == len(said):
        raise ShapeMismatch(f"{given.shape} embeddings, {known.shape} labels, {said.shape} answers")
    if not np.isfinite(given).all() or (said < 0).any() or np.abs(said.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise InvalidArgument("answers", "no probabilities", fix="give finite embeddings, and rows that sum to one")
    if not 1 <= components <= len(given) or rounds < 1:
        raise InvalidArgument("components", components, fix=f"give 1 to {len(given)}, and a round at least")
    centre = given.mean(axis=0)
    _, spread, axes = np.linalg.svd(given - centre, full_matrices=False)
    kept = spread[:numbers] > 1e-9 * max(float(spread.max(initial=0)), 1e-300)
    if not kept.any():
        raise InvalidArgument("vectors", "constant", why="every record has the same embedding", fix="give others")
    axes = axes[:numbers][kept].T
    z = (given - centre) @ axes
    hot = np.eye(said.shape[1])[known]
    held = _start(hot, said, components, np.random.default_rng(seed))
    trace: list[float] = []
    for _ in range(rounds):
        fitted = _maximum(z, hot, said, held, centre, axes, label_weight, answer_weight, tuple(trace))
        joint = fitted._joint(z, known, said)
        evidence = logsumexp(joint, axis=1, keepdims=True)
        held = np.exp(joint - evidence)
        trace.append(float(evidence.sum()))
        if len(trace) > 1 and trace[-1] - trace[-2] < 1e-4 * len(z):
            break
    return _maximum(z, hot, said, held, centre, axes, label_weight, answer_weight, tuple(trace))


def _start(hot: np.ndarray, said: np.ndarray, components: int, chance: np.random.Generator) -> np.ndarray:
    """Memberships (record, component): components dealt to the cells of the confusion matrix, with noise."""
    classes = hot.shape[1]
    cells = (hot[:, :, None] * said[:, None, :]).reshape(len(hot), classes * classes)
    held = cells[:, np.arange(components) % (classes * classes)] * chance.uniform(0.5, 1.5, (len(hot), components))
    held = held + chance.uniform(1e-6, 1e-3, held.shape)
    return held / held.sum(axis=1, keepdims=True)


def _maximum(
    z: np.ndarray,
    hot: np.ndarray,
    said: np.ndarray,
    held: np.ndarray,
    centre: np.ndarray,
    axes: np.ndarray,
    label_weight: float,
    answer_weight: float,
    trace: tuple[float, ...],
) -> ErrorMixture:
    weight = held.sum(axis=0) + 1e-9
    means = held.T @ z / weight[:, None]
    variances = held.T @ z**2 / weight[:, None] - means**2
    variances = np.maximum(variances, _FLOOR * z.var(axis=0))
    labels, answers = (np.maximum(held.T @ part / weight[:, None], _FLOOR) for part in (hot, said))
    labels, answers = (part / part.sum(axis=1, keepdims=True) for part in (labels, answers))
    shares = weight / weight.sum()
    return ErrorMixture(shares, means, variances, labels, answers, centre, axes, label_weight, answer_weight, trace)
