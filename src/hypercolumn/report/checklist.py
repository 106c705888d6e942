"""Reporting checklists, as far as a study fills them by itself.

An item is filled by the tool only where this very report holds the answer; what only the authors can know stays theirs,
and an answer that they gave in the study file (`checklist: {"CLAIM 5": retrospective}`) is shown as theirs. A filled
item says where the answer stands, not that the answer is a good one. Item numbers are those of the checklists, the
short labels are ours: the wording of an item is to be read in its paper.

The checklists themselves, one a file: `claim`, `tripod_ai`, `reforms`; all of them together: `sheets`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
class Answer:
    """An item that a report can answer: where, in which words, and when it does."""

    section: str
    words: str
    holds: Callable[[ReportContent], object]


@dataclass(frozen=True)
class Checklist:
    """A checklist: `name` stands before each number; answers, hints and what cannot apply are by number."""

    name: str
    source: str
    labels: Mapping[str, str]
    answers: Mapping[str, Answer]
    hints: Mapping[str, str] = field(default_factory=dict)
    not_applicable: Mapping[str, str] = field(default_factory=dict)

    def numbers(self) -> tuple[str, ...]:
        """What the items are called in the study file: "CLAIM 5"."""
        return tuple(f"{self.name} {number}" for number in self.labels)

    def items(self, content: ReportContent) -> tuple[Item, ...]:
        """Every item for one report."""
        return tuple(self._item(number, label, content) for number, label in self.labels.items())

    def _item(self, number: str, label: str, content: ReportContent) -> Item:
        name = f"{self.name} {number}"
        if content.answers.get(name):
            return Item(name, label, Filled.BY_AUTHOR, content.answers[name])
        answer = self.answers.get(number)
        if answer is not None and answer.holds(content):
            return Item(name, label, Filled.BY_TOOL, answer.words, answer.section)
        if number in self.not_applicable:
            return Item(name, label, Filled.NOT_APPLICABLE, self.not_applicable[number])
        return Item(name, label, Filled.NEEDS_AUTHOR, self.hints.get(number, ""))
