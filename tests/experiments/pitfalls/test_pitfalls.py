"""The experiment, small: planted and clean go the same way, and what is written down is what was found."""

import json
from functools import partial
from pathlib import Path

import pytest

from hypercolumn.audit import Finding, Severity
from hypercolumn.cli import run_command
from hypercolumn.experiments import EXPERIMENTS
from hypercolumn.experiments.pitfalls import Effort, checked, power, run
from hypercolumn.experiments.pitfalls.alarms import confounded_scanner, hidden_group, patient_bleed, wrong_labels
from hypercolumn.experiments.pitfalls.power import PITFALLS, Share
from hypercolumn.experiments.pitfalls.trained import Scale, is_found
from hypercolumn.study import Run


def test_planted_and_clean_are_trained_and_written_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(power, "PITFALLS", tuple(one for one in PITFALLS if not one.slow))
    monkeypatch.setattr(checked, "OTHERS", checked.OTHERS[-2:])
    small = Effort(cohorts=4, checked=1, patients=20, trained=1, scale=Scale(patients=24, steps=4, width=4, batch=8))
    monkeypatch.setitem(EXPERIMENTS, "pitfalls", partial(run, effort=small))
    folder = tmp_path / "experiment"
    assert run_command(["experiment", "pitfalls", "-o", str(folder)]) == 0
    assert "How often each pitfall is found" in capsys.readouterr().out
    tables = json.loads((folder / "results.json").read_text())["tables"]
    rows = {(row[0], row[1]): row for row in tables["power"]["rows"]}
    assert rows["leakage", "none: the clean twin"][3] == 0
    assert rows["leakage", "share of patients on both sides: 0.1"][3] == 1
    assert [row[0] for row in tables["checked"]["rows"]] == ["volumes", "sequences"]
    assert "from files, before training" in tables["checked"]["title"]
    assert (folder / "checked.csv").read_text().count("\n") == 3
    assert [row[0] for row in tables["trained"]["rows"]] == ["leakage", "site", "labels", "strata"]
    leaked = tables["trained"]["rows"][0]
    assert leaked[3:5] == ["1 of 1", "0 of 1"], "copies are found whatever was learnt"
    for name in ("leakage-00-planted", "leakage-00-clean"):
        [made] = (folder / name / "runs").iterdir()
        assert (Run.open(made).folder / "report.html").exists()
    assert all((folder / name).stat().st_size > 10_000 for name in ("power.png", "trained.png"))
    assert run_command(["experiment", "pitfalls", "-o", str(tmp_path / "b"), "--image", "x.png"]) == 2


@pytest.mark.parametrize(
    ("alarm", "size"), [(patient_bleed, 0.05), (confounded_scanner, 0.4), (wrong_labels, 0.15), (hidden_group, 0.1)]
)
def test_a_large_flaw_raises_an_alarm_and_its_twin_none(alarm: object, size: float) -> None:
    assert alarm(5, size)  # type: ignore[operator]
    assert not alarm(5, 0.0)  # type: ignore[operator]


def test_intervals_of_shares_hold_the_share_and_narrow_with_cohorts() -> None:
    for found, cohorts in ((0, 12), (12, 12), (3, 12), (50, 200)):
        share = Share(found, cohorts)
        low, high = share.interval
        assert 0 <= low <= share.value <= high <= 1
    few, many = Share(6, 12).interval, Share(100, 200).interval
    assert many[1] - many[0] < few[1] - few[0]


def test_what_counts_as_found() -> None:
    assert is_found([Finding("A-DUPLICATES-WITHIN", Severity.NOTE, "copies")], "leakage")
    assert not is_found([Finding("A-SITE-IN-EMBEDDINGS", Severity.NOTE, "told")], "site")
    assert is_found([Finding("A-SITE-LABEL", Severity.WARNING, "goes with it")], "site")
    assert not is_found([Finding("A-SITE-LABEL", Severity.WARNING, "goes with it")], "labels")
