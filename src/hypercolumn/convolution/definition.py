"""Convolution and cross-correlation as they are defined: direct sums over arrays of any number of axes.

    convolution         (f * k)[n] = sum_m f[n - m] k[m]
    cross-correlation   (f ? k)[n] = sum_m f[n + m] k[m]

They differ by a flip of the kernel: f ? k = f * flip(k), whose first sample then stands for place -(K - 1). What
networks call convolution (torch, TensorFlow, JAX, ONNX) is the second; NumPy, SciPy and MATLAB's `conv2` compute the
first. Only the first is commutative and associative; (f ? a) ? b = f ? (a * b).

Trap: lectures often write (f ? k)[n] = sum_m f[m] k[n + m]. That is k ? f above, the same numbers in reverse order.
Trap: for complex data signal processing (`scipy.signal.correlate`) conjugates the kernel; here, as in networks, it is
not.

This is the oracle that everything faster is tested against: one multiplication at a time, nothing clever. Integers
stay exact, NaN goes wherever its sample is read. For channels, strides and padding see `layer`.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from hypercolumn.errors import InvalidArgument, ShapeMismatch

Mode = Literal["valid", "same", "full"]
"""Where the sum is taken: the kernel wholly inside the signal, centred on each sample, or touching it at all. What
lies outside the signal is 0."""


def convolve(signal: ArrayLike, kernel: ArrayLike, *, mode: Mode) -> np.ndarray:
    """(f * k)[n] = sum_m f[n - m] k[m], both arrays with the same number of axes.

    Lengths along an axis: `valid` N - K + 1, `same` N, `full` N + K - 1. Integers give exact int64; real and complex
    numbers are summed in double precision and given back in their own type.

    Raises InvalidArgument for an empty array, for what is no number, for integers whose sum could pass 64 bits, and
    for an even kernel in `same`; ShapeMismatch where the numbers of axes differ, or the kernel is larger than the
    signal in `valid`.

    >>> convolve([1, 2, 3, 4], [1, 0, -1], mode="full")
    array([ 1,  2,  2,  2, -3, -4])
    >>> convolve([1, 2, 3, 4], [1, 0, -1], mode="valid")           # f[n + 1] - f[n - 1]
    array([2, 2])
    """
    f, k, dtype = operands(signal, kernel)
    check_mode(f.shape, k.shape, mode)
    total = np.zeros([n + m - 1 for n, m in zip(f.shape, k.shape, strict=True)], dtype=f.dtype)
    with np.errstate(all="ignore"):
        for m in np.ndindex(k.shape):
            total[_box(m, f.shape)] += f * k[m]
        return _cut(total, f.shape, k.shape, mode).astype(dtype)


def cross_correlate(signal: ArrayLike, kernel: ArrayLike, *, mode: Mode) -> np.ndarray:
    """(f ? k)[n] = sum_m f[n + m] k[m]: what a convolutional layer computes. Types and errors are `convolve`'s.

    In `full` the first value is that of n = -(K - 1). Swapping the two reverses the result, which is all that the index
    order of many lectures, sum_m f[m] k[n + m], changes.

    >>> cross_correlate([1, 2, 3, 4], [1, 0, -1], mode="full")
    array([-1, -2, -2, -2,  3,  4])
    >>> cross_correlate([1, 0, -1], [1, 2, 3, 4], mode="full")     # the lectures' order
    array([ 4,  3, -2, -2, -2, -1])
    >>> convolve([1, 2, 3, 4], [-1, 0, 1], mode="full")            # convolution with the kernel flipped
    array([-1, -2, -2, -2,  3,  4])
    """
    f, k, dtype = operands(signal, kernel)
    check_mode(f.shape, k.shape, mode)
    total = np.zeros([n + m - 1 for n, m in zip(f.shape, k.shape, strict=True)], dtype=f.dtype)
    with np.errstate(all="ignore"):
        for m in np.ndindex(k.shape):
            start = tuple(length - 1 - place for length, place in zip(k.shape, m, strict=True))
            total[_box(start, f.shape)] += f * k[m]
        return _cut(total, f.shape, k.shape, mode).astype(dtype)


def flip(kernel: ArrayLike) -> np.ndarray:
    """The kernel reversed along every axis: what turns one of the two operations into the other.

    >>> flip([[1, 2], [3, 4]])
    array([[4, 3],
           [2, 1]])
    """
    return np.flip(numbers(kernel, "kernel"))


def operands(signal: ArrayLike, kernel: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """Both arrays in the type that is summed in, and the type of the result."""
    f, k = numbers(signal, "signal"), numbers(kernel, "kernel")
    dtype = np.result_type(f, k)
    if dtype.kind in "iu" or (f.dtype.kind in "iu" and k.dtype.kind in "iu"):
        _check_exact(f, k)
        return f.astype(np.int64), k.astype(np.int64), np.dtype(np.int64)
    summed = np.result_type(dtype, np.float64)
    return f.astype(summed), k.astype(summed), dtype


def numbers(array: ArrayLike, name: str) -> np.ndarray:
    """An array of at least one number, of at least one axis; true and false are 1 and 0."""
    values = np.asarray(array)
    if values.dtype.kind not in "biufc":
        raise InvalidArgument(f"{name}.dtype", str(values.dtype), fix="give integers, real or complex numbers")
    if values.ndim == 0 or values.size == 0:
        raise InvalidArgument(f"{name}.shape", values.shape, why="it holds no samples", fix="give at least one sample")
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def check_mode(signal: tuple[int, ...], kernel: tuple[int, ...], mode: Mode) -> None:
    """Raise where axes differ in number, or such a kernel has no place in `valid` or no middle in `same`."""
    if len(signal) != len(kernel):
        raise ShapeMismatch(
            f"the signal has {len(signal)} axes and the kernel {len(kernel)}", fix="give both the same number of axes"
        )
    if mode not in get_args(Mode):
        raise InvalidArgument("mode", mode, fix=f"use one of {', '.join(get_args(Mode))}")
    if mode == "valid" and any(m > n for n, m in zip(signal, kernel, strict=True)):
        raise ShapeMismatch(
            f"a kernel of {kernel} does not fit into a signal of {signal}",
            why="`valid` takes only places where the whole kernel lies inside",
            fix="use `same` or `full`, or a smaller kernel",
        )
    if mode == "same" and any(m % 2 == 0 for m in kernel):
        raise InvalidArgument(
            "kernel.shape",
            kernel,
            why="an even kernel has no middle sample, so `same` could mean two results, one sample apart",
            fix="use an odd length along every axis, or `full` and cut it yourself",
        )


def _check_exact(signal: np.ndarray, kernel: np.ndarray) -> None:
    """Integers are summed exactly or not at all: the largest sum there could be must fit into 64 bits."""
    largest = max(int(signal.max()), -int(signal.min()))
    if max(largest, 1) * max(sum(abs(int(weight)) for weight in kernel.ravel()), 1) >= 2**63:
        raise InvalidArgument(
            "signal",
            f"{signal.dtype} up to {largest}",
            why="the sum could pass 64 bits, and would be wrong without a word",
            fix="convert to float64",
        )


def _box(start: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(first, first + length) for first, length in zip(start, shape, strict=True))


def _cut(full: np.ndarray, signal: tuple[int, ...], kernel: tuple[int, ...], mode: Mode) -> np.ndarray:
    if mode == "full":
        return full
    if mode == "same":
        return full[_box(tuple(m // 2 for m in kernel), signal)]
    return full[_box(tuple(m - 1 for m in kernel), tuple(n - m + 1 for n, m in zip(signal, kernel, strict=True)))]
