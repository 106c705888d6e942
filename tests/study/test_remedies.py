"""Remedies: each helps where it is meant to, none sees the test side, and a run shows them compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hypercolumn.audit import Severity
from hypercolumn.cli import run_command
from hypercolumn.data.planted.images import plant_images
from hypercolumn.evaluation import Predictions, classification_row
from hypercolumn.experiments.pitfalls.trained import CASES, Scale, train_case
from hypercolumn.study import Run
from hypercolumn.study.progress import Silent
from hypercolumn.study.remedies import ALIKE, ANEW, HARMONISED, THRESHOLDS, TRAINED, Remedy, Seen, compare


def _side(seed: int, *, rows: int = 400, shift: float = 0.0, rare: float = 0.5, offset: float = 0.0) -> Seen:
    """Two groups: in B the features are moved by `shift`, the probabilities by `offset`, and label 1 is rare in B.

    The second feature says the label where the first says the group.
    """
    chance = np.random.default_rng(seed)
    group = chance.choice(["A", "B"], rows, p=[0.8, 0.2])
    label = (chance.random(rows) < np.where(group == "B", rare, 0.5)).astype(int)
    features = chance.normal(size=(rows, 6))
    features[:, 0] += 2.5 * label
    features += np.where(group == "B", shift, 0.0)[:, None]
    logit = 2.0 * (features[:, 0] - 1.25) + np.where(group == "B", offset, 0.0)
    p = 1 / (1 + np.exp(-logit))
    names = tuple(f"{seed}-{number}" for number in range(rows))
    return Seen(names, features, np.stack([1 - p, p], axis=1), label, group)


def _compared(sides: list[tuple[Seen, Seen]]) -> dict[str, Remedy]:
    rows = {}
    for number, (_, test) in enumerate(sides):
        for name, p, label, group in zip(test.names, test.probabilities, test.labels, test.groups, strict=True):
            who = {"record": name, "fold": str(number), "unit": name, "site": group}
            rows[name] = who | classification_row(int(label), p)
    predictions = Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"), groups=("site",))
    return {one.name: one for one in compare(predictions, sides, "site", unit="patients", seed=0)}


def _worst(remedy: Remedy) -> float:
    assert remedy.worst.value is not None
    return remedy.worst.value


def test_a_scanner_that_moves_the_features_is_harmonised_away() -> None:
    found = _compared([(_side(1, shift=4.0), _side(2, shift=4.0)), (_side(2, shift=4.0), _side(1, shift=4.0))])
    assert set(found) == {TRAINED, ANEW, ALIKE, HARMONISED, THRESHOLDS}
    assert _worst(found[TRAINED]) < 0.6
    assert _worst(found[HARMONISED]) > 0.8


def test_a_group_that_is_called_too_often_gets_a_threshold_of_its_own() -> None:
    found = _compared([(_side(3, offset=3.0), _side(4, offset=3.0))])
    assert _worst(found[THRESHOLDS]) > _worst(found[TRAINED]) + 0.1
    assert found[TRAINED].group == "B"


def test_a_rare_cell_counts_as_much_as_a_common_one() -> None:
    """Label 1 is rare in B, whose features are moved: a plain last layer leans on the group."""
    gains = []
    for seed in (5, 15, 25, 35):
        known, test = _side(seed, shift=3.0, rare=0.08, rows=1500), _side(seed + 1, shift=3.0, rows=900)
        found = _compared([(known, test)])
        gains.append(_worst(found[ALIKE]) - _worst(found[ANEW]))
    assert np.mean(gains) > 0.03
    assert min(gains) > 0


def test_what_is_fitted_does_not_see_the_test_side() -> None:
    known, test = _side(7, shift=1.0), _side(8, shift=1.0)
    turned = replace(test, labels=1 - test.labels)
    one, other = _compared([(known, test)]), _compared([(known, turned)])
    for name in (TRAINED, ANEW, ALIKE, HARMONISED, THRESHOLDS):
        assert one[name].all.value == pytest.approx(1 - (other[name].all.value or 0.0))


def test_a_site_that_was_never_seen_cannot_be_harmonised_and_the_others_are_still_told() -> None:
    test = _side(10)
    strange = replace(test, groups=np.where(test.groups == "B", "C", "A"))
    found = _compared([(_side(9), strange)])
    assert HARMONISED not in found
    assert {TRAINED, ANEW, ALIKE, THRESHOLDS} <= set(found)


def test_a_run_compares_them_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scale = Scale(patients=24, steps=4, width=4, batch=8)
    train_case(tmp_path / "a", CASES[1], planted=True, seed=0, scale=scale, watcher=Silent())
    [folder] = (tmp_path / "a" / "runs").iterdir()
    assert run_command(["audit", str(folder), "--remedies"]) in (0, 4)
    assert "remedies for scanner" in capsys.readouterr().out
    [finding] = [one for one in Run.open(folder).findings if one.code == "A-REMEDIES-COMPARED"]
    assert finding.severity is Severity.NOTE
    assert {TRAINED, ANEW, ALIKE, HARMONISED} <= set(finding.evidence)
    assert "groups weighed alike" in (folder / "report.html").read_text()
    assert run_command(["audit", str(folder), "--remedies"]) in (0, 4)
    assert len([one for one in Run.open(folder).findings if one.code.startswith("A-REMEDIES")]) == 1


def test_without_a_run_there_is_nothing_to_remedy() -> None:
    assert run_command(["audit", "--remedies", "--manifest", "x.csv"]) == 2


def test_a_cohort_without_groups_says_what_is_missing(tmp_path: Path) -> None:
    from hypercolumn.study import Study
    from hypercolumn.study.remedies import run_remedies

    plant_images(tmp_path / "a", 0, flaw="scanner", size=0.0, patients=16)
    text = """
name: plain
data: {manifest: manifest.csv, columns: {input: image, target: label, patient: patient, site: none}}
target: {kind: class, classes: [healthy, diseased]}
generalises_to: patient
split: {folds: 2, validation: 0}
training: {steps: 2, minutes: null, width: 4, batch: 4}
"""
    (tmp_path / "a" / "study.yaml").write_text(text)
    run = Study.read(tmp_path / "a" / "study.yaml").train(out=tmp_path / "runs")
    [finding] = run_remedies(run)
    assert finding.severity is Severity.NOT_CHECKED
    assert "data.columns" in finding.remedy
