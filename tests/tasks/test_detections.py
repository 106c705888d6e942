import numpy as np
import pytest

from hypercolumn.errors import LabelError, ShapeMismatch
from hypercolumn.tasks.detections import Detections, above, mean_of_planes, paste
from hypercolumn.tasks.instance_fit import PredictedImage, fit_scores
from hypercolumn.tasks.instances import InstanceSettings, numbered


def test_a_full_mask_covers_the_pixels_whose_centres_lie_in_its_box() -> None:
    found = paste(np.array([[1.4, 0.6, 4.6, 3.4]]), np.ones((1, 28, 28)), (6, 6))
    expected = np.zeros((6, 6), dtype=int)
    expected[1:3, 1:5] = 1
    np.testing.assert_array_equal(found, expected)


def test_a_mask_at_its_own_size_is_itself() -> None:
    mask = np.random.default_rng(0).random((14, 14))
    found = paste(np.array([[3.0, 5.0, 17.0, 19.0]]), mask[None], (30, 25))
    np.testing.assert_array_equal(found[5:19, 3:17], mask > 0.5)
    assert found.sum() == (mask > 0.5).sum()


def test_between_cells_a_mask_is_linear() -> None:
    """A ramp from 0 to 1 across a box is one half at its middle."""
    ramp = np.tile((np.arange(10) + 0.5) / 10, (10, 1))
    found = paste(np.array([[0.0, 0.0, 100.0, 10.0]]), ramp[None], (10, 100))
    np.testing.assert_array_equal(found[0], np.arange(100) + 0.5 > 50)


def test_the_first_keeps_its_pixels() -> None:
    boxes = np.array([[0.0, 0, 4, 4], [2, 0, 6, 4], [0, 0, 4, 4]])
    found = paste(boxes, np.ones((3, 7, 7)), (4, 8))
    assert found[0].tolist() == [1, 1, 1, 1, 2, 2, 0, 0]
    assert 3 not in found


def test_boxes_that_leave_the_image_are_cut() -> None:
    found = paste(np.array([[-5.0, -5.0, 3.0, 3.0], [7.0, 7.0, 30.0, 30.0]]), np.ones((2, 4, 4)), (8, 9))
    assert (found[:3, :3] == 1).all()
    assert (found[7:, 7:] == 2).all()
    assert (found > 0).sum() == 9 + 2


def test_nothing_found_gives_an_empty_map() -> None:
    assert paste(np.zeros((0, 4)), np.zeros((0, 28, 28)), (3, 4)).tolist() == [[0] * 4] * 3


def test_boxes_alone_have_no_map() -> None:
    found = Detections((4, 4), np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=int))
    with pytest.raises(LabelError, match="boxes alone"):
        found.instance_map()


def test_masks_of_other_boxes_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="give"):
        paste(np.zeros((2, 4)), np.zeros((1, 28, 28)), (4, 4))


def _found(*objects: tuple[float, tuple[int, int, int, int]], shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    """The planes of filled boxes with their scores, the best first."""
    boxes = np.array([box for _, box in objects], dtype=float).reshape(-1, 4)
    scores = np.array([score for score, _ in objects])
    return Detections(shape, boxes, scores, np.zeros(len(boxes), dtype=int), np.ones((len(boxes), 4, 4))).planes()


def test_planes_say_how_likely_each_pixel_is_and_whose() -> None:
    planes = _found((0.9, (0, 0, 5, 5)), (0.4, (3, 0, 9, 5)))
    assert planes.shape == (3, 20, 30)
    np.testing.assert_allclose(planes[0] + planes[1], 1)
    assert planes[:, 2, 4].tolist() == pytest.approx([0.1, 0.9, 1])
    assert planes[:, 2, 7].tolist() == pytest.approx([0.6, 0.4, 2])
    assert planes[:, 10, 10].tolist() == [1, 0, 0]


def test_leaving_out_an_object_gives_its_pixels_to_nobody() -> None:
    planes = _found((0.9, (0, 0, 5, 5)), (0.4, (3, 0, 9, 5)))
    assert np.unique(above(planes, 0.5)).tolist() == [0, 1]
    assert (above(planes, 0.5) == 1).sum() == 25


def test_objects_that_are_too_small_go_and_the_rest_is_numbered_anew() -> None:
    planes = _found((0.9, (0, 0, 2, 2)), (0.8, (10, 10, 20, 20)), (0.1, (20, 0, 29, 9)))
    labels = numbered(planes, InstanceSettings(foreground=0.3, height=None, smallest=10))
    assert np.unique(labels).tolist() == [0, 1]
    assert labels[15, 15] == 1
    in_microns = numbered(planes, InstanceSettings(foreground=0.3, height=None, smallest=10), spacing=(0.1, 0.1))
    assert not in_microns.any(), "100 samples of 0.01 square microns are 1"


def test_what_two_networks_find_is_one_object_with_the_mean_of_their_scores() -> None:
    first = _found((0.9, (0, 0, 10, 10)), (0.8, (20, 0, 28, 8)))
    second = _found((0.7, (1, 0, 10, 10)))
    mean = mean_of_planes([first, second])
    assert np.unique(mean[2]).tolist() == [0, 1, 2]
    assert mean[1, 5, 5] == pytest.approx(0.8)
    assert mean[1, 4, 24] == pytest.approx(0.4), "one of two found it"
    assert (mean[2] == mean[2, 5, 5]).sum() == 100, "the pixels of the surer one"


def test_the_mean_of_one_is_itself_and_of_none_found_is_background() -> None:
    planes = _found((0.9, (0, 0, 10, 10)), (0.8, (20, 0, 28, 8)))
    np.testing.assert_allclose(mean_of_planes([planes]), planes, rtol=1e-6)
    nothing = _found()
    assert not mean_of_planes([nothing, nothing])[1:].any()


def test_touching_objects_of_two_networks_stay_two() -> None:
    both = _found((0.9, (0, 0, 10, 10)), (0.8, (10, 0, 20, 10)))
    mean = mean_of_planes([both, both])
    assert np.unique(mean[2]).tolist() == [0, 1, 2]
    np.testing.assert_allclose(mean[1], both[1], rtol=1e-6)


def test_the_score_is_chosen_by_which_objects_are_true() -> None:
    planes = _found((0.9, (0, 0, 5, 5)), (0.6, (10, 0, 15, 5)), (0.4, (20, 0, 25, 5)))
    truth = np.where(np.isin(planes[2], (1, 2)), planes[2], 0).astype(int)
    fitted = fit_scores([PredictedImage(truth, planes[1], numbers=planes[2])])
    assert 0.4 < fitted.settings.foreground <= 0.6
    assert fitted.average_precision == 1
    assert numbered(planes, fitted.settings).max() == 2
