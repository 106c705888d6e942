"""Control runs: planted bleeding is claimed by a random split alone, and no control is taken for a study."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from scipy import ndimage

from hypercolumn.audit import KINDS, Finding, Severity, fails
from hypercolumn.cli import run_command
from hypercolumn.data import Fold, Piece, certify, verify_split
from hypercolumn.data.relabel_sheet import read_relabel_sheet
from hypercolumn.errors import HypercolumnError, RunError
from hypercolumn.study import Run, Study
from hypercolumn.study.controls import (
    BorderAlone,
    LeakyFolds,
    chance_level,
    patches,
    random_folds,
    run_controls,
    with_shuffled_labels,
)

SIZE, PATIENTS, EACH = 24, 8, 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Patients whose images are alike, each with a label drawn at random: nothing can be known of a new patient."""
    folder, chance = tmp_path_factory.mktemp("controls"), np.random.default_rng(0)
    labels = chance.permutation([number % 2 for number in range(PATIENTS)])
    rows = []
    for patient, label in enumerate(labels):
        face = ndimage.zoom(chance.normal(0, 1, (4, 4)), SIZE // 4, order=1)
        for number in range(EACH):
            grey = np.clip(128 + 50 * face + 6 * chance.normal(0, 1, face.shape), 0, 255).astype(np.uint8)
            name = f"p{patient:02d}_{number}.png"
            Image.fromarray(grey).save(folder / name)
            rows.append((name, ("ill", "well")[label], f"P{patient:02d}", f"S{patient % 2}"))
    pd.DataFrame(rows, columns=["image", "state", "patient", "site"]).to_csv(folder / "manifest.csv", index=False)
    content = {
        "name": "bleed",
        "data": {
            "manifest": "manifest.csv",
            "columns": {"input": "image", "target": "state", "patient": "patient", "site": "site"},
        },
        "target": {"kind": "class", "classes": ["ill", "well"]},
        "generalises_to": "patient",
        "split": {"folds": 2, "validation": 0.2},
        "training": {
            "steps": 100,
            "learning_rate": 0.003,
            "minutes": None,
            "width": 8,
            "batch": 16,
            "precision": "float32",
            "augmentation": 0,
            "patience": None,
        },
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return Study.read(folder / "study.yaml").train(out=folder / "runs")


def test_a_random_split_claims_what_the_locked_one_does_not(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(run.folder), "--controls"]) in (0, 4)
    found = {finding.code: finding for finding in run.findings if finding.code.startswith("A-CONTROL-")}
    assert set(found) == {
        "A-CONTROL-RANDOM-SPLIT",
        "A-CONTROL-SHUFFLED-LABELS",
        "A-CONTROL-BORDER-ALONE",
        "A-CONTROL-METADATA-ALONE",
    }
    random = found["A-CONTROL-RANDOM-SPLIT"]
    claimed = float(str(random.evidence["claimed by a random split"]).split()[0])
    locked = float(str(random.evidence["locked split, the same pieces"]).split()[0])
    assert claimed > 0.9
    assert claimed - locked > 0.15
    [words] = [value for name, value in random.evidence.items() if name.startswith("inflation")]
    assert str(words).startswith("+")
    assert "random split would have claimed" in (run.folder / "report.html").read_text(encoding="utf-8")
    before = len(run.findings)
    run_controls(run)
    assert len(run.findings) == before, "a second time replaces the first"


def test_what_a_control_made_is_no_study(run: Run) -> None:
    fold = run.split.folds[0]
    wrong = random_folds(fold, seed=0)
    assert isinstance(wrong, LeakyFolds)
    cohort = Study.read(run.folder / "study.yaml").cohort
    with pytest.raises((HypercolumnError, AttributeError, TypeError)):
        certify(wrong, cohort)  # type: ignore[arg-type]
    with pytest.raises((HypercolumnError, AttributeError, TypeError)):
        verify_split(wrong, cohort)  # type: ignore[arg-type]
    sides = [{piece.name for piece in side} for _, side in wrong.folds[0].sides()]
    assert sum(map(len, sides)) == len(set().union(*sides)) == sum(len(side) for _, side in fold.sides())


def test_shuffled_labels_are_the_same_labels_of_other_records(run: Run) -> None:
    material = Study.read(run.folder / "study.yaml").material
    shuffled = with_shuffled_labels(material, seed=1)
    given = [int(material.label(record)) for record in material.cohort.records]
    dealt = [int(shuffled.label(record)) for record in material.cohort.records]
    assert sorted(given) == sorted(dealt)
    assert given != dealt
    assert np.array_equal(material.image(material.cohort.records[0]), shuffled.image(material.cohort.records[0]))


def test_the_border_alone_is_what_is_left(run: Run) -> None:
    material = Study.read(run.folder / "study.yaml").material
    record = material.cohort.records[0]
    border = BorderAlone(material.cohort, material.target, material.headers)
    whole, left = material.image(record), border.image(record)
    assert np.array_equal(left[:, :2], whole[:, :2])
    assert np.unique(left[:, 2:-2, 2:-2]).size == 1


def test_patches_cover_each_box_once() -> None:
    piece = Piece("a", ((10, 75), (0, 40)))
    [*parts] = patches(Fold("1", (piece,), (), ()), {}, side=20).training
    covered = np.zeros((80, 50), dtype=int)
    for part in parts:
        assert part.box is not None
        covered[tuple(slice(*side) for side in part.box)] += 1
    assert covered.sum() == 65 * 40
    assert covered.max() == 1


def test_chance_and_what_is_refused(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead = run.lead()
    assert chance_level(lead, 2) == 0.5
    assert run_command(["audit", "--controls", "--manifest", "m.csv"]) == 2
    state = json.loads((run.folder / "run.json").read_text())
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "run.json").write_text(json.dumps({**state, "status": "interrupted"}))
    with pytest.raises(RunError, match="not finished"):
        run_controls(Run.open(unfinished))


def test_after_training_all_four_pitfalls_were_looked_at_or_it_is_said_why_not(run: Run) -> None:
    codes = {finding.code for finding in run.findings}
    for kind, prefixes in KINDS.items():
        assert any(code.startswith(prefixes) for code in codes), kind
    assert "A-SITE-NOT-CHECKED" not in codes, "the manifest names sites"
    for finding in run.findings:
        assert finding.claim
        assert finding.severity is not Severity.NOT_CHECKED or finding.remedy, finding.code


def test_doubtful_labels_lie_in_a_sheet_that_comes_back(run: Run) -> None:
    study = Study.read(run.folder / "study.yaml")
    path = run.folder / "relabel.csv"
    assert read_relabel_sheet(path, study.cohort, classes=("ill", "well")) == {}
    sheet = pd.read_csv(path, dtype=str)
    assert len(sheet) > 3, "labels drawn at random are in doubt"
    other = {"ill": "well", "well": "ill"}[sheet.loc[0, "given"]]
    sheet["correction"] = [other] + [""] * (len(sheet) - 1)
    sheet.to_csv(path, index=False)
    assert read_relabel_sheet(path, study.cohort, classes=("ill", "well")) == {sheet.loc[0, "record"]: other}


def test_a_gate_fails_on_the_pitfalls_that_were_named(run: Run) -> None:
    study = run.folder / "study.yaml"
    assert run_command(["check", str(study)]) == 0
    leaks = fails(Study.read(study).check(), ["leakage"])
    assert run_command(["check", str(study), "--fail-on", "leakage"]) == (4 if leaks else 0)
    assert run_command(["check", str(study), "--fail-on", "luck"]) == 2
    warned = [Finding("A-METADATA-READABLE", Severity.WARNING, "the scanner tells")]
    assert fails(warned, ["leakage", "site"]) == warned
    assert not fails(warned, ["site"])
