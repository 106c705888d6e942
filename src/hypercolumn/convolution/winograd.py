"""Winograd's minimal filtering: m outputs of a kernel of r samples with m + r - 1 multiplications instead of m r.

    y = A^T [(G k) . (B^T d)]                              d: m + r - 1 samples, y: m outputs, F(m, r)
    Y = A^T [(G k G^T) . (B^T d B)] A                      nested, for images

    F(2, 3)    4 multiplications instead of 6        nested    16 instead of 36
    F(4, 3)    6 multiplications instead of 12       nested    36 instead of 144

This is the cross-correlation of networks, of stride 1, where the kernel fits in. Read it to understand; it is a
reference and no fast path: large additions take the place of multiplications, and the constants grow with m, so that
in float32 F(4, 3) loses about one digit against the direct sum. A NaN goes to every output of its tile. Winograd 1980,
"Arithmetic Complexity of Computations"; Lavin and Gray 2016, arXiv 1509.09308.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from hypercolumn.convolution.definition import check_mode, numbers
from hypercolumn.errors import InvalidArgument

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Winograd:
    """F(m, r) by its three matrices: of the samples B^T, of the kernel G, and of the outputs A^T."""

    samples: Matrix
    kernel: Matrix
    outputs: Matrix

    @property
    def made(self) -> int:
        """m, the outputs of one tile along an axis."""
        return len(self.outputs)

    @property
    def taps(self) -> int:
        """r, the samples of the kernel along an axis."""
        return len(self.kernel[0])

    @property
    def read(self) -> int:
        """m + r - 1, the samples of one tile along an axis."""
        return len(self.samples)

    def multiplications(self, axes: int = 1) -> tuple[int, int]:
        """For one tile: this way, and by the direct sum.

        >>> F23.multiplications(), F23.multiplications(axes=2), F43.multiplications(axes=2)
        ((4, 6), (16, 36), (36, 144))
        """
        return self.read**axes, (self.made * self.taps) ** axes


F23 = Winograd(
    samples=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    kernel=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    outputs=((1, 1, 1, 0), (0, 1, -1, -1)),
)
"""Two outputs of a kernel of three."""

F43 = Winograd(
    samples=(
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    kernel=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    outputs=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
)
"""Four outputs of a kernel of three."""


def winograd(signal: ArrayLike, kernel: ArrayLike, algorithm: Winograd) -> np.ndarray:
    """y[n] = sum_m x[n + m] k[m] of a signal or an image, tile by tile; `valid` size, n - 2 along each axis.

    Integers are taken as float64. Raises InvalidArgument for empty arrays, for complex numbers and for a kernel that is
    not 3 along each of one or two axes; ShapeMismatch where it does not fit into the signal.

    >>> winograd([1, 2, 3, 4, 5], [1, 0, -1], F23)
    array([-2., -2., -2.])
    >>> winograd(np.arange(16.0).reshape(4, 4), np.ones((3, 3)), F43)
    array([[45., 54.],
           [81., 90.]])
    """
    x, k = numbers(signal, "signal"), numbers(kernel, "kernel")
    if x.dtype.kind == "c" or k.dtype.kind == "c":
        raise InvalidArgument("signal", "complex", fix="filter the real and the imaginary part")
    if k.ndim > 2 or set(k.shape) != {algorithm.taps}:
        raise InvalidArgument("kernel.shape", k.shape, fix=f"give {algorithm.taps} samples along one axis or two")
    check_mode(x.shape, k.shape, "valid")
    common = np.result_type(x, k)
    dtype = common if common.kind == "f" else np.dtype(np.float64)
    samples, weights, outputs = (
        np.array(matrix, dtype=dtype) for matrix in (algorithm.samples, algorithm.kernel, algorithm.outputs)
    )
    tiles = _tiles(x.astype(dtype), algorithm)
    products = _along_last(weights, k.astype(dtype), k.ndim) * _along_last(samples, tiles, k.ndim)
    made = _along_last(outputs, products, k.ndim)
    length = [n - algorithm.taps + 1 for n in x.shape]
    if k.ndim == 1:
        return made.reshape(-1)[: length[0]]
    rows, columns = made.shape[0] * algorithm.made, made.shape[1] * algorithm.made
    return made.transpose(0, 2, 1, 3).reshape(rows, columns)[: length[0], : length[1]]


def _tiles(x: np.ndarray, algorithm: Winograd) -> np.ndarray:
    """(tile along each axis ..., sample along each axis ...), each tile beginning `made` samples after the last."""
    counts = [-(-(n - algorithm.taps + 1) // algorithm.made) for n in x.shape]
    missing = [count * algorithm.made + algorithm.taps - 1 - n for count, n in zip(counts, x.shape, strict=True)]
    padded = np.pad(x, [(0, count) for count in missing])
    every = sliding_window_view(padded, (algorithm.read,) * x.ndim)
    return every[(slice(None, None, algorithm.made),) * x.ndim]


def _along_last(matrix: np.ndarray, values: np.ndarray, axes: int) -> np.ndarray:
    """The matrix applied along each of the last axes: M v, or M V M^T."""
    if axes == 1:
        return values @ matrix.T
    return matrix @ values @ matrix.T
