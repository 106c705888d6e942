import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.event_residuals import event_residuals

TIMES = st.lists(st.integers(0, 400), max_size=25, unique=True).map(lambda times: np.array(times, dtype=float) / 4)


@settings(max_examples=50, deadline=None)
@given(TIMES, TIMES, st.floats(0.1, 10))
def test_every_event_is_in_one_pair_or_alone_and_changing_sides_turns_the_residuals(annotated, predicted, tolerance):
    found = event_residuals(annotated, predicted, tolerance=tolerance)
    assert len(found.residuals) + len(found.unfound) == len(annotated)
    assert len(found.residuals) + len(found.unannotated) == len(predicted)
    assert (np.abs(found.residuals) <= tolerance).all()
    if len(annotated) and len(predicted):
        closest = np.abs(annotated[:, None] - predicted[None, :]).min()
        assert (closest <= tolerance) == (len(found.residuals) > 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-0.4, 0.4))
def test_a_shift_below_half_the_distance_of_events_is_found(seed: int, shift: float):
    times = np.arange(30.0)
    order = np.random.default_rng(seed).permutation(30)
    found = event_residuals(times[order] + shift, times, tolerance=0.5)
    np.testing.assert_allclose(found.residuals, shift, atol=1e-9)
    assert found.shift == pytest.approx(shift)


def test_one_of_two_events_near_one_prediction_stays_alone():
    found = event_residuals(np.array([1.0, 1.2]), np.array([1.3]), tolerance=1.0)
    np.testing.assert_allclose(found.residuals, [-0.1])
    assert found.unfound.tolist() == [1.0]


def test_no_events_are_an_answer():
    found = event_residuals(np.zeros(0), np.array([1.0]), tolerance=1.0)
    assert np.isnan(found.shift)
    assert found.unannotated.tolist() == [1.0]


def test_what_are_no_times_is_refused():
    with pytest.raises(InvalidArgument, match="finite times"):
        event_residuals(np.array([np.nan]), np.array([1.0]), tolerance=1.0)
    with pytest.raises(ShapeMismatch, match="predicted"):
        event_residuals(np.array([1.0]), np.ones((1, 1)), tolerance=1.0)
    for tolerance in (0.0, np.inf):
        with pytest.raises(InvalidArgument, match="tolerance"):
            event_residuals(np.array([1.0]), np.array([1.0]), tolerance=tolerance)
