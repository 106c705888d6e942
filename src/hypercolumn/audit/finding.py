"""What an audit says: one claim with its evidence, or why it could not be checked.

"Passed" and "not checked" are answers too: a list of what was looked at is worth as much as a list of what was found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters to the score."""

    BLOCKING = "blocking"
    """The scores it names must not be believed."""
    WARNING = "warning"
    NOTE = "note"
    PASSED = "passed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One claim about a study.

    `evidence` holds plain numbers and words that a reader can check; `groups` the records that belong together (the
    pair that is one image, the patient that stands on both sides); `spoils` the names of the metrics that the finding
    makes uninterpretable, ("*",) for all of them.

    >>> Finding("A-LINEAGE-BOTH-SIDES", Severity.BLOCKING, "patient 7 is in training and test", spoils=("*",)).blocking
    True
    """

    code: str
    severity: Severity
    claim: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    remedy: str = ""
    groups: tuple[tuple[str, ...], ...] = ()
    spoils: tuple[str, ...] = ()

    @property
    def blocking(self) -> bool:
        return self.severity is Severity.BLOCKING
