"""Numbers and names as they stand in a sentence that a clinician reads."""

from collections.abc import Iterable

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
