"""Laws of the tables: composition, joining, and the least period, against direct evaluation."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.convolution.periodic_table import (
    IDENTITY,
    Border,
    PeriodicTable,
    Reach,
    adaptive_window,
    cubic,
    join,
    linear,
    nearest,
    shift,
    transposed_window,
    window,
)
from hypercolumn.errors import NetworkError

small = st.integers(1, 4)
windows = st.builds(window, small, stride=small, dilation=small, lead=st.integers(0, 3))
transposeds = st.builds(transposed_window, st.integers(4, 6), stride=small, lead=st.integers(0, 3))
fractions = st.builds(Fraction, small, small)
reaches = st.one_of(
    windows,
    transposeds,
    st.builds(shift, st.integers(-4, 4), step=small),
    st.builds(linear, fractions),
    st.builds(cubic, fractions),
    st.builds(nearest, fractions, centred=st.booleans()),
)


def read(stack: list[Reach], output: int) -> set[int]:
    """All input samples that an output of a stack of operators reads, one by one."""
    places = {output}
    for reach in reversed(stack):
        places = {position for place in places for position in reach.of(place)}
    return places


@given(st.lists(reaches, max_size=4), st.integers(-20, 20))
def test_a_table_gives_the_ends_of_what_a_stack_reads(stack: list[Reach], output: int) -> None:
    table = IDENTITY
    for reach in stack:
        table = table.through(reach)
    places = read(stack, output)
    assert table.at(output) == (min(places), max(places))


@given(st.lists(reaches, max_size=4), st.integers(-20, 20))
def test_what_a_table_says_repeats(stack: list[Reach], output: int) -> None:
    table = IDENTITY
    for reach in stack:
        table = table.through(reach)
    low, high = table.at(output)
    assert table.at(output + table.period) == (low + table.advance, high + table.advance)
    ratio = Fraction(1)
    for reach in stack:
        ratio *= Fraction(reach.advance, reach.period)
    assert table.stride == ratio


@given(windows, windows)
def test_a_join_sees_what_either_branch_sees(first: Reach, second: Reach) -> None:
    one, two = IDENTITY.through(first), IDENTITY.through(second)
    both = join([one, two])
    if one.stride != two.stride:
        assert both is None
        return
    assert both is not None
    for output in range(5):
        ends = one.at(output), two.at(output)
        assert both.at(output) == (min(low for low, _ in ends), max(high for _, high in ends))


def test_down_and_up_again_has_the_phases_of_the_stride() -> None:
    down = IDENTITY.through(window(3, lead=1)).through(window(2, stride=2))
    up = down.through(linear(Fraction(1, 2)))
    assert (up.period, up.advance) == (2, 2)
    assert up.at(0) == (-3, 2)
    assert up.at(1) == (-1, 4)
    assert up.through(window(2)).size == (6, 8)


def test_a_table_has_its_least_period() -> None:
    table = IDENTITY.through(transposed_window(2, stride=2)).through(window(2, stride=2))
    assert table == PeriodicTable(1, 1, (0,), (0,))


def test_an_output_that_nothing_reaches_has_an_empty_field() -> None:
    """A transposed convolution whose stride exceeds its kernel leaves gaps."""
    table = IDENTITY.through(transposed_window(1, stride=2))
    assert table.size == (0, 1)
    assert table.through(window(2, stride=2)).size == (1, 1)


def test_a_period_beyond_all_measure_is_refused() -> None:
    table = IDENTITY.through(nearest(Fraction(997, 991)))
    with pytest.raises(NetworkError, match="repeats only every 968207 outputs"):
        table.through(nearest(Fraction(983, 977)))


@pytest.mark.parametrize(
    ("border", "places"),
    [
        (Border.REPLICATE, [0, 0, 0, 1, 3, 3, 3]),
        (Border.REFLECT, [2, 1, 0, 1, 3, 2, 1]),
        (Border.LINEAR, [1, 1, 0, 1, 3, 3, 3]),
    ],
)
def test_what_is_read_beyond_the_border(border: Border, places: list[int]) -> None:
    reach = shift(0, border=border)
    found, read_at_all = reach.at_border(np.array([-2, -1, 0, 1, 3, 4, 5]), 4)
    assert found.tolist() == places
    assert read_at_all.all()


def test_beyond_a_constant_border_nothing_is_read() -> None:
    _, read_at_all = window(1).at_border(np.array([-1, 0, 3, 4]), 4)
    assert read_at_all.tolist() == [False, True, True, False]


@pytest.mark.parametrize(("extent", "outputs"), [(7, 3), (12, 4), (5, 5), (3, 7)])
def test_adaptive_windows_cover_the_axis_and_no_more(extent: int, outputs: int) -> None:
    reach = adaptive_window(extent, outputs)
    assert {place for output in range(outputs) for place in reach.of(output)} == set(range(extent))
