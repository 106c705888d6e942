import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.convolution.definition import convolve
from hypercolumn.convolution.separation import factors_of, separate
from hypercolumn.errors import InvalidArgument

SOBEL = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
LAPLACIAN = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
GAUSSIAN = np.exp(-((np.arange(-3, 4)[:, None] ** 2 + np.arange(-3, 4) ** 2) / 2.0))

shapes = st.one_of(st.tuples(*[st.integers(1, 6)] * 2), st.tuples(*[st.integers(1, 4)] * 3))


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("kernel", "rank"), [(SOBEL, 1), (GAUSSIAN, 1), (np.ones((5, 7)), 1), (LAPLACIAN, 2), (np.eye(4), 4)]
)
def test_ranks_known_in_the_field(kernel: np.ndarray, rank: int) -> None:
    assert separate(kernel).rank == rank


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=st.integers(0, 10**6))
def test_the_terms_sum_to_the_kernel_and_are_orthonormal(shape: tuple[int, ...], seed: int) -> None:
    kernel = drawn(shape, seed)
    found = separate(kernel)
    assert np.abs(found.kernel - kernel).max() < 1e-12
    units = np.array([(term.kernel / term.weight).ravel() for term in found.terms])
    assert np.abs(units @ units.T - np.eye(len(units))).max() < 1e-10
    assert all(term.weight > 0 for term in found.terms)
    assert [term.weight for term in found.terms] == sorted((term.weight for term in found.terms), reverse=True)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=st.integers(0, 10**6), tolerance=st.floats(0, 0.9))
def test_the_error_is_what_was_lost_and_stays_within_the_tolerance(
    shape: tuple[int, ...], seed: int, tolerance: float
) -> None:
    kernel = drawn(shape, seed)
    found = separate(kernel, tolerance=tolerance)
    lost = np.linalg.norm(kernel - found.kernel)
    assert abs(lost - found.error) < 1e-12
    assert lost <= tolerance * np.linalg.norm(kernel) + 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), tolerance=st.floats(0.05, 0.8))
def test_the_error_bounds_every_output(seed: int, tolerance: float) -> None:
    kernel, signal = drawn((4, 5), seed), drawn((9, 11), seed + 1)
    found = separate(kernel, tolerance=tolerance)
    lost = convolve(signal, kernel, mode="valid") - convolve(signal, found.kernel, mode="valid")
    under = np.sqrt(convolve(signal**2, np.ones(kernel.shape), mode="valid"))
    assert (np.abs(lost) <= found.error * under + 1e-12).all()


def test_in_two_dimensions_the_weights_are_the_singular_values() -> None:
    kernel = drawn((5, 6), 0)
    assert np.allclose([term.weight for term in separate(kernel).terms], np.linalg.svd(kernel, compute_uv=False))


def test_a_separable_volume_is_one_term() -> None:
    a, b, c = drawn((3,), 0), drawn((4,), 1), drawn((5,), 2)
    kernel = np.multiply.outer(np.multiply.outer(a, b), c)
    assert separate(kernel).rank == 1
    assert separate(kernel).multiply_adds == 12


def test_one_axis_after_the_other_is_the_whole() -> None:
    kernel, signal = np.asarray(LAPLACIAN, float), drawn((8, 9), 3)
    made = sum(
        term.weight
        * convolve(convolve(signal, term.factors[0][:, None], mode="full"), term.factors[1][None], mode="full")
        for term in separate(kernel).terms
    )
    assert np.abs(made - convolve(signal, kernel, mode="full")).max() < 1e-12


def test_a_kernel_of_zeros_has_no_terms() -> None:
    found = separate(np.zeros((3, 3)))
    assert (found.rank, found.error) == (0, 0.0)
    assert np.array_equal(found.kernel, np.zeros((3, 3)))


@settings(max_examples=30, deadline=None)
@given(shape=st.tuples(*[st.integers(2, 7)] * 2), rank=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_the_quick_test_finds_the_factors_of_up_to_two_terms(shape: tuple[int, int], rank: int, seed: int) -> None:
    rank = min(rank, *shape)
    kernel = drawn((shape[0], rank), seed) @ drawn((rank, shape[1]), seed + 1)
    found = factors_of(kernel)
    if rank == 3:
        assert found is None
    else:
        assert found is not None
        assert len(found) == rank
        made = sum(np.multiply.outer(rows, columns) for rows, columns in found)
        assert np.abs(made - kernel).max() < 1e-13 * np.abs(kernel).max()


def test_the_quick_test_in_three_dimensions() -> None:
    kernel = np.multiply.outer(np.multiply.outer(drawn((3,), 0), drawn((2,), 1)), drawn((4,), 2))
    found = factors_of(kernel)
    assert found is not None
    assert np.allclose(np.multiply.outer(np.multiply.outer(*found[0][:2]), found[0][2]), kernel)
    kernel[0, 0, 0] += 1
    assert factors_of(kernel) is None


@pytest.mark.parametrize("kernel", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.array([[1.0, np.inf], [1.0, 1.0]])])
def test_the_quick_test_lets_odd_kernels_be(kernel: np.ndarray) -> None:
    assert factors_of(kernel) is None


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([1.0, 2.0], "two axes"),
        (np.ones((2, 2)) * 1j, "complex"),
        (np.ones((0, 3)), "no samples"),
        ([[np.nan, 1.0]], "NaN"),
        ([["a", "b"]], "dtype"),
    ],
)
def test_kernels_that_cannot_be_separated_are_refused(kernel: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        separate(kernel)


@pytest.mark.parametrize("tolerance", [-0.1, 1.0, np.nan])
def test_a_tolerance_is_a_share(tolerance: float) -> None:
    with pytest.raises(InvalidArgument, match="tolerance"):
        separate(np.ones((2, 2)), tolerance=tolerance)
