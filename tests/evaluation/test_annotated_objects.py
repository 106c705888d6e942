import numpy as np
import pytest

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.annotated_objects import annotated_objects


def squares(*corners: tuple[int, int], side: int = 5) -> np.ndarray:
    image = np.zeros((40, 40), dtype=bool)
    for y, x in corners:
        image[y : y + side, x : x + side] = True
    return image


def test_an_object_that_nobody_annotated_and_one_that_nothing_predicts_are_told():
    predicted = squares((2, 2), (20, 20))
    chance = np.where(squares((2, 2)), 0.9, np.where(squares((20, 20)), 0.7, 0.1))
    found = annotated_objects(squares((2, 2), (30, 2)), predicted, chance)
    assert found.annotated.tolist() == [True, False]
    np.testing.assert_allclose(found.chance, [0.9, 0.7])
    assert (found.annotations, found.unfound) == (2, 1)


def test_touching_objects_are_told_apart_in_instance_maps_only():
    mask = squares((2, 2), (2, 7))
    numbers = np.where(squares((2, 2)), 1, 0) + np.where(squares((2, 7)), 2, 0)
    chance = np.full(mask.shape, 0.5)
    assert len(annotated_objects(mask, mask, chance).chance) == 1
    assert len(annotated_objects(numbers, numbers, chance).chance) == 2


@pytest.mark.parametrize(("shift", "annotated"), [(4, True), (5, False)])
def test_a_tenth_of_an_object_has_to_be_annotated(shift: int, annotated: bool):
    """Of a square of 25 samples shifted by four, five lie on the annotated one: a fifth; by five none."""
    found = annotated_objects(squares((2, 2)), squares((2, 2 + shift)), np.full((40, 40), 0.5))
    assert found.annotated.tolist() == [annotated]


def test_a_square_drawn_one_sample_larger_all_round_has_outlines_one_sample_apart():
    found = annotated_objects(squares((2, 2)), squares((1, 1), side=7), np.full((40, 40), 0.5), spacing=(0.5, 0.5))
    assert 0.5 <= found.outline < 0.6


def test_empty_masks_are_answers():
    empty = np.zeros((4, 4), dtype=bool)
    found = annotated_objects(empty, empty, np.zeros((4, 4)))
    assert len(found.chance) == found.annotations == found.unfound == 0
    assert np.isnan(found.outline)


def test_wrong_shapes_and_probabilities_are_refused():
    mask = squares((2, 2))
    with pytest.raises(ShapeMismatch, match="probabilities"):
        annotated_objects(mask, mask, np.zeros((2, 2)))
    with pytest.raises(ShapeMismatch, match="in place"):
        annotated_objects(mask[:30], mask, np.zeros(mask.shape))
    for wrong in (np.nan, 1.5, -0.1):
        with pytest.raises(InvalidArgument, match="from 0 to 1"):
            annotated_objects(mask, mask, np.full(mask.shape, wrong))
