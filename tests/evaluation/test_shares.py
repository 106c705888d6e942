import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.shares import far_out, share


def test_a_share_of_things_is_the_ratio_of_sums_and_units_without_things_do_not_count():
    found = share(np.array([1, 3, 0]), np.array(["a", "b", "c"]), things=np.array([4, 6, 0]))
    assert found.value == pytest.approx(0.4)
    assert found.degrees <= 1


def test_no_hit_at_all_has_the_interval_of_clopper_and_pearson():
    found = share(np.zeros(40), np.repeat(np.arange(20), 2))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))


@pytest.mark.parametrize(
    ("hits", "things", "units", "error"),
    [
        ([1.0], [1.0, 1.0], ["a"], ShapeMismatch),
        ([1.0], None, ["a", "b"], ShapeMismatch),
        ([2.0], [1.0], ["a"], InvalidArgument),
        ([-1.0], [1.0], ["a"], InvalidArgument),
        ([0.0], [0.0], ["a"], InvalidArgument),
        ([], None, [], InvalidArgument),
    ],
)
def test_what_is_no_share_is_refused(hits, things, units, error):
    with pytest.raises(error):
        share(np.array(hits), np.array(units), things=None if things is None else np.array(things))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_what_lies_far_out_does_not_depend_on_the_unit_of_length(seed: int, factor: float):
    values = np.random.default_rng(seed).lognormal(0, 0.3, 60)
    values[:2] = 40
    far = far_out(values)
    assert far[:2].all()
    np.testing.assert_array_equal(far, far_out(values * factor))
    np.testing.assert_array_equal(far_out(np.log(values), positive=False), far_out(3 - np.log(values), positive=False))


def test_of_normal_values_hardly_any_lies_far_out():
    values = np.random.default_rng(0).normal(size=100_000)
    assert far_out(values, positive=False).sum() <= 2


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 9.0], [np.nan, np.nan], [], [0.0, 0.0, 5.0]])
def test_without_a_spread_nothing_is_far_out(values):
    assert not far_out(np.array(values)).any()
