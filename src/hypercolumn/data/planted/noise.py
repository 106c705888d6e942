"""Wrong labels, planted: classes whose truth is known, labels flipped by a known matrix, and a model of known quality.

    z          = s e_true + sqrt(r) u_patient + sqrt(1 - r) noise     a score a class; s is set by the model's accuracy
    p(true|z)  = softmax(s z + log prior)                             exact
    given      ~ matrix[:, true]                                      P(given | true); the identity is the clean twin
    p(given|z) = matrix p(true|z)                                     what a model trained on given labels believes

A model trained on wrong labels and asked about records that it has not seen believes p(given | z), not p(true | z):
with a tenth of the labels flipped it is never surer than 0.9. `confidence` multiplies its log-probabilities: above 1 it
is surer than it ought to be. Patients are harder or easier by r; with `clustering` the flips gather in few patients,
whose rates are drawn from a beta law with that correlation between two labels of one patient.

What this is not: noise that depends on how hard a record is. No audit can tell such labels from classes that overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import integrate, optimize
from scipy.stats import norm

from hypercolumn.errors import InvalidArgument

ALIKE = 0.3
"""The share of the score's variance that the records of one patient have in common."""


@dataclass(frozen=True, eq=False)
class PlantedNoise:
    """True and given classes (record,), probabilities (record, class), the patient of each record, P(given | true)."""

    true: np.ndarray
    given: np.ndarray
    probabilities: np.ndarray
    units: np.ndarray
    matrix: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Which given labels are not the true ones."""
        return self.given != self.true

    @property
    def joint(self) -> np.ndarray:
        """The joint distribution of given (row) and true (column) class that this cohort happens to have."""
        counts = np.zeros_like(self.matrix)
        np.add.at(counts, (self.given, self.true), 1.0)
        return counts / len(self.true)


def plant_noise(
    seed: int,
    *,
    rate: float = 0.1,
    matrix: np.ndarray | None = None,
    classes: int = 3,
    prior: Sequence[float] | None = None,
    units: int = 100,
    records_per_unit: int = 5,
    accuracy: float = 0.95,
    confidence: float = 1.0,
    clustering: float = 0.0,
) -> PlantedNoise:
    """A cohort in which a share `rate` of each class is given one of the other classes, all as often, or by `matrix`.

    `accuracy` is how often the most probable class, by p(true | z), is the true one; classes are separable at 0.999.
    With a matrix, `rate` and `classes` are read from it.

    >>> planted = plant_noise(0, rate=0.1)
    >>> planted.given.shape, planted.probabilities.shape, float(planted.wrong.mean())
    ((500,), (500, 3), 0.084)
    >>> bool(plant_noise(0, rate=0.0).wrong.any())
    False
    """
    chance = np.random.default_rng(seed)
    if matrix is None:
        matrix = symmetric_noise(rate, classes)
    matrix = _checked_matrix(matrix)
    count = len(matrix)
    likely = np.full(count, 1 / count) if prior is None else np.asarray(prior, dtype=float)
    if likely.shape != (count,) or not np.isclose(likely.sum(), 1) or (likely <= 0).any():
        raise InvalidArgument("prior", prior, fix=f"give {count} shares above 0 that sum to one")
    if units < 1 or records_per_unit < 1:
        raise InvalidArgument("units", (units, records_per_unit), fix="give at least one patient and one record each")
    if not 0 <= clustering < 1 or (clustering > 0 and np.ptp(np.diag(matrix)) > 1e-9):
        raise InvalidArgument(
            "clustering", clustering, fix="give a correlation from 0 to below 1, and one rate for all classes"
        )
    unit = np.repeat(np.arange(units), records_per_unit)
    true = chance.choice(count, size=len(unit), p=likely)
    separation = separation_of(accuracy, classes=count)
    shared, own = chance.normal(size=(units, count))[unit], chance.normal(size=(len(unit), count))
    scores = separation * np.eye(count)[true] + np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * own
    belief = softmax(separation * scores + np.log(likely)) @ matrix.T
    belief = softmax(confidence * np.log(np.maximum(belief, 1e-300)))
    return PlantedNoise(true, _given(chance, true, unit, matrix, clustering), belief, unit.astype(str), matrix)


def plant_raters(
    seed: int, *, rates: Sequence[float] = (0.1, 0.1, 0.2), classes: int = 3, records: int = 300, missing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """True classes (record,) and what raters of known error rates said, (record, rater); NaN where one did not look.

    >>> true, said = plant_raters(0, rates=(0.0, 0.3))
    >>> said.shape, bool((said[:, 0] == true).all()), float((said[:, 1] != true).mean().round(2))
    ((300, 2), True, 0.28)
    """
    if not 0 <= missing < 1:
        raise InvalidArgument("missing", missing, fix="give a share from 0 to below 1")
    chance = np.random.default_rng(seed)
    true = chance.integers(classes, size=records)
    unit = np.arange(records)
    said = np.stack([_given(chance, true, unit, symmetric_noise(rate, classes), 0.0) for rate in rates], axis=1)
    return true, np.where(chance.random(said.shape) < missing, np.nan, said)


def symmetric_noise(rate: float, classes: int) -> np.ndarray:
    """P(given | true) where a share `rate` of every class is given another, all others as often.

    >>> symmetric_noise(0.2, 3)
    array([[0.8, 0.1, 0.1],
           [0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8]])
    """
    if not 0 <= rate < 1:
        raise InvalidArgument("rate", rate, fix="give a share from 0 to below 1")
    if classes < 2:
        raise InvalidArgument("classes", classes, fix="give at least 2")
    return np.full((classes, classes), rate / (classes - 1)) + (1 - rate - rate / (classes - 1)) * np.eye(classes)


def separation_of(accuracy: float, *, classes: int) -> float:
    """The distance s at which the greatest of `classes` unit normal scores, one of them raised by s, is the raised one.

        accuracy = integral of phi(z - s) Phi(z)^(classes - 1) dz

    >>> round(separation_of(0.95, classes=2), 3)  # 1.645 sqrt(2)
    2.326
    """
    if not 1 / classes < accuracy < 1:
        raise InvalidArgument("accuracy", accuracy, fix=f"give a share above {1 / classes:g}, that of chance, below 1")

    def short(separation: float) -> float:
        grid = np.linspace(separation - 9, separation + 9, 4001)
        return (
            float(integrate.simpson(norm.pdf(grid - separation) * norm.cdf(grid) ** (classes - 1), x=grid)) - accuracy
        )

    return float(optimize.brentq(short, 0.0, 30.0))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows that sum to one.

    >>> softmax(np.log(np.array([[1.0, 3.0]])))
    array([[0.25, 0.75]])
    """
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _given(
    chance: np.random.Generator, true: np.ndarray, unit: np.ndarray, matrix: np.ndarray, clustering: float
) -> np.ndarray:
    """A class drawn from the column of each true class, more or less often another one in each patient."""
    columns = matrix.T[true]
    wrong = 1 - matrix[true, true]
    if clustering > 0 and wrong.any():
        mean = float(wrong.mean())
        both = 1 / clustering - 1
        rate = chance.beta(mean * both, (1 - mean) * both, size=int(unit.max()) + 1)[unit]
        columns = columns * np.where(np.eye(len(matrix))[true] > 0, 1, (rate / mean)[:, None])
        own = np.arange(len(true)), true
        columns[own] = 0
        columns[own] = 1 - columns.sum(axis=1)
    return np.asarray((columns.cumsum(axis=1) < chance.random(len(true))[:, None]).sum(axis=1).clip(0, len(matrix) - 1))


def _checked_matrix(matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, dtype=float)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and len(matrix) >= 2
    if not square or (matrix < 0).any() or not np.allclose(matrix.sum(axis=0), 1):
        raise InvalidArgument(
            "matrix", matrix.tolist(), fix="give P(given | true), a square of shares whose columns each sum to one"
        )
    return matrix
