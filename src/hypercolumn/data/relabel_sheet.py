"""The relabelling sheet: doubtful labels out to whoever can judge them, corrections back in.

    rank  record  given  suggested  probability  correction  comment

One row a record, the most doubtful first. A person fills the column `correction` with a class, or leaves it empty where
the label stays as it is; of several labels at once the classes are joined by a semicolon, which alone says that there
is none. A suggestion is never taken by itself: only what stands under `correction` is.

A sheet that comes back is read strictly: every row that names an unknown record, a class that was not declared, a
record twice, or a given label that is no longer the one in the manifest is told, all in one pass. Cells that a
spreadsheet would run as a formula are written with a quote before them, which is taken away again.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.table import read_table, text_of
from hypercolumn.data.writing import write_whole
from hypercolumn.errors import DataProblems, ManifestError, OutputNotWritable, Problem

COLUMNS = ("rank", "record", "given", "suggested", "probability", "correction", "comment")
NEEDED = ("record", "given", "correction")

_RUN = ("=", "+", "-", "@", "\t", "\r", "'")
"""What begins a cell that a spreadsheet runs, and the quote that stops it."""


@dataclass(frozen=True)
class Suspect:
    """A label that a model contradicts: what is given, what it suggests, how probable that is to it; rank 1 is worst.

    Of several labels `given` and `suggested` are all that the record has, and `label` is the one in doubt.
    """

    rank: int
    record: str
    given: str
    suggested: str
    probability: float
    label: str = ""


def write_relabel_sheet(path: Path | str, suspects: Sequence[Suspect]) -> Path:
    """Write the sheet as CSV UTF-8; OutputNotWritable where that fails.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_relabel_sheet(f"{folder}/relabel.csv", [Suspect(1, "a.png", "benign", "malignant", 0.97)])
    ...     print(path.read_text("utf-8").strip())
    rank,record,given,suggested,probability,correction,comment
    1,a.png,benign,malignant,0.9700,,
    """
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for one in suspects:
        comment = f"in doubt: {one.label}" if one.label else ""
        cells = (one.record, one.given, one.suggested)
        sheet.writerow((one.rank, *map(_quoted, cells), f"{one.probability:.4f}", "", _quoted(comment)))
    path = Path(path)
    try:
        write_whole(path, text.getvalue())
    except OSError as error:
        raise OutputNotWritable("the relabelling sheet cannot be written", where=str(path), why=str(error)) from None
    return path


def read_relabel_sheet(
    path: Path | str, cohort: Cohort, *, classes: Sequence[str], several: bool = False
) -> dict[str, str]:
    """The corrections that a sheet holds, record to new label; records whose correction is empty are left out.

    `classes` are those of the study; with `several` a correction names any number of them. Raises ManifestError where
    it is no such sheet, DataProblems with every row that is wrong.

    >>> import tempfile
    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["a.png", "b.png"], "label": ["benign", "benign"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label"), folder=".")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "relabel.csv"
    ...     _ = path.write_text("record,given,correction\\na.png,benign,malignant\\nb.png,benign,\\n")
    ...     read_relabel_sheet(path, cohort, classes=("benign", "malignant"))
    {'a.png': 'malignant'}
    """
    path = Path(path)
    if not path.is_file():
        raise ManifestError("the relabelling sheet does not exist", where=str(path))
    table = read_table(path)
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise ManifestError(
            f"the relabelling sheet has no column {', '.join(map(repr, missing))}",
            where=path.name,
            fix=f"keep the columns as they were written: {', '.join(COLUMNS)}",
        )
    rows = [tuple(_unquoted(text_of(cell)) for cell in row) for row in table[list(NEEDED)].itertuples(index=False)]
    problems = list(_problems(rows, cohort, classes, several=several, where=path.name))
    if problems:
        raise DataProblems(problems, where=path.name)
    return {record: text for record, _, text in rows if text}


def relabelled(cohort: Cohort, corrections: Mapping[str, str]) -> Cohort:
    """The cohort with these labels in place of its own; the manifest file itself is not touched.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["a.png", "b.png"], "label": ["benign", "benign"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label"), folder=".")
    >>> relabelled(cohort, {"b.png": "malignant"}).table["label"].tolist(), cohort.table["label"].tolist()
    (['benign', 'malignant'], ['benign', 'benign'])
    """
    unknown = sorted(set(corrections) - set(cohort.records))
    if unknown or cohort.columns.target is None:
        what = f"{len(unknown)} corrected records are not in the cohort" if unknown else "the cohort has no labels"
        raise ManifestError(what, where=", ".join(unknown[:5]))
    labels = [corrections.get(record, text_of(cohort.target(record))) for record in cohort.records]
    table = cohort.table.reset_index(drop=True).assign(**{cohort.columns.target: labels})
    return Cohort.from_table(table, cohort.columns, folder=cohort.folder)


def _problems(
    rows: Sequence[tuple[str, ...]], cohort: Cohort, classes: Sequence[str], *, several: bool, where: str
) -> Iterator[Problem]:
    known, seen = set(cohort.records), dict[str, int]()
    for number, (record, given, correction) in enumerate(rows, start=2):
        place = f"{where}, row {number}"
        if record not in known:
            what = f"record {record!r} is not in the manifest" if record else "a row names no record"
            yield Problem("E-MANIFEST", what, place, fix="give the sheet that was written for this manifest")
            continue
        if record in seen:
            yield Problem("E-MANIFEST", f"record {record!r} stands twice", f"{place} and row {seen[record]}")
            continue
        seen[record] = number
        now = text_of(cohort.target(record))
        if (_names(given) != _names(now)) if several else (given != now):
            why = "the sheet was written for another label, so that its correction may be of something else"
            yield Problem("E-LABEL", f"{record!r} is given {given!r} here and {now!r} in the manifest", place, why=why)
        for name in sorted(_names(correction)) if several else filter(None, [correction]):
            if name not in classes:
                yield Problem("E-LABEL", f"{name!r} is no class", place, fix=f"use one of {', '.join(classes)}")


def _names(cell: str) -> set[str]:
    return set(filter(None, (part.strip() for part in cell.split(";"))))


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RUN) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_RUN) else cell
