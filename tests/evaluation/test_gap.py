import numpy as np
import pytest
from scipy import stats

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.gap import group_gap
from hypercolumn.evaluation.intervals import DISTANCE


def test_without_classes_it_is_the_difference_of_two_means_and_p_is_hypergeometric() -> None:
    wrong = np.r_[np.ones(7), np.zeros(13), np.ones(6), np.zeros(74)]
    inside = np.arange(100) < 20
    found = group_gap(wrong, inside, units=np.arange(100), deals=9_999)
    assert (found.inside.value, found.expected) == pytest.approx((7 / 20, 6 / 80))
    assert found.difference.value == pytest.approx(7 / 20 - 6 / 80)
    assert found.p == pytest.approx(stats.hypergeom.sf(6, 100, 13, 20), abs=0.003)
    assert (found.units, found.records) == (20, 20)


def test_a_group_of_a_difficult_class_is_no_worse_than_its_class() -> None:
    chance = np.random.default_rng(0)
    classes = np.repeat([0, 1], 500)
    wrong = chance.random(1_000) < np.where(classes == 1, 0.4, 0.05)
    inside = (classes == 1) & (chance.random(1_000) < 0.3)
    assert group_gap(wrong, inside, units=np.arange(1_000)).p < 0.001
    held = group_gap(wrong, inside, units=np.arange(1_000), classes=classes)
    assert held.p > 0.05
    assert held.difference.low < 0 < held.difference.high
    assert held.expected == pytest.approx(wrong[(classes == 1) & ~inside].mean())


def test_expected_is_weighted_by_the_classes_inside() -> None:
    classes, inside = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 0, 0, 1, 1, 0], dtype=bool)
    loss = np.array([0.5, 0.2, 0.4, 0.9, 0.7, 0.6])
    found = group_gap(loss, inside, units=np.arange(6), classes=classes)
    assert found.expected == pytest.approx(0.3 / 3 + 2 * 0.6 / 3)
    assert found.inside.value == pytest.approx(0.7)


def test_windows_of_one_patient_do_not_narrow_anything() -> None:
    chance = np.random.default_rng(1)
    unit = np.repeat(np.arange(40), 25)
    wrong = (chance.random(40) < 0.4)[unit]
    found = group_gap(wrong, unit < 12, units=unit)
    once = group_gap(wrong[::25], np.arange(40) < 12, units=np.arange(40))
    assert (found.difference.low, found.difference.high) == pytest.approx((once.difference.low, once.difference.high))
    assert found.p == pytest.approx(once.p, abs=0.03)
    assert found.units == 12


def test_null_p_values_are_uniform_or_larger() -> None:
    chance = np.random.default_rng(2)
    ps = []
    for seed in range(80):
        unit = np.repeat(np.arange(60), 2)
        wrong = (chance.random(60) < 0.3)[unit] | (chance.random(120) < 0.1)
        ps.append(group_gap(wrong, unit < 15, units=unit, deals=99, seed=seed).p)
    assert np.mean(np.array(ps) <= 0.05) <= 0.12
    assert 0.4 < np.mean(ps) < 0.7


def test_distances_have_no_upper_bound_and_what_is_undefined_is_left_out() -> None:
    loss = np.array([1.0, 2.0, 3.0, np.nan, 10.0, 20.0])
    found = group_gap(loss, np.array([0, 0, 0, 0, 1, 1], dtype=bool), units=np.arange(6), scale=DISTANCE)
    assert (found.inside.value, found.expected) == pytest.approx((15, 2))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="losses"):
        group_gap(np.zeros(3), np.zeros(4, dtype=bool), units=np.arange(3))
    with pytest.raises(InvalidArgument, match="deals"):
        group_gap(np.zeros(3), np.array([True, False, False]), units=np.arange(3), deals=0)
    for inside in (np.zeros(3, dtype=bool), np.ones(3, dtype=bool)):
        with pytest.raises(InvalidArgument, match="all or none"):
            group_gap(np.zeros(3), inside, units=np.arange(3))
    with pytest.raises(InvalidArgument, match="all or none"):
        group_gap(np.zeros(2), np.array([True, False]), units=np.arange(2), classes=np.arange(2))
