"""A study whose network finds objects itself: from its file to its report, predictions and errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.study import small_study

from hypercolumn.data import opened_image
from hypercolumn.errors import HypercolumnError, NetworkError
from hypercolumn.study import Run, Study, large
from hypercolumn.study.exporting import export_run
from hypercolumn.study.external import load_ensemble, predict_files
from hypercolumn.study.progress import Silent

SETTINGS = ("training.network=mask_rcnn", "training.steps=4", "training.window=[64, 64]", "training.batch=2")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    small_study.write(folder, patients=4)
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    return Study.read(home / "study.yaml", SETTINGS).train(out=home / "runs")


def test_objects_are_scored_out_of_fold_beside_the_same_baselines(run: Run) -> None:
    assert run.lead().metric == "AP, mean over images"
    assert all(score.metric == "AP, mean over images" for score in run.baseline_leads().values())
    assert {"true_objects", "tp_1"} <= set(run.predictions.table.columns)
    for fold in run.state()["folds"]:
        fitted = json.loads((run.fold(fold) / "objects.json").read_text())["settings"]
        assert fitted["height"] is None
        assert 0 < fitted["foreground"] < 1


def test_the_plan_names_the_network_and_its_anchors(run: Run) -> None:
    plan = json.loads((run.fold("fold-1") / "plan.json").read_text())
    assert (plan["network"], plan["task"]["name"], plan["border"]) == ("mask_rcnn", "detection", {})
    assert {"objects", "anchors"} <= {choice["what"] for choice in plan["choices"]}


def test_the_report_is_written(run: Run) -> None:
    page = (run.folder / "report.html").read_text()
    assert "Mask R-CNN" in page


def test_all_folds_together_predict_objects(home: Path, run: Run, tmp_path: Path) -> None:
    material = Study.read(run.folder / "study.yaml").material
    image = material.cohort.inputs(material.cohort.records[0])[0]
    written, failed = predict_files(
        run.folder, [Path(material.cohort.folder) / image], tmp_path, fold=None, memory_bytes=1 << 30, watcher=Silent()
    )
    assert not failed
    assert {path.suffix for path in written} == {".tif", ".geojson", ".csv"}
    [labels] = [tifffile.imread(path) for path in written if path.suffix == ".tif"]
    assert labels.shape == (96, 96)
    [table] = [pd.read_csv(path) for path in written if path.suffix == ".csv"]
    assert sorted(table["object"]) == np.unique(labels[labels > 0]).tolist()


def test_an_image_too_large_for_memory_is_asked_window_by_window(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "WINDOW", 128)
    monkeypatch.setattr(large, "HALO", 32)
    material = Study.read(run.folder / "study.yaml").material
    images = [material.image(record)[0] for record in material.cohort.records[:4]]
    tifffile.imwrite(tmp_path / "slide.tif", np.concatenate(images, axis=1), tile=(64, 64))
    model = load_ensemble(run, fold=None, memory_bytes=1 << 30)
    with opened_image(tmp_path / "slide.tif") as opened:
        written = large.predict_opened(opened, model, tmp_path / "labels.tif")
    assert [path.name for path in written] == ["labels.tif", "labels.geojson", "labels.csv"]
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == (96, 384)
    assert sorted(pd.read_csv(tmp_path / "labels.csv")["object"]) == np.unique(labels[labels > 0]).tolist()


def test_export_says_why_it_cannot(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="not one function of its image"):
        export_run(run.folder, tmp_path, fold=None, watcher=Silent())


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("training.devices=2", "one process"),
        ("training.test_time_flips=true", "numbers objects"),
        ("target.kind=number", "finds objects"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_trained(home: Path, setting: str, why: str) -> None:
    others = [setting] if "target" not in setting else [setting, "target.classes=[]"]
    with pytest.raises(HypercolumnError, match=why):
        Study.read(home / "study.yaml", [*SETTINGS, *others])
