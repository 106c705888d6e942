from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.instances import matches
from hypercolumn.tasks.instance_fit import PredictedImage, fit_instances
from hypercolumn.tasks.instances import InstanceSettings, instances


def nuclei(seed: int, *, spacing: tuple[float, float] | None = None) -> PredictedImage:
    """Discs in pairs that touch, a foreground that is too wide below 0.7, and crumbs."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :96]
    truth = np.zeros((96, 96), dtype=np.int32)
    for number, (row, column) in enumerate([(20, 18), (20, 34), (60, 20), (72, 30), (40, 70), (54, 74)], start=1):
        truth[(rows - row) ** 2 + (columns - column) ** 2 <= 81 + chance.integers(-9, 9)] = number
    inside = truth > 0
    foreground = np.where(inside, 0.9, np.where(ndimage.binary_dilation(inside, iterations=3), 0.6, 0.05))
    foreground[4::30, 90::2] = 0.95
    return PredictedImage(truth, foreground, spacing=spacing)


@pytest.fixture(scope="module")
def images() -> list[PredictedImage]:
    return [nuclei(seed) for seed in range(3)]


def test_the_settings_found_make_what_the_fit_says(images: list[PredictedImage]) -> None:
    """The value of every setting tried is that of the objects it makes, however it was come by."""
    start = InstanceSettings(holes=4)
    fitted = fit_instances(images, start=start, foregrounds=(0.5, 0.8), height_shares=(0.1, 0.5), size_shares=(0, 0.2))
    for asked, value in fitted.tried:
        each = [
            matches(contingency(image.truth, instances(image.foreground, asked))).average_precision for image in images
        ]
        assert value == pytest.approx(np.mean(each), abs=1e-12)
    assert fitted.average_precision == max(value for _, value in fitted.tried)
    assert fitted.settings.holes == 4


def test_the_threshold_the_split_and_the_crumbs_are_found(images: list[PredictedImage]) -> None:
    fitted = fit_instances(images)
    assert fitted.settings.foreground > 0.6
    assert fitted.settings.height is not None
    assert fitted.settings.smallest > 1
    assert fitted.average_precision > 0.9


def test_another_magnification_finds_the_same_objects() -> None:
    coarse, fine = nuclei(0), nuclei(0, spacing=(0.25, 0.25))
    one, other = fit_instances([coarse]), fit_instances([fine])
    assert other.average_precision == one.average_precision
    assert other.settings.height == pytest.approx(one.settings.height / 4)
    assert other.settings.smallest == pytest.approx(one.settings.smallest / 16)


def test_a_learnt_relief_is_used(images: list[PredictedImage]) -> None:
    """The true outlines as borders: all pairs are parted, by a prominence in units of probability."""
    learnt = [
        replace(image, border=(ndimage.grey_dilation(image.truth, 3) != ndimage.grey_erosion(image.truth, 3)) * 0.9)
        for image in images
    ]
    fitted = fit_instances(learnt, foregrounds=(0.8,), size_shares=(0.05,))
    assert fitted.settings.height is not None
    assert fitted.settings.height <= 0.9
    assert fitted.average_precision > 0.9


def test_an_image_without_objects_counts_only_what_is_made_up(images: list[PredictedImage]) -> None:
    empty = PredictedImage(np.zeros((96, 96), dtype=int), np.zeros((96, 96)))
    with_empty, without = fit_instances([*images, empty]), fit_instances(images)
    assert with_empty.average_precision == without.average_precision


def test_without_a_true_object_there_is_nothing_to_fit() -> None:
    empty = PredictedImage(np.zeros((8, 8), dtype=int), np.ones((8, 8)))
    with pytest.raises(InvalidArgument, match="true object"):
        fit_instances([empty])
    with pytest.raises(InvalidArgument, match="true object"):
        fit_instances([])
