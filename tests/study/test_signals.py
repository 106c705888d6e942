"""Cohorts of signals through the check: what two patients share is told and kept on one side, and nothing crashes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from hypercolumn.audit import Severity
from hypercolumn.data.similarity import copies
from hypercolumn.experiments.pitfalls.study_of import write_study
from hypercolumn.study import Study
from hypercolumn.study.checks import Preflight
from hypercolumn.study.sealing import seal_study

PATIENTS, LENGTH = 12, 600


def noise(seed: int, length: int) -> np.ndarray:
    return ndimage.gaussian_filter1d(np.random.default_rng(seed).standard_normal(length), 3)[None].astype(np.float32)


def write(folder: Path, *, every: int, swapped: bool = False, seed: int = 0) -> Study:
    """Twelve patients with three windows, `every` so many samples; `swapped`: one window stands under another name."""
    rows = []
    for patient in range(PATIENTS):
        recording = noise(patient, 2 * every + LENGTH)
        for number in range(3):
            name = f"{patient:02d}-{number}.npy"
            np.save(folder / name, recording[:, every * number : every * number + LENGTH])
            whose = patient + 1 if swapped and (patient, number) == (4, 2) else patient
            rows.append((name, ("healthy", "diseased")[whose % 2], f"P{whose}", f"device {patient // 2 % 2}"))
    columns = ["signal", "label", "patient", "device"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "manifest.csv", index=False)
    return write_study(folder, "none", record="signal", scanner="device", seed=seed)


def told(before: Preflight) -> dict[str, Severity]:
    return {one.code: one.severity for one in before.findings if one.code.startswith("A-DUPLICATES")}


def test_windows_of_one_patient_that_overlap_are_a_note(tmp_path: Path) -> None:
    before = write(tmp_path, every=300).preflight()
    assert told(before) == {"A-DUPLICATES-WITHIN": Severity.NOTE}
    assert len(before.similarity.pairs) == 2 * PATIENTS
    assert {(pair.kind, pair.transform) for pair in before.similarity.pairs} == {("overlap", "shifted by 300 samples")}


def test_a_window_under_another_name_warns_and_both_patients_stay_on_one_side(tmp_path: Path) -> None:
    before = write(tmp_path, every=300, swapped=True).preflight()
    assert told(before) == {"A-DUPLICATES-TWO-PATIENTS": Severity.WARNING, "A-DUPLICATES-WITHIN": Severity.NOTE}
    [warning] = [one for one in before.findings if one.code == "A-DUPLICATES-TWO-PATIENTS"]
    assert "P4 and P5" in warning.claim
    assert warning.groups == (("04-1.npy", "04-2.npy"),)
    for fold in before.split.folds:
        for _, side in fold.sides():
            here = {piece.record[:2] for piece in side}
            assert ("04" in here) == ("05" in here)


@pytest.mark.parametrize("seed", range(4))
def test_a_sealed_set_keeps_them_together_too(seed: int, tmp_path: Path) -> None:
    write(tmp_path, every=300, swapped=True, seed=seed)
    _, sealed = seal_study(tmp_path / "study.yaml", share=0.5)
    assert len(sealed.records) in range(12, 25)
    assert ("04-1.npy" in sealed.records) == ("04-2.npy" in sealed.records)


def test_windows_apart_pass(tmp_path: Path) -> None:
    assert told(write(tmp_path, every=LENGTH).preflight()) == {"A-DUPLICATES-PASSED": Severity.PASSED}


def test_where_there_are_too_many_the_check_says_that_overlaps_were_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_SIGNALS", 3 * PATIENTS - 1)
    before = write(tmp_path, every=300, swapped=True).preflight()
    assert told(before) == {
        "A-DUPLICATES-PASSED": Severity.PASSED,
        "A-DUPLICATES-OVERLAPS-NOT-CHECKED": Severity.NOT_CHECKED,
    }


def test_signals_that_are_short_or_show_nothing_are_checked(tmp_path: Path) -> None:
    study = write(tmp_path, every=LENGTH)
    np.save(tmp_path / "00-0.npy", np.zeros((1, LENGTH), np.float32))
    np.save(tmp_path / "01-0.npy", noise(50, 70))
    np.save(tmp_path / "02-0.npy", noise(51, 20)[0])
    assert told(study.preflight()) == {"A-DUPLICATES-PASSED": Severity.PASSED}


def test_a_signal_has_no_border_to_read_labels_from(tmp_path: Path) -> None:
    study = write(tmp_path, every=LENGTH)
    for place in tmp_path.glob("*.npy"):
        if int(place.name[:2]) % 2:
            np.save(place, 9 * np.load(place))
    codes = {one.code for one in study.preflight().findings}
    assert "A-BACKGROUND-NOT-CHECKED" in codes
    assert "A-BACKGROUND-READABLE" not in codes
