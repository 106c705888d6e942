import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.instances import PERCENTS, Matches, instance_row, matches, pooled


def found(truth: list[int] | np.ndarray, predicted: list[int] | np.ndarray) -> Matches:
    return matches(contingency(np.asarray(truth), np.asarray(predicted)))


def with_iou(percent: int) -> Matches:
    """One true object of 100 samples and one predicted, that covers so many of them."""
    return found(np.ones(100, dtype=int), (np.arange(100) < percent).astype(int))


def test_an_iou_of_072_is_right_at_five_thresholds_of_ten() -> None:
    assert with_iou(72).average_precision == 0.5


@pytest.mark.parametrize(("percent", "right"), [(50, 0), (51, 1), (55, 1), (56, 2), (95, 9), (96, 10), (100, 10)])
def test_an_iou_at_a_threshold_is_not_above_it(percent: int, right: int) -> None:
    assert with_iou(percent).matched.sum() == right


def test_all_figures_by_hand() -> None:
    """True objects of 4, 4 and 2 samples; predicted: the first but one sample (IoU 3/4), one of 2 on the second (2/4).

    At 0.50 to 0.70 one match (1 / (1 + 1 + 2)), from 0.75 on none. PQ = 2 * 0.75 / 5. AJI = (3 + 2) / (4 + 4 + 2).
    """
    truth = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    predicted = [1, 1, 1, 0, 2, 2, 0, 0, 0, 0]
    one = found(truth, predicted)
    assert one.matched.tolist() == [1] * 5 + [0] * 5
    assert one.average_precision == pytest.approx(0.5 * 0.25)
    assert one.f1[0] == pytest.approx(2 / 5)
    assert one.panoptic_quality == pytest.approx(0.3)
    assert one.aggregated_jaccard == pytest.approx(0.5)


def test_aggregated_jaccard_counts_what_nobody_chose_and_lets_two_choose_one() -> None:
    """One predicted object over two true ones of 3: chosen twice, 3 / 6 each; another of 2 in the background."""
    truth, predicted = [1, 1, 1, 2, 2, 2, 0, 0], [4, 4, 4, 4, 4, 4, 5, 5]
    assert found(truth, predicted).aggregated_jaccard == pytest.approx((3 + 3) / (6 + 6 + 2))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_figures_are_those_of_loops_over_masks(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth = np.repeat(chance.integers(0, 5, 30), 4)
    predicted = np.where(chance.random(120) < 0.8, truth, np.repeat(chance.integers(0, 5, 30), 4))
    one = found(truth, predicted)
    masks = [[labels == number for number in np.unique(labels) if number] for labels in (truth, predicted)]
    iou = np.array([[(t & p).sum() / (t | p).sum() for p in masks[1]] for t in masks[0]])
    values = []
    for percent in PERCENTS:
        true_positive = int((iou > percent / 100 + 1e-12).sum())
        values.append(true_positive / (len(masks[0]) + len(masks[1]) - true_positive))
    assert one.average_precision == pytest.approx(np.mean(values))
    above = iou[iou > 0.5]
    assert one.panoptic_quality == pytest.approx(above.sum() / ((len(masks[0]) + len(masks[1])) / 2))
    best = [int(row.argmax()) for row in iou if row.max() > 0]
    lonely = sum(int(t.sum()) for t, row in zip(masks[0], iou, strict=True) if row.max() == 0)
    chosen = [t for t, row in zip(masks[0], iou, strict=True) if row.max() > 0]
    above_, below = 0, lonely
    for t, index in zip(chosen, best, strict=True):
        above_, below = above_ + (t & masks[1][index]).sum(), below + (t | masks[1][index]).sum()
    below += sum(int(p.sum()) for index, p in enumerate(masks[1]) if index not in best)
    assert one.aggregated_jaccard == pytest.approx(above_ / below)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_map_against_itself_is_perfect_and_numbers_do_not_matter(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 6, (8, 9))
    other = np.random.default_rng(seed + 1).permutation(np.arange(1, 7) * 11)
    one = found(labels.reshape(-1), np.where(labels > 0, other[labels - 1], 0).reshape(-1))
    if labels.any():
        assert one.average_precision == one.panoptic_quality == one.aggregated_jaccard == 1
        assert (one.f1 == 1).all()


def test_an_image_without_objects_in_words() -> None:
    nothing, in_vain, missed = found([0, 0], [0, 0]), found([0, 0], [0, 1]), found([0, 1], [0, 0])
    for figure in ("average_precision", "panoptic_quality", "aggregated_jaccard"):
        assert np.isnan(getattr(nothing, figure))
        assert getattr(in_vain, figure) == getattr(missed, figure) == 0


def test_pooled_counts_and_the_mean_over_images_differ() -> None:
    """Three of three found in one image, none of one in the other."""
    all_found, none_found = found([1, 2, 3], [1, 2, 3]), found([1, 1, 1], [0, 0, 0])
    assert pooled([all_found, none_found]).average_precision == pytest.approx(3 / 4)
    assert np.mean([all_found.average_precision, none_found.average_precision]) == 0.5


def test_a_row_holds_the_counts() -> None:
    truth = np.array([1, 1, 1, 1, 0, 2, 2, 3, 3, 0, 4, 0])
    predicted = np.array([1, 1, 2, 2, 0, 3, 3, 3, 3, 0, 0, 9])
    row = instance_row(truth, predicted)
    assert (row["true_objects"], row["predicted_objects"]) == (4, 4)
    assert [row[f"{name}_objects"] for name in ("missed", "false", "split", "merged")] == [1, 1, 1, 2]
    assert row["matched_50"] == 0
    assert all(isinstance(value, (int, float)) for value in row.values())
