"""The experiment, small: what was drawn at random is claimed by the split by slice alone."""

import json
from functools import partial
from pathlib import Path

import pytest

from hypercolumn.cli import run_command
from hypercolumn.experiments import EXPERIMENTS
from hypercolumn.experiments.random_labels import Scale, run

SMALL = Scale(patients=8, slices=8, size=32, steps=60, folds=2, width=8)


def test_the_split_by_slice_claims_more_and_both_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(EXPERIMENTS, "random-labels", partial(run, scale=SMALL))
    folder = tmp_path / "experiment"
    assert run_command(["experiment", "random-labels", "-o", str(folder)]) == 0
    assert "coin toss" in capsys.readouterr().out
    rows = json.loads((folder / "results.json").read_text())["tables"]["random-labels"]["rows"]
    assert [row[0] for row in rows] == ["by slice", "by patient"]
    assert [row[4] for row in rows] == [0.96, 0.50]
    assert rows[0][1] > rows[1][1] + 0.2
    assert (folder / "random-labels.png").stat().st_size > 10_000
    assert run_command(["experiment", "random-labels", "-o", str(tmp_path / "b"), "--image", "x.png"]) == 2
