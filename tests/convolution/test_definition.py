"""The algebra of convolution against its direct sum, and the direct sum against SciPy, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import signal as scipy_signal

from hypercolumn.convolution.definition import Mode, convolve, cross_correlate, flip
from hypercolumn.errors import InvalidArgument, ShapeMismatch

LONGEST = {1: 12, 2: 7, 3: 4}
laws = settings(max_examples=30, deadline=None)


@st.composite
def arrays(draw: st.DrawFn, count: int, *, odd: bool = False) -> list[np.ndarray]:
    """Several arrays of one number of axes, each with a shape of its own."""
    dims = draw(st.sampled_from([1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    length = st.integers(0, (LONGEST[dims] - 1) // 2).map(lambda n: 2 * n + 1) if odd else st.integers(1, LONGEST[dims])
    return [rng.normal(size=draw(st.tuples(*[length] * dims))) for _ in range(count)]


def star(f: np.ndarray, k: np.ndarray) -> np.ndarray:
    return convolve(f, k, mode="full")


def query(f: np.ndarray, k: np.ndarray) -> np.ndarray:
    return cross_correlate(f, k, mode="full")


def close(one: np.ndarray, other: np.ndarray) -> None:
    assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@laws
@given(arrays(2))
def test_the_direct_sums_are_those_of_scipy(pair: list[np.ndarray]) -> None:
    f, k = pair
    close(star(f, k), scipy_signal.convolve(f, k, method="direct"))
    close(star(f, k), scipy_signal.fftconvolve(f, k))
    close(query(f, k), scipy_signal.correlate(f, k, method="direct"))


@laws
@given(arrays(2, odd=True))
def test_same_and_valid_are_parts_of_full(pair: list[np.ndarray]) -> None:
    f, k = pair
    close(convolve(f, k, mode="same"), scipy_signal.convolve(f, k, mode="full")[_middle(f, k)])
    if all(n >= m for n, m in zip(f.shape, k.shape, strict=True)):
        close(convolve(f, k, mode="valid"), scipy_signal.convolve(f, k, mode="valid", method="direct"))
        close(cross_correlate(f, k, mode="valid"), scipy_signal.correlate(f, k, mode="valid", method="direct"))


def _middle(f: np.ndarray, k: np.ndarray) -> tuple[slice, ...]:
    return tuple(slice(m // 2, m // 2 + n) for n, m in zip(f.shape, k.shape, strict=True))


@laws
@given(arrays(2))
def test_convolution_is_commutative_and_cross_correlation_reverses(pair: list[np.ndarray]) -> None:
    f, k = pair
    close(star(f, k), star(k, f))
    close(query(f, k), np.flip(query(k, f)))


@laws
@given(arrays(3))
def test_convolution_is_associative_and_cross_correlation_makes_a_convolution(triple: list[np.ndarray]) -> None:
    f, a, b = triple
    close(star(star(f, a), b), star(f, star(a, b)))
    close(query(query(f, a), b), query(f, star(a, b)))


@laws
@given(arrays(2), st.floats(-3, 3), st.floats(-3, 3))
def test_both_are_linear_in_each_argument(pair: list[np.ndarray], alpha: float, beta: float) -> None:
    f, k = pair
    g, other = np.cos(f), np.cos(k)
    for product in (star, query):
        close(product(alpha * f + beta * g, k), alpha * product(f, k) + beta * product(g, k))
        close(product(f, alpha * k + beta * other), alpha * product(f, k) + beta * product(f, other))


@laws
@given(arrays(1))
def test_a_delta_is_the_identity(one: list[np.ndarray]) -> None:
    (f,) = one
    delta = np.zeros((3,) * f.ndim)
    delta[(1,) * f.ndim] = 1
    assert_array_equal(convolve(f, delta, mode="same"), f)
    assert_array_equal(cross_correlate(f, delta, mode="same"), f)
    assert_array_equal(star(np.ones((1,) * f.ndim), f), f)
    assert_array_equal(query(np.ones((1,) * f.ndim), f), flip(f))


@laws
@given(arrays(2), st.integers(0, 3), st.integers(0, 3))
def test_a_shift_of_the_input_is_a_shift_of_the_output(pair: list[np.ndarray], before: int, after: int) -> None:
    f, k = pair
    moved = [(before, after)] * f.ndim
    for product in (star, query):
        close(product(np.pad(f, moved), k), np.pad(product(f, k), moved))


@laws
@given(arrays(2))
def test_the_derivative_of_a_convolution_is_that_of_either(pair: list[np.ndarray]) -> None:
    f, k = pair
    for axis in range(f.ndim):
        slope = np.array([0.5, 0, -0.5]).reshape([3 if each == axis else 1 for each in range(f.ndim)])
        close(star(star(f, k), slope), star(star(f, slope), k))
        close(star(star(f, k), slope), star(f, star(k, slope)))
        close(star(query(f, k), slope), query(star(f, slope), k))
        close(star(query(f, k), slope), -query(f, star(k, slope)))


@laws
@given(arrays(2), st.integers(0, 3))
def test_the_transform_of_a_convolution_is_the_product_of_transforms(pair: list[np.ndarray], more: int) -> None:
    """With at least N + K - 1 samples along each axis; with fewer the ends are wound around."""
    f, k = pair
    shape = [n + m - 1 + more for n, m in zip(f.shape, k.shape, strict=True)]
    axes = tuple(range(f.ndim))
    product = np.fft.fftn(f, shape, axes) * np.fft.fftn(k, shape, axes)
    close(np.fft.fftn(star(f, k), shape, axes), product)


def test_too_short_a_transform_winds_the_ends_around() -> None:
    f, k = np.arange(1.0, 5), np.ones(3)
    wound = np.fft.ifft(np.fft.fft(f) * np.fft.fft(k, 4)).real
    assert_allclose(wound, star(f, k)[:4] + np.append(star(f, k)[4:], [0, 0]))


def test_the_index_order_of_lectures_is_the_same_in_reverse() -> None:
    """(f ? k)[n] = sum_m f[m] k[n + m], summed literally."""
    f, k = np.array([1, 2, 3, 4, 5]), np.array([2, 7, 1])
    places = range(-(len(f) - 1), len(k))
    lecture = [sum(f[m] * k[n + m] for m in range(len(f)) if 0 <= n + m < len(k)) for n in places]
    assert query(f, k)[::-1].tolist() == lecture
    assert query(k, f).tolist() == lecture


def test_cross_correlation_is_neither_commutative_nor_associative() -> None:
    f, a, b = np.array([1, 2, 3]), np.array([1, 0, -1]), np.array([2, 1, 0])
    assert (query(f, a) != query(a, f)).any()
    assert (query(query(f, a), b) != query(f, query(a, b))).any()


def test_same_keeps_the_signals_length_even_under_a_longer_kernel() -> None:
    assert convolve([1, 2], [1, 1, 1, 1, 1], mode="same").tolist() == [3, 3]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64"])
def test_integers_stay_exact(dtype: str) -> None:
    signal = np.array([1, 0, 1, 1], dtype=dtype)
    result = convolve(signal, np.array([2**50 + 1, -3]), mode="full")
    assert result.dtype == np.int64
    assert result.tolist() == [2**50 + 1, -3, 2**50 + 1, 2**50 - 2, -3]


def test_integers_that_could_pass_64_bits_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="64 bits"):
        convolve(np.array([2**40, 1]), np.array([2**30]), mode="full")
    with pytest.raises(InvalidArgument, match="64 bits"):
        convolve(np.array([2**63], dtype=np.uint64), np.array([1]), mode="full")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64, np.complex128])
def test_other_types_come_back_as_they_were(dtype: type) -> None:
    f, k = np.array([1, 2, 3], dtype=dtype), np.array([1, 1], dtype=dtype)
    assert convolve(f, k, mode="valid").dtype == dtype
    assert convolve(f, [1, 1], mode="valid").dtype == np.result_type(dtype, np.int64)


def test_complex_kernels_are_not_conjugated() -> None:
    f, k = np.array([1 + 2j, 3j, -1]), np.array([2j, 1 - 1j])
    assert_allclose(query(f, k), scipy_signal.correlate(f, k.conj()))
    assert_allclose(star(f, k), np.convolve(f, k))


def test_nan_goes_wherever_its_sample_is_read_through_noughts_too() -> None:
    f = np.array([1.0, np.nan, 2.0, 3.0, 4.0])
    assert np.isnan(convolve(f, [0.0, 0.0, 1.0], mode="full")).tolist() == [False, True, True, True] + 3 * [False]
    assert np.isnan(convolve([np.inf, 1.0], [0.0, 1.0], mode="full")).tolist() == [True, False, False]


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("product", [convolve, cross_correlate])
def test_bad_input_is_said_in_words(product: type, mode: Mode) -> None:
    with pytest.raises(InvalidArgument, match="no samples"):
        product([], [1.0], mode=mode)
    with pytest.raises(InvalidArgument, match="no samples"):
        product([1.0], np.zeros((0, 3)), mode=mode)
    with pytest.raises(InvalidArgument, match="no samples"):
        product(3.0, 2.0, mode=mode)
    with pytest.raises(ShapeMismatch, match="1 axes and the kernel 2"):
        product([1.0], [[1.0]], mode=mode)
    with pytest.raises(InvalidArgument, match="dtype"):
        product(["a"], [1.0], mode=mode)
    with pytest.raises(InvalidArgument, match="valid, same, full"):
        product([1.0], [1.0], mode="reflect")


def test_a_kernel_that_has_no_place_or_no_middle_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="does not fit"):
        convolve([1.0, 2.0], [1.0, 2.0, 3.0], mode="valid")
    with pytest.raises(InvalidArgument, match="no middle"):
        cross_correlate(np.ones((4, 4)), np.ones((3, 2)), mode="same")
