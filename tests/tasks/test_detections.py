import numpy as np
import pytest

from hypercolumn.errors import LabelError, ShapeMismatch
from hypercolumn.tasks.detections import Detections, paste


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
