"""Letters drawn by a font are found where they stand; cells, noise and lines are none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from hypercolumn.data.glyphs import glyphs
from hypercolumn.errors import ShapeMismatch


def written(place: tuple[int, int], words: str, *, ink: int, size: int = 14, ground: int = 110) -> np.ndarray:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(np.clip(rng.normal(ground, 12, (200, 240)), 30, 220).astype(np.uint8))
    ImageDraw.Draw(picture).text(place, words, fill=ink, font=ImageFont.load_default(size))
    return np.asarray(picture)[None]


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("size", [10, 14, 20])
@pytest.mark.parametrize(("place", "ninth"), [((6, 6), 0), ((168, 6), 2), ((6, 160), 6)])
def test_words_are_found_where_they_stand(ink: int, size: int, place: tuple[int, int], ninth: int) -> None:
    found = glyphs(written(place, "HOSP 42", ink=ink, size=size))
    assert found.argmax() == ninth
    assert 4 <= found.sum() <= 9


def test_nothing_is_written_on_tissue_cells_and_noise() -> None:
    rng = np.random.default_rng(1)
    tissue = 128 + 40 * ndimage.gaussian_filter(rng.standard_normal((3, 200, 200)), (0, 4, 4)) * 10
    cells = np.full((200, 200), 10.0)
    y, x = np.mgrid[:200, :200]
    for _ in range(25):
        cy, cx = rng.random(2) * 200
        cells[(y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(5, 14) ** 2] = 255
    lines = np.full((200, 200), 100.0)
    lines[::40], lines[:, ::40] = 255, 255
    for image in (np.clip(tissue, 0, 255), cells[None], lines[None], rng.random((1, 100, 100))):
        assert glyphs(image).sum() == 0


def test_a_constant_image_and_one_without_numbers_have_no_text() -> None:
    assert glyphs(np.full((1, 30, 30), 7)).sum() == 0
    assert glyphs(np.full((1, 30, 30), np.nan)).sum() == 0


@pytest.mark.parametrize("shape", [(30, 30), (1, 4, 5, 6), (1, 0, 4)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch):
        glyphs(np.zeros(shape))
