"""A number without a network: always the same, or ridge regression on what a glance at the record tells.

    mean, median of training     the best constants for squared and for absolute errors
    ridge                        min over w, c:  sum (y - w x - c)^2 + a |w|^2

x is standardised on the training pieces and a is the one of `PENALTIES` with the least error on pieces left out one at
a time, among those of the same patients too. An answer never leaves the range of the numbers learnt from: beyond it a
straight line is a guess. What x may be is `record_baselines`.

Hoerl and Kennard 1970, doi 10.1080/00401706.1970.10488634.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Glance = Callable[[np.ndarray, pd.Series], np.ndarray]
"""A few numbers of one record, from its image and its row of metadata."""

PENALTIES = tuple(10.0**power for power in range(-2, 6))
FEWEST = 3
"""Of fewer pieces than this nothing but their mean is learnt."""


@dataclass(frozen=True)
class SameNumber:
    """One number for every record: `formula` of the numbers of the training pieces.

    >>> fitted = SameNumber("median of training", np.median).fit([], [1.0, 2.0, 9.0], pd.DataFrame())
    >>> fitted.predict(np.zeros((1, 2)), pd.Series())
    array([2.])
    """

    name: str
    formula: Callable[[np.ndarray], np.floating]

    def fit(
        self, images: Sequence[np.ndarray], targets: Sequence[np.ndarray], metadata: pd.DataFrame
    ) -> "ConstantNumber":
        return ConstantNumber(float(self.formula(_values(targets))))


@dataclass(frozen=True)
class ConstantNumber:
    """The same number for every record."""

    value: float
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return np.array([self.value])


@dataclass(frozen=True, eq=False)
class FittedNumber:
    """A ridge regression on a glance, kept within `lowest` and `highest`."""

    glance: Glance
    model: Pipeline
    lowest: float
    highest: float
    note: str = ""

    def predict(self, image: np.ndarray, metadata: pd.Series) -> np.ndarray:
        return np.clip(self.model.predict(self.glance(image, metadata)[None]), self.lowest, self.highest)


def fit_number(glance: Glance, seen: np.ndarray, targets: Sequence[np.ndarray]) -> FittedNumber | ConstantNumber:
    """Learn numbers from what the glance saw of each piece: (piece, feature).

    >>> fitted = fit_number(lambda image, metadata: image.ravel(), np.arange(9.0)[:, None], 2.0 * np.arange(9))
    >>> fitted.predict(np.array([3.0]), pd.Series()).round(1), fitted.predict(np.array([99.0]), pd.Series())
    (array([6.]), array([16.]))
    """
    values = _values(targets)
    if len(values) < FEWEST:
        return same_for_all(targets, f"only {len(values)} training pieces: their mean")
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES)).fit(seen, values)
    return FittedNumber(glance, model, float(values.min()), float(values.max()))


def same_for_all(targets: Sequence[np.ndarray], note: str) -> ConstantNumber:
    """The mean of the training pieces, where nothing else can be learnt."""
    return ConstantNumber(float(_values(targets).mean()), note)


def _values(targets: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([float(target) for target in targets])
