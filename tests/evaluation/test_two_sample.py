from collections.abc import Callable

import numpy as np
import pytest

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.two_sample import (
    MOST_ROWS,
    TwoSamples,
    classifier_two_sample,
    maximum_mean_discrepancy,
)

TESTS = [maximum_mean_discrepancy, classifier_two_sample]


def test_the_discrepancy_is_gretton_s_sum() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(6, 2)), chance.normal(size=(5, 2))
    both = np.concatenate([x, y])
    apart = np.square(both[:, None] - both[None]).sum(axis=-1)
    width = np.median(apart[np.triu_indices(11, 1)])
    k = np.exp(-apart / (2 * width))
    within_x = sum(k[i, j] for i in range(6) for j in range(6) if i != j) / 30
    within_y = sum(k[i, j] for i in range(6, 11) for j in range(6, 11) if i != j) / 20
    found = maximum_mean_discrepancy(x, y)
    assert found.statistic == pytest.approx(within_x + within_y - 2 * k[:6, 6:].mean())
    assert found.rows == (6, 5)


def test_two_halves_of_one_law_are_told_apart_no_more_often_than_promised() -> None:
    called = dict.fromkeys(TESTS, 0)
    for seed in range(100):
        chance = np.random.default_rng(seed)
        x, y = chance.normal(size=(40, 3)), chance.normal(size=(30, 3))
        called[maximum_mean_discrepancy] += maximum_mean_discrepancy(x, y, deals=59, seed=seed).p <= 0.05
        called[classifier_two_sample] += classifier_two_sample(x, y, seed=seed).p <= 0.05
    assert all(0 < count <= 12 for count in called.values())


def test_a_wider_law_is_seen_by_the_kernel_alone() -> None:
    chance = np.random.default_rng(1)
    narrow, wide = chance.normal(size=(200, 2)), chance.normal(scale=2, size=(200, 2))
    assert maximum_mean_discrepancy(narrow, wide).p == 0.005
    assert classifier_two_sample(narrow, wide).p > 0.05


@pytest.mark.parametrize("test", TESTS)
def test_windows_of_a_patient_count_once(test: Callable[..., TwoSamples]) -> None:
    chance = np.random.default_rng(2)
    x, y = chance.normal(size=(20, 2)), chance.normal(size=(24, 2))
    units = np.repeat(np.arange(20), 7), np.repeat(np.arange(100, 124), 3)
    often = test(np.repeat(x, 7, axis=0), np.repeat(y, 3, axis=0), units=units)
    assert (often.statistic, often.p) == pytest.approx((test(x, y).statistic, test(x, y).p))
    assert often.rows == (20, 24)


@pytest.mark.parametrize("test", TESTS)
def test_constant_rows_are_not_told_apart_and_many_are_drawn_from(test: Callable[..., TwoSamples]) -> None:
    assert test(np.ones((10, 2)), np.ones((12, 2))).p > 0.05
    many = np.random.default_rng(3).normal(size=(MOST_ROWS + 1, 1))
    assert classifier_two_sample(many, many[:50]).rows == (MOST_ROWS, 50)


@pytest.mark.parametrize("test", TESTS)
def test_nonsense_is_refused(test: Callable[..., TwoSamples]) -> None:
    good = np.random.default_rng(4).normal(size=(10, 2))
    with pytest.raises(ShapeMismatch, match="two sides"):
        test(good, good[:, :1])
    with pytest.raises(InvalidArgument, match="rows = 3"):
        test(good, good[:3])
    with pytest.raises(InvalidArgument, match="on both sides"):
        test(good, good, units=(np.arange(10), np.arange(10)))
    with pytest.raises(ShapeMismatch, match="differ in number"):
        test(good, good, units=(np.arange(9), np.arange(20, 30)))
    bad = good.copy()
    bad[0, 0] = np.nan
    with pytest.raises(InvalidArgument, match="NaN"):
        test(good, bad)
    with pytest.raises(InvalidArgument, match="deals"):
        maximum_mean_discrepancy(good, good, deals=0)
