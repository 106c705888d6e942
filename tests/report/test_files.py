"""The files of a report: all or nothing of each, and an error in words where there is no room."""

import csv
import json

import pytest

from hypercolumn.errors import OutputNotWritable
from hypercolumn.report import write


def test_the_page_its_numbers_and_its_tables_are_written(words_content, tmp_path):
    page = write(words_content, tmp_path / "run")
    assert page == tmp_path / "run" / "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (
        json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))["study"] == "nuclei-three-scanners"
    )
    with open(tmp_path / "run" / "report_data" / "scores.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["value"]) == words_content.scores[0].score.value
    assert not list(tmp_path.rglob(".*.unfinished"))


def test_writing_again_gives_the_same_bytes(words_content, tmp_path):
    write(words_content, tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write(words_content, tmp_path)
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_folder_that_cannot_be_written_is_an_error_in_words(words_content, tmp_path):
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(OutputNotWritable, match="report could not be written"):
        write(words_content, tmp_path / "taken")


def test_a_disk_that_is_full_leaves_the_old_page_and_no_rest(words_content, tmp_path, monkeypatch):
    old = write(words_content, tmp_path).read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputNotWritable, match="No space left"):
        write(words_content, tmp_path)
    assert (tmp_path / "report.html").read_bytes() == old
    assert not list(tmp_path.rglob(".*.unfinished"))
