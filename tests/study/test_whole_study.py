"""One study from its folder to its report, and everything that a run can be asked afterwards."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import tifffile
import torch
from safetensors.torch import load_file
from tests.study import small_study

from hypercolumn.audit import Finding, Severity
from hypercolumn.cli import run_command
from hypercolumn.data import read_image
from hypercolumn.errors import CertificateError, RunError, WeightsError
from hypercolumn.study import Run, Study, resume
from hypercolumn.study.external import load_ensemble
from hypercolumn.study.galleries import galleries
from hypercolumn.study.predicting import load_trained
from hypercolumn.training.interruption import interruption

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    small_study.write(folder)
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    return Study.read(home / "study.yaml").train(out=home / "runs")


def weights(run: Run, fold: str) -> dict[str, torch.Tensor]:
    return load_file(run.fold(fold) / "weights.safetensors")


def test_every_record_is_scored_once_out_of_fold(run: Run) -> None:
    table = run.predictions.table
    assert sorted(table["record"]) == sorted(pd.read_csv(run.folder / "manifest.csv")["record"])
    for fold in run.split.folds:
        tested = {piece.record for piece in fold.test}
        assert set(table.loc[table["fold"] == fold.name, "record"]) == tested


def test_the_scores_are_those_of_the_saved_weights(run: Run) -> None:
    """Loading a fold's weights and predicting one of its test images gives the counts of the table."""
    study = Study.read(run.folder / "study.yaml")
    fold = run.split.folds[1]
    record = fold.test[0].record
    model = load_trained(run.fold(fold.name), sha256=run.state()["folds"][fold.name]["sha256"], memory_bytes=2**30)
    predicted = model.probabilities(study.material.image(record)).argmax(0)
    truth = study.material.mask(record)
    row = run.predictions.table.loc[record]
    assert row["tp_1"] == ((predicted == 1) & (truth == 1)).sum()
    assert row["fp_1"] == ((predicted == 1) & (truth == 0)).sum()


def test_objects_are_told_apart_by_settings_of_the_validation_side(run: Run) -> None:
    assert run.lead().metric == "AP, mean over images"
    table = run.predictions.table
    material = Study.read(run.folder / "study.yaml").material
    for record, row in table.iterrows():
        assert row["true_objects"] == len(np.unique(material.instances(str(record)))) - 1
    for fold in run.state()["folds"]:
        fitted = json.loads((run.fold(fold) / "objects.json").read_text())
        [side] = [one for one in run.split.folds if one.name == fold]
        assert fitted["images"] == len(side.validation)
        assert fitted["settings"]["unit"] is None, "the images do not say their spacing"
    assert all(score.metric == "AP, mean over images" for score in run.baseline_leads().values())


def test_patients_stay_on_one_side(run: Run) -> None:
    manifest = pd.read_csv(run.folder / "manifest.csv").set_index("record")
    for fold in run.split.folds:
        sides = [{manifest.loc[piece.record, "patient"] for piece in pieces} for _, pieces in fold.sides()]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert not sides[0] & sides[1]


def test_what_each_fold_was_fitted_on_is_written_down_and_judged(run: Run) -> None:
    for fold in run.split.folds:
        schedule = json.loads((run.fold(fold.name) / "schedule.json").read_text(encoding="utf-8"))
        assert schedule["fitted_on"] == [piece.name for piece in fold.training]
    judged = [finding for finding in run.findings if finding.code.startswith("A-FITTING")]
    assert [finding.code for finding in judged] == ["A-FITTING-PASSED"]
    assert "plan and normalization" in judged[0].claim


def test_the_report_says_whether_it_can_be_believed_and_of_what_it_speaks(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    numbers = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert "generalising to new patients" in page
    assert len(page.encode()) < 5_000_000
    assert not re.search(r"(src|href)=[\"']https?://", page)
    lead = run.lead()
    assert lead.value is not None
    assert f"{lead.value:.3f}" in page
    assert "Otsu" in page
    assert numbers["schema"] == "hypercolumn-report/1"
    assert str(Path.home()) not in page


def test_the_command_for_the_same_numbers_holds_what_a_clock_decided(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "--set training.steps=8 --set training.precision=float32 --set training.width=4" in page


def test_everything_derived_is_written_down_with_its_reason(run: Run) -> None:
    plan = json.loads((run.fold("fold-1") / "plan.json").read_text(encoding="utf-8"))
    assert all(choice["why"] for choice in plan["choices"])
    schedule = json.loads((run.fold("fold-1") / "schedule.json").read_text(encoding="utf-8"))
    assert schedule["schedule"]["steps"] == 8
    assert schedule["precision"]["reason"]


def test_a_finished_run_is_not_trained_again(run: Run) -> None:
    with pytest.raises(RunError, match="finished"):
        resume(run.folder)


def test_the_same_study_gives_the_same_weights(home: Path, run: Run, tmp_path: Path) -> None:
    again = Study.read(home / "study.yaml").train(out=tmp_path / "runs")
    for fold in ("fold-1", "fold-2"):
        first, second = weights(run, fold), weights(again, fold)
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_is_never_overwritten(home: Path, run: Run) -> None:
    first, second = (Run.create(home / "more", "same") for _ in range(2))
    assert first.folder != second.folder


def test_predict_writes_a_label_image_for_each_input_and_sets_bad_ones_aside(
    home: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = next((home / "data/images").iterdir())
    bad = tmp_path / "bad.png"
    bad.write_bytes(image.read_bytes()[:100])
    code = run_command(["predict", str(run.folder), str(image), str(bad), "-o", str(tmp_path / "out")])
    assert code == 3, "one bad file does not end the batch, and the exit code says so"
    labels = tifffile.imread(tmp_path / "out" / f"{image.stem}.tif")
    assert labels.shape == (96, 96)
    found = pd.read_csv(tmp_path / "out" / f"{image.stem}.csv")
    assert found["object"].tolist() == list(range(1, int(labels.max()) + 1)), "each object has a number and a row"
    assert found["samples"].sum() == np.count_nonzero(labels)
    polygons = json.loads((tmp_path / "out" / f"{image.stem}.geojson").read_text())["features"]
    assert len(polygons) == len(found)
    assert "bad.png" in capsys.readouterr().err


def test_predict_takes_the_precision_that_is_asked_for(home: Path, run: Run, tmp_path: Path) -> None:
    """float32 gives to the sample what the networks say in float32; what is fastest here is close to that."""
    image = next((home / "data/images").iterdir())
    seen, probabilities, written = read_image(image), {}, {}
    for name, precision in (("auto", "auto"), ("float32", None)):
        model = load_ensemble(run, fold=None, memory_bytes=2**30, precision=precision)
        probabilities[name] = model.probabilities(seen.array)
        out = tmp_path / name
        assert run_command(["predict", str(run.folder), str(image), "-o", str(out), "--precision", name]) == 0
        written[name] = tifffile.imread(out / f"{image.stem}.tif")
    assert model.settings is not None
    wanted = model.settings.objects(probabilities["float32"], seen.spacing, seen.unit)
    assert np.array_equal(written["float32"], wanted)
    assert written["auto"].shape == wanted.shape
    assert np.abs(probabilities["auto"] - probabilities["float32"]).max() < 0.1
    assert run_command(["predict", str(run.folder), str(image), "--precision", "int8"]) == 2


def test_the_records_that_a_finding_names_are_shown_and_those_that_are_not_there_are_not(run: Run) -> None:
    named = tuple((str(record),) for record in run.predictions.table["record"])
    worse = Finding("A-SLICES-WORSE", Severity.WARNING, "Worse.", {"shared": "device = drain"}, "Look.", groups=named)
    strange = replace(worse, groups=(("no such record",),))
    other = replace(worse, code="A-LINEAGE-BOTH-SIDES")
    before = galleries(run, run.predictions)
    found = galleries(run, run.predictions, [other, strange, worse])
    [shown] = [gallery for gallery in found if gallery.title not in {one.title for one in before}]
    assert [case.record for case in shown.cases] == [record for (record,) in named[:6]]
    assert shown.words == f"they share device = drain; the first 6 of {len(named)} named"


def test_the_mean_over_mirrorings_is_taken_where_the_study_asks_for_it(home: Path, run: Run, tmp_path: Path) -> None:
    settings = ["training.steps=2", "training.test_time_flips=true", "split.kind=hold-out"]
    other = Study.read(home / "study.yaml", settings).train(out=tmp_path)
    [fold] = other.state()["folds"]
    model = load_trained(other.fold(fold), sha256=None, memory_bytes=2**30)
    assert model.flips
    image = read_image(next((home / "data/images").iterdir())).array
    mirrored = model.probabilities(image[:, ::-1].copy())
    np.testing.assert_allclose(mirrored[:, ::-1], model.probabilities(image), atol=1e-5)


def test_export_writes_each_fold_as_onnx_that_says_how_to_use_it(
    home: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["export", str(run.folder), "-o", str(tmp_path)]) == 0
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert "ONNX Runtime is within" in capsys.readouterr().out
    fold, session = next(iter(run.state()["folds"])), onnxruntime.InferenceSession(str(files[0]))
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["classes"]) == ["background", "object"]
    assert str(run.lead()) in notes["score out of fold, all folds"]
    trained = load_trained(run.fold(fold), sha256=None, memory_bytes=2**30)
    image = read_image(next((home / "data/images").iterdir())).array[:, :64, :80]
    [given] = session.run(None, {"image": trained.normalization.apply(image)[None]})
    np.testing.assert_allclose(given[0], trained.probabilities(image), atol=1e-5)
    names = [path.stem for path in (home / "data/images").iterdir()]
    content = files[0].read_bytes()
    assert not [word for word in (*names, str(ROOT), str(home), "site-packages") if word.encode() in content]
    assert run_command(["export", str(run.folder), "-o", str(tmp_path)]) == 2, "nothing is overwritten"
    assert run_command(["export", str(run.folder), "--to", "pickle"]) == 2


def test_evaluate_scores_other_data_and_finds_the_patients_it_knows(
    home: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_study.write(tmp_path, patients=3)
    table = pd.read_csv(tmp_path / "study.manifest.csv")
    table["patient"] = "new " + table["patient"]
    table["slide"] = "new " + table["slide"]
    table.to_csv(tmp_path / "data/other.csv", index=False)
    code = run_command(
        ["evaluate", str(run.folder), "--on", str(tmp_path / "data/other.csv"), "-o", str(tmp_path / "out")]
    )
    assert code == 4, "the images are the ones that were trained on: a gate must fall"
    said = capsys.readouterr().out
    assert "are among the records that the network learnt from" in said
    assert (tmp_path / "out/report.html").exists()


def test_the_certificate_is_verified_again_and_tampering_is_found(home: Path, run: Run, tmp_path: Path) -> None:
    copy = Run(shutil.copytree(home, tmp_path / "home") / "runs" / run.folder.name)
    assert run_command(["check", str(copy.folder)]) == 0
    certificate = copy.folder / "certificate.json"
    text = certificate.read_text(encoding="utf-8")
    certificate.write_text(text.replace('"seed": 0', '"seed": 1', 1), encoding="utf-8")
    with pytest.raises(CertificateError):
        copy.verify(full=False)
    certificate.write_text(text, encoding="utf-8")
    image = next((tmp_path / "home/data/images").iterdir())
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 255
    image.write_bytes(bytes(content))
    with pytest.raises(CertificateError, match=image.name):
        copy.verify(full=False)
    assert run_command(["check", str(copy.folder)]) == 3


def test_tampered_weights_are_refused_by_predict(home: Path, run: Run, tmp_path: Path) -> None:
    copy = Run(shutil.copytree(home, tmp_path / "home") / "runs" / run.folder.name)
    path = copy.fold("fold-1") / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError):
        load_trained(copy.fold("fold-1"), sha256=None, memory_bytes=2**30)
    image = next((home / "data/images").iterdir())
    assert run_command(["predict", str(copy.folder), str(image), "-o", str(tmp_path / "out")]) == 3


class OneLayer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 2, 5, padding=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image)


def test_a_network_of_ones_own_gets_the_same_split_and_report(home: Path, run: Run, tmp_path: Path) -> None:
    torch.manual_seed(0)
    own = Study.read(home / "study.yaml").train(network=OneLayer(), out=tmp_path)
    assert own.split == run.split
    assert "OneLayer" in (own.folder / "report.html").read_text(encoding="utf-8")
    assert set(weights(own, "fold-1")) == {"layer.weight", "layer.bias"}


def test_ctrl_c_saves_a_checkpoint_says_how_to_go_on_and_the_rest_is_the_same_to_the_bit(
    home: Path, run: Run, tmp_path: Path
) -> None:
    code = f"""
import sys, signal
from hypercolumn.study import progress
def moment(self, fold, at):
    if fold == "fold-2" and at.step == 5:
        signal.raise_signal(signal.SIGINT)
progress.Lines.moment = moment
from hypercolumn.cli import main
main(["train", {str(home / "study.yaml")!r}, "-o", {str(tmp_path)!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 130, done.stderr
    [folder] = tmp_path.iterdir()
    assert f"hypercolumn train --resume {folder}" in done.stderr
    assert Run(folder).state()["status"] == "interrupted"
    rest = resume(folder)
    for fold in ("fold-1", "fold-2"):
        first, second = weights(run, fold), weights(rest, fold)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert json.loads((rest.fold("fold-2") / "weights.json").read_text())["resumed_from_step"] == 5


def test_a_run_whose_data_changed_is_not_resumed(home: Path, run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(home, tmp_path / "home")
    other = Run(copy / "runs" / run.folder.name)
    other.update(status="interrupted")
    next((copy / "data/masks").iterdir()).unlink()
    with pytest.raises((CertificateError, RunError)):
        resume(other.folder)


def test_audit_and_info_and_report_speak_of_a_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(run.folder)]) == 0
    assert run_command(["info", str(run.folder)]) == 0
    assert run_command(["report", str(run.folder)]) == 0
    said = capsys.readouterr().out
    assert "not checked" in said
    assert "generalising to new patients" in said


def test_killed_in_the_second_fold_and_resumed_by_the_command_line_is_the_same_to_the_bit(
    home: Path, run: Run, tmp_path: Path
) -> None:
    code = f"""
import os, signal
from hypercolumn.study import progress
def moment(self, fold, at):
    if fold == "fold-2" and at.step == 6:
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
        first, second = weights(run, fold), weights(Run(folder), fold)
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_devices_train_one_study(home: Path, tmp_path: Path) -> None:
    settings = [word for name in ("training.steps=3", "split.kind=hold-out") for word in ("--set", name)]
    code = run_command(["train", str(home / "study.yaml"), "-o", str(tmp_path), "--devices", "2", *settings])
    assert code == 0
    [folder] = tmp_path.iterdir()
    assert "per process" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_dry_run_says_how_long_how_much_and_why_and_writes_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(["train", str(home / "study.yaml"), "-o", str(tmp_path / "runs"), "--dry-run"])
    assert code == 0
    said = capsys.readouterr().out
    assert "time: about" in said
    assert "memory: about" in said
    assert "disk: about" in said
    assert "since" in said
    assert not (tmp_path / "runs").exists()


def test_a_large_cluster_of_copies_is_shown_before_it_is_obeyed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("runs"))
    manifest = pd.read_csv(copy / "study.manifest.csv").drop_duplicates("patient")
    first = copy / "data" / manifest["image"].iloc[0]
    for other in manifest["image"].iloc[1:3]:
        (copy / "data" / other).write_bytes(first.read_bytes())
    study = str(copy / "study.yaml")
    assert run_command(["check", study]) == 4
    assert "join_large_clusters" in capsys.readouterr().err
    assert run_command(["check", study, "--set", "split.join_large_clusters=true"]) == 0
    assert "P01 + P02 + P03" in capsys.readouterr().out, "the three patients are one unit"
    assert run_command(["check", study, "--set", "split.join_large_clusters=false", "--set", "split.folds=3"]) == 4


def test_a_blocking_finding_strikes_the_scores_out(home: Path, tmp_path: Path) -> None:
    """Copies that the user says are none: the study is trained, and its report does not let the score stand."""
    copy = shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("runs"))
    manifest = pd.read_csv(copy / "study.manifest.csv").drop_duplicates("patient")
    first = copy / "data" / manifest["image"].iloc[0]
    for other in manifest["image"].iloc[1:]:
        (copy / "data" / other).write_bytes(first.read_bytes())
    settings = ["--set", "split.join_large_clusters=false", "--set", "training.steps=2"]
    assert run_command(["train", str(copy / "study.yaml"), "-o", str(tmp_path / "runs"), *settings]) == 4
    [folder] = (tmp_path / "runs").iterdir()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "must not be believed" in page
    assert "<s " in page
    assert "not interpretable" in page


def test_signal_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruption():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
