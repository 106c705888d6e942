"""Studies whose answer is a measured number: from files to a report, resumed, and applied to new images."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from hypercolumn.cli import run_command
from hypercolumn.errors import LabelError
from hypercolumn.study import Run, Study, init
from hypercolumn.study.study_file import read_study_file

ROOT = Path(__file__).parents[2]
SIZE, PATIENTS = 32, 12
HEADLINE = "mean absolute error (um)"


def write(folder: Path, *, seed: int = 0, names: str = "P") -> Path:
    """Twelve patients with three images each of one bright disc; its diameter in um is the answer."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    grid = np.indices((SIZE, SIZE))
    rows = []
    for patient in range(PATIENTS):
        usual = chance.uniform(4, 9)
        for number in range(3):
            radius = usual + chance.uniform(-1, 1)
            centre = chance.uniform(12, 20, 2)
            disc = np.hypot(*(grid - centre[:, None, None])) < radius
            grey = np.clip(60 + 90 * disc + chance.normal(0, 15, disc.shape), 0, 255).astype(np.uint8)
            name = f"{names}{patient:02d}_{number}.png"
            Image.fromarray(grey).save(folder / name)
            rows.append((name, round(2 * radius, 3), f"{names}{patient:02d}", f"scanner {patient % 2}"))
    table = pd.DataFrame(rows, columns=["image", "diameter", "patient", "scanner"])
    table.to_csv(folder / "manifest.csv", index=False)
    content = {
        "name": "discs",
        "data": {
            "manifest": "manifest.csv",
            "columns": {"input": "image", "target": "diameter", "patient": "patient", "batch": ["scanner"]},
        },
        "target": {"kind": "number", "unit": "um"},
        "generalises_to": "patient",
        "split": {"folds": 2},
        "training": {"steps": 8, "minutes": None, "width": 4, "batch": 4, "precision": "float32"},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    assert run_command(["train", str(home / "study.yaml"), "-o", str(home / "runs")]) == 0
    [folder] = (home / "runs").iterdir()
    return Run.open(folder)


def test_every_record_has_its_number_and_one_that_was_answered_out_of_fold(run: Run) -> None:
    manifest = pd.read_csv(run.folder / "manifest.csv").set_index("image")
    table = run.predictions.table
    assert sorted(table.index) == sorted(manifest.index)
    np.testing.assert_allclose(table["truth"], manifest.loc[table.index, "diameter"])
    for fold in run.split.folds:
        assert set(table.index[table["fold"] == fold.name]) == {piece.name for piece in fold.test}
    assert run.predictions.measured_in == "um"


def test_the_headline_is_the_mean_absolute_error_in_the_unit_and_lower_is_better(run: Run) -> None:
    lead, table = run.lead(), run.predictions.table
    apart = (table["answer"] - table["truth"]).abs().groupby(table["unit"]).mean().mean()
    assert (lead.metric, lead.better, lead.unit, lead.units) == (HEADLINE, "lower", "patients", PATIENTS)
    assert lead.value == pytest.approx(apart)
    assert lead.low < lead.value < lead.high
    leads = run.baseline_leads()
    assert {"mean of training", "median of training", "mean intensities", "metadata alone", "thumbnail pixels"} <= set(
        leads
    )
    name, best = run.best_baseline()
    assert best.value == min(score.value for score in leads.values())
    assert name == "mean intensities", "a larger disc is a brighter image"


def test_the_scale_comes_from_the_training_side_alone(run: Run) -> None:
    diameter = pd.read_csv(run.folder / "manifest.csv").set_index("image")["diameter"]
    for fold in run.split.folds:
        task = json.loads((run.fold(fold.name) / "plan.json").read_text())["task"]
        known = diameter[[piece.record for piece in fold.training]]
        assert (task["name"], task["unit"]) == ("regression", "um")
        assert (task["mean"], task["std"]) == pytest.approx((known.mean(), known.std(ddof=0)))


def test_sizes_are_not_varied_where_size_may_be_the_answer(run: Run) -> None:
    plan = json.loads((run.fold("fold-1") / "plan.json").read_text())
    assert plan["augmentation"]["scale"] == 0
    assert {"scale of the number", "augmentation of size"} <= {choice["what"] for choice in plan["choices"]}
    assert "imbalance" not in {choice["what"] for choice in plan["choices"]}


def test_folds_are_balanced_over_the_number(run: Run) -> None:
    table = run.predictions.table
    means = table.groupby("fold")["truth"].mean()
    patients = table.groupby("unit")["truth"].mean()
    assert np.ptp(means) < 0.5 * patients.std()


def test_the_report_shows_numbers_in_their_unit_beside_what_is_known(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"{HEADLINE}</span>" in page
    assert "lower is better" in page
    assert "Number answered (um)" in page
    assert page.count('class="point faint"') == 3 * PATIENTS
    numbers = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    [headline] = [row["score"] for row in numbers["scores"] if row["headline"]]
    assert (headline["metric"], headline["better"]) == (HEADLINE, "lower")
    shown = pd.read_csv(run.folder / "report_data/agreement.csv").set_index("record")
    np.testing.assert_allclose(shown["answer"], run.predictions.table.loc[shown.index, "answer"])


def test_the_worst_cases_are_those_with_the_largest_error(run: Run) -> None:
    cases = pd.read_csv(run.folder / "report_data/cases.csv").groupby("gallery")["value"]
    assert cases.min()["Worst cases"] > cases.max()["Median cases"] > cases.max()["Best cases"]
    apart = (run.predictions.table["answer"] - run.predictions.table["truth"]).abs()
    assert cases.max()["Worst cases"] == pytest.approx(apart.max())


def test_a_run_that_is_killed_goes_on_to_the_same_weights(home: Path, run: Run, tmp_path: Path) -> None:
    code = f"""
import os, signal
from hypercolumn.study import progress
def moment(self, fold, at):
    if fold == "fold-2" and at.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
progress.Lines.moment = moment
from hypercolumn.cli import main
main(["train", {str(home / "study.yaml")!r}, "-o", {str(tmp_path)!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    [folder] = tmp_path.iterdir()
    assert run_command(["train", "--resume", str(folder)]) == 0
    for fold in ("fold-1", "fold-2"):
        first, second = (load_file(one.fold(fold) / "weights.safetensors") for one in (run, Run(folder)))
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_new_images_get_a_number_with_its_unit(home: Path, run: Run, tmp_path: Path) -> None:
    images = sorted(home.glob("*.png"))[:2]
    out = tmp_path / "out"
    assert run_command(["predict", str(run.folder), *map(str, images), "-o", str(out)]) == 0
    found = pd.read_csv(out / "predictions.csv")
    assert list(found.columns) == ["record", "number", "unit"]
    assert list(found["record"]) == [image.stem for image in images]
    assert set(found["unit"]) == {"um"}
    diameter = pd.read_csv(home / "manifest.csv")["diameter"]
    assert found["number"].between(diameter.min() - 10, diameter.max() + 10).all()


def test_another_cohort_is_scored_even_where_all_its_numbers_are_alike(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, seed=5, names="Q")
    table = pd.read_csv(tmp_path / "manifest.csv")
    table.assign(diameter=12).to_csv(tmp_path / "other.csv", index=False)
    code = run_command(["evaluate", str(run.folder), "--on", str(tmp_path / "other.csv"), "-o", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert code == 0, said
    assert f"{HEADLINE}, generalising to new patients" in said
    assert "R^2, generalising to new patients: undefined (all numbers known are alike" in said


def constant(table: pd.DataFrame) -> None:
    table["diameter"] = 12.0


def cell(value: object) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table["diameter"] = table["diameter"].astype(object)
        table.loc[0, "diameter"] = value

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cell(None), "the label is missing"),
        (cell("large"), "'large' is not a number"),
        (cell("12,5"), "the decimal sign is a point"),
        (cell("inf"), "not a finite number"),
        (cell("NaN"), "not a finite number"),
        (constant, "there is nothing to learn"),
    ],
)
def test_what_is_no_number_is_a_clear_error(
    tmp_path: Path, spoil: Callable[[pd.DataFrame], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    table = pd.read_csv(tmp_path / "manifest.csv")
    spoil(table)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    assert run_command(["train", str(path), "-o", str(tmp_path / "runs")]) == 3
    error = capsys.readouterr().err
    assert "error[E-LABEL]" in error
    assert said in error
    assert "  fix " in error
    assert not (tmp_path / "runs").exists()


def test_init_proposes_a_number_and_its_unit_and_the_study_can_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data")
    table = pd.read_csv(tmp_path / "data/manifest.csv")
    (tmp_path / "data/study.yaml").unlink()
    table.rename(columns={"diameter": "target_um"}).to_csv(tmp_path / "data/manifest.csv", index=False)
    path = init(tmp_path / "data", tmp_path / "study.yaml")
    asked = read_study_file(path)
    assert (asked.target.kind, asked.target.unit) == ("number", "um")
    assert "so a measured number" in path.read_text(encoding="utf-8")
    assert run_command(["check", str(path)]) == 0
    assert os.listdir(tmp_path / "data").count("manifest.csv") == 1
    assert "hypercolumn train" in capsys.readouterr().out


def test_a_training_side_where_all_numbers_are_alike_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path)
    table = pd.read_csv(tmp_path / "manifest.csv")
    table["diameter"] = np.where(table["patient"] == "P00", 8.0, 12.0)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(LabelError, match=r"is 12 um(.|\n)*training side of fold-"):
        Study.read(path).check()
