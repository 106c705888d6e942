import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association as scipy_association

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.association import DEALT_BELOW, association


def names_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(table.shape).reshape(2, -1)
    return np.repeat(rows, table.ravel()), np.repeat(columns, table.ravel())


def test_with_many_units_it_is_cramers_v_as_scipy_has_it() -> None:
    table = np.array([[4000, 1000, 700], [900, 3000, 1200]])
    found = association(*names_of(table))
    assert found.value == pytest.approx(scipy_association(table, method="cramer"), abs=1e-3)
    assert found.p == pytest.approx(1 / 1000)


def test_p_is_that_of_fishers_exact_test_to_the_chance_of_the_deals() -> None:
    table = np.array([[9, 4], [5, 12]])
    found = association(*names_of(table), deals=9_999)
    assert found.p == pytest.approx(stats.fisher_exact(table).pvalue, abs=0.01)


def test_all_is_one_where_the_names_are_the_same() -> None:
    found = association(np.repeat([0, 1, 2], 20), np.repeat(["a", "b", "c"], 20))
    assert found.value == pytest.approx(1)
    assert found.high == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(2, 5))
def test_the_interval_holds_its_figure_and_names_are_only_names(seed: int, labels: int, groups: int) -> None:
    chance = np.random.default_rng(seed)
    first, second = chance.integers(0, labels, 60), chance.integers(0, groups, 60)
    found = association(first, second, deals=50)
    if found.value is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
        renamed = association(np.array(list("abcd"))[first], 7 - second, deals=50)
        assert (renamed.value, renamed.low) == pytest.approx((found.value, found.low))


def test_windows_of_a_patient_add_nothing() -> None:
    label, site = names_of(np.array([[12, 5], [6, 13]]))
    unit = np.arange(len(label))
    windows = np.repeat(unit, np.random.default_rng(0).integers(1, 9, len(unit)))
    once, often = association(label, site, units=unit), association(label[windows], site[windows], units=windows)
    assert (once.value, once.low, once.high, once.units) == pytest.approx(
        (often.value, often.low, often.high, often.units)
    )


def test_a_patient_of_two_sites_with_a_label_at_each_is_dealt_stay_by_stay() -> None:
    """Every patient is healthy at A and ill at B: the label follows the site as closely as it can."""
    unit, label = np.repeat(np.arange(30), 2), np.tile([0, 1], 30)
    found = association(label, np.tile(["A", "B"], 30), units=unit)
    assert found.value == pytest.approx(1)
    assert found.p == pytest.approx(0.001)
    assert found.units == 30


def test_null_p_values_are_uniform() -> None:
    chance = np.random.default_rng(1)
    ps = [association(chance.random(80) < 0.3, chance.integers(0, 3, 80), deals=99, seed=s).p for s in range(200)]
    assert stats.kstest(ps, "uniform").pvalue > 0.001
    assert 0.02 <= np.mean(np.array(ps) <= 0.05) <= 0.09


def test_beyond_what_is_dealt_the_law_is_chi_squared() -> None:
    chance = np.random.default_rng(2)
    first, second = chance.integers(0, 2, DEALT_BELOW + 1), chance.integers(0, 2, DEALT_BELOW + 1)
    table = np.zeros((2, 2))
    np.add.at(table, (first, second), 1)
    assert association(first, second).p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [(np.zeros(9), np.arange(9), "first"), (np.arange(9), np.zeros(9), "second"), (np.zeros(0), np.zeros(0), "first")],
)
def test_one_value_goes_with_nothing(first: np.ndarray, second: np.ndarray, note: str) -> None:
    found = association(first, second)
    assert (found.value, found.p) == (None, None)
    assert note in found.note
    assert "undefined" in str(found)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="names are"):
        association(np.zeros(3), np.zeros(4))
    with pytest.raises(InvalidArgument, match="deals"):
        association(np.zeros(3), np.zeros(3), deals=0)
    with pytest.raises(InvalidArgument, match="missing"):
        association(np.array([1.0, np.nan, 2.0]), np.zeros(3))
