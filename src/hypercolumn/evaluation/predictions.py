"""Predictions: one row a piece that was scored, keyed by its name, with its lineage beside it.

    index       the piece's name; a piece is a record or a box of one
    who         record, fold, unit
    groups      the lineage, batch and strata columns of the cohort, by their own names
    numbers     what the figures are computed from, written by the `..._row` functions below

Everything that is said of a model can be computed again from this table alone, by anybody: counts rather than images
for a segmentation, probabilities for a classification. A cohort column that bears the name of one of our own columns
stands here as "cohort.NAME".

    instances        what a segmentation has, and what `instance_row` counts
    segmentation     tp_i fp_i fn_i tn_i     samples of class i right and wrong
                     surface_mean_i surface_95_i surface_to_truth_i surface_to_predicted_i distance_unit
                     reliability_i           JSON [[samples], [sum of probability], [samples of the class]] by bin
                     brier_sum samples       squared error of the probabilities, summed over samples
    classification   truth p_0 p_1 ...       for several labels truth_0 truth_1 ... instead of truth
    regression       truth answer            finite numbers, in the unit that `measured_in` names

Figures are `scores`; pictures are not kept here.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hypercolumn.errors import InvalidArgument, ManifestError, ShapeMismatch
from hypercolumn.evaluation.calibration import BINS, reliability_counts
from hypercolumn.evaluation.instances import INSTANCE_COLUMNS
from hypercolumn.evaluation.overlap import blocks, counts
from hypercolumn.evaluation.surface import surface_distances

SEGMENTATION, CLASSIFICATION, REGRESSION = "segmentation", "classification", "regression"
KINDS: Mapping[str, tuple[str, ...]] = {
    SEGMENTATION: ("mask", "instances"),
    CLASSIFICATION: ("class", "grade", "labels"),
    REGRESSION: ("number",),
}
"""What may be predicted, and the kinds of target that ask for it."""

WHO = ("record", "fold", "unit")

_OWN = re.compile(
    r"(record|fold|unit|piece|truth|answer|truth_\d+|p_\d+|(tp|fp|fn|tn)_\d+|surface_\w+_\d+|reliability_\d+|"
    r"distance_unit|brier_sum|samples|" + "|".join(INSTANCE_COLUMNS) + ")"
)


@dataclass(frozen=True, eq=False)
class Predictions:
    """The table of everything that was predicted, and what its numbers mean.

    `classes` is empty where a number is predicted; `measured_in` is then its unit.

    >>> rows = {name: {"record": name, "fold": "1", "unit": "anna", "site": "Bern"} for name in ("a", "b")}
    >>> rows["a"] |= classification_row(1, np.array([0.2, 0.8]))
    >>> rows["b"] |= classification_row(0, np.array([0.7, 0.3]))
    >>> predictions = Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"), groups=("site",))
    >>> list(predictions.table.loc["a", ["unit", "site", "fold"]])
    ['anna', 'Bern', '1']
    """

    table: pd.DataFrame
    target_kind: str
    classes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    measured_in: str = ""

    def __post_init__(self) -> None:
        if self.target_kind not in {name for names in KINDS.values() for name in names}:
            raise InvalidArgument("target_kind", self.target_kind, fix=f"use {', '.join(sum(KINDS.values(), ()))}")
        numbers = _numbers_needed(self.target_kind, len(self.classes))
        missing = [name for name in (*WHO, *self.groups, *numbers) if name not in self.table.columns]
        if missing:
            raise ManifestError(
                f"the predictions have no column {', '.join(map(repr, missing))}",
                why=f"they have {', '.join(map(repr, self.table.columns))}",
                fix="a table of predictions names record, fold and unit of each row, and holds the numbers of its kind",
            )
        if self.table.empty:
            raise ManifestError("the predictions have no rows", fix="predict at least one piece")
        if not self.table.index.is_unique:
            twice = str(self.table.index[self.table.index.duplicated()][0])
            raise ManifestError("a piece is predicted twice", where=twice, fix="keep one row a piece")
        lacking = self.table[list(numbers)].isna().any(axis=1)
        if lacking.any():
            row = self.table.loc[lacking].iloc[0]
            empty = ", ".join(repr(name) for name in numbers if pd.isna(row[name]))
            raise ManifestError(
                f"a prediction is missing: {empty}", where=str(row.name), fix="predict the piece, or leave it out"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Numbers that no prediction can have, in a table that somebody else may have made."""
        if self.kind == REGRESSION:
            self._check_finite()
            return
        numbers = [name for name in _numbers_needed(self.target_kind, len(self.classes)) if name != "distance_unit"]
        truths = [name for name in numbers if name.startswith("truth")]
        highest = {name: 1.0 for name in numbers if name.startswith("p_")} | dict.fromkeys(truths, 1.0)
        if "truth" in truths:
            highest["truth"] = len(self.classes) - 1.0
        for name in numbers:
            values = pd.to_numeric(self.table[name], errors="coerce").to_numpy(float)
            wrong = ~((values >= 0) & (values <= highest.get(name, np.inf) + 1e-5))
            if name in truths:
                wrong |= values != np.round(values)
            if wrong.any():
                place = int(np.flatnonzero(wrong)[0])
                raise ManifestError(
                    f"{name} = {self.table[name].iloc[place]!r} cannot be",
                    where=str(self.table.index[place]),
                    why=f"it runs from 0 to {highest[name]:g}" if name in highest else "a count is not below 0",
                    fix="classes are counted from 0, and probabilities run from 0 to 1",
                )

    def _check_finite(self) -> None:
        for name in ("truth", "answer"):
            values = pd.to_numeric(self.table[name], errors="coerce").to_numpy(float)
            if not np.isfinite(values).all():
                place = int(np.flatnonzero(~np.isfinite(values))[0])
                raise ManifestError(
                    f"{name} = {self.table[name].iloc[place]!r} cannot be",
                    where=str(self.table.index[place]),
                    why="it is no finite number",
                    fix="give a finite number, or leave the piece out",
                )

    @classmethod
    def from_rows(
        cls,
        rows: Mapping[str, Mapping[str, object]],
        *,
        target_kind: str,
        classes: Sequence[str],
        groups: Sequence[str] = (),
        measured_in: str = "",
    ) -> "Predictions":
        """From one mapping a piece: record, fold, unit, the group columns, and what a row constructor gave."""
        table = pd.DataFrame.from_records(list(rows.values()), index=pd.Index(list(rows), name="piece", dtype="object"))
        for name in (*WHO, *groups):
            if name in table:
                table[name] = _as_text(table[name])
        return cls(table, target_kind, tuple(classes), tuple(groups), measured_in)

    @property
    def kind(self) -> str:
        """One of "segmentation", "classification" and "regression"."""
        return next(kind for kind, targets in KINDS.items() if self.target_kind in targets)

    def __len__(self) -> int:
        return len(self.table)

    def select(self, pieces: Iterable[str]) -> "Predictions":
        """The same of these pieces alone."""
        return replace(self, table=self.table.loc[list(pieces)])

    def write(self, path: Path | str) -> tuple[Path, ...]:
        """Write `path`.csv for people, `path`.parquet for programs and `path`.json for what the numbers mean."""
        stem = Path(path)
        table, sheet, meaning = (stem.with_name(stem.name + end) for end in (".parquet", ".csv", ".json"))
        self.table.to_parquet(table)
        self.table.to_csv(sheet, lineterminator="\n")
        described = {name: getattr(self, name) for name in ("target_kind", "classes", "groups", "measured_in")}
        meaning.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        return table, sheet, meaning

    @classmethod
    def read(cls, path: Path | str) -> "Predictions":
        """Read what `write` wrote; the CSV alone is enough where the Parquet file is gone."""
        stem = Path(path)
        table, sheet, meaning = (stem.with_name(stem.name + end) for end in (".parquet", ".csv", ".json"))
        try:
            described = json.loads(meaning.read_text(encoding="utf-8"))
            names = dict.fromkeys(("piece", *WHO, *described["groups"]), str)
            if table.exists():
                read = pd.read_parquet(table)
            else:
                read = pd.read_csv(
                    sheet,
                    dtype=names,
                    index_col="piece",
                    keep_default_na=False,
                    na_values={name: [""] for name in pd.read_csv(sheet, nrows=0).columns if name not in names},
                )
            read.index = pd.Index(read.index.to_list(), name="piece", dtype="object")
            for name in (*WHO, *described["groups"]):
                read[name] = _as_text(read[name])
            meant = (described["target_kind"], tuple(described["classes"]), tuple(described["groups"]))
            return cls(read, *meant, described.get("measured_in", ""))
        except (OSError, KeyError, TypeError, ValueError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ManifestError("the predictions cannot be read", where=str(stem), why=why) from None


def _numbers_needed(target_kind: str, classes: int) -> tuple[str, ...]:
    """The columns without which nothing can be scored."""
    each = range(classes)
    if target_kind in KINDS[SEGMENTATION]:
        counted = (f"{kind}_{index}" for index in each for kind in ("tp", "fp", "fn", "tn"))
        return (*counted, "distance_unit", *(INSTANCE_COLUMNS if target_kind == "instances" else ()))
    if target_kind in KINDS[REGRESSION]:
        return ("truth", "answer")
    truth = tuple(f"truth_{index}" for index in each) if target_kind == "labels" else ("truth",)
    return (*truth, *(f"p_{index}" for index in each))


def _as_text(column: pd.Series) -> pd.Series:
    """The column as text; what is missing is empty."""
    return pd.Series(["" if pd.isna(value) else str(value) for value in column], index=column.index, dtype="str")


def group_column(name: str) -> str:
    """The column under which a cohort's column stands in a table of predictions.

    >>> group_column("site"), group_column("fold")
    ('site', 'cohort.fold')
    """
    return f"cohort.{name}" if _OWN.fullmatch(name) else name


def segmentation_row(
    truth: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray | None = None,
    *,
    classes: Sequence[str],
    spacing: Sequence[float] | None = None,
    spacing_unit: str | None = None,
) -> dict[str, object]:
    """The numbers of one segmented piece, from class indices (*space); class 0 is the background.

    Probabilities (class, *space), where given, are counted into bins for calibration. Distances are in `spacing_unit`
    where the spacing is known, else in samples, and `distance_unit` says which.

    >>> row = segmentation_row(np.array([0, 1, 1]), np.array([0, 0, 1]), classes=("background", "nucleus"))
    >>> row["tp_1"], row["fn_1"], row["surface_mean_1"], row["distance_unit"]
    (1, 1, 0.3333333333333333, 'samples')
    """
    found = counts(truth, predicted, classes=len(classes))
    row: dict[str, object] = {}
    for index in range(len(classes)):
        row[f"tp_{index}"] = int(found.true_positive[index])
        row[f"fp_{index}"] = int(found.false_positive[index])
        row[f"fn_{index}"] = int(found.false_negative[index])
        row[f"tn_{index}"] = int(found.true_negative[index])
    for index in range(1, len(classes)):
        apart = surface_distances(np.asarray(truth) == index, np.asarray(predicted) == index, spacing=spacing)
        row[f"surface_mean_{index}"] = apart.mean
        row[f"surface_95_{index}"] = apart.percentile_95
        row[f"surface_to_truth_{index}"] = apart.to_truth
        row[f"surface_to_predicted_{index}"] = apart.to_predicted
    row["distance_unit"] = "samples" if spacing is None else spacing_unit or "units of the spacing"
    if probabilities is not None:
        row |= _calibration_of_samples(np.asarray(truth), np.asarray(probabilities), len(classes))
    return row


def _calibration_of_samples(truth: np.ndarray, probabilities: np.ndarray, classes: int) -> dict[str, object]:
    if probabilities.shape != (classes, *truth.shape):
        raise ShapeMismatch(f"probabilities are {probabilities.shape}", why=f"expected {(classes, *truth.shape)}")
    row: dict[str, object] = {}
    squared = 0.0
    flat = truth.reshape(-1)
    for index in range(classes):
        bins = np.zeros((3, BINS))
        for part in blocks(truth.size):
            true, likely = flat[part] == index, probabilities[index].reshape(-1)[part].astype(np.float64)
            squared += float(np.square(likely - true).sum())
            bins += reliability_counts(true, likely)
        if index > 0:
            row[f"reliability_{index}"] = json.dumps([np.round(numbers, 4).tolist() for numbers in bins])
    row["brier_sum"] = squared / 2 if classes == 2 else squared
    row["samples"] = int(truth.size)
    return row


def classification_row(
    truth: int | Sequence[float] | np.ndarray, probabilities: Sequence[float] | np.ndarray
) -> dict[str, object]:
    """The numbers of one classified piece: a class index, or a 0/1 vector where there are several labels.

    >>> classification_row(2, [0.1, 0.2, 0.7])
    {'truth': 2, 'p_0': 0.1, 'p_1': 0.2, 'p_2': 0.7}
    >>> classification_row([0, 1], [0.1, 0.8])
    {'truth_0': 0, 'truth_1': 1, 'p_0': 0.1, 'p_1': 0.8}
    """
    given = np.asarray(probabilities, dtype=float)
    answer = np.asarray(truth)
    if given.ndim != 1 or not np.isfinite(given).all() or given.min() < 0 or given.max() > 1 + 1e-5:
        raise InvalidArgument("probabilities", given.tolist(), fix="give one number from 0 to 1 a class")
    chances: dict[str, object] = {f"p_{index}": float(value) for index, value in enumerate(given)}
    if answer.ndim == 0:
        if not 0 <= int(answer) < len(given):
            raise InvalidArgument("truth", int(answer), why=f"there are {len(given)} classes", fix="give a class index")
        return {"truth": int(answer), **chances}
    if answer.shape != given.shape:
        raise ShapeMismatch(f"truth names {answer.size} labels and the prediction {given.size}")
    return {f"truth_{index}": int(value) for index, value in enumerate(answer)} | chances


def regression_row(truth: float, answer: float) -> dict[str, object]:
    """The two numbers of one piece, in one unit.

    >>> regression_row(12.5, 11.0)
    {'truth': 12.5, 'answer': 11.0}
    """
    for name, value in (("truth", truth), ("answer", answer)):
        if not np.isfinite(value):
            raise InvalidArgument(name, value, fix="give a finite number")
    return {"truth": float(truth), "answer": float(answer)}
