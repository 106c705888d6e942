"""The four pitfalls by the codes of their findings, and which findings of some of them let a gate fail."""

from collections.abc import Iterable, Sequence

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.errors import InvalidArgument

KINDS = {
    "leakage": (
        "A-LINEAGE",
        "A-DUPLICATES",
        "A-METADATA",
        "A-BACKGROUND",
        "A-TEXT",
        "A-FITTING",
        "A-TIME",
        "A-CONTROL",
        "A-SEAL",
    ),
    "site": ("A-SITE",),
    "labels": ("A-LABEL", "A-MASKS", "A-EVENTS"),
    "strata": ("A-STRATA", "A-SLICES", "A-HIDDEN"),
}
"""The four pitfalls, by the codes of their findings."""


def fails(findings: Iterable[Finding], kinds: Sequence[str]) -> list[Finding]:
    """The findings of these pitfalls that block or warn. Raises InvalidArgument for a name that is none.

    >>> finding = Finding("A-SITE-RANKED", Severity.WARNING, "the site is told")
    >>> [one.code for one in fails([finding], ["site"])], fails([finding], ["leakage"])
    (['A-SITE-RANKED'], [])
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise InvalidArgument("fail_on", ", ".join(unknown), fix=f"use some of {', '.join(KINDS)}")
    codes = tuple(code for kind in kinds for code in KINDS[kind])
    return [
        one for one in findings if one.severity in {Severity.BLOCKING, Severity.WARNING} and one.code.startswith(codes)
    ]
