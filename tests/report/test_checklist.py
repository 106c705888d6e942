"""A checklist claims no answer that the report does not hold."""

from collections import Counter
from dataclasses import replace

import pytest

from hypercolumn.report import Choice, ReportContent
from hypercolumn.report.checklist import Filled
from hypercolumn.report.claim import claim_2024
from hypercolumn.report.page import render
from hypercolumn.report.sheets import CHECKLISTS, sheets

EMPTY = ReportContent("Nuclei", "nuclei", "patient", "2026-03-14", "0.1.0")
ONLY_AUTHORS = {
    "CLAIM": "1 2 3 4 5 6 8 14 15 16 17 34 41 44",
    "TRIPOD+AI": "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 8a 8b 8c 10 14 16 17 18a 18b 18c 18d 19 25 26 27a 27b 27c",
    "REFORMS": "1b 1c 2d 3a 3b 3c 3g 6c 8a 8b",
}


def test_an_empty_report_fills_nothing():
    assert not [item for sheet in sheets(EMPTY) for item in sheet.items if item.state is Filled.BY_TOOL]


@pytest.mark.parametrize(("place", "least"), [(0, 15), (1, 10), (2, 12)])
def test_an_item_filled_by_the_tool_points_to_a_section_of_the_page(clean_content, place, least):
    page = render(clean_content)
    filled = [item for item in sheets(clean_content)[place].items if item.state is Filled.BY_TOOL]
    assert len(filled) >= least
    assert all(f'id="{item.section}"' in page for item in filled)


def test_the_authors_word_goes_before_the_tools(clean_content):
    item = claim_2024(replace(clean_content, answers={"CLAIM 22": "see the supplement"}))[21]
    assert (item.state, item.words) == (Filled.BY_AUTHOR, "see the supplement")


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_what_only_authors_can_know_is_never_filled_by_the_tool(clean_content, checklist):
    state = {item.number: item.state for item in checklist.items(clean_content)}
    for number in ONLY_AUTHORS[checklist.name].split():
        assert state[f"{checklist.name} {number}"] in {Filled.NEEDS_AUTHOR, Filled.BY_AUTHOR}


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_answers_hints_and_what_cannot_apply_are_of_items_that_there_are(checklist):
    for named in (checklist.answers, checklist.hints, checklist.not_applicable):
        assert named.keys() <= checklist.labels.keys()


def test_the_published_numbers_of_items():
    """CLAIM 2024: 44; TRIPOD+AI: 27 items with 52 parts; REFORMS: 32 items in 8 modules."""
    assert [len(one.labels) for one in CHECKLISTS] == [44, 52, 32]
    assert len({number.rstrip("abcdefg") for number in CHECKLISTS[1].labels}) == 27
    assert len({number[0] for number in CHECKLISTS[2].labels}) == 8


def test_the_published_parts_of_items():
    """TRIPOD+AI, table of 11 January 2024: items with more than one part; REFORMS, table 1: items of each module."""
    parts = Counter(number.rstrip("abcdefg") for number in CHECKLISTS[1].labels)
    split = {"3": 3, "5": 2, "6": 3, "8": 3, "9": 3, "12": 7, "18": 6, "20": 3, "23": 2, "27": 3}
    assert parts == {str(number): split.get(str(number), 1) for number in range(1, 28)}
    modules = Counter(number[0] for number in CHECKLISTS[2].labels)
    assert [modules[number] for number in "12345678"] == [3, 5, 7, 3, 6, 3, 3, 2]


@pytest.mark.parametrize(("what", "state"), [("imbalance", Filled.BY_TOOL), ("depth", Filled.NEEDS_AUTHOR)])
def test_unequal_classes_are_answered_where_the_plan_says_what_was_done(what, state):
    content = replace(EMPTY, plan=(Choice(what, "none", "the classes are alike"),))
    [item] = [one for one in CHECKLISTS[1].items(content) if one.number == "TRIPOD+AI 13"]
    assert item.state is state


def test_every_sheet_stands_on_the_page_with_the_authors_words(clean_content):
    answers = {"TRIPOD+AI 19": "patients read the draft", "REFORMS 1b": "they are the ones we treat"}
    page = render(replace(clean_content, answers=answers))
    assert all(f"<h3>{one.name}</h3>" in page for one in CHECKLISTS)
    assert all(words in page for words in answers.values())
