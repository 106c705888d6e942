"""The checklists that every report carries, filled as far as it can fill them."""

from dataclasses import dataclass

from hypercolumn.report.checklist import Item
from hypercolumn.report.claim import CLAIM_2024
from hypercolumn.report.content import ReportContent
from hypercolumn.report.reforms import REFORMS
from hypercolumn.report.tripod_ai import TRIPOD_AI

CHECKLISTS = (CLAIM_2024, TRIPOD_AI, REFORMS)


@dataclass(frozen=True)
class Sheet:
    """A checklist filled for one report; `source` says where its wording stands."""

    name: str
    source: str
    items: tuple[Item, ...]


def sheets(content: ReportContent) -> tuple[Sheet, ...]:
    """All checklists for one report.

    >>> filled = sheets(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"))
    >>> [(sheet.name, len(sheet.items)) for sheet in filled]
    [('CLAIM', 44), ('TRIPOD+AI', 52), ('REFORMS', 32)]
    """
    return tuple(Sheet(one.name, one.source, one.items(content)) for one in CHECKLISTS)
