import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.convolution.definition import cross_correlate
from hypercolumn.convolution.winograd import F23, F43, Winograd, winograd
from hypercolumn.errors import InvalidArgument, ShapeMismatch

BOTH = pytest.mark.parametrize("algorithm", [F23, F43], ids=["F(2,3)", "F(4,3)"])


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@BOTH
@settings(max_examples=20, deadline=None)
@given(n=st.integers(3, 20), seed=st.integers(0, 10**6))
def test_of_a_signal_it_is_the_cross_correlation(algorithm: Winograd, n: int, seed: int) -> None:
    signal, kernel = drawn((n,), seed), drawn((3,), seed + 1)
    found = winograd(signal, kernel, algorithm)
    assert np.abs(found - cross_correlate(signal, kernel, mode="valid")).max() < 1e-12


@BOTH
@settings(max_examples=20, deadline=None)
@given(shape=st.tuples(st.integers(3, 14), st.integers(3, 14)), seed=st.integers(0, 10**6))
def test_of_an_image_it_is_the_cross_correlation(algorithm: Winograd, shape: tuple[int, int], seed: int) -> None:
    image, kernel = drawn(shape, seed), drawn((3, 3), seed + 1)
    found = winograd(image, kernel, algorithm)
    assert np.abs(found - cross_correlate(image, kernel, mode="valid")).max() < 1e-12


def test_multiplications_as_published() -> None:
    """Lavin and Gray 2016: 36 / 16 = 2.25 and 144 / 36 = 4."""
    assert (F23.multiplications(), F23.multiplications(axes=2)) == ((4, 6), (16, 36))
    assert (F43.multiplications(), F43.multiplications(axes=2)) == ((6, 12), (36, 144))


def test_in_float32_the_larger_tile_loses_more() -> None:
    image, kernel = drawn((64, 64)), drawn((3, 3), 1)
    exact = cross_correlate(image, kernel, mode="valid")
    scale = np.abs(exact).max()

    def lost(algorithm: Winograd) -> float:
        found = winograd(image.astype(np.float32), kernel.astype(np.float32), algorithm)
        assert found.dtype == np.float32
        return float(np.abs(found - exact).max() / scale)

    assert lost(F23) < lost(F43) < 1e-5


def test_integers_are_filtered_as_real_numbers() -> None:
    assert winograd(np.arange(6), np.array([1, 1, 1]), F43).tolist() == [3.0, 6.0, 9.0, 12.0]


def test_a_nan_reaches_at_least_every_output_that_reads_it() -> None:
    signal, kernel = drawn((20,)), np.array([0.0, 1.0, 0.0])
    signal[9] = np.nan
    assert np.isnan(winograd(signal, kernel, F23)[7:10]).all()


@pytest.mark.parametrize(
    ("signal", "kernel", "error", "message"),
    [
        (np.ones(8), np.ones(5), InvalidArgument, "3 samples"),
        (np.ones((4, 4, 4)), np.ones((3, 3, 3)), InvalidArgument, "one axis or two"),
        (np.ones((4, 4)), np.ones(3), ShapeMismatch, "2 axes"),
        (np.ones(2), np.ones(3), ShapeMismatch, "does not fit"),
        (np.ones(0), np.ones(3), InvalidArgument, "no samples"),
        (np.ones(4) * 1j, np.ones(3), InvalidArgument, "complex"),
    ],
)
def test_what_it_cannot_do_is_refused(
    signal: np.ndarray, kernel: np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        winograd(signal, kernel, F23)
