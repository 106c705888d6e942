import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.evaluation.contingency import contingency


def two_maps(seed: int, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps of a few objects in runs, with gaps in their numbers and large numbers among them."""
    chance = np.random.default_rng(seed)
    shape = (40, 6, 4)[:dims]
    truth, predicted = (np.repeat(chance.integers(0, 6, shape), 3, axis=-1) for _ in range(2))
    return truth.astype(np.uint8) * 7, predicted.astype(np.int64) * 100_003


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_the_table_is_that_of_a_loop_over_masks(seed: int, dims: int) -> None:
    truth, predicted = two_maps(seed, dims)
    table = contingency(truth, predicted)
    assert table.truth.tolist() == [number for number in np.unique(truth) if number]
    assert table.predicted.tolist() == [number for number in np.unique(predicted) if number]
    assert table.truth_size.tolist() == [(truth == number).sum() for number in table.truth]
    assert table.predicted_size.tolist() == [(predicted == number).sum() for number in table.predicted]
    dense = table.dense()
    for row, own in enumerate(table.predicted):
        for column, true in enumerate(table.truth):
            both, either = ((predicted == own) & (truth == true)).sum(), ((predicted == own) | (truth == true)).sum()
            assert dense[row, column] == both / either
    assert (table.pair_samples > 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_changing_sides_turns_the_table(seed: int) -> None:
    truth, predicted = two_maps(seed, 2)
    np.testing.assert_array_equal(contingency(truth, predicted).dense(), contingency(predicted, truth).dense().T)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(50, 99))
def test_nobody_has_two_matches(seed: int, percent: int) -> None:
    table = contingency(*two_maps(seed, 2))
    match = table.matched(percent)
    for side in (table.pair_truth, table.pair_predicted):
        assert len(np.unique(side[match])) == match.sum()


def test_a_match_is_decided_in_whole_numbers() -> None:
    """An IoU of exactly 7 / 10 is not above 0.7, whatever 0.7 is in binary."""
    table = contingency(np.repeat([1, 1], [7, 3]), np.repeat([1, 0], [7, 3]))
    assert table.iou.tolist() == [0.7]
    assert not table.matched(70).any()
    assert table.matched(69).all()


def test_predicted_objects_can_be_left_out() -> None:
    truth, predicted = np.array([1, 1, 2, 2, 3]), np.array([5, 5, 6, 6, 7])
    kept = contingency(truth, predicted).keep(np.array([True, False, True]))
    left = contingency(truth, np.where(predicted == 6, 0, predicted))
    for name in ("truth", "predicted", "truth_size", "predicted_size", "pair_truth", "pair_predicted", "pair_samples"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(left, name))


@pytest.mark.parametrize("shape", [(0,), (3, 4), (0, 5)])
def test_empty_maps_have_no_object(shape: tuple[int, ...]) -> None:
    table = contingency(np.zeros(shape, dtype=int), np.zeros(shape, dtype=np.uint16))
    assert len(table.truth) == len(table.predicted) == len(table.iou) == 0
    assert table.dense().shape == (0, 0)


def test_more_objects_than_sixteen_bits_can_number() -> None:
    labels = np.arange(1, 70_001, dtype=np.uint32).reshape(100, 700)
    table = contingency(labels, labels)
    assert len(table.truth) == 70_000
    assert (table.iou == 1).all()


def test_maps_that_differ_by_one_sample_in_size_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="in place"):
        contingency(np.zeros((5, 5), int), np.zeros((5, 6), int))


@pytest.mark.parametrize("wrong", [np.ones(3), np.array([0, -1, 2])])
def test_what_is_no_instance_map_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(LabelError, match="predicted"):
        contingency(np.zeros(3, int), wrong)


def test_below_a_half_matches_are_not_unique() -> None:
    with pytest.raises(InvalidArgument, match="two matches"):
        contingency(np.ones(3, int), np.ones(3, int)).matched(40)
