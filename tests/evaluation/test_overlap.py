import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score, multilabel_confusion_matrix

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.overlap import counts, dice, iou

some = st.integers(0, 1000)


def test_counts_are_those_of_scikit_learn():
    chance = np.random.default_rng(0)
    truth, predicted = chance.integers(0, 4, (2, 6, 7, 8))
    found = counts(truth, predicted, classes=4)
    known = multilabel_confusion_matrix(truth.ravel(), predicted.ravel(), labels=range(4))
    np.testing.assert_array_equal(found.true_negative, known[:, 0, 0])
    np.testing.assert_array_equal(found.false_positive, known[:, 0, 1])
    np.testing.assert_array_equal(found.false_negative, known[:, 1, 0])
    np.testing.assert_array_equal(found.true_positive, known[:, 1, 1])


def test_an_image_too_large_to_be_counted_at_once_is_counted_whole():
    labels = np.tile(np.array([0, 1, 1], dtype=np.uint8), 500_001).reshape(3, -1)
    found = counts(labels, np.zeros_like(labels), classes=2)
    assert (found.false_negative[1], found.true_positive[0]) == (1_000_002, 500_001)


def test_dice_and_iou_are_those_of_scikit_learn():
    chance = np.random.default_rng(1)
    truth, predicted = chance.integers(0, 3, (2, 500))
    found = counts(truth, predicted, classes=3)
    three = found.true_positive, found.false_positive, found.false_negative
    np.testing.assert_allclose(dice(*three), f1_score(truth, predicted, average=None))
    np.testing.assert_allclose(iou(*three), jaccard_score(truth, predicted, average=None))


@settings(max_examples=50)
@given(some, some, some)
def test_dice_is_two_iou_over_one_plus_iou(hit, extra, missed):
    both = dice(hit, extra, missed), iou(hit, extra, missed)
    if hit + extra + missed == 0:
        assert np.isnan(both).all()
    else:
        assert both[0] == pytest.approx(2 * both[1] / (1 + both[1]))
        assert 0 <= both[1] <= both[0] <= 1


def test_a_class_in_neither_is_undefined_and_one_predicted_in_vain_is_zero():
    found = counts(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]), classes=3)
    np.testing.assert_array_equal(
        dice(found.true_positive, found.false_positive, found.false_negative), [6 / 7, 0.0, np.nan]
    )


def test_counting_needs_one_shape_and_known_classes():
    with pytest.raises(ShapeMismatch):
        counts(np.zeros((2, 2), int), np.zeros((2, 3), int), classes=2)
    with pytest.raises(InvalidArgument, match="0 to 1"):
        counts(np.zeros(3, int), np.array([0, 1, 2]), classes=2)
