"""Named kernels: what they are for, what passes, and closed forms of their response."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import ndimage

from hypercolumn.convolution.definition import convolve, cross_correlate
from hypercolumn.convolution.kernels import (
    Kernel,
    binomial,
    box,
    central_difference,
    edge,
    frequency_response,
    gabor,
    gaussian,
    identity,
    laplacian,
    laplacian_of_gaussian,
    passes,
    prewitt,
    sharpening,
    sobel,
)
from hypercolumn.errors import InvalidArgument

DIMS = (1, 2, 3)


def ramp(dims: int, axis: int) -> np.ndarray:
    return np.broadcast_to(np.arange(9.0).reshape([9 if each == axis else 1 for each in range(dims)]), (9,) * dims)


@pytest.mark.parametrize("dims", DIMS)
def test_smoothing_keeps_what_is_flat_and_edges_see_nothing_in_it(dims: int) -> None:
    for kernel in (box(3, dims=dims), gaussian(0.8, dims=dims), binomial(4, dims=dims), sharpening(dims=dims)):
        assert_allclose(kernel.weights.sum(), 1)
    for kernel in (laplacian(dims=dims), edge(dims=dims), laplacian_of_gaussian(1.2, dims=dims)):
        assert_allclose(kernel.weights.sum(), 0, atol=1e-12)


@pytest.mark.parametrize("dims", DIMS)
def test_derivatives_of_a_ramp_are_one_along_it_and_nought_across(dims: int) -> None:
    for make in (central_difference, sobel, prewitt):
        for axis in range(dims):
            for along in range(dims):
                kernel = make(axis=axis, dims=dims)
                slope = convolve(ramp(dims, along), kernel.weights, mode="valid")
                assert_allclose(slope, float(axis == along), atol=1e-12)
                assert_allclose(slope, cross_correlate(ramp(dims, along), kernel.flipped, mode="valid"), atol=1e-12)


@pytest.mark.parametrize("dims", DIMS)
def test_the_laplacian_of_a_paraboloid_is_twice_its_dimensions(dims: int) -> None:
    squared = sum(ramp(dims, axis) ** 2 for axis in range(dims))
    assert_allclose(convolve(squared, laplacian(dims=dims).weights, mode="valid"), 2 * dims)
    assert_allclose(convolve(squared, edge(dims=dims).weights, mode="valid"), -dims * 2 * 3 ** (dims - 1))
    found = convolve(
        np.pad(squared, 4, mode="reflect", reflect_type="odd"),
        laplacian_of_gaussian(1.0, dims=dims).weights,
        mode="valid",
    )
    assert_allclose(found[(4,) * dims], 2 * dims, rtol=0.02)


def test_kernels_as_they_are_printed() -> None:
    assert sharpening().weights.tolist() == [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    assert (8 * sobel(axis=1).flipped).tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert_allclose(6 * prewitt(axis=1).flipped, [[-1, 0, 1]] * 3)
    assert (256 * binomial(4, dims=2).weights)[2].tolist() == [6, 24, 36, 24, 6]


def test_gaussians_are_those_of_scipy() -> None:
    point = np.zeros((33, 33))
    point[16, 16] = 1
    found = convolve(point, gaussian(1.5, dims=2).weights, mode="same")
    assert_allclose(found, ndimage.gaussian_filter(point, 1.5, truncate=4), atol=1e-12)


FREQUENCIES = np.fft.fftfreq(64)


@pytest.mark.parametrize(
    ("kernel", "response"),
    [
        (box(5), 0.2 * (1 + 2 * np.cos(2 * np.pi * FREQUENCIES) + 2 * np.cos(4 * np.pi * FREQUENCIES))),
        (binomial(6), np.cos(np.pi * FREQUENCIES) ** 6),
        (central_difference(), 1j * np.sin(2 * np.pi * FREQUENCIES)),
        (laplacian(dims=1), -4 * np.sin(np.pi * FREQUENCIES) ** 2),
        (sharpening(dims=1), 1 + 4 * np.sin(np.pi * FREQUENCIES) ** 2),
        (gaussian(1.5, reach=6), np.exp(-2 * (np.pi * 1.5 * FREQUENCIES) ** 2)),
    ],
    ids=lambda value: value.name if isinstance(value, Kernel) else "",
)
def test_responses_in_closed_form(kernel: Kernel, response: np.ndarray) -> None:
    assert_allclose(frequency_response(kernel, 64), response, atol=3e-5 if kernel.name == "Gaussian" else 1e-12)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([sobel(), laplacian(), gaussian(0.7, dims=2), gabor(0.2, direction=(1, 2), deviations=(1, 1))]),
       st.integers(0, 2**31))  # fmt: skip
def test_the_response_is_the_gain_of_each_wave(kernel: Kernel, seed: int) -> None:
    """Filtering a periodic image multiplies its spectrum by the response."""
    image = np.random.default_rng(seed).normal(size=(16, 18))
    half = [length // 2 for length in kernel.weights.shape]
    wound = np.pad(image, [(reach, reach) for reach in half], mode="wrap")
    filtered = convolve(wound, kernel.weights, mode="valid")
    product = np.fft.ifft2(np.fft.fft2(image) * frequency_response(kernel, (16, 18))).real
    assert_allclose(filtered, product, atol=1e-10)


@pytest.mark.parametrize(
    ("kernel", "band"),
    [
        (box(3, dims=2), "low"),
        (box((1, 5), dims=2), "all but a band"),
        (gaussian(1.0, dims=3), "low"),
        (binomial(2, dims=2), "low"),
        (laplacian(), "high"),
        (edge(), "high"),
        (sharpening(), "high"),
        (central_difference(), "band"),
        (sobel(axis=1), "band"),
        (prewitt(dims=3), "band"),
        (laplacian_of_gaussian(1.5), "band"),
        (gabor(0.25, direction=(1, 0), deviations=(2, 2)), "band"),
        (gabor(0.2, direction=(1, 1, 0), deviations=(1.5, 2), phase=math.pi / 2), "band"),
        (identity(dims=2, size=3), "all"),
        (np.array([1.0, -1.0]), "high"),
        (np.array([0.5, 0.0, 0.5]), "all but a band"),
    ],
)
def test_what_passes(kernel: Kernel, band: str) -> None:
    assert passes(kernel) == band


@pytest.mark.parametrize("n", [0.4, 0.5, 0.6, 0.8, 1.0])
def test_a_gabors_orientation_tuning_has_the_width_of_its_envelope(n: float) -> None:
    """Half-width at half-height asin(sqrt(2 ln 2) / (2 pi n_y)) with n_y = deviation across * frequency."""
    frequency, degrees = 0.125, np.arange(0, 60, 0.1)
    kernel = gabor(frequency, direction=(0, 1), deviations=(3 / frequency / 8, n / frequency), balanced=False, reach=4)
    y, x = np.meshgrid(*(np.arange(length) - length // 2 for length in kernel.weights.shape), indexing="ij")
    across = frequency * np.cos(np.radians(degrees))
    along = frequency * np.sin(np.radians(degrees))
    gains = [
        abs(np.sum(kernel.weights * np.exp(-2j * np.pi * (u * x + v * y)))) for u, v in zip(across, along, strict=True)
    ]
    half = degrees[np.argmax(np.array(gains) < gains[0] / 2)]
    expected = math.degrees(math.asin(math.sqrt(2 * math.log(2)) / (2 * math.pi * n)))
    assert expected - 0.15 * expected < half <= expected + 0.2


def test_a_balanced_gabor_gives_nothing_to_uniform_light_and_an_unbalanced_one_what_is_known() -> None:
    """DC / peak = exp(-2 pi^2 n_x^2) relative to the carrier's gain of one half."""
    deviation, frequency = 3.0, 0.1
    plain = gabor(frequency, direction=(1,), deviations=(deviation, deviation), balanced=False, reach=6).weights
    n = deviation * frequency
    assert_allclose(plain.sum(), math.exp(-2 * math.pi**2 * n**2), rtol=1e-6)
    assert_allclose(gabor(frequency, direction=(1,), deviations=(3.0, 3.0)).weights.sum(), 0, atol=1e-12)


def test_the_quadrature_pair_is_even_and_odd() -> None:
    even, odd = (gabor(0.15, direction=(1, 1), deviations=(2, 3), phase=phase).weights for phase in (0, math.pi / 2))
    assert_allclose(even, np.flip(even))
    assert_allclose(odd, -np.flip(odd), atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: box(0),
        lambda: box((3, -1), dims=2),
        lambda: box(3, dims=4),
        lambda: gaussian(0.0),
        lambda: gaussian(math.nan),
        lambda: gaussian(1.0, reach=0),
        lambda: binomial(0),
        lambda: sobel(axis=2),
        lambda: laplacian(dims=0),
        lambda: gabor(0.2, direction=(0, 0), deviations=(1, 1)),
        lambda: gabor(0.6, direction=(1, 0), deviations=(1, 1)),
        lambda: gabor(0.2, direction=(1, 0), deviations=(1, 0)),
        lambda: frequency_response(gaussian(2.0), 8),
        lambda: passes(np.zeros((3, 3))),
        lambda: passes(np.array([1.0, np.nan])),
    ],
)
def test_bad_input(make) -> None:
    with pytest.raises(InvalidArgument):
        make()
