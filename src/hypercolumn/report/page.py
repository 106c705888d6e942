"""A report's content laid out as one HTML page: no script, no network, at most five megabytes.

The page is plain text first. All numbers stand in tables, figures are inline SVG that takes its colours from the page,
images are data URIs, and the content policy forbids everything else. `Room` says how much of each list and text is laid
out; the page takes the largest room that leaves space, and says where the rest can be found.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from importlib import resources
from itertools import chain, islice

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hypercolumn.audit.finding import Severity
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.score import Score
from hypercolumn.report import charts
from hypercolumn.report.checklist import Filled
from hypercolumn.report.content import Case, Curve, Flow, Forest, ReportContent, State
from hypercolumn.report.images import Picture, draw_within
from hypercolumn.report.sheets import sheets
from hypercolumn.report.text import clean, clip, count, duration, number

LARGEST_PAGE = 5_000_000
"""Bytes that a page never exceeds."""


@dataclass(frozen=True)
class Room:
    """How many entries of a list, and how many characters of a text, are laid out."""

    entries: int
    characters: int


ROOMS = tuple(Room(*pair) for pair in ((400, 4000), (100, 1000), (24, 240), (6, 60), (2, 24)))
TEXT_SHARE = 0.5
"""The part of a page that text may fill before its room is made smaller; images share what is left."""


def render(content: ReportContent) -> str:
    """The whole page as text; the same content gives the same page to the letter.

    >>> page = render(ReportContent("<b>Nuclei</b>", "nuclei", "patient", "2026-01-31", "0.1.0"))
    >>> "<h1>&lt;b&gt;Nuclei&lt;/b&gt;</h1>" in page, len(page) < LARGEST_PAGE
    (True, True)
    """
    room, text_alone = _fit_text(content)
    pictures, left_out = draw_within(_cases(content, room), LARGEST_PAGE - len(text_alone.encode()) - 10_000)
    page = _lay_out(content, room, pictures=pictures, left_out=left_out)
    assert len(page.encode()) <= LARGEST_PAGE, "pictures fit into what the text left"
    return page


def _fit_text(content: ReportContent) -> tuple[Room, str]:
    for room in ROOMS:
        if _too_heavy(content, room):
            continue
        page = _lay_out(content, room, pictures={}, left_out=len(_cases(content, room)))
        if len(page.encode()) <= TEXT_SHARE * LARGEST_PAGE:
            return room, page
    raise InvalidArgument("content", "more than a page holds", fix="hand over fewer tables")


def _too_heavy(content: ReportContent, room: Room) -> bool:
    """Whether the words alone would overfill a page: known before any of it is laid out, whatever was handed in."""
    left = LARGEST_PAGE
    waiting: list[object] = [content]
    while waiting and left > 0:
        value = waiting.pop()
        left -= min(len(value), room.characters) if isinstance(value, str) else 8
        if isinstance(value, Mapping):
            waiting += chain.from_iterable(islice(value.items(), room.entries))
        elif isinstance(value, list | tuple | set | frozenset | range):
            waiting += islice(value, room.entries)
        elif is_dataclass(value):
            waiting += (getattr(value, field.name) for field in fields(value))
    return left <= 0


def _cases(content: ReportContent, room: Room) -> list[Case]:
    shown = [case for gallery in content.galleries[: room.entries] for case in gallery.cases[: room.entries]]
    shown += [case for pair in content.pairs[: room.entries] for case in (pair.left, pair.right)]
    return shown


def _lay_out(content: ReportContent, room: Room, *, pictures: dict[int, Picture], left_out: int) -> str:
    places = {id(finding): index for index, finding in enumerate(content.findings)}
    return (
        _environment(room)
        .get_template("report.html.jinja")
        .render(
            content=content,
            sheets=sheets(content),
            images_left_out=left_out,
            spoiled_by=cache(content.spoiled_by),
            name_of=partial(_name_of, generalises_to=content.generalises_to),
            picture_of=lambda case: pictures.get(id(case)),
            place_of=lambda finding: places[id(finding)],
        )
    )


def freedoms(methods: Sequence[str]) -> list[str]:
    """Methods of intervals, those that differ only in their degrees of freedom told once.

    >>> freedoms(["jackknife, t(39)", "exact", "jackknife, t(11)", "jackknife, t(25)"])
    ['jackknife, t(11 to 39)', 'exact']
    """
    found: dict[str, list[int]] = {}
    for method in methods:
        known = re.fullmatch(r"(.*), t\((\d+)\)", method)
        found.setdefault(known[1] if known else method, []).extend([int(known[2])] if known else [])
    return [
        f"{name}, t({min(each)} to {max(each)})" if len(set(each)) > 1 else f"{name}, t({each[0]})" if each else name
        for name, each in found.items()
    ]


@cache
def _environment(room: Room) -> Environment:
    """The templates, read once for each room: what they call everything, and how they print a value."""
    environment = Environment(
        loader=PackageLoader("hypercolumn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(_show, room=room),
    )
    environment.filters |= {"number": number, "count": count, "duration": duration}
    environment.filters |= {"evidence": partial(_evidence, room=room), "prose": partial(_prose, room=room)}
    environment.filters |= {"freedoms": freedoms}
    environment.globals |= {"room": room, "style": Markup(_read("style.css"))}
    environment.globals |= {"Severity": Severity, "State": State, "Flow": Flow, "Filled": Filled}
    environment.globals |= {"charts": charts, "Frame": charts.Frame, "Axis": charts.Axis}
    environment.globals |= {"forest_values": _forest_values, "validated_metrics": _validated_metrics}
    return environment


def _show(value: object, *, room: Room) -> object:
    """What happens to everything that a template prints, before it is escaped."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _fit(str(value), room)


def _fit(text: str, room: Room) -> str:
    """Cleaned and clipped; clipped before too, since cleaning a text of any length would take any time."""
    return clip(clean(text[: room.characters + 500]), room.characters)


def _prose(text: str, *, room: Room) -> Markup:
    """Escaped text in which `commands` between backticks are set as code."""
    parts = _fit(text, room).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def _evidence(value: object, *, room: Room) -> str:
    most = min(room.entries, 24)
    if isinstance(value, Mapping):
        parts = [f"{key}: {_evidence(part, room=room)}" for key, part in list(value.items())[:most]]
    elif isinstance(value, set | frozenset):
        return _evidence(sorted(value, key=str), room=room)
    elif isinstance(value, list | tuple):
        parts = [_evidence(part, room=room) for part in value[:most]]
    else:
        return number(value)
    rest = len(value) - len(parts)
    return ", ".join(parts) + (f" and {rest} more" if rest > 0 else "")


def _name_of(score: Score, generalises_to: str) -> tuple[str, str]:
    """A score's title in two parts: what is measured, and what it speaks of."""
    title = score.title(generalises_to)
    scope = f", generalising to new {generalises_to}s"
    return (title.removesuffix(scope), scope) if title.endswith(scope) else (title, "")


def _forest_values(forest: Forest) -> list[float | None]:
    scores = [*(score for _, score in forest.rows), forest.overall]
    return [value for score in scores for value in (score.low, score.value, score.high)]


def _validated_metrics(curves: Sequence[Curve]) -> list[str]:
    """The names of the validation scores that were taken at all, each once."""
    taken = [curve.metric for curve in curves if any(charts.is_known(value) for value in curve.validation_score)]
    return list(dict.fromkeys(taken))


def _read(name: str) -> str:
    return resources.files("hypercolumn.report").joinpath("templates", name).read_text(encoding="utf-8")
