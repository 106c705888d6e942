"""Outlines lie where labels meet, pictures fit their budget, and a wrong array is refused in words."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from hypercolumn.errors import InvalidArgument
from hypercolumn.report import Case
from hypercolumn.report.images import draw_within, outline, scale_bar

labels = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12), elements=st.integers(0, 2)
)


@given(labels)
def test_an_outline_is_an_object_pixel_beside_another_label(found):
    rows, columns = found.shape
    expected = np.zeros(found.shape, bool)
    for row, column in np.argwhere(found > 0):
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            if 0 <= row + down < rows and 0 <= column + right < columns:
                expected[row, column] |= found[row + down, column + right] != found[row, column]
    assert np.array_equal(outline(found), expected)


@given(labels)
def test_an_outline_turns_with_its_labels(found):
    assert np.array_equal(outline(np.rot90(found)), np.rot90(outline(found)))


def test_an_object_as_large_as_the_image_has_no_outline():
    assert not outline(np.ones((5, 7), int)).any()


def test_pictures_stay_within_any_budget_and_none_is_lost_without_being_counted():
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    cases = [Case(f"p{number}", noise, truth=noise[..., 0] > 128) for number in range(4)]
    for budget in (400_000, 60_000, 12_000, 100):
        pictures, left_out = draw_within(cases, budget)
        assert sum(picture.size for picture in pictures.values()) <= budget
        assert len(pictures) + left_out == len(cases)


def test_a_case_that_stands_in_the_page_twice_is_paid_for_twice():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    case = Case("p7", noise)
    once = draw_within([case], 200_000)[0][id(case)].size
    assert draw_within([case] * 30, 200_000)[0][id(case)].size * 30 <= 200_000 < once * 30


def test_a_picture_shows_the_pixels_that_were_given():
    image = np.zeros((60, 90, 3), np.uint8)
    image[:, 45:] = (200, 120, 40)
    case = Case("p7", image)
    picture = draw_within([case], 100_000)[0][id(case)]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.image.split(",")[1]))).convert("RGB"))
    assert shown.shape == image.shape
    assert np.abs(shown[10:50, [10, 80]].astype(int) - image[10:50, [10, 80]]).max() < 12


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(InvalidArgument, match="uint8"):
        draw_within([Case("p7", image)], 10**6)


def test_labels_of_another_size_are_refused():
    with pytest.raises(InvalidArgument, match="size of the image"):
        draw_within([Case("p7", np.zeros((4, 4, 3), np.uint8), truth=np.zeros((4, 5)))], 10**6)


@given(st.integers(16, 5000), st.floats(1e-3, 1e3))
def test_a_scale_bar_is_round_and_fits(width, pixel):
    percent, words = scale_bar(Case("p7", np.zeros((2, width, 3), np.uint8), pixel=pixel, length_unit="um"))
    assert 5 < percent <= 25.0001
    length = float(words.split()[0])
    assert length == pytest.approx(width * pixel * percent / 100, rel=1e-4)
    assert f"{length:e}"[0] in "125"


def test_no_scale_bar_without_a_known_pixel():
    image = np.zeros((4, 4, 3), np.uint8)
    assert scale_bar(Case("p7", image)) == (0.0, "")
    assert scale_bar(Case("p7", image, pixel=float("nan"), length_unit="um")) == (0.0, "")
