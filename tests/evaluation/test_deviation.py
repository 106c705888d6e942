"""Deviation of numbers: SciPy's figures, and laws about units, shifts and weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hypercolumn.errors import ShapeMismatch
from hypercolumn.evaluation import deviation

FORMULAS = (
    deviation.mean_absolute_error,
    deviation.root_mean_square_error,
    deviation.r_squared,
    deviation.pearson,
    deviation.bias,
)


def pairs(count=30, seed=0):
    chance = np.random.default_rng(seed)
    truth = chance.normal(20, 5, count)
    return truth, 0.7 * truth + 8 + chance.normal(0, 2, count)


def of(formula, truth, answer):
    return float(formula(deviation.moments(truth, answer).mean(axis=0)))


def test_correlations_are_those_of_scipy_with_and_without_ties():
    truth, answer = pairs()
    assert of(deviation.pearson, truth, answer) == pytest.approx(stats.pearsonr(truth, answer).statistic)
    for decimals in (3, 0, -1):
        t, a = truth.round(decimals), answer.round(decimals)
        assert deviation.spearman(t, a) == pytest.approx(stats.spearmanr(t, a).statistic)


def test_a_pair_of_weight_two_counts_as_two_pairs_and_one_of_weight_nought_is_not_there():
    truth, answer = pairs(12)
    truth = truth.round()
    weights = np.array([[1, 2, 0, 3, 1, 1, 0, 2, 1, 1, 1, 2], np.ones(12)], dtype=float)
    repeated = np.repeat(np.arange(12), weights[0].astype(int))
    expected = [stats.spearmanr(truth[repeated], answer[repeated]).statistic, stats.spearmanr(truth, answer).statistic]
    assert deviation.spearman(truth, answer, weights=weights) == pytest.approx(np.array(expected))


@settings(max_examples=40, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_zero_and_unit_of_the_number_are_free(zero, unit):
    truth, answer = pairs()
    moved = (zero + unit * truth, zero + unit * answer)
    for formula in (deviation.r_squared, deviation.pearson):
        assert of(formula, *moved) == pytest.approx(of(formula, truth, answer), abs=1e-6)
    for formula in (deviation.mean_absolute_error, deviation.root_mean_square_error, deviation.bias):
        assert of(formula, *moved) == pytest.approx(unit * of(formula, truth, answer), abs=1e-6 * unit)
    assert deviation.spearman(*moved) == pytest.approx(deviation.spearman(truth, answer))


def test_r2_is_one_where_all_are_right_nought_for_the_mean_and_negative_for_worse():
    truth, _ = pairs()
    assert of(deviation.r_squared, truth, truth) == 1
    assert of(deviation.r_squared, truth, np.full(30, truth.mean())) == pytest.approx(0)
    assert of(deviation.r_squared, truth, -truth) < 0


def test_seconds_since_1970_keep_their_digits():
    truth, answer = pairs()
    assert of(deviation.r_squared, 1.7e9 + truth, 1.7e9 + answer) == pytest.approx(
        of(deviation.r_squared, truth, answer), rel=1e-5
    )


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_take_many_means_at_once(formula):
    truth, answer = pairs()
    moments = deviation.moments(truth, answer)
    many = np.stack([moments[:15].mean(axis=0), moments.mean(axis=0)])
    expected = [of(formula, truth[:15], answer[:15]), of(formula, truth, answer)]
    assert formula(many) == pytest.approx(np.array(expected))


def test_limits_of_agreement_are_blands_and_altmans():
    truth, answer = pairs()
    error = answer - truth
    found = deviation.limits_of_agreement(deviation.moments(truth, answer).mean(axis=0), np.array(30))
    reach = 1.96 * error.std(ddof=1)
    assert found == pytest.approx(np.array([error.mean() - reach, error.mean() + reach]))


@pytest.mark.parametrize("alike", [0.1, 5.0, 1.7e9])
def test_numbers_that_are_all_alike_leave_nothing_to_explain(alike):
    same, other = np.full(11, alike), alike + np.linspace(0, 1, 11)
    assert np.isnan(of(deviation.r_squared, same, other))
    for known, given_ in ((same, other), (other, same)):
        assert np.isnan(of(deviation.pearson, known, given_))
        assert np.isnan(deviation.spearman(known, given_))


def test_numbers_and_answers_are_paired():
    with pytest.raises(ShapeMismatch, match="answers"):
        deviation.moments(np.zeros(3), np.zeros(4))
