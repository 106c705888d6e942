"""The reporting checklist CLAIM 2024, as far as a study fills it by itself.

Item numbers follow the Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani, Klontzas, Gatti
et al. 2024, doi 10.1148/ryai.240300); the short labels are ours, not the checklist's wording. An item is filled by the
tool only where this very report holds the answer; what only the authors can know stays theirs, and an answer that they
gave is shown as theirs. A filled item says where the answer stands, not that the answer is a good one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hypercolumn.report.content import ReportContent


class Filled(StrEnum):
    """Who answers an item."""

    BY_TOOL = "filled by tool"
    BY_AUTHOR = "answered by author"
    NEEDS_AUTHOR = "needs author"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Item:
    """One item: its number, our short label, who answers it, the words, and the section of the report that holds it."""

    number: str
    label: str
    state: Filled
    words: str = ""
    section: str = ""


@dataclass(frozen=True)
class _Answer:
    """An item that a report can answer: where, in which words, and when it does."""

    section: str
    words: str
    holds: Callable[[ReportContent], object]


def claim_2024(content: ReportContent) -> tuple[Item, ...]:
    """All 44 items for one report.

    >>> answers = {"CLAIM 5": "retrospective"}
    >>> items = claim_2024(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0", answers=answers))
    >>> len(items), items[4].label, items[4].state.value, items[4].words
    (44, 'Prospective or retrospective', 'answered by author', 'retrospective')
    """
    return tuple(_item(number, label, content) for number, label in enumerate(_LABELS, start=1))


def _item(number: int, label: str, content: ReportContent) -> Item:
    name = f"CLAIM {number}"
    if content.answers.get(name):
        return Item(name, label, Filled.BY_AUTHOR, content.answers[name])
    answer = _ANSWERS.get(number)
    if answer is not None and answer.holds(content):
        return Item(name, label, Filled.BY_TOOL, answer.words, answer.section)
    if number == 27:
        return Item(name, label, Filled.NOT_APPLICABLE, "each record is predicted by one network alone")
    return Item(name, label, Filled.NEEDS_AUTHOR, _HINTS.get(number, ""))


_LABELS = (
    "Named as a study of artificial intelligence",
    "Structured abstract",
    "Background and intended use",
    "Aims and hypotheses",
    "Prospective or retrospective",
    "Goal of the study",
    "Data sources",
    "Inclusion and exclusion criteria",
    "Preprocessing",
    "Selection of subsets",
    "De-identification",
    "Missing data",
    "Image acquisition",
    "How the reference standard was obtained",
    "Why this reference standard",
    "Who annotated",
    "Annotation of the test set",
    "Agreement between and within raters",
    "Assignment to partitions",
    "Level at which partitions are disjoint",
    "Sample size",
    "Model",
    "Software",
    "Initialisation of parameters",
    "Training",
    "Choice of the final model",
    "Ensembles",
    "Metrics",
    "Significance and uncertainty",
    "Robustness or sensitivity",
    "Explainability",
    "Evaluation on internal data",
    "Testing on external data",
    "Trial registration",
    "Numbers included and excluded",
    "Characteristics by partition",
    "Performance with uncertainty",
    "Diagnostic performance with precision",
    "Failure analysis",
    "Limitations",
    "Implications for practice",
    "Protocol and further technical details",
    "Availability of software, model and data",
    "Funding",
)

_ANSWERS = {
    9: _Answer("plan", "each step with its reason", lambda content: content.plan),
    12: _Answer("flow", "records set aside, each with the reason", lambda content: content.excluded),
    19: _Answer("certificate", "by lineage; the certificate can be checked", lambda content: content.certificate),
    20: _Answer("certificate", "tested over every lineage column", lambda content: content.certificate),
    21: _Answer("scores", "not planned here; the intervals show what this size allows", lambda content: content.scores),
    22: _Answer("plan", "network, depth and window", lambda content: content.plan),
    23: _Answer("reproduce", "versions", lambda content: content.reproduction and content.reproduction.versions),
    24: _Answer("reproduce", "seeds", lambda content: content.reproduction and content.reproduction.seeds),
    25: _Answer("training", "plan and learning curves", lambda content: content.plan and content.curves),
    26: _Answer("training", "the step whose weights were kept, by fold", lambda content: _kept(content)),
    28: _Answer("scores", "every metric with the unit it is counted over", lambda content: content.scores),
    29: _Answer("scores", "intervals over independent units", lambda content: content.scores),
    30: _Answer("groups", "scores by group", lambda content: content.forests),
    32: _Answer("scores", "on records that no fold had learnt from", lambda content: content.scores),
    35: _Answer("flow", "flow diagram", lambda content: content.flow),
    36: _Answer("cohort", "table by fold with standardised differences", lambda content: content.characteristics),
    37: _Answer("scores", "scores with intervals", lambda content: content.scores),
    38: _Answer("scores", "operating curves", lambda content: content.operating_curves),
    39: _Answer("cases", "the worst cases, shown", lambda content: content.galleries),
    42: _Answer("reproduce", "commands, seeds, hashes", lambda content: content.reproduction),
}

_HINTS = {
    7: "manifest and hashes are in this report; say where the data come from",
    13: "not read from the files",
    33: "no external data were scored in this report",
    40: "begin with the warnings and with what was not checked",
    43: "versions and hashes are in this report; say where to get them",
}


def _kept(content: ReportContent) -> bool:
    return any(curve.kept_at is not None for curve in content.curves)
