"""The boundary F1 against hand computation and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.boundary import boundary_f1


def square(size: int, start: int, stop: int) -> np.ndarray:
    region = np.zeros((size, size), dtype=bool)
    region[start:stop, start:stop] = True
    return region


def test_by_hand() -> None:
    # A 6 x 6 square against the 4 x 4 inside it: every sample of the smaller outline (12) lies one from the larger;
    # of the larger (20) all but the four corners, which are sqrt 2 away.
    large, small = square(12, 3, 9), square(12, 4, 8)
    assert boundary_f1(large, small, tolerance=1.0) == pytest.approx(2 * 1.0 * 0.8 / 1.8)
    assert boundary_f1(large, small, tolerance=1.5) == 1.0
    assert boundary_f1(large, small, tolerance=0.5) == 0.0


def test_a_large_region_off_by_one_has_a_dice_near_one_and_a_boundary_that_tells() -> None:
    one, other = square(400, 20, 380), square(400, 24, 384)
    dice = 2 * np.count_nonzero(one & other) / (one.sum() + other.sum())
    assert dice > 0.97
    assert boundary_f1(one, other, tolerance=2.0) < 0.05


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), tolerance=st.floats(0, 5))
def test_it_is_symmetric_grows_with_the_tolerance_and_scales_with_the_spacing(seed: int, tolerance: float) -> None:
    one, other = np.random.default_rng(seed).random((2, 12, 14)) < 0.3
    found = boundary_f1(one, other, tolerance=tolerance)
    assert found == pytest.approx(boundary_f1(other, one, tolerance=tolerance))
    assert found <= boundary_f1(one, other, tolerance=tolerance + 0.5)
    assert found == pytest.approx(boundary_f1(one, other, tolerance=tolerance / 2, spacing=(0.5, 0.5)))
    assert boundary_f1(one, one, tolerance=0.0) == 1.0


def test_nothing_to_compare_and_bad_input() -> None:
    empty, some = np.zeros((4, 4), dtype=bool), square(4, 1, 3)
    assert np.isnan(boundary_f1(empty, empty))
    assert boundary_f1(empty, some) == boundary_f1(some, empty) == 0.0
    with pytest.raises(ShapeMismatch):
        boundary_f1(empty, np.zeros((4, 5), dtype=bool))
    with pytest.raises(InvalidArgument, match="tolerance"):
        boundary_f1(some, some, tolerance=-1.0)
