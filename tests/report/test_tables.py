"""The tables hold every row of the report, each as wide as its header."""

from hypercolumn.report import ReportContent
from hypercolumn.report.tables import tables


def test_every_row_is_as_wide_as_its_header(clean_content, blocked_content):
    for content in (clean_content, blocked_content, ReportContent("N", "n", "patient", "2026-03-14", "0.1.0")):
        for name, (header, *rows) in tables(content).items():
            assert all(len(row) == len(header) for row in rows), name


def test_every_number_answered_is_in_the_table(clean_content):
    _, *rows = tables(clean_content)["agreement"]
    shown = clean_content.agreement
    assert rows == [[*row, "µm"] for row in zip(shown.records, shown.truth, shown.answer, strict=True)]


def test_an_empty_report_has_the_same_tables(clean_content):
    empty = tables(ReportContent("N", "n", "patient", "2026-03-14", "0.1.0"))
    assert empty.keys() == tables(clean_content).keys()
    assert all(len(rows) == 1 for name, rows in empty.items() if name != "checklist")


def test_every_score_is_in_the_table_with_the_words_yes_or_no(blocked_content):
    header, *rows = tables(blocked_content)["scores"]
    read = [dict(zip(header, row, strict=True)) for row in rows]
    scores = [score for _, _, score in blocked_content.every_score()]
    assert [row["value"] for row in read] == [score.value for score in scores]
    assert [row["interpretable"] for row in read] == [
        "no" if score.metric in ("Dice", "IoU") else "yes" for score in scores
    ]
