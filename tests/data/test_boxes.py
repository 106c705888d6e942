"""Layouts of blocks, counted by hand; what every layout keeps is painted sample by sample in the contract of splits."""

import itertools

import numpy as np
import pytest

from hypercolumn.data.boxes import Layout, apart, hull, largest_gap, lay_out, volume


def layout(shape, gap, folds, *, least=None, validation=0.0) -> Layout:
    return Layout(tuple(shape), tuple(gap), tuple(least or (1,) * len(shape)), folds, validation)


def cuts(*arguments, **keywords):
    return lay_out(layout(*arguments, **keywords), np.random.default_rng(0))


def test_twenty_slices_in_five_folds_with_a_gap_of_two():
    """Blocks of four slices in two cells of two; the gap takes two slices on each side that is there."""
    plan = cuts((20,), (2,), 5)
    assert [hull(cut.test) for cut in plan] == [((start, start + 4),) for start in range(0, 20, 4)]
    assert plan[0].training == (((6, 20),),)
    assert set(plan[2].training) == {((0, 6),), ((14, 20),)}
    assert all(len(cut.test) == 2 for cut in plan)


def test_validation_lies_where_it_costs_least():
    """At the far end of the stack one gap is lost, in its middle two."""
    assert hull(cuts((40,), (2,), 5, validation=0.25)[0].validation) == ((32, 40),)


def test_validation_is_left_out_rather_than_take_more_than_is_left():
    assert all(cut.validation == () for cut in cuts((20,), (6,), 5, validation=0.2))


def test_the_longest_axis_is_cut_first():
    (first, _) = cuts((30, 100), (4, 4), 2)
    assert hull(first.test) == ((0, 30), (0, 50))
    (first, _) = cuts((100, 30), (4, 4), 2)
    assert hull(first.test) == ((0, 50), (0, 30))


def test_a_grid_where_it_leaves_more_to_learn_from():
    """A slab in the middle loses its gap on two sides over the whole width, a quarter on two shorter ones.

    With a gap of 20 the worst slab of 25 x 100 leaves 35 x 100, each quarter an L of 100^2 - 70^2, in two boxes.
    """
    plan = cuts((100, 100), (20, 20), 4)
    assert {hull(cut.test) for cut in plan} == {((a, a + 50), (b, b + 50)) for a in (0, 50) for b in (0, 50)}
    assert sorted(map(volume, plan[0].training)) == [30 * 70, 30 * 100]
    assert {hull(cut.test) for cut in cuts((100, 30), (4, 4), 4)} == {((a, a + 25), (0, 30)) for a in (0, 25, 50, 75)}


@pytest.mark.parametrize(("length", "folds"), [(20, 5), (21, 5), (512, 3), (100, 2), (33, 4)])
def test_the_largest_gap_is_the_longer_side_beside_the_worst_block_less_one(length, folds):
    """A gap fits while one sample is left on the longer side of the block that lies nearest the middle."""
    marks = [length * place // folds for place in range(folds + 1)]
    worst = min(max(start, length - stop) for start, stop in itertools.pairwise(marks))
    assert largest_gap(layout((length,), (length,), folds)) == worst - 1
    assert largest_gap(layout((length,), (worst,), folds, least=(3,))) == worst - 3


def test_more_folds_than_samples_leave_no_gap_at_all():
    assert largest_gap(layout((3,), (5,), 4)) == -1


def test_training_pieces_shorter_than_the_window_are_left_out():
    (_, second, _) = cuts((30,), (3,), 3, least=(7,))
    assert set(second.training) == {((0, 7),), ((23, 30),)}
    assert cuts((30,), (3,), 3, least=(8,)) is None


def test_a_volume_is_cut_along_one_axis_of_three():
    plan = cuts((8, 90, 60), (2, 5, 5), 3)
    assert [hull(cut.test) for cut in plan] == [((0, 8), (a, a + 30), (0, 60)) for a in (0, 30, 60)]
    assert set(plan[1].training) == {((0, 8), (0, 25), (0, 60)), ((0, 8), (65, 90), (0, 60))}


def test_apart_is_the_same_from_both_sides_and_needs_one_axis_only():
    one, other = ((0, 10), (0, 10)), ((0, 10), (14, 20))
    assert apart(one, other, (99, 4))
    assert apart(other, one, (99, 4))
    assert not apart(one, other, (1, 5))
    assert not apart(one, one, (0, 0))
