"""Groups that spoil a score, planted: a scanner confounded with the label, and a subclass that the network fails on.

    P(diseased | scanner B), P(diseased | scanner A) = prevalence +- V sqrt(prevalence (1 - prevalence))
    logit of the answer = evidence of the disease + logit P(diseased | scanner)

is what a network learns that makes the best of a training set in which label and scanner have Cramer's V, half of
the patients on each scanner. With V = 0 the second term is the same for all, and the embeddings still show the scanner:
that is the clean twin, for a scanner can nearly always be seen and does no harm where the label does not depend on it.

A slice is a share of all patients, of the second class, with a place of their own among the embeddings and a device
that most of them and few others have. Answers are right with `accuracy` inside and `elsewhere` outside; with the two
alike it is the clean twin. The windows of one patient are alike in all that is drawn (half of the variance is the
patient's).

What this is not: errors near the border between two classes, which no slice explains.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from hypercolumn.errors import InvalidArgument

ALIKE = 0.5
"""The share of the variance that the windows of one patient have in common."""


@dataclass(frozen=True, eq=False)
class PlantedSite:
    """`table` has record, fold, unit, site, truth, p_0, p_1 by record, `embeddings` (record, number) in its order.

    `cramers_v` and `site_only_auroc` are those of the law that the cohort was drawn from.
    """

    table: pd.DataFrame
    embeddings: np.ndarray
    cramers_v: float
    site_only_auroc: float


@dataclass(frozen=True, eq=False)
class PlantedSlice:
    """`table` has record, fold, unit, device, sex, truth, p_0, p_1 by record; `inside` (record,) is the slice."""

    table: pd.DataFrame
    embeddings: np.ndarray
    inside: np.ndarray
    accuracy: float
    elsewhere: float


def plant_site(
    seed: int,
    *,
    strength: float = 0.3,
    patients: int = 300,
    windows: int = 2,
    numbers: int = 16,
    prevalence: float = 0.4,
    signature: float = 1.5,
) -> PlantedSite:
    """Predictions that lean on the scanner as much as the label does; `signature` is how far it moves the embeddings.

    >>> planted = plant_site(0, strength=0.3)
    >>> planted.table.shape, planted.embeddings.shape, round(planted.site_only_auroc, 3)
    ((600, 7), (600, 16), 0.653)
    >>> plant_site(0, strength=0.0).site_only_auroc
    0.5
    """
    _check(patients, windows, numbers)
    if not 0 < prevalence < 1:
        raise InvalidArgument("prevalence", prevalence, fix="give a share between 0 and 1")
    spread = strength * np.sqrt(prevalence * (1 - prevalence))
    chances = np.array([prevalence - spread, prevalence + spread])
    if strength < 0 or not ((chances > 0) & (chances < 1)).all():
        raise InvalidArgument("strength", strength, why=f"prevalences would be {chances}", fix="give a smaller V")
    chance = np.random.default_rng(seed)
    scanner = chance.integers(0, 2, patients)
    diseased = (chance.random(patients) < chances[scanner]).astype(int)
    unit = np.repeat(np.arange(patients), windows)
    evidence = 1.8 * (diseased[unit] - 0.5) + _alike(chance, unit)[:, 0]
    answer = expit(evidence + logit(chances)[scanner[unit]])
    vectors = _alike(chance, unit, numbers)
    vectors[:, 0] += 1.8 * diseased[unit]
    vectors[:, 1] += signature * scanner[unit]
    table = _table(chance, unit, diseased[unit], answer, {"site": np.array(["scanner A", "scanner B"])[scanner[unit]]})
    alone = (1 + spread / prevalence / 2 + spread / (1 - prevalence) / 2) / 2
    return PlantedSite(table, vectors, strength, float(alone))


def plant_slice(
    seed: int,
    *,
    share: float = 0.05,
    accuracy: float = 0.5,
    elsewhere: float = 0.95,
    patients: int = 1_000,
    windows: int = 2,
    numbers: int = 16,
    apart: float = 4.0,
) -> PlantedSlice:
    """Predictions that fail on a subclass; `apart` is how far its embeddings lie from its class, in deviations.

    >>> planted = plant_slice(0)
    >>> planted.table.shape, int(planted.inside.sum())
    ((2000, 8), 90)
    >>> right = (planted.table["p_1"] > 0.5) == planted.table["truth"]
    >>> float(right[planted.inside].mean().round(2)), float(right[~planted.inside].mean().round(2))
    (0.34, 0.95)
    """
    _check(patients, windows, numbers)
    for name, value in (("share", share), ("accuracy", accuracy), ("elsewhere", elsewhere)):
        if not 0 <= value <= 1:
            raise InvalidArgument(name, value, fix="give a share from 0 to 1")
    chance = np.random.default_rng(seed)
    inside = chance.random(patients) < share
    diseased = np.where(inside, 1, chance.integers(0, 2, patients))
    device = chance.random(patients) < np.where(inside, 0.9, 0.2)
    sex = chance.integers(0, 2, patients)
    unit = np.repeat(np.arange(patients), windows)
    right = norm.cdf(_alike(chance, unit)[:, 0]) < np.where(inside, accuracy, elsewhere)[unit]
    sure = chance.uniform(0.55, 0.99, len(unit))
    answer = np.where(right == (diseased[unit] == 1), sure, 1 - sure)
    vectors = _alike(chance, unit, numbers)
    vectors[:, 0] += 3 * diseased[unit]
    vectors[:, 1] += apart * inside[unit]
    groups = {
        "device": np.array(["none", "drain"])[device[unit].astype(int)],
        "sex": np.array(["female", "male"])[sex[unit]],
    }
    table = _table(chance, unit, diseased[unit], answer, groups)
    return PlantedSlice(table, vectors, inside[unit], accuracy, elsewhere)


def _check(patients: int, windows: int, numbers: int) -> None:
    if patients < 2 or windows < 1 or numbers < 2:
        raise InvalidArgument(
            "patients", (patients, windows, numbers), fix="give two patients, a window and two numbers at least"
        )


def _alike(chance: np.random.Generator, unit: np.ndarray, numbers: int = 1) -> np.ndarray:
    """Normal numbers (record, number) of unit variance, alike within a patient."""
    shared = chance.normal(size=(int(unit.max()) + 1, numbers))[unit]
    return np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * chance.normal(size=(len(unit), numbers))


def _table(
    chance: np.random.Generator,
    unit: np.ndarray,
    truth: np.ndarray,
    answer: np.ndarray,
    groups: dict[str, np.ndarray],
) -> pd.DataFrame:
    """A table of predictions, five folds of whole patients."""
    patients = int(unit.max()) + 1
    fold = chance.permutation(patients) % 5 + 1
    window = np.concatenate([np.arange(count) for count in np.bincount(unit)])
    records = [f"P{one:05d}-{number}" for one, number in zip(unit, window, strict=True)]
    columns = {
        "record": records,
        "fold": fold[unit].astype(str),
        "unit": [f"P{one:05d}" for one in unit],
        **groups,
        "truth": truth,
        "p_0": 1 - answer,
        "p_1": answer,
    }
    return pd.DataFrame(columns, index=pd.Index(records, name="piece"))
