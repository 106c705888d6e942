"""Films: as many frames as sums need, and a last frame that shows the whole convolution."""

import numpy as np

from hypercolumn.convolution.definition import convolve
from hypercolumn.experiments.convolution.films import (
    film_in_one_dimension,
    film_in_two_dimensions,
    film_over_an_image,
)
from hypercolumn.experiments.style import FAINT


def test_in_one_dimension_every_product_has_its_frame() -> None:
    signal, kernel = np.array([1, 2, 0]), np.array([1, -1])
    frames = list(film_in_one_dimension(signal, kernel))
    products, outputs = 3 * 2, 4
    assert len(frames) == products + outputs + outputs + 2 * (outputs - 1) + 1
    assert {frame.picture.size for frame in frames} == {(760, 600)}


def test_in_two_dimensions_the_feature_map_fills() -> None:
    image, kernel = np.arange(12).reshape(3, 4), np.array([[1, 0], [0, -1]])
    frames = list(film_in_two_dimensions(image, kernel))
    assert convolve(image, kernel, mode="valid").shape == (2, 3)
    assert len(frames) == 2 * (5 + 1) + 4 * (4 + 1) + 1
    first, last = (np.asarray(frame.picture, dtype=int) for frame in (frames[0], frames[-1]))
    assert np.abs(first - last).sum() > 0
    assert all(frame.milliseconds > 0 for frame in frames)


def test_over_an_image_the_map_grows_row_by_row_and_is_whole_at_the_end() -> None:
    frames = list(film_over_an_image(size=16, every=28))
    assert len(frames) == 14 * 14 // 28 + 1
    empty = tuple(int(FAINT[place : place + 2], 16) for place in (1, 3, 5))
    left = [int((np.asarray(frame.picture) == empty).all(axis=-1).sum()) for frame in frames]
    assert left == sorted(left, reverse=True)
    assert left[0] > 1000
    assert left[-1] == 0
