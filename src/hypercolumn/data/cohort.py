"""The cohort: one row an example, and a role for each column.

    input      the file of the example, or several joined by ";" (one a channel)
    target     the answer: a class name, a number, or the file of a label image
    lineage    named keys from coarse to fine: site, patient, specimen
    position   the place of a slice in its stack (the specimen), where order matters
    batch      anything that may have left its mark on the data: scanner, laboratory, protocol, date
    strata     groups whose score is shown apart and which a split balances: sex, subtype, age band

A manifest is CSV or Parquet. Everything that a manifest alone can get wrong is found here in one pass; the files behind
it are looked at by `inspection`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import pandas as pd

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
                raise InvalidArgument("lineage", level, fix=f"use {', '.join(LEVELS)}; a donor or animal is a patient, a slide or scan a specimen")
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
        return cls.from_table(table, columns, folder=Path(folder) if folder is not None else manifest.parent, where=manifest.name)

    @classmethod
    def from_table(cls, table: pd.DataFrame, columns: Columns, *, folder: Path | str, where: str = "the manifest") -> "Cohort":
        """The same from a table in memory."""
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
        table = table.copy()
        key = columns.key or columns.input
        table[key] = table[key].map(_text)
        problems = list(_problems(table, columns, key, where))
        if problems:
            raise DataProblems(problems, where=where)
        for name in (*columns.lineage.values(), *columns.batch, *columns.strata):
            table[name] = table[name].map(_text)
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
        raise InvalidArgument("level", level, fix=f"this cohort has {', '.join(self.levels) or 'no lineage'}: name a column for it")

    def select(self, records: Iterable[str]) -> "Cohort":
        """The cohort of these records alone, in the order given."""
        return Cohort(self.table.loc[list(records)], self.columns, self.folder)

    @cached_property
    def sha256(self) -> str:
        """A hash of every cell that has a role, in manifest order."""
        text = self.table[list(self.columns.named())].to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(text.encode()).hexdigest()


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a table; the first line a manifest's author reads when it is not one."""
    if not path.exists():
        raise ManifestError("the manifest does not exist", where=str(path), fix="correct data.manifest in the study file")
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            return pd.read_parquet(path)
        separator = "\t" if path.suffix.lower() in {".tsv", ".tab"} else ","
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig", keep_default_na=False, na_values=[""], dtype_backend="numpy_nullable")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ManifestError(
            "the manifest is not UTF-8", where=f"{path.name}, near line {line}", why="names would be read wrongly",
            fix="save it again as CSV UTF-8 (in a spreadsheet: Save as, CSV UTF-8)",
        ) from None
    except pd.errors.EmptyDataError:
        raise ManifestError("the manifest is empty", where=path.name, fix="give it a header line and one example a row") from None
    except (pd.errors.ParserError, ValueError, OSError) as error:
        raise ManifestError("the manifest cannot be read as a table", where=path.name, why=str(error).splitlines()[0]) from None


def _problems(table: pd.DataFrame, columns: Columns, key: str, where: str) -> Iterable[Problem]:
    """Everything that the cells alone can get wrong."""
    lines = {index: f"{where}, row {number}" for number, index in enumerate(table.index, start=2)}
    for index, row in table.iterrows():
        place = lines[index]
        if not row[key]:
            yield Problem("E-MANIFEST", f"column {key!r} is empty", place, fix="give each row a key of its own")
        if columns.target is not None and (pd.isna(row[columns.target]) or str(row[columns.target]).strip() == ""):
            yield Problem("E-LABEL", "the label is missing", place, fix=f"fill column {columns.target!r}, or leave the row out")
        for level, column in columns.lineage.items():
            if not _text(row[column]):
                yield Problem("E-MANIFEST", f"the {level} is missing", place, "two rows without one cannot be kept on one side", fix=f"fill column {column!r}")
        for part in _parts(row[columns.input]) or ("",):
            yield from _path_problems(part, place)
    doubled = table[key][table[key].duplicated(keep=False) & (table[key] != "")]
    for value, rows in doubled.groupby(doubled):
        places = ", ".join(lines[index].rsplit(" ", 1)[1] for index in rows.index)
        yield Problem("E-MANIFEST", f"key {value!r} stands in {len(rows)} rows", f"{where}, rows {places}", fix="keep one of them, or name a key column that tells them apart")


def _path_problems(part: str, place: str) -> Iterable[Problem]:
    path = PurePosixPath(part.replace("\\", "/"))
    if not part:
        yield Problem("E-MANIFEST", "the input file is missing", place, fix="name the file, or leave the row out")
    elif path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        yield Problem("E-FILE-OUTSIDE", f"path {part!r} leaves the data folder", place, "a manifest may only name files below its folder", "give a path relative to data.folder")


def _parts(cell: object) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in _text(cell).split(";")) if part)


def _text(value: object) -> str:
    """A cell as text: missing is empty, and whole numbers read as floats lose their ".0"."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
