import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.thresholds import FEWEST, fit_thresholds


def youden(truth: np.ndarray, answer: np.ndarray) -> float:
    return answer[truth == 1].mean() - answer[truth == 0].mean()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_no_threshold_has_a_larger_youden(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth = np.r_[0, 1, chance.integers(0, 2, 30)]
    score = np.round(truth + chance.normal(size=32), 1)
    found = fit_thresholds(truth, score, np.zeros(32))
    false, true, _ = roc_curve(truth, score)
    reached = youden(truth, found.answer(score, np.zeros(32)))
    best = (true - false).max()
    assert reached == pytest.approx(best) or best == pytest.approx(0)


def test_a_group_whose_scores_are_low_is_answered_as_well_as_the_others() -> None:
    chance = np.random.default_rng(1)
    group, truth = np.repeat(["usual", "rare"], [400, 100]), chance.integers(0, 2, 500)
    score = truth + 0.4 * chance.normal(size=500) - 1.0 * (group == "rare")
    learnt = np.arange(500) % 2 == 0
    found = fit_thresholds(truth[learnt], score[learnt], group[learnt])
    new, rare = ~learnt, ~learnt & (group == "rare")
    before = youden(truth[rare], score[rare] >= found.overall)
    after = youden(truth[rare], found.answer(score[rare], group[rare]))
    assert after > before + 0.2
    assert youden(truth[new], found.answer(score[new], group[new])) > 0.6


def test_small_groups_and_windows_of_few_patients_have_the_threshold_of_all() -> None:
    truth, group = np.tile([0, 1], 50), np.repeat(["large", "small"], [90, 10])
    found = fit_thresholds(truth, truth + 0.0, group)
    assert set(found.by_group) == {"large"}
    assert found.answer(np.array([0.9]), np.array(["never seen"])).all()
    few = np.repeat(np.arange(FEWEST), 10)
    assert fit_thresholds(truth, truth + 0.0, group, units=few).by_group == {}


def test_nonsense_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="scores"):
        fit_thresholds(np.zeros(3), np.zeros(4), np.zeros(3))
    with pytest.raises(InvalidArgument, match="one class"):
        fit_thresholds(np.ones(3), np.zeros(3), np.zeros(3))
    with pytest.raises(InvalidArgument, match="NaN"):
        fit_thresholds(np.array([0, 1]), np.array([0.5, np.nan]), np.zeros(2))
