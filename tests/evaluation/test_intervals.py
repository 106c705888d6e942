import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.intervals import (
    AT_MOST_ONE,
    CORRELATION,
    DIFFERENCE,
    DISTANCE,
    FEW_UNITS,
    PROPORTION,
    Scale,
    interval,
)
from hypercolumn.evaluation.ranking import auroc


def mean_of(values):
    values = np.asarray(values, dtype=float)
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    distances = np.random.default_rng(0).uniform(
        10, 10.01, 30
    )  # so close together that the logarithm is a straight line
    found = interval(mean_of(distances), 30, scale=DISTANCE)
    assert found.error * distances.mean() == pytest.approx(stats.sem(distances), rel=1e-3)


def test_on_the_scale_the_interval_is_students():
    found = interval(mean_of(np.random.default_rng(1).uniform(0.3, 0.9, 25)), 25)
    reach = stats.t.ppf(0.975, found.degrees) * found.error
    assert found.low == pytest.approx(1 / (1 + np.exp(-(np.log(found.value / (1 - found.value)) - reach))))
    assert found.high == pytest.approx(1 / (1 + np.exp(-(np.log(found.value / (1 - found.value)) + reach))))


def test_the_scale_of_a_correlation_is_twice_fishers():
    for value in (-0.9, 0.0, 0.4):
        assert CORRELATION.forward(np.array(value)) == pytest.approx(2 * np.arctanh(value))


@pytest.mark.parametrize("scale", [PROPORTION, CORRELATION, DISTANCE, Scale(0, 2), AT_MOST_ONE, DIFFERENCE])
def test_a_scale_takes_back_what_it_gave_and_its_slope_is_the_small_step(scale):
    for value in (0.01, 0.5, 0.97):
        assert scale.back(float(scale.forward(np.array(value)))) == pytest.approx(value)
        step = (scale.forward(np.array(value + 1e-6)) - scale.forward(np.array(value - 1e-6))) / 2e-6
        assert scale.slope(value) == pytest.approx(float(step), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_an_interval_holds_its_figure_and_stays_inside_what_the_figure_can_be(values):
    found = interval(mean_of(values), len(values))
    assert 0 <= found.value <= 1
    if found.low is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_unit_goes_out_whole_so_that_its_windows_may_be_copied_at_will():
    chance = np.random.default_rng(2)
    unit = np.repeat(np.arange(15), 4)
    truth = chance.random(60) < 0.4
    score = truth + chance.normal(size=60)
    once = interval(lambda weights: auroc(truth, score, weights=weights[:, unit]), 15)
    twice = np.r_[np.arange(60), np.arange(60)]
    doubled = interval(lambda weights: auroc(truth[twice], score[twice], weights=weights[:, unit[twice]]), 15)
    assert (doubled.value, doubled.low, doubled.high) == pytest.approx((once.value, once.low, once.high))
    assert once.value == pytest.approx(roc_auc_score(truth, score))


def test_four_times_the_units_is_an_interval_half_as_wide():
    values = np.random.default_rng(3).uniform(0.4, 0.8, 40)
    narrow, wide = interval(mean_of(np.tile(values, 4)), 160), interval(mean_of(values), 40)
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, rel=0.05)


def test_a_higher_level_is_a_wider_interval():
    values = np.random.default_rng(4).uniform(0.2, 0.9, 20)
    found = [interval(mean_of(values), 20, level=level) for level in (0.5, 0.9, 0.99)]
    assert found[0].low > found[1].low > found[2].low


def test_where_one_unit_carries_the_error_the_degrees_of_freedom_are_those_of_few():
    even = interval(mean_of(np.random.default_rng(5).normal(0.5, 0.1, 40)), 40)
    one = interval(mean_of(np.r_[np.random.default_rng(5).normal(0.9, 0.01, 39), 0.1]), 40)
    assert even.degrees > 25
    assert one.degrees < 4


def test_of_many_units_groups_go_out_whole_and_the_seed_deals_them():
    values = np.random.default_rng(6).uniform(0.3, 0.9, 1_000)
    each, groups = interval(mean_of(values), 1_000, resamples=1_000), interval(mean_of(values), 1_000, seed=1)
    assert groups.value == each.value
    assert groups.error == pytest.approx(each.error, rel=0.15)
    assert interval(mean_of(values), 1_000, seed=1) == groups
    assert interval(mean_of(values), 1_000, seed=2) != groups


def test_all_units_right_is_the_interval_of_n_of_n():
    known = stats.binomtest(24, 24).proportion_ci(method="exact")
    found = interval(mean_of(np.ones(24)), 24)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    known = stats.binomtest(0, 24).proportion_ci(method="exact")
    found = interval(mean_of(np.zeros(24)), 24)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_a_perfect_area_rests_on_the_units_of_the_rarer_class():
    truth = np.arange(40) < 3
    found = interval(lambda weights: auroc(truth, truth, weights=weights), 40, edge_units=3)
    assert found.value == 1
    assert found.low == pytest.approx(stats.binomtest(3, 3).proportion_ci(method="exact").low)


def test_one_unit_that_carries_every_error_leaves_an_interval():
    found = interval(mean_of(np.r_[np.ones(19), 0.6]), 20)
    assert found.low < 0.9 < found.value < found.high < 1


def test_a_figure_that_no_unit_moves_has_no_error():
    found = interval(mean_of(np.full(12, 0.5)), 12)
    assert (found.low, found.high) == (0.5, 0.5)


def test_an_undefined_figure_says_so():
    found = interval(lambda weights: np.full(len(weights), np.nan), 20)
    assert (found.value, found.low, found.high, found.note) == (None, None, None, "undefined")


def test_a_class_that_one_unit_alone_holds_gives_a_figure_and_no_interval():
    truth = np.arange(20) == 0
    score = np.random.default_rng(7).random(20)
    found = interval(lambda weights: auroc(truth, score, weights=weights), 20)
    assert found.value is not None
    assert found.low is None
    assert "without one of the units" in found.note


def test_one_unit_says_nothing_of_new_ones_and_few_say_little():
    assert interval(mean_of([0.7]), 1).low is None
    few = np.linspace(0.6, 0.8, FEW_UNITS - 1)
    assert f"only {FEW_UNITS - 1} units" in interval(mean_of(few), FEW_UNITS - 1).note
    assert interval(mean_of(np.linspace(0.6, 0.8, FEW_UNITS)), FEW_UNITS).note == ""


def test_on_the_plain_scale_a_mean_has_students_own_interval():
    values = np.random.default_rng(9).normal(-3, 2, 30)
    found = interval(mean_of(values), 30, scale=DIFFERENCE)
    reach = stats.t.ppf(0.975, found.degrees) * stats.sem(values)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))


def test_a_figure_that_is_at_most_one_mirrors_a_distance():
    values = np.random.default_rng(10).uniform(0.1, 3, 20)
    far, near = interval(mean_of(values), 20, scale=DISTANCE), interval(mean_of(1 - values), 20, scale=AT_MOST_ONE)
    assert (near.low, near.high) == pytest.approx((1 - far.high, 1 - far.low))
    assert near.high < 1


@pytest.mark.parametrize("scale", [DISTANCE, DIFFERENCE])
def test_the_unit_of_a_measure_does_not_change_its_interval(scale):
    """Metres or picometres: an interval scales as its figure does, however small the numbers are."""
    values = np.random.default_rng(11).uniform(1, 2, 15)
    one, small = (interval(mean_of(factor * values), 15, scale=scale) for factor in (1.0, 1e-15))
    assert (small.low, small.value, small.high) == pytest.approx((1e-15 * one.low, 1e-15 * one.value, 1e-15 * one.high))
    assert small.low < small.high


def test_a_measure_at_its_edge_has_no_interval_and_says_where():
    assert interval(mean_of(np.ones(12)), 12, scale=AT_MOST_ONE).note == "every unit is at 1: no interval"
    assert interval(mean_of(np.zeros(12)), 12, scale=DIFFERENCE).low == 0


def test_distances_that_are_all_zero_have_no_interval():
    found = interval(mean_of(np.zeros(12)), 12, scale=DISTANCE)
    assert (found.value, found.low, found.high) == (0, None, None)


@pytest.mark.parametrize("wrong", [{"units": 0}, {"level": 1.0}, {"level": 95}, {"resamples": 1}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        interval(mean_of([0.5, 0.6]), **({"units": 2} | wrong))


def test_two_hundred_simulated_cohorts_hold_the_truth_about_as_often_as_promised():
    chance = np.random.default_rng(8)
    held = 0
    for _ in range(200):
        patient = chance.beta(6, 2, 20)
        found = interval(mean_of(patient), 20)
        held += found.low <= 0.75 <= found.high
    assert 180 <= held <= 199  # 190 +- three standard deviations of a binomial
