import numpy as np
import pytest
from scipy import ndimage

from hypercolumn.data.similarity.cropping import align


def field(seed: int, side: int = 200) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 8)


def grid(image: np.ndarray) -> np.ndarray:
    return ndimage.zoom(image, [48 / n for n in image.shape], order=3, grid_mode=True, mode="nearest")[None]


def of(image: np.ndarray, *, top=0.0, bottom=0.0, left=0.0, right=0.0) -> np.ndarray:
    height, width = image.shape
    return image[round(top * height) : round((1 - bottom) * height), round(left * width) : round((1 - right) * width)]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({}, (0, 0, 0, 0)),
        ({"top": 0.05, "bottom": 0.05}, (0, 0.111, 0, 0)),
        ({"left": 0.05}, (0, 0, -0.053, 0.053)),
        ({"top": 0.03, "right": 0.04}, (-0.031, 0.031, 0.042, 0.042)),
    ],
)
def test_the_crop_is_named_by_its_shifts_and_scales(cut: dict, expected: tuple) -> None:
    """Half sides: cutting off 5 % at each end of an axis leaves 0.9 of it, so the whole is 1 / 0.9 of what is left."""
    whole = field(0)
    found = align([grid(whole)], [grid(of(whole, **cut))])
    assert found.score[0] > 0.98
    np.testing.assert_allclose(found.crop[0], expected, atol=0.01)


def test_it_does_not_matter_which_of_the_two_was_cropped() -> None:
    whole = field(1)
    part = of(whole, top=0.04, left=0.02)
    there, back = align([grid(whole)], [grid(part)]), align([grid(part)], [grid(whole)])
    assert there.score[0] == pytest.approx(back.score[0], abs=0.02)


def test_other_fields_do_not_fit() -> None:
    first = np.concatenate([grid(field(seed)) for seed in range(10)])
    second = np.concatenate([grid(field(seed)) for seed in range(100, 110)])
    assert align([first], [second]).score.max() < 0.7


def test_a_coarse_grid_that_does_not_fit_ends_the_search() -> None:
    one, other = field(2), field(3)
    found = align([grid(one), grid(one)], [grid(other), grid(one)])
    assert found.score[0] == -1


def test_empty_grids_and_no_pairs_are_no_error() -> None:
    nothing = np.zeros((2, 48, 48))
    assert (align([nothing], [nothing]).score < 0.5).all()
    assert len(align([nothing[:0]], [nothing[:0]]).score) == 0
