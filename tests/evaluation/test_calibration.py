import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss, log_loss

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.calibration import (
    brier,
    calibration_line,
    expected_calibration_error,
    fit_temperature,
    logits_of,
    reliability_counts,
)


def test_brier_of_two_classes_is_that_of_scikit_learn():
    chance = np.random.default_rng(0)
    truth, likely = chance.integers(0, 2, 200), chance.random(200)
    assert brier(truth, np.stack([1 - likely, likely], axis=1)).mean() == pytest.approx(brier_score_loss(truth, likely))


def test_brier_of_several_classes_runs_from_zero_to_two():
    certain = np.eye(3)
    np.testing.assert_array_equal(brier(np.arange(3), certain), 0)
    np.testing.assert_array_equal(brier(np.array([1, 2, 0]), certain), 2)


def test_reliability_counts_every_sample_once_and_closes_the_last_bin():
    counts = reliability_counts(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [0.95, 0.1]]))
    assert counts[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert counts[1].sum() == pytest.approx(2.05)
    assert counts[2].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]


def test_expected_calibration_error_by_hand():
    # bin 0.2: three with mean 0.25, one true; bin 0.8: two with mean 0.85, both true: (|0.75 - 1| + |1.7 - 2|) / 5
    counts = reliability_counts(np.array([1, 0, 0, 1, 1]), np.array([0.25, 0.25, 0.25, 0.85, 0.85]))
    assert expected_calibration_error(counts) == pytest.approx((0.25 + 0.3) / 5)


def test_nothing_counted_has_no_calibration_error():
    assert np.isnan(expected_calibration_error(np.zeros((3, 10))))


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.4), (2.0, -1.0)])
def test_the_line_finds_what_was_planted(slope, intercept):
    chance = np.random.default_rng(3)
    logit = chance.normal(0, 2, 40_000)
    true = chance.random(40_000) < expit(intercept + slope * logit)
    line = calibration_line(true, expit(logit))
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=0.07)


@pytest.mark.parametrize(
    ("true", "probability"),
    [([1, 1, 1], [0.2, 0.5, 0.9]), ([0, 0, 0], [0.2, 0.5, 0.9]), ([0, 0, 1], [0.1, 0.2, 0.9]), ([0, 1], [0.5, 0.5])],
)
def test_no_line_where_none_is_defined(true, probability):
    assert np.isnan(calibration_line(np.array(true), np.array(probability)).slope)


def test_the_temperature_finds_what_was_planted():
    chance = np.random.default_rng(4)
    honest = chance.normal(0, 2, (20_000, 4))
    truth = np.array([chance.choice(4, p=row) for row in softmax(honest[:5_000], axis=1)])
    found = fit_temperature(3 * honest[:5_000], truth)
    assert found.value == pytest.approx(3, rel=0.1)
    assert found.after == pytest.approx(log_loss(truth, found.apply(3 * honest[:5_000])))
    assert found.after < found.before


def test_each_label_has_its_own_probability():
    chance = np.random.default_rng(5)
    honest = chance.normal(0, 2, (5_000, 3))
    truth = chance.random((5_000, 3)) < expit(honest)
    found = fit_temperature(0.5 * honest, truth)
    assert found.independent
    assert found.value == pytest.approx(0.5, rel=0.1)
    np.testing.assert_allclose(found.apply(np.zeros((1, 3))), 0.5)


def test_a_temperature_never_changes_the_answer_and_never_makes_its_own_pieces_worse():
    chance = np.random.default_rng(6)
    for _ in range(20):
        logits, truth = chance.normal(0, 3, (30, 3)), chance.integers(0, 3, 30)
        found = fit_temperature(logits, truth)
        np.testing.assert_array_equal(found.apply(logits).argmax(axis=1), logits.argmax(axis=1))
        np.testing.assert_allclose(found.apply(logits).sum(axis=1), 1)
        assert found.after <= found.before


def test_probabilities_serve_as_well_as_logits():
    chance = np.random.default_rng(7)
    logits, truth = chance.normal(0, 2, (200, 3)), chance.integers(0, 3, 200)
    probabilities = softmax(logits, axis=1)
    one, other = fit_temperature(logits, truth), fit_temperature(logits_of(probabilities, independent=False), truth)
    assert one.value == pytest.approx(other.value, rel=1e-3)
    np.testing.assert_allclose(one.apply(logits), one.apply_to_probabilities(probabilities), atol=1e-6)


def test_a_temperature_needs_logits_and_their_truth():
    with pytest.raises(InvalidArgument, match="at least one piece"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(InvalidArgument):
        fit_temperature(np.array([[0.0, np.inf]]), np.zeros(1, int))
    with pytest.raises(ShapeMismatch):
        fit_temperature(np.zeros((3, 2)), np.zeros(4, int))
