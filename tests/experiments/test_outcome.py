import csv
import io
import json
from pathlib import Path

import pytest

from hypercolumn.errors import OutputNotWritable, UsageError
from hypercolumn.experiments.outcome import Table, new_folder, write_tables

TABLE = Table(
    "cost", "Cost", ("layer", "weights", "share"), (("dense", 4096, 1.0), ("convolution", 9, 9 / 4096)), "no bias"
)


def test_a_table_is_written_with_all_digits_and_shown_with_three(tmp_path: Path) -> None:
    write_tables((TABLE,), tmp_path, seed=3)
    rows = list(csv.reader(io.StringIO((tmp_path / "cost.csv").read_text())))
    assert rows == [["layer", "weights", "share"], ["dense", "4096", "1.0"], ["convolution", "9", "0.002197265625"]]
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["seed"] == 3
    assert content["tables"]["cost"]["rows"][1] == ["convolution", 9, 9 / 4096]
    assert "4,096" in TABLE.text()
    assert "0.0022" in TABLE.text()
    assert TABLE.text().endswith("no bias")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert new_folder(tmp_path / "a" / "b").is_dir()
    assert new_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "a" / "b" / "result").write_text("kept")
    with pytest.raises(UsageError, match="exists already"):
        new_folder(tmp_path / "a" / "b")
    with pytest.raises(UsageError, match="exists already"):
        new_folder(tmp_path / "a" / "b" / "result")
    with pytest.raises(OutputNotWritable):
        new_folder(tmp_path / "a" / "b" / "result" / "below")
