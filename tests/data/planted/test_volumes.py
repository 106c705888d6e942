"""Planted cohorts of volumes: the flaw has the size that was asked for, and the twin has none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.stats import ttest_ind

from hypercolumn.data.planted.volumes import LARGEST, SIDE, SMALLEST, plant_volumes
from hypercolumn.data.similarity.symmetries import symmetries
from hypercolumn.errors import InvalidArgument


def _table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv").set_index("volume")


def _load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / name)[0].astype(float)


def test_copies_are_the_same_anatomy_at_another_size_or_flipped(tmp_path: Path) -> None:
    planted = plant_volumes(tmp_path, 0, flaw="resampled copies", size=0.3, patients=40)
    table = _table(tmp_path)
    assert len(planted.pairs) == 12
    assert table["patient"].nunique() == 52
    shapes = set()
    for first, second in planted.pairs:
        one, other = _load(tmp_path, first), _load(tmp_path, second)
        shapes.add(other.shape)
        assert all(SMALLEST <= side <= LARGEST for side in other.shape)
        assert not np.array_equal(one, other)
        back = ndimage.zoom(other, [SIDE / side for side in other.shape], order=1, grid_mode=True, mode="nearest")
        laid = [np.corrcoef(one.ravel(), symmetry.of(back).ravel())[0, 1] for symmetry in symmetries(3)]
        assert max(laid) > 0.95 > sorted(laid)[-2]
    assert (SIDE, SIDE, SIDE) in shapes
    assert len(shapes) > 3


def test_the_twin_has_the_same_volumes_and_no_second_patient(tmp_path: Path) -> None:
    plant_volumes(tmp_path / "a", 3, flaw="resampled copies", size=0.2, patients=20)
    twin = plant_volumes(tmp_path / "b", 3, flaw="resampled copies", size=0.0, patients=20)
    assert twin.planted == twin.pairs == ()
    one, other = _table(tmp_path / "a"), _table(tmp_path / "b")
    assert (len(one), len(other)) == (24, 20)
    assert one.loc[other.index].equals(other)
    for name in other.index:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        plant_volumes(tmp_path / name, seed, flaw="resampled copies", size=0.5, patients=6)
    files = [path.relative_to(tmp_path / "a") for path in sorted((tmp_path / "a").rglob("*.*"))]
    assert len(files) == 9 + 1
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert not any((tmp_path / "a" / file).read_bytes() == (tmp_path / "c" / file).read_bytes() for file in files)


@pytest.mark.parametrize(("size", "low", "high"), [(0.0, -0.2, 0.2), (0.6, 0.4, 0.8)])
def test_the_scanner_goes_with_the_label_as_asked_and_is_darker(
    size: float, low: float, high: float, tmp_path: Path
) -> None:
    plant_volumes(tmp_path, 1, flaw="scanner", size=size, patients=150)
    table = _table(tmp_path)
    second = (table["scanner"] == "scanner 2").to_numpy()
    assert low < np.corrcoef(table["label"] == "diseased", second)[0, 1] < high
    means = np.array([_load(tmp_path, name).mean() for name in table.index])
    assert means[second].max() < means[~second].min()


def test_the_lesion_lies_in_the_middle_half_of_the_diseased(tmp_path: Path) -> None:
    """What stands out most there tells the label, and the border does not: means differ by chance alone."""
    plant_volumes(tmp_path, 2, flaw="scanner", size=0.0, patients=40)
    table = _table(tmp_path)
    ill = (table["label"] == "diseased").to_numpy()
    inside, border = [], []
    for name in table.index:
        volume = _load(tmp_path, name)
        detail = ndimage.gaussian_filter(volume, 1) - ndimage.gaussian_filter(volume, 5)
        inside.append(detail[4:-4, 4:-4, 4:-4].max())
        border.append(volume[[0, -1]].mean() + volume[:, [0, -1]].mean() + volume[:, :, [0, -1]].mean())
    stands_out, edge = np.array(inside), np.array(border)
    assert np.median(stands_out[ill]) > 1.5 * np.median(stands_out[~ill])
    assert ttest_ind(edge[ill], edge[~ill]).pvalue > 0.01


@pytest.mark.parametrize("wrong", [{"flaw": "fire"}, {"size": -0.5}, {"patients": 1}])
def test_what_cannot_be_planted_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    asked = {"flaw": "scanner", "size": 0.3, "patients": 20} | wrong
    with pytest.raises(InvalidArgument):
        plant_volumes(tmp_path / "a", 0, **asked)  # type: ignore[arg-type]
