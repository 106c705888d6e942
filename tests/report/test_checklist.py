"""The checklist claims no answer that the report does not hold."""

from dataclasses import replace

from hypercolumn.report import ReportContent
from hypercolumn.report.checklist import Filled, claim_2024
from hypercolumn.report.page import render


def test_an_empty_report_fills_nothing():
    items = claim_2024(ReportContent("Nuclei", "nuclei", "patient", "2026-03-14", "0.1.0"))
    assert not [item for item in items if item.state is Filled.BY_TOOL]


def test_an_item_filled_by_the_tool_points_to_a_section_of_the_page(clean_content):
    page = render(clean_content)
    filled = [item for item in claim_2024(clean_content) if item.state is Filled.BY_TOOL]
    assert len(filled) >= 15
    assert all(f'id="{item.section}"' in page for item in filled)


def test_the_authors_word_goes_before_the_tools(clean_content):
    item = claim_2024(replace(clean_content, answers={"CLAIM 22": "see the supplement"}))[21]
    assert (item.state, item.words) == (Filled.BY_AUTHOR, "see the supplement")


def test_what_only_authors_can_know_is_never_filled_by_the_tool(clean_content):
    only_authors = {1, 2, 3, 4, 5, 6, 8, 14, 15, 16, 17, 34, 41, 44}
    items = claim_2024(clean_content)
    assert all(items[number - 1].state is not Filled.BY_TOOL for number in only_authors)
