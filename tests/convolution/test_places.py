import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.convolution.definition import convolve
from hypercolumn.convolution.places import places


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 12), half=st.integers(0, 6), mode=st.sampled_from(["full", "same", "valid"]))
def test_a_mode_is_a_cut_of_the_full_sum(n: int, half: int, mode: str) -> None:
    k = 2 * half + 1
    if mode == "valid" and k > n:
        return
    signal, kernel = np.arange(1, n + 1), np.arange(1, k + 1)
    ((first, count),) = places((n,), (k,), mode)  # type: ignore[arg-type]
    full = convolve(signal, kernel, mode="full")
    assert np.array_equal(full[first : first + count], convolve(signal, kernel, mode=mode))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["full", "valid"])
def test_each_axis_has_its_own(mode: str) -> None:
    assert places((9, 5), (2, 3), mode) == {"full": ((0, 10), (0, 7)), "valid": ((1, 8), (2, 3))}[mode]  # type: ignore[arg-type]
