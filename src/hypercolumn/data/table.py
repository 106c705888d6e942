"""A manifest as a table: CSV (UTF-8, by commas, or by tabs where it is called .tsv) or Parquet.

A cell stays the text that it is, unless every cell of its column is a plainly written number: patient 007 keeps its
zeros, TRUE its capitals, and plate 3E2 does not become 300. Empty cells are missing; "NA" and "None" are names.
"""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from hypercolumn.errors import ManifestError

_PLAIN_NUMBER = r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?"


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a table. Raises ManifestError with the first thing that is wrong with the file itself.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "manifest.csv"
    ...     written = path.write_text("image,patient,age\\na.png,007,41\\nb.png,012,\\n")
    ...     table = read_table(path)
    >>> table["patient"].tolist(), table["age"].tolist()
    (['007', '012'], [41, <NA>])
    """
    if not path.is_file():
        raise ManifestError(
            "the manifest does not exist", where=str(path), fix="correct data.manifest in the study file"
        )
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            table = pd.read_parquet(path)
            return table.reset_index() if table.index.name is not None else table
        return _read_text(path, "\t" if path.suffix.lower() in {".tsv", ".tab"} else ",")
    except (pd.errors.ParserError, csv.Error, ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ManifestError(
            "the manifest cannot be read as a table", where=path.name, why=reason, fix="save it again as CSV UTF-8"
        ) from None


def text_of(cell: object) -> str:
    """A cell as text: missing is empty, and whole numbers that were read as real ones lose their ".0".

    >>> text_of(7.0), text_of(" grade 2 "), text_of(pd.NA), text_of(None)
    ('7', 'grade 2', '', '')
    """
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):  # type: ignore[call-overload]
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    text = _decoded(path)
    _check_header(text, separator, where=path.name)
    table = pd.read_csv(io.StringIO(text), sep=separator, keep_default_na=False, na_values=[""], dtype="string")
    for name in table.columns:
        cells = table[name].dropna()
        if len(cells) and cells.str.fullmatch(_PLAIN_NUMBER).all():
            table[name] = pd.to_numeric(table[name], dtype_backend="numpy_nullable")
    return table


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ManifestError(
            "the manifest is not UTF-8",
            where=f"{path.name}, line {line}",
            why="names would be read wrongly",
            fix="save it again as CSV UTF-8 (in a spreadsheet: Save as, CSV UTF-8)",
        ) from None
    if "\0" in text:
        raise ManifestError(
            "the manifest is not text", where=path.name, why="it holds zero bytes", fix="save as CSV UTF-8"
        )
    return text


def _check_header(text: str, separator: str, *, where: str) -> None:
    """What a table parser would pass over: no header, names twice, other separators, rows longer than the header."""
    rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row)
    header, first = next(rows, []), next(rows, [])
    if not any(name.strip() for name in header):
        raise ManifestError("the manifest is empty", where=where, fix="give it a header line and one example a row")
    other = next((mark for mark in (";", "\t", ",") if mark in header[0]), None)
    if len(header) == 1 and other is not None:
        shown = {";": "semicolons", "\t": "tabs", ",": "commas"}[other]
        raise ManifestError(
            f"the columns of the manifest are separated by {shown}",
            where=where,
            fix="save it with commas, or with tabs under a name that ends in .tsv",
        )
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise ManifestError(
            f"the manifest has two columns {', '.join(map(repr, doubled))}",
            where=where,
            fix="give each column a name of its own",
        )
    if len(first) > len(header):
        raise ManifestError(
            f"row 2 has {len(first)} cells and the header {len(header)}",
            where=where,
            fix="quote cells that hold a comma, or name the missing column",
        )
