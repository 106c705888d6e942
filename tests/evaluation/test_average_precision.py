import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.average_precision import THRESHOLDS, average_precision, detection_row, detections, hits


def by_hand(score: np.ndarray, hit: np.ndarray, truth: int) -> float:
    """The 101-point mean, one recall at a time."""
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(hit[order])
    recall, precision = right / truth, right / np.arange(1, len(score) + 1)
    best = [max(precision[recall >= wanted / 100 - 1e-9], default=0.0) for wanted in range(101)]
    return float(np.mean(best))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12))
def test_the_area_is_the_mean_over_101_recalls(seed: int, found: int, truth: int) -> None:
    chance = np.random.default_rng(seed)
    score, hit = chance.random(found).round(1), np.zeros(found, dtype=bool)
    hit[chance.permutation(found)[: chance.integers(0, min(found, truth) + 1)]] = True
    assert average_precision(score, hit[None], truth)[0] == pytest.approx(by_hand(score, hit, truth))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_weight_of_two_is_an_image_seen_twice(seed: int) -> None:
    chance = np.random.default_rng(seed)
    image, score, hit = np.repeat([0, 1, 2], 5), chance.random(15), chance.random((2, 15)) < 0.4
    truth = np.array([5, 6, 7])
    times = chance.integers(0, 3, 3)
    weighted = average_precision(score, hit, np.array([times @ truth]), weights=times[None, image])
    again = np.repeat(np.arange(15), times[image])
    expected = average_precision(score[again], hit[:, again], times @ truth) if times.any() else np.full(2, np.nan)
    np.testing.assert_allclose(weighted[0], expected)


def test_the_best_fit_is_taken_and_the_better_score_chooses_first() -> None:
    overlap = np.array([[0.6, 0.9], [0.8, 0.7], [0.55, 0.0]])
    assert hits(overlap, np.array([0.9, 0.8, 0.7]), thresholds=(0.5, 0.85)).tolist() == [
        [True, True, False],
        [True, False, False],
    ]


def test_an_overlap_at_the_threshold_is_a_hit() -> None:
    assert hits(np.array([[0.5]]), np.array([1.0])).sum() == 1


def test_what_is_found_perfectly_has_an_ap_of_one() -> None:
    hit = hits(np.eye(4), np.array([0.4, 0.9, 0.2, 0.5]))
    assert (average_precision(np.arange(4.0), hit, 4) == 1).all()


def test_half_of_the_objects_without_a_false_alarm() -> None:
    """Precision 1 at recalls 0 to 0.50: 51 of 101."""
    assert average_precision(np.array([0.9]), np.array([[True]]), 2)[0] == pytest.approx(51 / 101)


def test_without_a_true_object_it_is_undefined_and_without_a_found_one_zero() -> None:
    none = np.zeros(0)
    assert np.isnan(average_precision(np.array([0.5]), np.array([[False]]), 0)).all()
    assert (average_precision(none, np.zeros((10, 0), dtype=bool), 3) == 0).all()
    assert hits(np.zeros((0, 3)), none).shape == (10, 0)
    assert not hits(np.zeros((2, 0)), np.ones(2)).any()


def test_a_row_keeps_scores_and_hits() -> None:
    chance = np.random.default_rng(0)
    overlap, score = chance.random((12, 9)), chance.random(12)
    row = detection_row(overlap, score)
    kept, hit = detections(row["detection_scores"], row["detection_hits"])
    np.testing.assert_allclose(kept, np.sort(score)[::-1], atol=1e-6)
    np.testing.assert_array_equal(hit, hits(overlap, score)[:, np.argsort(-score)])
    assert row["true_objects"] == 9


def test_at_most_a_hundred_found_objects_count() -> None:
    row = detection_row(np.zeros((150, 2)), np.arange(150) / 150)
    assert len(json.loads(row["detection_scores"])) == 100
    assert json.loads(row["detection_scores"])[0] == pytest.approx(149 / 150, abs=1e-6)


def test_there_are_ten_thresholds() -> None:
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def test_scores_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeMismatch):
        hits(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(InvalidArgument, match="score"):
        hits(np.zeros((1, 2)), np.array([np.nan]))
    with pytest.raises(ShapeMismatch):
        average_precision(np.zeros(3), np.zeros((1, 2), dtype=bool), 1)
