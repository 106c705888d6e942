"""The tables of a report, one row a line: what `report_data/*.csv` hold.

All tables are always made, empty but for their header where a study has nothing to put in, so that a file never is a
left-over of an older report.
"""

import json
from collections.abc import Iterable, Iterator

from hypercolumn.report.content import ReportContent
from hypercolumn.report.plain import finite, plain
from hypercolumn.report.sheets import sheets

Row = list[object]


def tables(content: ReportContent) -> dict[str, list[Row]]:
    """The tables by name, each with its header as first row.

    >>> tables(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"))["flow"]
    [['step', 'kind', 'records', 'units', 'note']]
    """
    made: dict[str, Iterable[Row]] = {
        "scores": _scores(content),
        "findings": _findings(content),
        "flow": _flow(content),
        "excluded": _excluded(content),
        "characteristics": _characteristics(content),
        "learning_curves": _learning_curves(content),
        "reliability": _reliability(content),
        "agreement": _agreement(content),
        "operating_curves": _operating_curves(content),
        "confusion": _confusion(content),
        "cases": _cases(content),
        "plan": _plan(content),
        "checklist": _checklist(content),
    }
    return {name: list(rows) for name, rows in made.items()}


def _scores(content: ReportContent) -> Iterator[Row]:
    measured = ["value", "low", "high", "unit", "units", "records", "method", "note", "better"]
    yield ["table", "row", "title", "metric", "label", *measured, "interpretable"]
    for place, row, score in content.every_score():
        yield [
            *(place, row, score.title(content.generalises_to), score.metric, score.label),
            *(finite(score.value), finite(score.low), finite(score.high)),
            *(score.unit, score.units, score.records, score.method, score.note, str(score.better)),
            "no" if content.spoiled_by(score.metric) else "yes",
        ]


def _findings(content: ReportContent) -> Iterator[Row]:
    yield ["code", "severity", "claim", "evidence", "remedy", "records", "spoils"]
    for finding in content.findings:
        evidence = json.dumps(plain(finding.evidence, content), ensure_ascii=False)
        groups = "; ".join(" = ".join(group) for group in finding.groups)
        spoils = "; ".join(finding.spoils)
        yield [finding.code, finding.severity.value, finding.claim, evidence, finding.remedy, groups, spoils]


def _flow(content: ReportContent) -> Iterator[Row]:
    yield ["step", "kind", "records", "units", "note"]
    for step in content.flow:
        yield [step.name, step.kind.value, step.records, step.units, step.note]


def _excluded(content: ReportContent) -> Iterator[Row]:
    yield ["record", "why"]
    for entry in content.excluded:
        yield [entry.record, entry.why]


def _characteristics(content: ReportContent) -> Iterator[Row]:
    table = content.characteristics
    yield ["variable", "name", *(table.columns if table else ()), "standardised_difference"]
    for row in table.rows if table else ():
        yield [row.variable, row.name, *row.values, finite(row.difference)]


def _learning_curves(content: ReportContent) -> Iterator[Row]:
    yield ["fold", "step", "training_loss", "validation_score", "metric"]
    for curve in content.curves:
        for step, loss, score in zip(curve.steps, curve.training_loss, curve.validation_score, strict=True):
            yield [curve.fold, step, finite(loss), finite(score), curve.metric]


def _reliability(content: ReportContent) -> Iterator[Row]:
    yield ["label", "predicted", "observed", "low", "high", "count"]
    for line in content.reliability:
        for *point, count in zip(line.predicted, line.observed, line.low, line.high, line.counts, strict=True):
            yield [line.label, *(finite(value) for value in point), count]


def _agreement(content: ReportContent) -> Iterator[Row]:
    yield ["record", "truth", "answer", "measured_in"]
    shown = content.agreement
    for record, *pair in zip(shown.records, shown.truth, shown.answer, strict=True) if shown else ():
        yield [record, *(finite(value) for value in pair), shown.measured_in if shown else ""]


def _operating_curves(content: ReportContent) -> Iterator[Row]:
    yield ["label", "false_positive_rate", "true_positive_rate"]
    for curve in content.operating_curves:
        for point in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True):
            yield [curve.score.label, *(finite(value) for value in point)]


def _confusion(content: ReportContent) -> Iterator[Row]:
    table = content.confusion
    yield ["truth", *(table.classes if table else ())]
    for name, row in zip(table.classes, table.counts, strict=True) if table else ():
        yield [name, *row]


def _cases(content: ReportContent) -> Iterator[Row]:
    yield ["gallery", "record", "metric", "value", "words"]
    for gallery in content.galleries:
        for case in gallery.cases:
            yield [gallery.title, case.record, case.metric, finite(case.value), case.words]


def _plan(content: ReportContent) -> Iterator[Row]:
    yield ["what", "value", "why"]
    for choice in content.plan:
        yield [choice.what, choice.value, choice.why]


def _checklist(content: ReportContent) -> Iterator[Row]:
    yield ["item", "label", "state", "words", "section"]
    for sheet in sheets(content):
        for item in sheet.items:
            yield [item.number, item.label, item.state.value, item.words, item.section]
