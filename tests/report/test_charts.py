"""Axes hold what they show, and lines break only where there is no number."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from hypercolumn.report.charts import Axis, Frame, thin

values = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), min_size=1, max_size=20)


@given(values)
def test_an_axis_holds_all_its_values_between_round_ends(known):
    axis = Axis.around(known)
    hair = 1e-8 * (axis.high - axis.low)
    assert axis.low - hair <= min(known)
    assert axis.high + hair >= max(known)
    assert 2 <= len(axis.ticks) <= 8
    steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert max(steps) - min(steps) <= 1e-6 * max(steps) + 1e-12


@given(values)
def test_a_larger_value_lies_farther_along(known):
    assume(max(known) - min(known) > 1e-3)
    axis = Axis.around(known)
    assert axis.place(min(known)) < axis.place(max(known))
    assert axis.place(min(known)) >= -0.01
    assert axis.place(max(known)) <= 100.01


def test_missing_values_do_not_move_an_axis():
    assert Axis.around([None, 0.2, math.nan, 0.8]) == Axis.around([0.2, 0.8])
    assert Axis.around([None, math.nan]) == Axis.around([0, 1])


def test_a_score_of_one_keeps_its_tick_labels_apart():
    axis = Axis.around([0.9971, 0.9984, 1.0])
    assert len({axis.label(tick) for tick in axis.ticks}) == len(axis.ticks)


def test_a_line_goes_on_past_what_was_not_taken_and_breaks_where_there_is_no_number():
    frame, axis = Frame(400, 240), Axis.around([0, 3])
    assert frame.path(axis, axis, [0, 1, 2], [1, None, 1]).count("M") == 1
    assert frame.path(axis, axis, [0, 1, 2], [1, math.nan, 1]).count("M") == 2


@given(st.integers(1, 500), st.integers(2, 50))
def test_thinning_keeps_order_first_and_last(length, most):
    kept = thin(range(length), most=most)
    assert len(kept) == min(length, most)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, length - 1)
