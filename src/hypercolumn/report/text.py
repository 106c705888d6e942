"""Text and numbers from outside, made fit to be shown.

Manifest text is hostile: control characters and right-to-left overrides can make a line read as another one, a
spreadsheet runs a cell that begins with "=", and a path names its owner. HTML is escaped by the templates; the rest
happens here.
Home directories are cut from paths wherever they stand in a text; record keys are shown as they are.
"""

import math
import re
from numbers import Integral, Real
from pathlib import Path

_HOME = re.compile(
    r"(?<![\w.~-])"  # a path begins here
    r"(?:file:/{2,3})?(?:"
    r"(?:/[^/\s\"'<>|]+)*?/(?:home|Users|users)/[^/\s\"'<>|:,;)\]]+"
    r"|/root(?=/|\b)"
    r"|[A-Za-z]:[\\/]+(?:Users|Documents and Settings)[\\/]+(?:[^\\/\n\"'<>|]+(?=[\\/])|[^\\/\s\"'<>|]+)"
    r")"
)
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but newline and tab, marks that change the reading direction, halves of characters."""


def clean(text: str) -> str:
    """A text without control characters, reordering marks, lone surrogates and home directories.

    >>> clean("/home/anna/study/p7.png"), clean("C:\\\\Users\\\\Anna B\\\\p7.png"), clean("site/home/p7")
    ('~/study/p7.png', '~\\\\p7.png', 'site/home/p7')
    >>> clean("gnp.exe\u202e") == "gnp.exe\ufffd"
    True
    """
    visible = _INVISIBLE.sub("\ufffd", text)
    if "/" not in visible and "\\" not in visible:
        return visible
    here = str(Path.home())
    if len(here) > 1:
        visible = re.sub(rf"{re.escape(here)}(?![\w-])", "~", visible)
    return _HOME.sub("~", visible)


def clip(text: str, length: int) -> str:
    """A text of at most `length` characters; one that was cut ends in an ellipsis.

    >>> clip("patient 7", 9), clip("patient 17", 9)
    ('patient 7', 'patient …')
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def number(value: object) -> str:
    """A figure as the tables print it: three decimals, thin spaces in large counts, a true minus, none as a dash.

    >>> [number(value).replace("\u202f", " ") for value in (0.91349, 12, 48213, -0.5, 1234.5678, 3e-7, None)]
    ['0.913', '12', '48 213', '−0.500', '1 234.6', '3.0e−7', '–']
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return _signed(f"{int(value):,}")
    figure = float(value)
    if not math.isfinite(figure):
        return "not a number" if math.isnan(figure) else _signed("∞" if figure > 0 else "-∞")
    size = abs(figure)
    if size >= 1e9 or 0 < size < 0.0005:
        mantissa, power = f"{figure:.1e}".split("e")
        return _signed(f"{mantissa}e{int(power)}")
    return _signed(f"{figure:,.1f}" if size >= 1000 else f"{figure:.3f}")


def count(figure: int, plural: str) -> str:
    """A count with its noun, given in the plural.

    >>> count(1, "patients"), count(24, "patients"), count(0, "records")
    ('1 patient', '24 patients', '0 records')
    """
    return f"{number(figure)} {plural.removesuffix('s') if figure == 1 else plural}"


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(42.3), duration(250), duration(7500)
    ('42.3 s', '4 min 10 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def cell(value: object) -> object:
    """A value for a CSV file that no spreadsheet will run: text that looks like a formula gets a leading apostrophe.

    >>> cell("=HYPERLINK(1)"), cell("nucleus"), cell(-0.5), cell(None)
    ("'=HYPERLINK(1)", 'nucleus', -0.5, '')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@") or text[:1] in ("\t", "\r") else text


def _signed(text: str) -> str:
    return text.replace("-", "−").replace(",", "\u202f")
