import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.object_errors import ObjectErrors, object_errors


def errors(truth: list[int], predicted: list[int]) -> ObjectErrors:
    return object_errors(contingency(np.array(truth, dtype=int), np.array(predicted, dtype=int)))


def test_what_is_right_is_no_error() -> None:
    assert errors([1, 1, 0, 2], [5, 5, 0, 6]) == ObjectErrors((), (), (), ())


def test_missed_and_false() -> None:
    assert errors([1, 0, 0], [0, 0, 8]) == ObjectErrors(missed=(1,), false=(8,), split=(), merged=())


def test_split_in_three() -> None:
    assert errors([4] * 6, [1, 1, 2, 2, 3, 3]) == ObjectErrors((), (), split=((4, (1, 2, 3)),), merged=())


def test_run_together() -> None:
    found = errors([1, 1, 2, 2, 3, 3], [7] * 6)
    assert found == ObjectErrors((), (), (), merged=((7, (1, 2, 3)),))
    assert found.objects_merged == 3


def test_a_match_that_swallows_a_neighbour_is_merged() -> None:
    """IoU 6 / 7 with the first, and the whole of the second."""
    assert errors([1] * 6 + [2], [3] * 7).merged == ((3, (1, 2)),)


def test_a_crumb_inside_a_well_drawn_object_splits_it() -> None:
    assert errors([1] * 8, [1] * 6 + [2, 0]).split == ((1, (1, 2)),)


def test_a_crumb_beside_an_object_is_false() -> None:
    assert errors([1, 1, 1, 0], [1, 1, 1, 2]) == ObjectErrors((), (2,), (), ())


def test_one_object_drawn_badly_is_missed_and_what_was_drawn_false() -> None:
    """A half of each shared: IoU 1/3."""
    assert errors([1, 1, 0], [0, 5, 5]) == ObjectErrors((1,), (5,), (), ())


def test_a_half_is_not_more_than_a_half() -> None:
    """Each piece lies half inside: neither splits the object."""
    assert errors([0, 1, 1, 0], [2, 2, 3, 3]).split == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_changing_sides_changes_the_names_of_errors(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, predicted = (np.repeat(chance.integers(0, 6, 20), chance.integers(1, 6, 20))[:30] for _ in range(2))
    size = min(len(truth), len(predicted))
    forth = object_errors(contingency(truth[:size], predicted[:size]))
    back = object_errors(contingency(predicted[:size], truth[:size]))
    assert forth == ObjectErrors(back.false, back.missed, back.merged, back.split)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_every_object_is_matched_or_in_an_error(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, predicted = (np.repeat(chance.integers(0, 6, 20), 3) for _ in range(2))
    table = contingency(truth, predicted)
    found, match = object_errors(table), table.matched(50)
    true = {*table.truth[table.pair_truth[match]], *found.missed, *(one for one, _ in found.split)}
    own = {*table.predicted[table.pair_predicted[match]], *found.false, *(one for one, _ in found.merged)}
    assert true | {member for _, members in found.merged for member in members} == set(table.truth)
    assert own | {piece for _, pieces in found.split for piece in pieces} == set(table.predicted)


@pytest.mark.parametrize("size", [0, 5])
def test_nothing_has_no_error(size: int) -> None:
    assert errors([0] * size, [0] * size) == ObjectErrors((), (), (), ())
