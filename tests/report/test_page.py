"""The page: what is struck, what is said, what it loads, and how large it may be."""

import math
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import numpy as np
import pytest

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.evaluation.score import Score
from hypercolumn.report import Case, Characteristic, Characteristics, Excluded, Gallery, Pair, ReportContent, render
from hypercolumn.report.page import LARGEST_PAGE
from hypercolumn.report.text import number

VOID = {"meta", "img", "input", "br", "hr", "link", "base", "source", "wbr", "col", "area", "embed", "track"}


class Page(HTMLParser):
    """A page as a reader without JavaScript has it: tags with their attributes, visible text, struck figures."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.words, self.figures, self.open = [], [], [], []
        self.feed(source)
        self.close()
        assert not self.open, "every tag is closed"

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append((tag, dict(attributes)))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        opened, attributes = self.open.pop()
        assert opened == tag
        if "data-metric" in attributes:
            self.figures.append((attributes["data-metric"], tag == "s"))
        if tag in ("p", "td", "th", "li", "h1", "h2", "h3", "dt", "dd"):
            self.words.append(" ")

    def handle_data(self, text):
        if not any(tag in ("style", "head", "script") for tag, _ in self.open):
            self.words.append(text)


@pytest.fixture(scope="module")
def clean_page(clean_content):
    return Page(render(clean_content))


@pytest.fixture(scope="module")
def blocked_page(blocked_content):
    return Page(render(blocked_content))


def test_a_blocking_finding_strikes_every_score_it_spoils_and_no_other(clean_page, blocked_page):
    assert {metric for metric, _ in blocked_page.figures} == {"Dice", "IoU", "Surface distance", "AUROC"}
    assert all(struck == (metric in ("Dice", "IoU")) for metric, struck in blocked_page.figures)
    assert not any(struck for _, struck in clean_page.figures)
    assert "not interpretable" in blocked_page.text
    assert "not interpretable" not in clean_page.text


def test_a_finding_that_spoils_everything_strikes_everything(words_content):
    everything = Finding("A-X", Severity.BLOCKING, "labels are shuffled", spoils=("*",))
    page = Page(render(replace(words_content, findings=(everything,))))
    assert page.figures
    assert all(struck for _, struck in page.figures)
    assert "Calibration of nucleus, generalising to new patients not interpretable" in page.text


@pytest.mark.parametrize("severity", [severity for severity in Severity if severity is not Severity.BLOCKING])
def test_only_a_blocking_finding_strikes(words_content, severity):
    page = Page(render(replace(words_content, findings=(Finding("A-X", severity, "something", spoils=("*",)),))))
    assert not any(struck for _, struck in page.figures)


def test_blocking_findings_stand_before_every_score(blocked_words_content):
    page = render(blocked_words_content)
    assert page.index("Three patients have images") < page.index("data-metric")


@pytest.mark.parametrize("unit", ["site", "patient", "specimen", "region"])
def test_the_title_of_every_score_says_what_it_speaks_of(words_content, unit):
    text = Page(render(replace(words_content, generalises_to=unit))).text
    titles = {score.title(unit) for _, _, score in words_content.every_score()}
    assert len(titles) >= 5
    assert all(title in text for title in titles)
    for metric in ("Dice", "IoU", "AUROC", "Surface distance"):
        assert not re.search(rf"{metric} of nucleus(?!, generalising to new {unit}s)", text)


def test_a_score_says_which_way_it_is_better_where_that_is_not_upwards(clean_page):
    assert re.search(r"Surface distance of nucleus, generalising to new patients lower is better", clean_page.text)
    assert clean_page.text.count("is better") == 1


def test_numbers_answered_are_drawn_against_numbers_known_on_equal_axes(words_content):
    shown = words_content.agreement
    figure = re.search(
        r"<figure[^>]*>(?:(?!</figure>).)*Answered and known.*?</figure>", render(words_content), re.S
    ).group()
    assert figure.count('class="point faint"') == len(shown.truth)
    [diagonal] = re.findall(r'<line class="chance" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', figure)
    left, bottom, right, top = map(float, diagonal)
    for x, y, truth, answer in zip(
        *([float(value) for value in re.findall(rf'circle[^>]* {name}="([\d.]+)"', figure)] for name in ("cx", "cy")),
        shown.truth,
        shown.answer,
        strict=True,
    ):
        above = (bottom - y) / (bottom - top) - (x - left) / (right - left)
        assert (above > 0) == (answer > truth)


def test_many_numbers_are_thinned_and_the_page_says_so(words_content):
    many = tuple(float(number) for number in range(5_000))
    agreement = replace(words_content.agreement, records=tuple(map(str, many)), truth=many, answer=many)
    text = Page(render(replace(words_content, agreement=agreement))).text
    assert "400 of 5 000 records, evenly taken" in text


def test_an_undefined_score_is_shown_with_its_reason(clean_page):
    assert re.search(
        r"Dice of necrosis, generalising to new patients no patient has it in a test fold undefined", clean_page.text
    )


def test_what_was_not_checked_is_never_folded_away(words_content):
    page = render(words_content)
    start = page.index('id="unchecked"')
    assert page[:start].count("<details") == page[:start].count("</details>")
    for finding in words_content.of(Severity.NOT_CHECKED):
        assert page.index(finding.claim, start) > 0


def test_nothing_is_loaded_from_outside_and_nothing_runs(clean_page, blocked_page):
    for page in (clean_page, blocked_page):
        for tag, attributes in page.tags:
            assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "use")
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("src", "data:image/").startswith("data:image/")
            assert attributes.get("href", "#").startswith("#")
            assert "url(" not in attributes.get("style", "")
        policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_the_style_sheet_loads_nothing(words_content):
    style = re.search(r"<style>(.*?)</style>", render(words_content), re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style


def numbers_of(value):
    """Every score and count of a content, as a table prints it."""
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from numbers_of(entry)
    elif isinstance(value, dict):
        yield from numbers_of(list(value.values()))
    elif is_dataclass(value):
        for field in fields(value):
            yield from numbers_of(getattr(value, field.name))
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        yield number(value)


@pytest.mark.parametrize(
    "part",
    [
        *("findings", "facts", "flow", "characteristics", "scores", "baselines", "forests", "confusion"),
        *("reliability", "agreement", "operating_curves", "curves"),
    ],
)
def test_all_numbers_stand_in_the_text_of_the_page(clean_content, clean_page, part):
    wanted = {printed.replace("\u202f", " ") for printed in numbers_of(getattr(clean_content, part))}
    assert len(wanted) > 1
    missing = [
        printed for printed in wanted if not re.search(rf"(?<![\d.]){re.escape(printed)}(?![\d.]\d)", clean_page.text)
    ]
    assert not missing


def test_numbers_of_the_galleries_and_seeds_stand_in_the_text_too(clean_content, clean_page):
    for gallery in clean_content.galleries:
        for case in gallery.cases:
            assert f"{case.metric} {number(case.value)}" in clean_page.text
            assert case.record in clean_page.text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://example.org/x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "</style></title><b>",
    "' onmouseover='alert(1)",
    "`<i>code</i>`",
    "javascript:alert(1)",
    "a\x00b\u202egnp.exe",
)


def poisoned(value, text):
    """The same content with every text replaced."""
    if isinstance(value, str) and not hasattr(value, "value"):
        return text
    if isinstance(value, tuple):
        return tuple(poisoned(entry, text) for entry in value)
    if isinstance(value, dict):
        return {f"{text}{index}": poisoned(entry, text) for index, entry in enumerate(value.values())}
    if is_dataclass(value):
        return replace(value, **{field.name: poisoned(getattr(value, field.name), text) for field in fields(value)})
    return value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(blocked_words_content, text, blocked_page):
    content = replace(poisoned(blocked_words_content, text), generalises_to="patient")
    source = render(content)
    page = Page(source)
    allowed = {tag for tag, _ in blocked_page.tags}
    assert {tag for tag, _ in page.tags} <= allowed
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    assert "7 * 7" in source or "*" not in text
    assert "\x00" not in source
    assert "\u202e" not in source


def test_no_home_directory_is_shown_wherever_it_stands(blocked_words_content):
    content = poisoned(blocked_words_content, "/home/anna/study/p7.png")
    source = render(replace(content, generalises_to="patient"))
    assert "anna" not in source
    assert "~/study/p7.png" in source


def test_the_same_content_gives_the_same_page(clean_content):
    assert render(clean_content) == render(replace(clean_content))


def test_a_hundred_huge_images_stay_under_five_megabytes(words_content):
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    plain = tuple(Case(f"p{index}", noise) for index in range(90))
    drawn = tuple(
        Case(f"q{index}", noise, truth=noise[..., 0] > 200, prediction=noise[..., 1] > 99) for index in range(10)
    )
    cases = drawn + plain
    page = render(replace(words_content, galleries=(Gallery("Worst", cases),), pairs=(Pair(cases[0], cases[1]),)))
    assert len(page.encode()) <= LARGEST_PAGE == 5_000_000
    assert page.count('<figure class="case">') == 100
    shown, missing = page.count('alt="Image of record'), page.count("image left out to keep the page small")
    assert shown + missing == 102
    assert shown > 30


def test_endless_words_stay_under_five_megabytes_and_say_where_the_rest_is(words_content):
    text = "<" * 20_000
    endless = Finding(
        text, Severity.BLOCKING, text, dict.fromkeys(map(str, range(300)), text), text, ((text,) * 50,) * 500, (text,)
    )
    content = replace(
        words_content,
        title=text,
        findings=(endless,) * 500,
        excluded=(Excluded(text, text),) * 1000,
        characteristics=Characteristics((text,) * 300, (Characteristic(text, (text,) * 300, 0.1, text),) * 300),
    )
    page = render(content)
    assert len(page.encode()) <= LARGEST_PAGE
    assert "more in <code>report_data/findings.csv</code>" in page


def test_a_page_can_be_walked_by_keyboard_and_heard(clean_page, blocked_page):
    for page in (clean_page, blocked_page):
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert all(a["href"][1:] in ids for tag, a in page.tags if tag == "a")
        assert all(a.get("alt") for tag, a in page.tags if tag == "img")
        assert all(a.get("scope") for tag, a in page.tags if tag == "th")
        assert all(a.get("aria-hidden") == "true" or a.get("aria-label") for tag, a in page.tags if tag == "svg")
        assert [tag for tag, _ in page.tags].count("h1") == 1
        assert ("html", {"lang": "en"}) in page.tags


def test_a_report_with_nothing_in_it_says_so():
    page = Page(render(ReportContent("Nuclei", "nuclei", "patient", "2026-03-14", "0.1.0")))
    assert "Nothing has been checked: the scores cannot be judged." in page.text


def test_figures_without_numbers_are_left_empty_not_drawn(words_content):
    nothing = Score("Dice", None, None, None, "patients", 0, 0, note="nobody has it")
    forest = replace(words_content.forests[0], rows=(("A", nothing),), overall=nothing)
    source = render(replace(words_content, forests=(forest,)))
    assert "nan" not in re.sub(r"data:[^\"]*", "", source).replace("finan", "").split("<main>")[1].lower().split()
    assert "undefined" in source


def contrast(one, two):
    """Contrast ratio of two colours, WCAG 2.1."""

    def luminance(colour):
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_and_marks_can_be_read_in_light_and_in_dark(words_content):
    style = re.search(r"<style>(.*?)</style>", render(words_content), re.S).group(1)
    light, dark = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)[:2]
    )
    for palette in (light, dark):
        for paper in ("paper", "raised", "faint"):
            assert all(
                contrast(palette[name], palette[paper]) >= 4.5
                for name in ("ink", "soft", "link", "ok", "warning", "blocking")
            )
        assert all(
            contrast(palette[name], palette["paper"]) >= 3 for name in ("one", "two", "three", "four", "five", "six")
        )
