"""Images that are never in memory whole come out as those that are."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.study import small_study

from hypercolumn.data import opened_image, read_image
from hypercolumn.preprocessing import Normalization
from hypercolumn.study import Run, Study, large, large_objects
from hypercolumn.study.external import load_ensemble, predict_files
from hypercolumn.study.large import StandardizedImage, bands
from hypercolumn.study.progress import Silent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("large")
    small_study.write(home, patients=4)
    return Study.read(home / "study.yaml", ["training.steps=30"]).train(out=home / "runs")


@pytest.fixture(scope="module")
def picture(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Micrographs of the cohort side by side, as one tiled TIFF."""
    material = Study.read(run.folder / "study.yaml").material
    images = [material.image(record)[0] for record in material.cohort.records[:6]]
    whole = np.concatenate([np.concatenate(images[:3], axis=1), np.concatenate(images[3:], axis=1)])
    path = tmp_path_factory.mktemp("picture") / "slide.tif"
    tifffile.imwrite(path, np.tile(whole, (2, 1))[:379], tile=(64, 64), compression="zlib")
    return path


def test_objects_are_those_of_the_image_in_memory(
    run: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "WINDOW", 128)
    monkeypatch.setattr(large, "HALO", 96)
    monkeypatch.setattr(large, "BAND", 30_000)
    monkeypatch.setattr(large_objects, "SIDE", 100)
    settings = {"fold": None, "memory_bytes": 1 << 30, "watcher": Silent(), "precision": "float32"}
    predict_files(run.folder, [picture], tmp_path / "memory", **settings)
    written, failed = predict_files(run.folder, [picture], tmp_path / "boxes", large_from=1, **settings)
    assert not failed
    assert sorted(path.name for path in (tmp_path / "boxes").iterdir()) == ["slide.csv", "slide.geojson", "slide.tif"]
    one, other = tifffile.imread(tmp_path / "memory/slide.tif"), tifffile.imread(written[0])
    assert one.shape == other.shape == (379, 288)
    assert one.max() == other.max() > 3
    pairs = pd.DataFrame({"one": one[one > 0], "other": other[one > 0]}).drop_duplicates()
    assert np.array_equal(one > 0, other > 0)
    assert pairs["one"].is_unique, "each object under one other number"
    tables = [
        pd.read_csv(tmp_path / folder / "slide.csv").sort_values(["first_y", "first_x", "samples"])
        for folder in ("memory", "boxes")
    ]
    rows = [table.drop(columns="object").reset_index(drop=True) for table in tables]
    pd.testing.assert_frame_equal(*rows, check_exact=False, rtol=1e-9)
    polygons = [json.loads((tmp_path / folder / "slide.geojson").read_text()) for folder in ("memory", "boxes")]
    rings = [sorted(json.dumps(one["geometry"]) for one in found["features"]) for found in polygons]
    assert rings[0] == rings[1]


@pytest.mark.parametrize("kind", ["image", "cohort"])
def test_boxes_are_standardized_as_the_whole_is(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "BAND", 9_000)
    path = tmp_path / "a.tif"
    array = np.random.default_rng(0).integers(0, 4000, (431, 613), dtype=np.uint16)
    tifffile.imwrite(path, array, tile=(64, 64))
    normalization = Normalization(kind) if kind == "image" else Normalization(kind, (3.0,), (7.0,))
    expected = normalization.apply(read_image(path).array)
    with opened_image(path) as opened:
        found = StandardizedImage(opened, normalization)
        assert found.shape == (1, 431, 613)
        box = (slice(None), slice(100, 200), slice(0, 613))
        np.testing.assert_allclose(found[box], expected[box], rtol=1e-6)


def test_bands_are_all_rows_once() -> None:
    assert [row for start, stop in bands((50_001, 1000)) for row in (start, stop - 1)][-1] == 50_000
    assert sum(stop - start for start, stop in bands((50_001, 1000))) == 50_001


def test_one_fold_alone_predicts_a_large_image_too(run: Run, picture: Path, tmp_path: Path) -> None:
    fold = next(iter(run.state()["folds"]))
    model = load_ensemble(run, fold=fold, memory_bytes=1 << 30)
    shares: list[float] = []
    with opened_image(picture) as opened:
        large.predict_opened(opened, model, tmp_path / "a.tif", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    expected = model.settings
    assert expected is not None
    image = read_image(picture)
    labels = expected.objects(model.probabilities(image.array), image.spacing, image.unit)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif") > 0, labels > 0)
