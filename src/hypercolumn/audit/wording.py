"""Numbers, names and intervals as they stand in a sentence that a clinician reads."""

import math
from collections.abc import Iterable, Mapping

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.evaluation.intervals import Interval

NAMED = 10
"""How many names a sentence lists before it says how many more there are."""


def counted(number: int, noun: str) -> str:
    """A number with its noun in the right number.

    >>> counted(1, "patient"), counted(1200, "pair"), counted(0, "copy")
    ('1 patient', '1,200 pairs', '0 copies')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def listed(names: Iterable[object], *, most: int = NAMED) -> str:
    """Names in a row, and how many were left out.

    >>> listed(["P1", "P2", "P3"], most=2)
    'P1, P2 and 1 more'
    """
    texts = [str(name) for name in names]
    rest = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def percent(part: int, whole: int) -> str:
    """A share in percent, never rounded to none or all where it is neither.

    >>> percent(1, 3), percent(1, 5000), percent(4999, 5000), percent(0, 7)
    ('33 %', 'under 1 %', 'over 99 %', '0 %')
    """
    if whole == 0:
        return "0 %"
    rounded = round(100 * part / whole)
    if rounded == 0 and part > 0:
        return "under 1 %"
    if rounded == 100 and part < whole:
        return "over 99 %"
    return f"{rounded} %"


def ends(name: str, found: Interval) -> dict[str, object]:
    """A figure and the ends of its interval as evidence, each under a name of its own.

    >>> ends("AUROC", Interval(0.91234, 0.85, 0.95))
    {'AUROC': 0.9123, 'AUROC, low': 0.85, 'AUROC, high': 0.95}
    """
    parts = (("", found.value), (", low", found.low), (", high", found.high))
    return {name + part: round(value, 4) for part, value in parts if value is not None}


def between(found: Interval) -> str:
    """The interval in a sentence.

    >>> between(Interval(0.9, 0.85, 0.95)), between(Interval(0.9))
    ('95 % interval 0.850 to 0.950', 'no interval')
    """
    if found.low is None or found.high is None:
        return "no interval"
    return f"95 % interval {found.low:.3f} to {found.high:.3f}"


def p_value(p: float) -> float | str:
    """A p-value as evidence: two digits, or a word where there is none.

    >>> p_value(0.012345), p_value(float("nan"))
    (0.012, 'undefined')
    """
    return "undefined" if math.isnan(p) else float(f"{p:.2g}")


def unchecked(code: str, what: str, remedy: str, evidence: Mapping[str, object] | None = None) -> Finding:
    """What could not be looked at, and why: an answer like any other.

    >>> unchecked("SITE", "whether sites differ: there is one", "Test at a second.").claim
    'Not checked: whether sites differ: there is one.'
    """
    return Finding(f"A-{code}-NOT-CHECKED", Severity.NOT_CHECKED, f"Not checked: {what}.", evidence or {}, remedy)
