"""Outlines drawn in QuPath as the answer of a study: found by init, checked, learnt from, and refused in words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.study import small_study

from hypercolumn.cli import run_command
from hypercolumn.data import read_labels, write_geojson
from hypercolumn.data.answers import label_image
from hypercolumn.data.simulated import simulate_micrographs
from hypercolumn.errors import DataProblems, ShapeMismatch
from hypercolumn.study import Study, init


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Simulated micrographs whose label images were replaced by outlines."""
    data = tmp_path / "data"
    simulate_micrographs(data, patients=4, images_per_patient=2, size=(96, 96), seed=1)
    table = pd.read_csv(data / "manifest.csv")
    for mask in table["mask"]:
        labels = read_labels(data / mask)
        write_geojson((data / mask).with_suffix(".geojson"), labels, names=("nucleus",))
        np.save(tmp_path / f"{Path(mask).stem}.npy", labels)
        (data / mask).unlink()
    table["mask"] = [str(Path(mask).with_suffix(".geojson")) for mask in table["mask"]]
    table.to_csv(data / "manifest.csv", index=False)
    return data


def test_outlines_are_the_objects_that_they_were_drawn_around(folder: Path) -> None:
    study = Study.read(init(folder, folder.parent / "study.yaml"))
    assert tuple(study.asked.target.classes) == ("background", "nucleus"), "as the outlines are named"
    assert study.asked.target.kind == "instances"
    for record in study.cohort.records:
        found = study.material.instances(record)
        stored = np.load(folder.parent / f"{Path(str(study.cohort.target(record))).stem}.npy")
        assert np.array_equal(found > 0, stored > 0)
        pairs = {(int(a), int(b)) for a, b in zip(found.ravel(), stored.ravel(), strict=True)}
        assert len(pairs) == len(np.unique(stored)), "each outline is one object"


def test_a_study_is_trained_on_them(folder: Path) -> None:
    path = init(folder, folder.parent / "study.yaml")
    run = Study.read(path, [*small_study.SETTINGS, "split.kind=hold-out"]).train(out=folder.parent / "runs")
    assert run.lead().metric == "AP, mean over images"
    assert run.predictions.table["true_objects"].sum() > 5
    run.verify(full=False)


def test_outlines_beside_images_are_found_by_name(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8))
        ring = [[2, 2], [9, 2], [9, 9], [2, 9], [2, 2]]
        feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
        (tmp_path / f"{name}.geojson").write_text(json.dumps([feature]))
    study = Study.read(init(tmp_path, tmp_path / "study.yaml", patient="none"))
    assert study.asked.target.kind == "instances"
    assert study.material.instances("a").sum() == 49


def test_an_outline_of_a_class_that_was_not_named_is_a_problem_with_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    path = init(folder, folder.parent / "study.yaml")
    assert run_command(["check", str(path), "--set", "target.classes=[background, mitosis]"]) == 3
    said = capsys.readouterr().err
    assert ".geojson" in said
    assert "nucleus" in said


def test_a_polygon_that_crosses_itself_and_one_in_a_volume_are_refused(tmp_path: Path) -> None:
    bow = [[0, 0], [8, 8], [8, 0], [0, 8], [0, 0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [bow]}, "properties": {}}
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps([feature]))
    with pytest.raises(DataProblems, match="cross"):
        label_image(path, space=(10, 10))
    with pytest.raises(ShapeMismatch, match="axes"):
        label_image(path, space=(4, 10, 10))
