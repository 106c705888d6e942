"""Settings of objects: fitted in one unit, refused in another, and the middle of several."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hypercolumn.data import Piece
from hypercolumn.errors import DataError
from hypercolumn.study.objects import ObjectSettings, fit_baseline, fit_objects, middle
from hypercolumn.tasks.instances import InstanceSettings


class _Discs:
    """Pairs of touching discs, as a study's material shows them."""

    def __init__(self, *, spacing: tuple[float, float] | None) -> None:
        generator = np.random.default_rng(0)
        self.maps = {}
        for record in "abcd":
            labels = np.zeros((64, 96), dtype=np.uint16)
            y, x = np.mgrid[:64, :96]
            for number, (row, column) in enumerate([(20, 20), (20, 38), (44, 60), (44, 78)], start=1):
                row, column = row + generator.integers(-2, 3), column + generator.integers(-1, 2)
                labels[(y - row) ** 2 + (x - column) ** 2 < 100] = number
            self.maps[record] = labels
        header = type("Header", (), {"spacing": spacing, "unit": "um" if spacing else None})()
        self.headers = dict.fromkeys(self.maps, header)

    def image(self, record: str) -> np.ndarray:
        return (self.maps[record] > 0).astype(np.float32)[None]

    def instances(self, record: str) -> np.ndarray:
        return self.maps[record]


def _soft(image: np.ndarray) -> np.ndarray:
    chance = np.clip(ndimage.gaussian_filter(image[0], 1.0), 0, 1)
    return np.stack([1 - chance, chance])


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5)])
def test_touching_objects_come_apart_by_what_was_fitted(spacing: tuple[float, float] | None, tmp_path: Path) -> None:
    material = _Discs(spacing=spacing)
    found = fit_objects(tmp_path, _soft, material, [Piece("a"), Piece("b")])  # type: ignore[arg-type]
    assert found == ObjectSettings.read(tmp_path)
    assert found.unit == ("um" if spacing else None)
    for record in "cd":
        labels = found.objects(_soft(material.image(record)), spacing, found.unit)
        assert labels.max() == 4
    assert ndimage.label(material.image("c")[0])[1] < 4, "the plain components would not do"


def test_what_was_fitted_in_a_unit_is_refused_without_one(tmp_path: Path) -> None:
    found = fit_objects(tmp_path, _soft, _Discs(spacing=(0.5, 0.5)), [Piece("a")])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no spacing"):
        found.objects(np.zeros((2, 8, 8)), None, None)


def test_a_baseline_that_says_yes_or_no_is_fitted_too() -> None:
    material = _Discs(spacing=None)

    def predict(piece: Piece) -> np.ndarray:
        inside = material.image(piece.record)[0]
        return np.stack([1 - inside, inside])

    found = fit_baseline(predict, material, [Piece(record) for record in "abcd"])  # type: ignore[arg-type]
    assert found.objects(predict(Piece("a")), None, None).max() == 4


def test_the_middle_of_several_splits_where_most_of_them_do() -> None:
    one, two, three = (
        ObjectSettings(InstanceSettings(foreground, height, smallest))
        for foreground, height, smallest in ((0.3, None, 5.0), (0.5, 2.0, 7.0), (0.6, 4.0, 9.0))
    )
    assert middle([one, two, three]).instances == InstanceSettings(0.5, 3.0, 7.0)
    assert middle([one, one, three]).instances.height is None
