"""Which laws hold for what, as the algebra says; the sizes of the failures are measured."""

import numpy as np
import pytest

from hypercolumn.experiments.convolution.laws import HOLDS, measure_laws, measure_limit
from hypercolumn.experiments.outcome import Table

FAILS = {
    "commutative": {"cross-correlation"},
    "associative": {"cross-correlation", "stride 2", "same, zero-padded"},
    "distributive": set(),
    "linear": set(),
    "identity": {"stride 2"},
    "impulse response": {"cross-correlation", "stride 2"},
    "shift equivariance": {"stride 2", "same, zero-padded"},
    "derivative of the image": {"stride 2", "same, zero-padded"},
    "derivative of the kernel": {"cross-correlation", "stride 2", "same, zero-padded"},
    "Fourier": {"cross-correlation", "stride 2", "same, zero-padded"},
    "separable": set(),
}


@pytest.fixture(scope="module", params=[0, 1])
def tables(request: pytest.FixtureRequest) -> tuple[Table, Table]:
    return measure_laws(seed=request.param)


def test_every_law_holds_for_true_convolution_and_fails_where_it_must(tables: tuple[Table, Table]) -> None:
    laws, _ = tables
    found = {
        row[0]: {name for name, value in zip(laws.columns[2:], row[2:], strict=True) if value > HOLDS}
        for row in laws.rows
    }
    assert found == FAILS
    assert all(value < HOLDS or value > 0.05 for row in laws.rows for value in row[2:])


def test_moving_the_derivative_to_the_kernel_turns_the_sign_of_a_cross_correlation(tables: tuple[Table, Table]) -> None:
    row = next(row for row in tables[0].rows if row[0] == "derivative of the kernel")
    assert row[tables[0].columns.index("cross-correlation")] == pytest.approx(2)


def test_what_is_said_to_hold_instead_holds(tables: tuple[Table, Table]) -> None:
    assert all(row[2] < HOLDS for row in tables[1].rows)
    assert {row[0] for row in tables[1].rows} == set().union(*FAILS.values())


def test_the_sums_come_near_the_integral_with_the_order_of_what_they_sum() -> None:
    orders = {row[0]: row[-1] for row in measure_limit().rows}
    assert orders["box (jumps)"] == pytest.approx(1, abs=0.05)
    assert orders["hat (bends)"] == pytest.approx(2, abs=0.05)
    assert orders["Gaussian (smooth)"] > 10
    assert all(np.diff(row[1:-2])[0] < 0 for row in measure_limit().rows)
