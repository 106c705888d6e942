import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.convolution.fourier import fourier_convolve, overlap_add
from hypercolumn.convolution.places import Places

shapes = st.integers(1, 3).flatmap(
    lambda axes: st.tuples(st.tuples(*[st.integers(1, 11)] * axes), st.tuples(*[st.integers(1, 5)] * axes))
)


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Places]:
    """A signal, a kernel, and any stretch of the full sum."""
    shape, kernel = draw(shapes)
    seed, where = draw(st.integers(0, 10**6)), []
    for n, k in zip(shape, kernel, strict=True):
        first = draw(st.integers(0, n + k - 2))
        where.append((first, draw(st.integers(1, n + k - 1 - first))))
    return drawn(shape, seed), drawn(kernel, seed + 1), tuple(where)


def expected(signal: np.ndarray, kernel: np.ndarray, where: Places) -> np.ndarray:
    full = scipy.signal.convolve(signal, kernel, mode="full", method="direct")
    return full[tuple(slice(first, first + count) for first, count in where)]


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_one_transform_gives_any_part_of_the_sum(problem: tuple[np.ndarray, np.ndarray, Places]) -> None:
    made, wanted = fourier_convolve(*problem), expected(*problem)
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() < 1e-10


@settings(max_examples=60, deadline=None)
@given(problem=problems(), length=st.integers(9, 20))
def test_blocks_give_any_part_of_the_sum(problem: tuple[np.ndarray, np.ndarray, Places], length: int) -> None:
    made, wanted = overlap_add(*problem, length), expected(*problem)
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() < 1e-10


@pytest.mark.parametrize("shape", [(500,), (60, 70)])
def test_threads_change_nothing(shape: tuple[int, ...]) -> None:
    signal, kernel = drawn(shape, 0), drawn((5,) * len(shape), 1)
    where = tuple((4, n - 4) for n in shape)
    for one, two in (
        (fourier_convolve(signal, kernel, where), fourier_convolve(signal, kernel, where, threads=2)),
        (overlap_add(signal, kernel, where, 16), overlap_add(signal, kernel, where, 16, threads=2)),
    ):
        assert np.array_equal(one, two)


def test_float32_stays_float32_and_the_signal_stays_as_it_was() -> None:
    signal, kernel = drawn((256,), 0).astype(np.float32), drawn((9,), 1).astype(np.float32)
    before = signal.copy()
    for made in (fourier_convolve(signal, kernel, ((8, 248),)), overlap_add(signal, kernel, ((8, 248),), 32)):
        assert made.dtype == np.float32
        assert np.abs(made - expected(signal, kernel, ((8, 248),))).max() < 1e-4
    assert np.array_equal(signal, before)
