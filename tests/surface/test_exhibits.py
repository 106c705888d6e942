"""The list of exhibits keeps its word: a row of a part that is done has a command and a test, and both exist."""

import re
from pathlib import Path

import pytest

from hypercolumn.cli import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/exhibits.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")] for line in TEXT.splitlines() if re.match(r"\| \d", line)
]
DONE = {part.strip() for part in re.findall(r"Parts that are done: (.*)", TEXT)[0].split(",")}
VERBS = {command.callback.__name__ for command in app.registered_commands if command.callback}


def test_all_forty_four_rows_are_there() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, 45)]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_a_part_that_is_done_is_filled_and_true(row: list[str]) -> None:
    number, exhibit, parts, command, tests = row
    due = DONE & {part.strip() for part in parts.split(",")}
    assert not due or (command and tests), f"exhibit {number} ({exhibit}) is empty"
    assert bool(command) == bool(tests)
    for verb in re.findall(r"`hypercolumn ([a-z]+)", command):
        assert verb in VERBS
    for path in re.findall(r"`(tests/[^`]+)`", tests):
        assert (ROOT / path).is_file(), path
