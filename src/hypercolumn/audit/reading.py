"""Whether labels can be read from something that should not tell them: one row a unit, judged by `readability`.

A unit is a patient, or else a specimen, or else a record: its label is the one that most of its records have, its
features are their mean. So a hundred tiles of one slide are one witness, not a hundred. Of more than MOST_UNITS units
or MOST_RECORDS records so many are drawn: ten million rows then cost no more than these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.table import text_of
from hypercolumn.evaluation.readability import LEAST, Readability, readability

MOST_UNITS = 20_000
MOST_RECORDS = 200_000
"""More than these are not looked at: so many are drawn by the seed."""
MOST_CLASSES = 20
"""With more answers than this a class is a name, unless the answers are numbers: those are halved at their median."""
SURE = 0.02
"""The p below which labels are said to be readable; over all sources of one audit together."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The unit of each record (record,), -1 where its label is too rare, and the label of each unit (unit,)."""

    unit: np.ndarray
    labels: np.ndarray
    noun: str

    def mean(self, features: np.ndarray) -> np.ndarray:
        """The mean of features (record, feature) over the records of each unit: (unit, feature).

        >>> Answers(np.array([0, 0, 1, -1]), np.array(["a", "b"]), "patient").mean(np.array([[1.0], [3], [5], [9]]))
        array([[2.],
               [5.]])
        """
        kept = self.unit >= 0
        total = np.zeros((len(self.labels), features.shape[1]))
        np.add.at(total, self.unit[kept], features[kept])
        return total / np.bincount(self.unit[kept], minlength=len(self.labels))[:, None]


def witnesses(cohort: Cohort, *, seed: int = 0) -> Cohort:
    """The cohort itself, or as many of its units and records as are looked at.

    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["a", "b"]}), Columns(input="image"), folder=".")
    >>> len(witnesses(cohort))
    2
    """
    rng, rows = np.random.default_rng(seed), np.arange(len(cohort))
    level = unit_level(cohort)
    unit, units = (rows, rows) if level is None else pd.factorize(cohort.level(level))
    if len(units) > MOST_UNITS:
        chosen = np.zeros(len(units), dtype=bool)
        chosen[rng.choice(len(units), MOST_UNITS, replace=False)] = True
        rows = np.flatnonzero(chosen[unit])
    if len(rows) > MOST_RECORDS:
        rows = np.sort(rng.choice(rows, MOST_RECORDS, replace=False))
    return cohort if len(rows) == len(cohort) else Cohort(cohort.table.iloc[rows], cohort.columns, cohort.folder)


def unit_level(cohort: Cohort) -> str | None:
    """The level that units are taken from: patient, else specimen, else none."""
    return next((name for name in ("patient", "specimen") if name in cohort.levels), None)


def answers_of(cohort: Cohort) -> Answers | str:
    """The labels by unit; or, in words, why there are none that could be read.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["a", "b"], "grade": ["1", "1"]})
    >>> answers_of(Cohort.from_table(table, Columns(input="image", target="grade"), folder="."))
    'all records have one label'
    """
    if cohort.columns.target is None:
        return "no column names the labels"
    given: pd.Series = cohort.table[cohort.columns.target].map(text_of)
    distinct = given.unique()
    if any(names_a_file(label) for label in distinct[:100]):
        return "the labels are images"
    if len(distinct) > MOST_CLASSES:
        numbers = pd.to_numeric(given, errors="coerce")
        if numbers.isna().any():
            return f"there are {len(distinct):,} different labels"
        given = pd.Series(np.where(numbers > numbers.median(), "high", "low"), index=given.index)
    level = unit_level(cohort)
    names = pd.Series(cohort.records) if level is None else cohort.level(level)
    unit, units = pd.factorize(names.to_numpy())
    classes, coded = np.unique(given.to_numpy(dtype=str), return_inverse=True)
    if len(classes) < 2:
        return "all records have one label"
    tally = np.zeros((len(units), len(classes)), dtype=np.int32)
    np.add.at(tally, (unit, coded), 1)
    labels = classes[tally.argmax(axis=1)]
    common, counts = np.unique(labels, return_counts=True)
    common = common[counts >= LEAST]
    if len(common) < 2:
        return f"fewer than two labels stand in {LEAST} or more {level or 'record'}s each"
    chosen = np.flatnonzero(np.isin(labels, common))
    place = np.full(len(units), -1)
    place[chosen] = np.arange(len(chosen))
    return Answers(place[unit], labels[chosen], level or "record")


def read_from(
    answers: Answers, sources: Mapping[str, np.ndarray], *, permutations: int, seed: int
) -> dict[str, Readability]:
    """How well the labels can be read from each source (record, feature)."""
    by_unit = {name: answers.mean(features) for name, features in sources.items()}
    return readability(by_unit, answers.labels, permutations=permutations, seed=seed)


def figures(found: Mapping[str, Readability]) -> dict[str, object]:
    """The evidence: AUROC with its interval and p for each source."""
    told: dict[str, object] = {}
    for name, reading in found.items():
        told[f"AUROC from {name}"] = round(reading.auroc, 3)
        if reading.low is not None and reading.high is not None:
            told[f"AUROC from {name}, lower end"] = round(reading.low, 3)
            told[f"AUROC from {name}, upper end"] = round(reading.high, 3)
        told[f"p for {name}"] = round(reading.p, 4)
    return told


def span(reading: Readability) -> str:
    """An AUROC as it stands in a sentence.

    >>> span(Readability(0.84, 0.79, 0.88, 0.005, 0.5, 2, 120))
    '0.84 (95 % interval 0.79 to 0.88)'
    """
    if reading.low is None or reading.high is None:
        return f"{reading.auroc:.2f}"
    return f"{reading.auroc:.2f} (95 % interval {reading.low:.2f} to {reading.high:.2f})"


LABEL_IMAGES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".npy",
    ".npz",
    ".bmp",
    ".gz",
    ".nii",
    ".dcm",
    ".json",
    ".xml",
    ".csv",
    ".zarr",
}


def names_a_file(label: str) -> bool:
    """Whether a target cell is the path of a label image instead of a label.

    >>> names_a_file("masks/7.png"), names_a_file("grade 2.5")
    (True, False)
    """
    return PurePosixPath(label).suffix.lower() in LABEL_IMAGES
