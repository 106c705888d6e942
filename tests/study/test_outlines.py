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
from hypercolumn.data.answers import images_of, label_image
from hypercolumn.data.simulated import simulate_micrographs
from hypercolumn.errors import DataProblems, LabelError, ShapeMismatch
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


def coco_of(labels: dict[str, np.ndarray], *, kind: str = "nucleus") -> dict:
    """Label images as run lengths down the columns, outside first."""
    images, annotations = [], []
    for number, (name, image) in enumerate(labels.items()):
        images.append({"id": number, "file_name": f"images/{name}", "height": image.shape[0], "width": image.shape[1]})
        for value in np.unique(image[image > 0]):
            column = np.concatenate([[0], (image == value).T.ravel().astype(int), [0]])
            edges = np.flatnonzero(np.diff(column))
            counts = np.diff(np.concatenate([[0], edges, [image.size]])).tolist()
            outline = {"size": list(image.shape), "counts": counts}
            annotations.append({"id": len(annotations), "image_id": number, "category_id": 1, "segmentation": outline})
    return {"images": images, "categories": [{"id": 1, "name": kind}], "annotations": annotations}


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Simulated micrographs and one COCO file instead of their label images."""
    data = tmp_path / "data"
    simulate_micrographs(data, patients=4, images_per_patient=2, size=(96, 96), seed=1)
    table = pd.read_csv(data / "manifest.csv")
    labels = {
        Path(image).name: read_labels(data / mask) for image, mask in zip(table["image"], table["mask"], strict=True)
    }
    for mask in table["mask"]:
        (data / mask).unlink()
    np.savez(tmp_path / "labels.npz", **labels)
    (data / "manifest.csv").unlink()
    (data / "instances.json").write_text(json.dumps(coco_of(labels)))
    return data


def test_one_coco_file_is_the_answer_of_all_images_that_it_names(coco: Path) -> None:
    study = Study.read(init(coco, coco.parent / "study.yaml", patient="none"))
    assert tuple(study.asked.target.classes) == ("background", "nucleus")
    with np.load(coco.parent / "labels.npz") as stored:
        assert len(study.cohort.records) == len(stored.files) == 8
        for record in study.cohort.records:
            [path] = study.cohort.inputs(record)
            found, truth = study.material.instances(record), stored[path.name]
            assert np.array_equal(found > 0, truth > 0)
            pairs = set(zip(found.ravel().tolist(), truth.ravel().tolist(), strict=True))
            assert len(pairs) == len(np.unique(truth))


def test_an_image_that_the_coco_file_does_not_name_is_no_record_and_cannot_be_asked_for(coco: Path) -> None:
    document = json.loads((coco / "instances.json").read_text())
    left = document["images"].pop()
    document["annotations"] = [one for one in document["annotations"] if one["image_id"] != left["id"]]
    (coco / "instances.json").write_text(json.dumps(document))
    study = Study.read(init(coco, coco.parent / "study.yaml", patient="none"))
    assert len(study.cohort.records) == 7
    with pytest.raises(LabelError, match="there is no image"):
        label_image(coco / "instances.json", space=(96, 96), image=Path(left["file_name"]).name)


def test_what_is_wrong_with_a_coco_file_is_told_once_and_not_once_an_image(
    coco: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = init(coco, coco.parent / "study.yaml", patient="none")
    document = json.loads((coco / "instances.json").read_text())
    document["annotations"][3]["segmentation"]["counts"][0] += 1
    (coco / "instances.json").write_text(json.dumps(document))
    monkeypatch.chdir(coco.parent)
    assert run_command(["check", str(path)]) == 3
    assert capsys.readouterr().err.count("annotation 3") == 1


def test_boxes_alone_are_no_answer_and_objects_of_every_class_are_meant_by_object(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.png", "width": 8, "height": 6}
    square = {"image_id": 1, "category_id": 3, "bbox": [1, 1, 3, 2]}
    document = {"images": [image], "categories": [{"id": 3, "name": "cell"}], "annotations": [square]}
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    with pytest.raises(LabelError, match="boxes alone"):
        label_image(path, space=(6, 8), image="a.png")
    square["segmentation"] = [[1, 1, 4, 1, 4, 3, 1, 3]]
    other = tmp_path / "polygons.json"
    other.write_text(json.dumps(document))
    assert label_image(other, space=(6, 8), image="a.png").sum() == 6, "the class is cell, and any is an object"
    with pytest.raises(DataProblems):
        images_of(other, names=("nucleus",))
