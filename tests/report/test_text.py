"""Text from outside can neither deceive a reader nor name the owner of a folder."""

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.report.text import cell, clean, clip, number

HOMES = (
    "/home/anna/data/p7.png",
    "file:///home/anna/p7.png",
    "/cluster/home/anna/p7.png",
    "/Users/anna/p7.png",
    "C:\\Users\\anna\\p7.png",
    "C:/Users/anna/p7.png",
    "D:\\Documents and Settings\\anna b\\p7.png",
    "could not read '/home/anna/p7.png': truncated",
)


@pytest.mark.parametrize("text", HOMES)
def test_no_home_directory_is_shown(text):
    assert "anna" not in clean(text)
    assert "p7.png" in clean(text)
    assert "~" in clean(text)


def test_the_home_of_this_machine_is_not_shown_wherever_it_lies(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/gpfs/u1234/anna"))
    assert clean("in /gpfs/u1234/anna/data and /gpfs/u1234/anna-public") == "in ~/data and /gpfs/u1234/anna-public"


@pytest.mark.parametrize(
    "key", ["patient-07/field-3", "site/home/p7", "p7[0:512,256:768]", "~/already", "Müller/07", "患者7"]
)
def test_record_keys_are_shown_as_they_are(key):
    assert clean(key) == key


@given(st.text())
def test_cleaning_twice_is_cleaning_once_and_leaves_no_control_character(text):
    once = clean(text)
    assert clean(once) == once
    assert not any(ord(character) < 32 and character not in "\n\t" for character in once)
    once.encode("utf-8")


def test_lone_surrogates_of_names_that_are_no_utf8_can_be_written():
    assert clean("p\udcff7").encode("utf-8") == "p\ufffd7".encode()


@given(st.text(min_size=1), st.integers(1, 50))
def test_a_clipped_text_is_never_longer(text, length):
    assert len(clip(text, length)) <= length
    assert clip(text, len(text)) == text


@given(st.floats(-1e8, 1e8))
def test_a_printed_number_is_the_number_to_its_last_digit(figure):
    printed = number(figure).replace("−", "-").replace("\u202f", "")
    assert math.isclose(float(printed), figure, rel_tol=0.05 if abs(figure) < 0.0005 else 1e-3, abs_tol=0.00051)


@given(st.text())
def test_no_spreadsheet_runs_a_cell(text):
    stream = io.StringIO()
    csv.writer(stream).writerow([cell(text)])
    read = next(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert not read[0].lstrip().startswith(("=", "+", "-", "@"))
