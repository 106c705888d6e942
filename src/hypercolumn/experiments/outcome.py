"""What an experiment leaves: tables, as text for a terminal, as CSV and as JSON, and the files that it drew."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from hypercolumn.data.writing import write_json, write_whole
from hypercolumn.errors import OutputNotWritable, UsageError

Cell = str | int | float | bool


@dataclass(frozen=True)
class Table:
    """Rows under columns, with a title and what to note; `name` is that of its file.

    >>> print(Table("cost", "Cost of a layer", ("layer", "weights"), (("dense", 1024), ("convolution", 9))).text())
    Cost of a layer
      layer        weights
      dense          1,024
      convolution        9
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def text(self) -> str:
        """Aligned columns for a terminal."""
        cells = [self.columns, *(tuple(shown(cell) for cell in row) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        right = [all(not isinstance(row[column], str) for row in self.rows) for column in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(width) if at_right else cell.ljust(width)
                for cell, width, at_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, *(f"  {line}" for line in lines), *([f"  {self.note}"] if self.note else [])])

    def csv(self) -> str:
        """The same with all digits, for a spreadsheet."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return stream.getvalue()


@dataclass(frozen=True)
class Outcome:
    """Where an experiment wrote, its tables, the names of the figures and films below the folder, and what to type
    then.
    """

    folder: Path
    tables: tuple[Table, ...]
    files: tuple[str, ...]
    then: str = ""


def shown(cell: Cell) -> str:
    """A cell in three significant digits; whole numbers with their thousands apart.

    >>> shown(0.83217), shown(2.2e-16), shown(201326592), shown(True)
    ('0.832', '2.2e-16', '201,326,592', 'yes')
    """
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, str):
        return cell
    if cell == 0 or not math.isfinite(cell) or 1e-3 <= abs(cell) < 1e5:
        return f"{cell:.3g}"
    return f"{cell:.1e}"


def refuse_image(image: Path | None, *, instead: str) -> None:
    """Raise UsageError where an image is given to an experiment that simulates its own; `instead` is what to do."""
    if image is not None:
        raise UsageError("this experiment takes no image", fix=instead)


def new_folder(folder: Path) -> Path:
    """Make a folder that is not there yet, or is empty; nothing is ever overwritten.

    Raises UsageError where it holds files, OutputNotWritable where it cannot be made.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return folder
    if folder.exists():
        raise UsageError(
            "the experiment's folder exists already", where=str(folder), fix="give another one with --out, or remove it"
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise OutputNotWritable("the folder cannot be made", where=str(folder), why=error.strerror or "") from error
    return folder


def write_tables(tables: tuple[Table, ...], folder: Path, *, seed: int) -> None:
    """A CSV a table, and all of them in `results.json`."""
    for table in tables:
        write_whole(folder / f"{table.name}.csv", table.csv())
    content = {
        table.name: {"title": table.title, "columns": table.columns, "rows": table.rows, "note": table.note}
        for table in tables
    }
    write_json({"seed": seed, "tables": content}, folder / "results.json")
