import numpy as np
import pytest
from sklearn import metrics

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.agreement import (
    balanced_accuracy,
    cohen_kappa,
    confusion_matrix,
    f1,
    mean_of_defined,
    quadratic_weighted_kappa,
    recall,
)


@pytest.mark.parametrize("seed", range(3))
def test_agreement_is_that_of_scikit_learn(seed):
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, 5, 300)
    predicted = np.clip(truth + chance.integers(-1, 2, 300), 0, 4)
    matrix = confusion_matrix(truth, predicted, classes=5)
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(truth, predicted))
    assert balanced_accuracy(matrix) == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    np.testing.assert_allclose(f1(matrix), metrics.f1_score(truth, predicted, average=None))
    assert quadratic_weighted_kappa(matrix) == pytest.approx(
        metrics.cohen_kappa_score(truth, predicted, weights="quadratic")
    )


def test_a_stack_of_matrices_is_each_of_them():
    stack = np.random.default_rng(0).integers(0, 9, (4, 3, 3))
    for formula in (balanced_accuracy, quadratic_weighted_kappa, f1, recall):
        np.testing.assert_allclose(formula(stack), [formula(matrix) for matrix in stack])


def test_full_agreement_is_one_and_full_reversal_of_even_grades_minus_one():
    assert quadratic_weighted_kappa(np.diag([3, 4, 5])) == 1
    assert quadratic_weighted_kappa(np.fliplr(np.diag([4, 4]))) == -1


def test_answers_drawn_from_the_margins_alone_have_no_kappa():
    margins = np.outer([0.5, 0.3, 0.2], [0.1, 0.2, 0.7])
    assert quadratic_weighted_kappa(margins) == pytest.approx(0, abs=1e-12)


def test_a_class_nobody_has_is_left_out_of_balanced_accuracy():
    assert balanced_accuracy(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])) == pytest.approx((0.75 + 1) / 2)


def test_f1_is_zero_where_a_class_was_given_in_vain_and_undefined_where_it_was_not():
    np.testing.assert_array_equal(f1(np.array([[2, 1, 0], [0, 0, 0], [0, 0, 0]])), [0.8, 0, np.nan])


def test_one_grade_alone_has_no_kappa():
    assert np.isnan(quadratic_weighted_kappa(np.array([[7, 0], [0, 0]])))


def test_the_mean_of_nothing_is_undefined():
    assert np.isnan(mean_of_defined(np.array([np.nan, np.nan])))


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(weights):
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 4, 200)
    predicted = np.where(chance.random(200) < 0.6, truth, chance.integers(0, 4, 200))
    known = metrics.cohen_kappa_score(truth, predicted, weights=None if weights == "nominal" else weights)
    assert cohen_kappa(confusion_matrix(truth, predicted, classes=4), weights=weights) == pytest.approx(known)


def test_kappa_of_no_known_weights_is_refused():
    with pytest.raises(InvalidArgument, match="nominal, linear or quadratic"):
        cohen_kappa(np.eye(2), weights="cubic")
