"""The cohort: one row an example, and a role for each column.

    input      the file of the example, or several joined by ";" (one a channel)
    target     the answer: a class name, a number, or the file of a label image
    lineage    named keys from coarse to fine: site, patient, specimen
    position   the place of a slice in its stack (the specimen), where order matters
    batch      anything that may have left its mark on the data: scanner, laboratory, protocol, date
    strata     groups whose score is shown apart and which a split balances: sex, subtype, age band

A manifest is CSV or Parquet (see `table`). Everything that a manifest alone can get wrong is found here in one pass;
the files behind it are looked at by `inspection`.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import pandas as pd

from hypercolumn.data.table import read_table, text_of
from hypercolumn.errors import DataProblems, InvalidArgument, ManifestError, Problem

LEVELS = ("site", "patient", "specimen")
"""The levels a lineage can have, coarse to fine; a record lies below the last."""


@dataclass(frozen=True)
class Columns:
    """Which column of the manifest plays which role.

    >>> Columns(input="image", target="grade", lineage={"site": "hospital", "patient": "patient_id"}).named()
    ('image', 'grade', 'hospital', 'patient_id')
    """

    input: str
    target: str | None = None
    key: str | None = None
    lineage: Mapping[str, str] = field(default_factory=dict)
    position: str | None = None
    batch: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for level in self.lineage:
            if level not in LEVELS:
                raise InvalidArgument(
                    "lineage",
                    level,
                    fix=f"use {', '.join(LEVELS)}; a donor or animal is a patient, a slide or scan a specimen",
                )
        object.__setattr__(self, "lineage", {level: self.lineage[level] for level in LEVELS if level in self.lineage})

    def named(self) -> tuple[str, ...]:
        """Every column that has a role, once, in the order of the roles."""
        wanted = (self.input, self.target, self.key, *self.lineage.values(), self.position, *self.batch, *self.strata)
        return tuple(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True, eq=False)
class Cohort:
    """A manifest whose every row has a key of its own; `table` is indexed by that key, all in the manifest's order."""

    table: pd.DataFrame
    columns: Columns
    folder: Path

    @classmethod
    def read(cls, manifest: Path | str, columns: Columns, *, folder: Path | str | None = None) -> "Cohort":
        """Read a CSV (UTF-8) or Parquet manifest; paths in it are relative to `folder`, by default the manifest's own.

        Raises ManifestError where it cannot be read at all, DataProblems with every bad row otherwise.
        """
        manifest = Path(manifest)
        table = read_table(manifest)
        return cls.from_table(
            table, columns, folder=Path(folder) if folder is not None else manifest.parent, where=manifest.name
        )

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, columns: Columns, *, folder: Path | str, where: str = "the manifest"
    ) -> "Cohort":
        """The same from a table in memory."""
        doubled = sorted({str(name) for name in table.columns[table.columns.duplicated()]})
        if doubled:
            raise ManifestError(f"the manifest has two columns {', '.join(map(repr, doubled))}", where=where)
        missing = [name for name in columns.named() if name not in table.columns]
        if missing:
            raise ManifestError(
                f"the manifest has no column {', '.join(map(repr, missing))}",
                where=where,
                why=f"it has {', '.join(map(repr, table.columns))}",
                fix="correct data.columns in the study file",
            )
        if table.empty:
            raise ManifestError("the manifest has no rows", where=where, fix="list one example a row")
        table = table.reset_index(drop=True)
        key = columns.key or columns.input
        table[key] = table[key].map(text_of)
        problems = list(_problems(table, columns, key, where))
        if problems:
            raise DataProblems(problems, where=where)
        for name in (*columns.lineage.values(), *columns.batch, *columns.strata):
            table[name] = table[name].map(text_of)
        table.index = pd.Index(table[key].to_list(), name="record", dtype="object")
        return cls(table, columns, Path(folder))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(self.table.index)

    @property
    def levels(self) -> tuple[str, ...]:
        """The lineage levels that this cohort names, coarse to fine."""
        return tuple(self.columns.lineage)

    def inputs(self, record: str) -> tuple[Path, ...]:
        """The file of a record, or one file a channel."""
        return tuple(self.folder / part for part in _parts(self.table.at[record, self.columns.input]))

    def target(self, record: str) -> object:
        """The cell of the target column: a label, or the path of a label image relative to the folder."""
        return None if self.columns.target is None else self.table.at[record, self.columns.target]

    def level(self, level: str) -> pd.Series:
        """The values of a lineage level by record; `specimen` is the record itself where no column names it."""
        if level in self.columns.lineage:
            return self.table[self.columns.lineage[level]]
        if level == "specimen":
            return pd.Series(self.table.index, index=self.table.index)
        raise InvalidArgument(
            "level", level, fix=f"this cohort has {', '.join(self.levels) or 'no lineage'}: name a column for it"
        )

    def select(self, records: Iterable[str]) -> "Cohort":
        """The cohort of these records alone, in the order given."""
        records = list(records)
        unknown = [record for record in records if record not in self.table.index]
        if unknown:
            raise InvalidArgument("records", unknown[:5], fix="name records of this cohort")
        return Cohort(self.table.loc[records], self.columns, self.folder)

    @cached_property
    def sha256(self) -> str:
        """A hash of every cell that has a role, in manifest order."""
        text = self.table[list(self.columns.named())].to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(text.encode()).hexdigest()


def _problems(table: pd.DataFrame, columns: Columns, key: str, where: str) -> Iterable[Problem]:
    """Everything that the cells alone can get wrong."""
    lines = {index: f"{where}, row {number}" for number, index in enumerate(table.index, start=2)}
    for index, row in table.iterrows():
        place = lines[index]
        if not row[key] and key != columns.input:
            yield Problem("E-MANIFEST", f"column {key!r} is empty", place, fix="give each row a key of its own")
        if columns.target is not None and not text_of(row[columns.target]):
            yield Problem(
                "E-LABEL", "the label is missing", place, fix=f"fill column {columns.target!r}, or leave the row out"
            )
        for level, column in columns.lineage.items():
            if not text_of(row[column]):
                yield Problem(
                    "E-MANIFEST",
                    f"the {level} is missing",
                    place,
                    "two rows without one cannot be kept on one side",
                    fix=f"fill column {column!r}",
                )
        if columns.position is not None and not _is_number(row[columns.position]):
            yield Problem(
                "E-MANIFEST",
                f"position {text_of(row[columns.position])!r} is not a number",
                place,
                "the order of the slices follows from it",
                fix=f"correct column {columns.position!r}",
            )
        for part in _parts(row[columns.input]) or ("",):
            yield from _path_problems(part, place)
    doubled = table[key][table[key].duplicated(keep=False) & (table[key] != "")]
    for value, rows in doubled.groupby(doubled):
        places = ", ".join(lines[index].rsplit(" ", 1)[1] for index in rows.index)
        yield Problem(
            "E-MANIFEST",
            f"key {value!r} stands in {len(rows)} rows",
            f"{where}, rows {places}",
            fix="keep one of them, or name a key column that tells them apart",
        )


def _path_problems(part: str, place: str) -> Iterable[Problem]:
    path = PurePosixPath(part.replace("\\", "/"))
    if not part:
        yield Problem("E-MANIFEST", "the input file is missing", place, fix="name the file, or leave the row out")
    elif path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        yield Problem(
            "E-FILE-OUTSIDE",
            f"path {part!r} leaves the data folder",
            place,
            "a manifest may only name files below its folder",
            "give a path relative to data.folder",
        )


def _parts(cell: object) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text_of(cell).split(";")) if part)


def _is_number(cell: object) -> bool:
    try:
        return math.isfinite(float(text_of(cell)))
    except ValueError:
        return False
