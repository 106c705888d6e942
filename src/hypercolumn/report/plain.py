"""A report as plain values: what `report.json` holds. No images; None where a number is undefined.

    {"schema": "hypercolumn-report/1", "verdict": {...}, "title": ..., "scores": [...], ..., "checklist": [...]}

Each score also says its title and whether it can be interpreted, so that a gate need not know what spoils what. Later
schemas only add; where one would change a meaning, its number rises.
"""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Integral, Real

import numpy as np

from hypercolumn.evaluation.score import Score
from hypercolumn.report.content import Case, ReportContent
from hypercolumn.report.sheets import sheets
from hypercolumn.report.text import clean

SCHEMA = "hypercolumn-report/1"


def numbers(content: ReportContent) -> dict[str, object]:
    """The report as plain JSON values.

    >>> numbers(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"))["schema"]
    'hypercolumn-report/1'
    """
    state, words = content.verdict
    return {
        "schema": SCHEMA,
        "verdict": {"state": state.value, "words": clean(words)},
        **_fields(content, content),
        "checklist": plain([item for sheet in sheets(content) for item in sheet.items], content),
    }


def plain(value: object, content: ReportContent) -> object:
    """Any value of a report as JSON has it; what JSON does not know is put in words.

    >>> content = ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0")
    >>> plain({"range": (np.float32(0.5), float("nan")), "sites": {"b", "a"}}, content)
    {'range': [0.5, None], 'sites': ['a', 'b']}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return finite(float(value))
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), content)
    return _plain_many(value, content)


def finite(value: float | None) -> float | None:
    """A number, or None where there is none: JSON and spreadsheets know no NaN.

    >>> finite(0.5), finite(float("nan")), finite(None)
    (0.5, None, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def _plain_many(value: object, content: ReportContent) -> object:
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(entry, content) for key, entry in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(entry, content) for entry in value), key=str)
    if isinstance(value, list | tuple | range):
        return [plain(entry, content) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value, content)
    return clean(str(value))


def _fields(value: object, content: ReportContent) -> dict[str, object]:
    images = ("image", "truth", "prediction") if isinstance(value, Case) else ()
    names = [field.name for field in fields(value) if field.name not in images]  # type: ignore[arg-type]
    named = {name: plain(getattr(value, name), content) for name in names}
    if isinstance(value, Score):
        named["title"] = clean(value.title(content.generalises_to))
        named["interpretable"] = not content.spoiled_by(value.metric)
    return named
