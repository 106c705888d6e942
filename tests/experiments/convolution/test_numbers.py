from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypercolumn.errors import MissingFile, ShapeMismatch, UnreadableFile
from hypercolumn.experiments.convolution.numbers import image_as_numbers, numbers_table


def test_channels_of_a_file_stay_apart(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, size=(30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tissue.png")
    numbers = image_as_numbers(tmp_path / "tissue.png")
    assert numbers.channels == ("red", "green", "blue")
    top, left = numbers.corner
    table = numbers_table(numbers)
    assert [row[2:] for row in table.rows if row[0] == "green"] == [
        tuple(row) for row in pixels[top : top + 10, left : left + 10, 1].tolist()
    ]
    assert "3 x 30 x 40" in table.title


def test_the_patch_is_where_values_vary_and_not_where_they_are_no_numbers(tmp_path: Path) -> None:
    image = np.zeros((40, 50), np.float32)
    image[25:35, 32:42] = np.random.default_rng(0).normal(size=(10, 10))
    image[3, 4] = np.nan
    np.save(tmp_path / "flat.npy", image)
    assert image_as_numbers(tmp_path / "flat.npy").corner == (25, 32)


def test_a_volume_shows_its_middle_plane_and_a_small_image_all_of_it(tmp_path: Path) -> None:
    volume = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    np.save(tmp_path / "volume.npy", volume)
    numbers = image_as_numbers(tmp_path / "volume.npy")
    assert np.array_equal(numbers.array[0], volume[2])
    assert "middle plane" in numbers.name
    assert numbers.patch.shape == (1, 6, 7)


def test_the_simulated_section_has_dark_blue_nuclei() -> None:
    numbers = image_as_numbers(seed=0, size=96)
    red, _, blue = numbers.array.astype(float)
    dark = red < np.quantile(red, 0.05)
    assert (blue[dark] > red[dark]).mean() > 0.9
    assert np.array_equal(numbers.array, image_as_numbers(seed=0, size=96).array)


def test_bad_files(tmp_path: Path) -> None:
    np.save(tmp_path / "signal.npy", np.zeros(30))
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(MissingFile):
        image_as_numbers(tmp_path / "nothing.png")
    with pytest.raises(UnreadableFile):
        image_as_numbers(tmp_path / "broken.png")
    with pytest.raises((ShapeMismatch, UnreadableFile)):
        image_as_numbers(tmp_path / "signal.npy")
