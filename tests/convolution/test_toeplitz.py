import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.convolution import toeplitz
from hypercolumn.convolution.places import Places
from hypercolumn.convolution.toeplitz import toeplitz_along, toeplitz_convolve, toeplitz_matrix

shapes = st.integers(1, 2).flatmap(
    lambda axes: st.tuples(st.tuples(*[st.integers(1, 13)] * axes), st.tuples(*[st.integers(1, 6)] * axes))
)


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Places]:
    """A signal or an image, a kernel, and any stretch of the full sum that its modes may ask for."""
    shape, kernel = draw(shapes)
    seed, where = draw(st.integers(0, 10**6)), []
    for n, k in zip(shape, kernel, strict=True):
        first = draw(st.integers(0, k - 1))
        where.append((first, draw(st.integers(1, n + k - 1 - first))))
    return drawn(shape, seed), drawn(kernel, seed + 1), tuple(where)


@settings(max_examples=80, deadline=None)
@given(problem=problems(), block=st.integers(1, 9))
def test_blocks_of_any_size_give_the_sum(problem: tuple[np.ndarray, np.ndarray, Places], block: int) -> None:
    signal, kernel, where = problem
    full = scipy.signal.convolve(signal, kernel, mode="full", method="direct")
    wanted = full[tuple(slice(first, first + count) for first, count in where)]
    made = toeplitz_convolve(signal, kernel, where, block)
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() < 1e-10


@settings(max_examples=30, deadline=None)
@given(axis=st.integers(0, 2), k=st.integers(1, 6), block=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_along_one_axis(axis: int, k: int, block: int, seed: int) -> None:
    signal, kernel = drawn((4, 5, 6), seed), drawn((k,), seed + 1)
    first, count = (k - 1) // 2, signal.shape[axis]
    made = toeplitz_along(signal, kernel, axis, (first, count), block)
    wanted = np.apply_along_axis(lambda line: np.convolve(line, kernel)[first : first + count], axis, signal)
    assert np.abs(made - wanted).max() < 1e-10


def test_the_matrix_is_toeplitz() -> None:
    kernel = drawn((4,), 0)
    wanted = scipy.linalg.toeplitz(np.r_[kernel[::-1], np.zeros(2)], np.r_[kernel[-1], np.zeros(2)])
    assert np.array_equal(toeplitz_matrix(kernel, 3), wanted)


@pytest.mark.parametrize("limits", [(64, 1, 1 << 30), (1 << 18, 8, 0)])
def test_pieces_for_one_thread_and_one_for_all_are_the_same_product(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int, int]
) -> None:
    for name, value in zip(("_ONE_THREAD", "_FEWEST_ROWS", "_WORTH_SHARING"), limits, strict=True):
        monkeypatch.setattr(toeplitz, name, value)
    signal, image, kernel = drawn((300,), 0), drawn((30, 40), 1), drawn((3,), 2)
    assert np.allclose(toeplitz_convolve(signal, kernel, ((2, 298),), 4), np.convolve(signal, kernel, "valid"))
    outer = np.outer(kernel, kernel)
    wanted = scipy.signal.convolve(image, outer, mode="valid", method="direct")
    assert np.allclose(toeplitz_convolve(image, outer, ((2, 28), (2, 38)), 4), wanted)
    rows = toeplitz_along(image, kernel, 1, (2, 38), 4)
    assert np.allclose(toeplitz_along(rows, kernel, 0, (2, 28), 4), wanted)
