"""A kernel as a sum of separable ones, so that it can be applied one axis after the other.

    k[m_1, ..., m_d] = sum_i w_i a_i[m_1] b_i[m_2] ...        w_1 >= w_2 >= ... > 0, every factor of length 1

In two dimensions this is the singular value decomposition: the terms are as many as the rank. With more axes the first
is split off by one, then each right factor, folded back, is split in turn. Terms of either kind are orthonormal as
arrays, so what is lost by dropping some is known exactly, and with it what any output can lose:

    |k - k'|        = sqrt(sum of the dropped w_i^2)                       Frobenius norm: the error
    |f * k - f * k'| <= error * |f under the kernel|                       at every place, by Cauchy and Schwarz

A box, a Gaussian and a Sobel kernel are one term; the Laplacian [0 1 0; 1 -4 1; 0 1 0] is two. The cost of an output is
terms * sum(K_i) multiply-adds instead of prod(K_i). In three dimensions one term is found where one is enough; where
more are needed their number depends on the order of the axes and need not be the smallest. Batselier, Liu and Wong
2015, SIAM J. Matrix Anal. Appl. 36(3) 1315, arXiv 1407.1593.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod, sqrt

import numpy as np
from numpy.typing import ArrayLike

from hypercolumn.convolution.definition import numbers
from hypercolumn.convolution.places import Places
from hypercolumn.convolution.toeplitz import toeplitz_along
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class Term:
    """One separable kernel: `weight` times the outer product of `factors`, one of length 1 for each axis."""

    weight: float
    factors: tuple[np.ndarray, ...]

    @property
    def kernel(self) -> np.ndarray:
        return self.weight * _outer(self.factors)


@dataclass(frozen=True)
class Separation:
    """The terms kept, the largest first, and the error: the Frobenius norm of what was dropped."""

    terms: tuple[Term, ...]
    error: float
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.terms)

    @property
    def kernel(self) -> np.ndarray:
        """The sum of the terms."""
        return sum((term.kernel for term in self.terms), np.zeros(self.shape))

    @property
    def multiply_adds(self) -> int:
        """For one output, one axis after the other; the kernel as it was takes prod(shape)."""
        return self.rank * sum(self.shape)


def separate(kernel: ArrayLike, *, tolerance: float = 1e-12) -> Separation:
    """Split a real kernel of two or more axes into the fewest terms whose error is at most tolerance * |kernel|.

    Terms are in float64. Raises InvalidArgument for an empty or complex kernel, one axis, NaN or infinity, and a
    tolerance that is not from 0 up to 1.

    >>> found = separate([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    >>> found.rank, [round(term.weight, 3) for term in found.terms]
    (2, [4.449, 0.449])
    >>> rough = separate([[0, 1, 0], [1, -4, 1], [0, 1, 0]], tolerance=0.2)
    >>> rough.rank, round(rough.error, 3), rough.multiply_adds
    (1, 0.449, 6)
    """
    if not 0 <= tolerance < 1:
        raise InvalidArgument("tolerance", tolerance, fix="give a share of the kernel's norm, from 0 up to 1")
    values = numbers(kernel, "kernel")
    if values.ndim < 2 or values.dtype.kind == "c":
        raise InvalidArgument(
            "kernel", f"{values.dtype} of {values.shape}", fix="give real numbers with two axes or more"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InvalidArgument("kernel", "with NaN or infinity", fix="give finite numbers")
    terms = sorted(_split(values), key=lambda term: -term.weight)
    allowed, dropped = (tolerance * sqrt(sum(term.weight**2 for term in terms))) ** 2, 0.0
    while terms and dropped + terms[-1].weight ** 2 <= allowed:
        dropped += terms.pop().weight ** 2
    return Separation(tuple(terms), sqrt(dropped), values.shape)


def factors_of(kernel: np.ndarray, *, most: int = 2) -> tuple[tuple[np.ndarray, ...], ...] | None:
    """The factors of a kernel that is separable within rounding, or is a sum of at most so many that are; else None.

    A test for use on the way to a fast path: no decomposition, a few passes over the kernel. The cross through its
    largest sample is taken off: that leaves nothing of one term, and of two, in two dimensions, one. Weights are
    within the factors.

    >>> factors_of(np.array([[1.0, 2.0], [2.0, 4.0]]))
    ((array([0.5, 1. ]), array([2., 4.])),)
    >>> factors_of(np.eye(3)) is None
    True
    """
    rest, largest = kernel, 0.0
    found: list[tuple[np.ndarray, ...]] = []
    for _ in range(most if kernel.ndim == 2 else 1):
        place = [int(at) for at in np.unravel_index(int(np.abs(rest).argmax()), kernel.shape)]
        pivot = rest[tuple(place)]
        largest = largest or abs(float(pivot))
        if not 0 < abs(float(pivot)) < np.inf:
            return None
        cross = [np.moveaxis(rest, axis, -1)[(*place[:axis], *place[axis + 1 :])] for axis in range(kernel.ndim)]
        factors = (*(line / pivot for line in cross[:-1]), cross[-1].copy())
        found.append(factors)
        rest = rest - _outer(factors)
        if float(np.abs(rest).max()) <= 4 * np.finfo(kernel.dtype).eps * largest:
            return tuple(found)
    return None


def separable_convolve(
    signal: np.ndarray, factors: Sequence[tuple[np.ndarray, ...]], where: Places, block: int
) -> np.ndarray:
    """f * k at some places of the full sum, one axis after the other, each as a product with a `toeplitz` matrix.

    The arrays are float32 or float64, all alike, and nothing is checked: `method.fast_convolve` is the front door.

    >>> separable_convolve(np.eye(3), [(np.array([1.0, 2.0]), np.array([1.0, 1.0]))], ((1, 2), (1, 2)), 16)
    array([[3., 1.],
           [2., 3.]])
    """
    total: np.ndarray | None = None
    for term in factors:
        made = signal
        for axis in reversed(range(signal.ndim)):
            made = toeplitz_along(made, term[axis], axis, where[axis], block)
        if total is None:
            total = made
        else:
            total += made
    assert total is not None
    return total


def _split(values: np.ndarray) -> list[Term]:
    """All terms, those whose weight is rounding left out."""
    if values.ndim == 1:
        norm = float(np.linalg.norm(values))
        return [Term(norm, (values / norm,))] if norm else []
    left, weights, right = np.linalg.svd(values.reshape(len(values), -1), full_matrices=False)
    least = np.finfo(np.float64).eps * max(len(values), prod(values.shape[1:])) * weights[0]
    return [
        Term(float(weight) * rest.weight, (left[:, place], *rest.factors))
        for place, weight in enumerate(weights)
        if weight > least
        for rest in _split(right[place].reshape(values.shape[1:]))
    ]


def _outer(factors: tuple[np.ndarray, ...]) -> np.ndarray:
    return reduce(np.multiply.outer, factors)
