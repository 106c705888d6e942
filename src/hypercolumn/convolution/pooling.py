"""Pooling: the maximum or the mean of each window, of all, or nothing but the order: flatten.

    max       y[c, n] = max_m x[c, n s + m - p]
    average   y[c, n] = sum_m x[c, n s + m - p] / (number of m that count)

Input (channel, *space), any number of spatial axes; channels stay apart. Padding never wins a maximum (it is minus
infinity there) and counts for a mean only when asked for. Ceil mode adds a last window that hangs over the end, where
it still begins inside: with a stride s the length is then ceil((n + lead + trail - window) / s) + 1, else floor. NaN
in a window makes its result NaN. Pooling has no weights; what it trades away is measured by `experiment convolution`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hypercolumn.convolution.definition import numbers
from hypercolumn.convolution.geometry import ByAxis, Geometry, Padding, by_axis
from hypercolumn.errors import InvalidArgument, ShapeMismatch


def max_pool(
    signal: ArrayLike, window: ByAxis, *, stride: ByAxis | None = None, padding: Padding = 0, ceil_mode: bool = False
) -> np.ndarray:
    """The largest value of each window; the type stays. The stride is the window's size where none is given.

    Raises InvalidArgument for complex numbers, for a stride that skips samples and for padding of a window or more;
    ShapeMismatch where the window does not fit.

    >>> max_pool([[[3, 2, 0, 0], [0, 7, 1, 3], [5, 2, 3, 0], [0, 9, 2, 3]]], 2)
    array([[[7, 3],
            [9, 3]]])
    """
    x = _with_channels(signal)
    if x.dtype.kind == "c":
        raise InvalidArgument("signal.dtype", str(x.dtype), why="complex numbers have no largest", fix="give real ones")
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    plan = _Plan.of(x.shape[1:], window, stride=stride, padding=padding, ceil_mode=ceil_mode)
    return plan.windows(x, fill=lowest).max(axis=plan.inner)


def average_pool(
    signal: ArrayLike,
    window: ByAxis,
    *,
    stride: ByAxis | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_padding: bool = False,
) -> np.ndarray:
    """The mean of each window, over the samples that are there; with `count_padding` the zeros of padding count too.

    Integers give float64. torch counts padding unless told otherwise. Raises as `max_pool` does.

    >>> average_pool([[[3, 2, 0, 0], [0, 7, 1, 3], [5, 2, 3, 0], [0, 9, 2, 3]]], 2)
    array([[[3., 1.],
            [4., 2.]]])
    """
    x = _with_channels(signal)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)
    values = x.astype(np.result_type(dtype, np.float64))
    plan = _Plan.of(x.shape[1:], window, stride=stride, padding=padding, ceil_mode=ceil_mode)
    counted = np.pad(np.ones((1, *x.shape[1:])), ((0, 0), *plan.padding), constant_values=float(count_padding))
    with np.errstate(all="ignore"):
        sums = plan.windows(values, fill=0).sum(axis=plan.inner)
        return (sums / plan.laid(counted, fill=0).sum(axis=plan.inner)).astype(dtype)


def global_max(signal: ArrayLike) -> np.ndarray:
    """The largest value of each channel: (channel, *space) to (channel,).

    >>> global_max([[1, 5, 2], [0, -1, -3]])
    array([5, 0])
    """
    x = _with_channels(signal)
    return max_pool(x, x.shape[1:]).reshape(-1)


def global_average(signal: ArrayLike) -> np.ndarray:
    """The mean of each channel: (channel, *space) to (channel,).

    >>> global_average([[1, 5, 3], [0, -1, -2]])
    array([ 3., -1.])
    """
    x = _with_channels(signal)
    return average_pool(x, x.shape[1:]).reshape(-1)


def flatten(signal: ArrayLike) -> np.ndarray:
    """All values in a row, the channel slowest and the last axis fastest, as a dense layer takes them.

    >>> flatten(np.zeros((32, 8, 8))).shape
    (2048,)
    """
    return _with_channels(signal).reshape(-1)


def pooled_length(
    length: int, window: int, *, stride: int | None = None, padding: tuple[int, int] = (0, 0), ceil_mode: bool = False
) -> int:
    """How many windows there are; in ceil mode the last may hang over the end, if it begins inside.

    >>> pooled_length(7, 2), pooled_length(7, 2, ceil_mode=True), pooled_length(55, 3, stride=2)
    (3, 4, 27)
    """
    step = window if stride is None else stride
    room = length + sum(padding) - window
    count = (-(-room // step) if ceil_mode else room // step) + 1
    return count - 1 if ceil_mode and (count - 1) * step >= length + padding[0] else count


@dataclass(frozen=True)
class _Plan:
    """Where the windows lie over an input of one spatial shape."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls, shape: tuple[int, ...], window: ByAxis, *, stride: ByAxis | None, padding: Padding, ceil_mode: bool
    ) -> "_Plan":
        sides = by_axis("window", window, len(shape))
        geometry = Geometry.of(sides, stride=sides if stride is None else stride, padding=padding)
        geometry.refuse_skipping()
        if any(end >= side for ends, side in zip(geometry.padding, sides, strict=True) for end in ends):
            raise InvalidArgument(
                "padding", padding, why="a window would lie wholly in it", fix=f"pad by less than the window {sides}"
            )
        counts = tuple(
            pooled_length(n, k, stride=s, padding=p, ceil_mode=ceil_mode)
            for n, k, s, p in zip(shape, sides, geometry.stride, geometry.padding, strict=True)
        )
        if min(counts) < 1:
            raise ShapeMismatch(f"a window of {sides} does not fit into an input of {shape}", fix="use a smaller one")
        return cls(sides, geometry.stride, geometry.padding, counts)

    @property
    def inner(self) -> tuple[int, ...]:
        """The axes over the samples of one window."""
        return tuple(range(-len(self.window), 0))

    def windows(self, x: np.ndarray, *, fill: float) -> np.ndarray:
        """(channel, *output, *window), a view; what is outside the input is `fill`."""
        return self.laid(np.pad(x, ((0, 0), *self.padding), constant_values=fill), fill=fill)

    def laid(self, padded: np.ndarray, *, fill: float) -> np.ndarray:
        """The same of an input that is padded already."""
        needed = [(n - 1) * s + k for n, s, k in zip(self.counts, self.stride, self.window, strict=True)]
        over = [(0, max(0, need - length)) for need, length in zip(needed, padded.shape[1:], strict=True)]
        whole = np.pad(padded, ((0, 0), *over), constant_values=fill)
        axes = tuple(range(1, whole.ndim))
        every = np.lib.stride_tricks.sliding_window_view(whole, self.window, axis=axes)
        steps = tuple(slice(0, (n - 1) * s + 1, s) for n, s in zip(self.counts, self.stride, strict=True))
        return every[(slice(None), *steps)]


def _with_channels(signal: ArrayLike) -> np.ndarray:
    x = numbers(signal, "signal")
    if x.ndim < 2:
        raise ShapeMismatch(f"a signal of {x.shape} has no channels", fix="give (channel, *space)")
    return x
