"""Kernels with a name, and what they do to each frequency.

    smoothing    box 1/K; Gaussian exp(-r^2 / 2 s^2); binomial (1 1) * ... * (1 1) / 2^n
    derivative   central (1 0 -1) / 2; Sobel and Prewitt: the same smoothed across, by (1 2 1) / 4 or (1 1 1) / 3
    second       Laplacian sum_i d^2/dx_i^2; Laplacian of a Gaussian; edge: 3^n - 1 in the middle, -1 around it
    sharpening   delta - Laplacian
    Gabor        exp(-(t^2 / 2 sx^2 + r^2 / 2 sy^2)) cos(2 pi f t + phi) / norm,  t along the wave, r across it

    frequency response    H(u) = sum_m k[m] exp(-2 pi i u . m),  m counted from the middle sample, u in cycles a sample

Weights are those of true convolution: a derivative is positive where values rise along the axis. A layer, which
correlates, takes `kernel.flipped`. Sobel and Feldman 1968; Prewitt 1970; Marr and Hildreth 1980, doi
10.1098/rspb.1980.0020; Gabor 1946; Jones and Palmer 1987. Nothing is filtered here: see `definition`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal

import numpy as np

from hypercolumn.convolution.definition import flip, numbers
from hypercolumn.convolution.geometry import ByAxis, by_axis
from hypercolumn.errors import InvalidArgument

Passes = Literal["low", "high", "band", "all but a band", "all"]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights of true convolution, with any number of axes, and what they are called.

    >>> Kernel("backward difference", np.array([1.0, -1.0])).flipped
    array([-1.,  1.])
    """

    name: str
    weights: np.ndarray = field(repr=False)

    @property
    def flipped(self) -> np.ndarray:
        """What a cross-correlation, so a network's layer, needs to do the same."""
        return flip(self.weights)


def box(size: ByAxis, *, dims: int = 1) -> Kernel:
    """The mean of a box: low-pass, with side lobes.

    >>> box(3).weights.round(3)
    array([0.333, 0.333, 0.333])
    """
    sides = by_axis("size", size, _dims(dims))
    return Kernel("box", np.full(sides, 1 / math.prod(sides)))


def gaussian(deviation: float, *, dims: int = 1, reach: float = 4.0) -> Kernel:
    """A Gaussian of this standard deviation in samples, cut off at `reach` deviations; its sum is 1.

    >>> gaussian(0.6, reach=3).weights.round(3)
    array([0.003, 0.166, 0.664, 0.166, 0.003])
    """
    along = _profile(deviation, reach)
    return Kernel("Gaussian", _outer([along / along.sum()] * _dims(dims)))


def binomial(order: int, *, dims: int = 1) -> Kernel:
    """(1 1) convolved with itself, 2^-order in all: the Gaussian of whole numbers, of variance order / 4.

    >>> binomial(2).weights
    array([0.25, 0.5 , 0.25])
    """
    if order < 1:
        raise InvalidArgument("order", order, fix="give a whole number from 1")
    along = np.array([math.comb(order, place) for place in range(order + 1)]) / 2**order
    return Kernel("binomial", _outer([along] * _dims(dims)))


def central_difference(*, axis: int = 0, dims: int = 1) -> Kernel:
    """(f[n + 1] - f[n - 1]) / 2 along one axis: exact on a parabola.

    >>> central_difference().weights
    array([ 0.5,  0. , -0.5])
    """
    return Kernel("central difference", _derivative([1.0], axis=axis, dims=dims))


def sobel(*, axis: int = 0, dims: int = 2) -> Kernel:
    """The central difference along one axis, smoothed by (1 2 1) / 4 along the others. Often printed times 8.

    >>> sobel(axis=1).weights * 8
    array([[ 1.,  0., -1.],
           [ 2.,  0., -2.],
           [ 1.,  0., -1.]])
    """
    return Kernel("Sobel", _derivative([0.25, 0.5, 0.25], axis=axis, dims=dims))


def prewitt(*, axis: int = 0, dims: int = 2) -> Kernel:
    """The central difference along one axis, smoothed by (1 1 1) / 3 along the others.

    >>> prewitt(axis=0).weights * 6
    array([[ 1.,  1.,  1.],
           [ 0.,  0.,  0.],
           [-1., -1., -1.]])
    """
    return Kernel("Prewitt", _derivative([1 / 3, 1 / 3, 1 / 3], axis=axis, dims=dims))


def laplacian(*, dims: int = 2) -> Kernel:
    """The sum of second differences (1 -2 1) along all axes.

    >>> laplacian().weights
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]])
    """
    weights = np.zeros((3,) * _dims(dims))
    middle = (1,) * dims
    weights[middle] = -2 * dims
    for axis in range(dims):
        for side in (0, 2):
            weights[(*middle[:axis], side, *middle[axis + 1 :])] = 1
    return Kernel("Laplacian", weights)


def edge(*, dims: int = 2) -> Kernel:
    """Each sample against all its neighbours, diagonal ones too: 0 where all are equal.

    >>> edge().weights
    array([[-1., -1., -1.],
           [-1.,  8., -1.],
           [-1., -1., -1.]])
    """
    weights = -np.ones((3,) * _dims(dims))
    weights[(1,) * dims] = 3**dims - 1
    return Kernel("edge", weights)


def sharpening(*, dims: int = 2) -> Kernel:
    """The signal minus its Laplacian: flat regions stay, steps get steeper, and noise grows.

    >>> sharpening().weights
    array([[ 0., -1.,  0.],
           [-1.,  5., -1.],
           [ 0., -1.,  0.]])
    """
    return Kernel("sharpening", identity(dims=dims, size=3).weights - laplacian(dims=dims).weights)


def identity(*, dims: int = 2, size: int = 1) -> Kernel:
    """1 in the middle, 0 around it: convolution leaves everything as it is.

    >>> identity(dims=1, size=3).weights
    array([0., 1., 0.])
    """
    weights = np.zeros(by_axis("size", size, _dims(dims)))
    weights[tuple(length // 2 for length in weights.shape)] = 1
    return Kernel("identity", weights)


def laplacian_of_gaussian(deviation: float, *, dims: int = 2, reach: float = 4.0) -> Kernel:
    """(r^2 / s^4 - n / s^2) of a Gaussian: blobs of radius s sqrt(n) stand out; the sum is made exactly 0.

    >>> weights = laplacian_of_gaussian(1.5).weights
    >>> weights.shape, bool(weights[6, 6] < 0), bool(abs(weights.sum()) < 1e-12)
    ((13, 13), True, True)
    """
    along = _profile(deviation, reach)
    envelope = _outer([along / along.sum()] * _dims(dims))
    squared = sum(axis**2 for axis in _offsets(envelope.shape))
    weights = (squared / deviation**4 - dims / deviation**2) * envelope
    return Kernel("Laplacian of Gaussian", weights - weights.sum() * envelope)


def gabor(
    frequency: float,
    *,
    direction: Sequence[float],
    deviations: tuple[float, float],
    phase: float = 0.0,
    balanced: bool = True,
    reach: float = 3.0,
) -> Kernel:
    """A wave of `frequency` cycles a sample along `direction`, under a Gaussian; one entry of direction an axis.

    deviations: of the envelope along the wave (so across the bars) and across it, in samples. Phase 0 is even, a bar
    detector; pi / 2 is odd, an edge detector; the two are a quadrature pair. A cosine alone answers to uniform light:
    `balanced` takes a share of the envelope away so that the sum is 0. The envelope's integral is 1.

    >>> even = gabor(0.2, direction=(0, 1), deviations=(2.0, 3.0)).weights
    >>> even.shape, bool(abs(even.sum()) < 1e-12), bool(np.allclose(even, even[:, ::-1]))
    ((19, 19), True, True)
    """
    unit = np.atleast_1d(np.asarray(direction, dtype=float))
    length = float(np.linalg.norm(unit)) if unit.ndim == 1 else 0.0
    if not 0 < length < math.inf:
        raise InvalidArgument("direction", direction, fix="give a vector with one entry an axis, not all 0")
    if not 0 <= frequency <= 0.5:
        raise InvalidArgument("frequency", frequency, why="above 0.5 a wave cannot be sampled", fix="give 0 to 0.5")
    along, across = (_positive("deviations", deviation) for deviation in deviations)
    side = 2 * math.ceil(_positive("reach", reach) * max(along, across)) + 1
    offsets = _offsets((side,) * len(unit))
    wave = sum(component * axis for component, axis in zip(unit / length, offsets, strict=True))
    rest = np.maximum(sum(axis**2 for axis in offsets) - wave**2, 0)
    envelope = np.exp(-(wave**2) / (2 * along**2) - rest / (2 * across**2))
    envelope /= (2 * math.pi) ** (len(unit) / 2) * along * across ** (len(unit) - 1)
    weights = envelope * np.cos(2 * math.pi * frequency * wave + phase)
    return Kernel("Gabor", weights - envelope * weights.sum() / envelope.sum() if balanced else weights)


def frequency_response(kernel: Kernel | np.ndarray, size: ByAxis = 64) -> np.ndarray:
    """H(u) at u = `np.fft.fftfreq(size)` along each axis, complex; real for kernels that are symmetric.

    Raises InvalidArgument where `size` is less than the kernel: it would be wound around itself.

    >>> frequency_response(binomial(2), 4).real                    # cos(pi u)^2 at u = 0, 1/4, 1/2, -1/4
    array([1. , 0.5, 0. , 0.5])
    """
    weights = numbers(kernel.weights if isinstance(kernel, Kernel) else kernel, "kernel")
    sizes = by_axis("size", size, weights.ndim)
    if any(length > number for length, number in zip(weights.shape, sizes, strict=True)):
        raise InvalidArgument("size", size, why=f"the kernel has shape {weights.shape}", fix="give at least that")
    padded = np.zeros(sizes, dtype=np.result_type(weights, np.float64))
    padded[tuple(slice(0, length) for length in weights.shape)] = weights
    return np.fft.fftn(np.roll(padded, [-(length // 2) for length in weights.shape], axis=range(weights.ndim)))


def passes(kernel: Kernel | np.ndarray) -> Passes:
    """Which frequencies pass: those whose gain is at least half of the largest gain.

    low: the constant passes, and nothing at the highest frequency of any axis; high: the reverse; band: neither, but
    something between; all: everything, or all but a band between. Raises InvalidArgument for a kernel of noughts.

    >>> passes(gaussian(1.0)), passes(laplacian()), passes(central_difference()), passes(identity())
    ('low', 'high', 'band', 'all')
    """
    shape = (kernel.weights if isinstance(kernel, Kernel) else np.asarray(kernel)).shape
    sizes = tuple(max(32, 2 * -(-length // 2)) for length in shape)
    gain = np.abs(frequency_response(kernel, sizes))
    if not gain.max() > 0 or not np.isfinite(gain).all():
        raise InvalidArgument(
            "kernel", "its response", why="it is 0 everywhere, or not finite", fix="give other weights"
        )
    gain = gain / gain.max()
    least = 0.5 - 1e-9
    constant = gain[(0,) * gain.ndim] >= least
    fastest = max(gain.take(size // 2, axis=axis).max() for axis, size in enumerate(sizes)) >= least
    if constant and fastest:
        return "all" if gain.min() >= least else "all but a band"
    return "low" if constant else "high" if fastest else "band"


def _profile(deviation: float, reach: float) -> np.ndarray:
    half = math.ceil(_positive("reach", reach) * _positive("deviation", deviation))
    return np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * deviation**2))


def _derivative(smoothing: Sequence[float], *, axis: int, dims: int) -> np.ndarray:
    if not -_dims(dims) <= axis < dims:
        raise InvalidArgument("axis", axis, fix=f"give 0 to {dims - 1}")
    across = np.asarray(smoothing)
    return _outer([np.array([0.5, 0.0, -0.5]) if each == axis % dims else across for each in range(dims)])


def _outer(profiles: Sequence[np.ndarray]) -> np.ndarray:
    return reduce(np.multiply.outer, profiles)


def _offsets(shape: Sequence[int]) -> list[np.ndarray]:
    return list(np.meshgrid(*(np.arange(length) - length // 2 for length in shape), indexing="ij", sparse=True))


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise InvalidArgument(name, value, fix="give a positive number")
    return value


def _dims(dims: int) -> int:
    if dims not in (1, 2, 3):
        raise InvalidArgument("dims", dims, fix="give 1 for signals, 2 for images, 3 for volumes")
    return dims
