"""Planted cohorts of images: the flaw has the size that was asked for, and the twin has none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from hypercolumn.data.planted.images import plant_images
from hypercolumn.errors import InvalidArgument


def _table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv")


def test_copies_are_the_same_patient_under_another_name(tmp_path: Path) -> None:
    planted = plant_images(tmp_path / "a", 0, flaw="copies", size=0.1, patients=40)
    table = _table(tmp_path / "a")
    assert len(planted.planted) == 8
    assert table["patient"].nunique() == 44
    copy = np.asarray(Image.open(tmp_path / "a" / planted.planted[0]), dtype=float)
    others = [np.asarray(Image.open(tmp_path / "a" / name), dtype=float) for name in table["image"][:80]]
    distances = sorted(np.abs(copy - other).mean() for other in others)
    assert distances[0] < 5 < distances[1]


@pytest.mark.parametrize(("size", "low", "high"), [(0.0, -0.12, 0.12), (0.5, 0.38, 0.62)])
def test_the_scanner_goes_with_the_label_as_asked(size: float, low: float, high: float, tmp_path: Path) -> None:
    plant_images(tmp_path / "a", 1, flaw="scanner", size=size, patients=400, images_a_patient=1)
    table = _table(tmp_path / "a")
    v = np.corrcoef(table["label"] == "diseased", table["scanner"] == "scanner 2")[0, 1]
    assert low < v < high


def test_wrong_labels_are_those_of_the_twin_turned_round(tmp_path: Path) -> None:
    planted = plant_images(tmp_path / "a", 2, flaw="wrong labels", size=0.2, patients=50)
    plant_images(tmp_path / "b", 2, flaw="wrong labels", size=0.0, patients=50)
    one, twin = _table(tmp_path / "a").set_index("image"), _table(tmp_path / "b").set_index("image")
    assert tuple(sorted(one.index[one["label"] != twin["label"]])) == planted.planted
    assert len(planted.planted) == 20
    for name in one.index[:10]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_members_of_the_hidden_group_bear_a_device_and_show_nothing_of_the_label(tmp_path: Path) -> None:
    planted = plant_images(tmp_path / "a", 3, flaw="hidden group", size=0.3, patients=60)
    table = _table(tmp_path / "a")
    assert len(planted.planted) == 36
    inside = table["image"].isin(planted.planted)
    assert 0.3 < (table.loc[inside, "label"] == "diseased").mean() < 0.7
    for name, member in zip(table["image"], inside, strict=True):
        bright = np.asarray(Image.open(tmp_path / "a" / name), dtype=float).mean(axis=0).max()
        assert (bright > 145) == member


def test_mean_and_spread_of_an_image_tell_the_label_badly(tmp_path: Path) -> None:
    """What a network learns here, plain statistics of the image do not know."""
    plant_images(tmp_path / "a", 4, flaw="scanner", size=0.0, patients=200, images_a_patient=1)
    table = _table(tmp_path / "a")
    images = [np.asarray(Image.open(tmp_path / "a" / name), dtype=float) for name in table["image"]]
    features = np.array([[image.mean(), image.std()] for image in images])
    assert cross_val_score(LogisticRegression(), features, table["label"], cv=5).mean() < 0.75


@pytest.mark.parametrize("wrong", [{"flaw": "fire"}, {"size": 1.5}, {"patients": 1}])
def test_what_cannot_be_planted_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    asked = {"flaw": "scanner", "size": 0.3, "patients": 20} | wrong
    with pytest.raises(InvalidArgument):
        plant_images(tmp_path / "a", 0, **asked)  # type: ignore[arg-type]
