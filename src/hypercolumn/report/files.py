"""The files of a report: the page, its numbers as JSON, its tables as CSV.

    report.html          the page
    report.json          every number and word of the page, without images: for gates and comparisons
    report_data/*.csv    the tables, one row a line, always all of them, empty where the study has none

Each file is written beside its place and moved there, the page last: a reader never sees half of one, and a page that
stands has its numbers beside it.
"""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from hypercolumn.data.writing import write_whole
from hypercolumn.errors import OutputNotWritable
from hypercolumn.report.content import ReportContent
from hypercolumn.report.page import render
from hypercolumn.report.plain import numbers
from hypercolumn.report.tables import tables
from hypercolumn.report.text import cell


def write(content: ReportContent, folder: Path) -> Path:
    """Write all files of a report into a folder and return the page's path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"), Path(folder))
    ...     page.name, sorted(path.name for path in Path(folder).iterdir())
    ('report.html', ['report.html', 'report.json', 'report_data'])
    """
    folder = Path(folder)
    page = render(content)
    try:
        (folder / "report_data").mkdir(parents=True, exist_ok=True)
        for name, rows in tables(content).items():
            write_whole(folder / "report_data" / f"{name}.csv", _as_csv(rows))
        write_whole(folder / "report.json", json.dumps(numbers(content), indent=1, ensure_ascii=False, allow_nan=False))
        write_whole(folder / "report.html", page)
    except OSError as error:
        raise OutputNotWritable("the report could not be written", where=str(folder), why=str(error)) from error
    return folder / "report.html"


def _as_csv(rows: Iterable[Iterable[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
    return stream.getvalue()
