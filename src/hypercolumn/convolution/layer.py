"""The layers of a network as direct sums: channels, stride s, dilation d, groups, padding p, in any dimension.

    cross-correlation   y[o, n] = sum_c sum_m x[c, n s + m d - p] k[o, c, m]
    convolution         the same with k[o, c, K - 1 - m]
    transposed          y[o, n s + m d - p] += sum_c x[c, n] k[c, o, m]

c runs over the input channels of o's group. What libraries call a convolution is the cross-correlation; a true
convolution flips the kernel. The transposed layer is the adjoint of the cross-correlation of the same stride, dilation
and padding: where one gathers, the other scatters. Input (channel, *space); kernel (out, in / groups, *kernel), of the
transposed layer (in, out / groups, *kernel). Outside the input all is 0. No bias and no batch: add and loop.

Sums are in double precision, integers are exact, and NaN goes wherever its sample is read. A stride larger than what
the kernel covers is refused: samples would be skipped. Dumoulin and Visin 2016, arXiv 1603.07285.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hypercolumn.convolution.definition import operands
from hypercolumn.convolution.geometry import ByAxis, Geometry, Padding
from hypercolumn.errors import InvalidArgument, ShapeMismatch


def cross_correlation_layer(
    signal: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: ByAxis = 1,
    dilation: ByAxis = 1,
    groups: int = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """What `torch.nn.Conv1d`, `2d` and `3d` compute, for one example and without bias.

    Raises ShapeMismatch where channels or axes do not match or the kernel does not fit, InvalidArgument for empty
    arrays, for sizes, strides, dilations and groups that are not positive, and for a stride that skips samples.

    >>> cross_correlation_layer([[1, 2, 3, 4]], [[[1, 0, -1]]], padding=1)
    array([[-2, -2, -2,  3]])
    >>> cross_correlation_layer([[1, 2, 3, 4]], [[[1, 0, -1]]], padding=[(0, 1)], stride=2)
    array([[-2,  3]])
    """
    x, k, dtype = operands(signal, kernel)
    check_axes(x, k)
    geometry = Geometry.of(k.shape[2:], stride=stride, dilation=dilation, padding=padding, groups=groups)
    geometry.refuse_skipping()
    return gathered(x, k, geometry).astype(dtype)


def convolution_layer(
    signal: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: ByAxis = 1,
    dilation: ByAxis = 1,
    groups: int = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """A layer of true convolution: `cross_correlation_layer` with the kernel flipped along every spatial axis.

    >>> convolution_layer([[1, 2, 3, 4]], [[[1, 0, -1]]], padding=1)
    array([[ 2,  2,  2, -3]])
    """
    k = np.asarray(kernel)
    flipped = np.flip(k, axis=tuple(range(2, k.ndim))) if k.ndim > 2 else k
    return cross_correlation_layer(signal, flipped, stride=stride, dilation=dilation, groups=groups, padding=padding)


def transposed_layer(
    signal: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: ByAxis = 1,
    dilation: ByAxis = 1,
    groups: int = 1,
    padding: Padding = 0,
    extra: int | Sequence[int] = 0,
) -> np.ndarray:
    """What `torch.nn.ConvTranspose1d`, `2d` and `3d` compute: every sample lays down the kernel, times its value.

    Padding cuts the ends off; `extra` lengthens the trailing end, by less than the stride or the dilation: several
    input lengths of a strided layer give one output length. A stride larger than the kernel leaves places that nothing
    reaches, and is refused.

    >>> transposed_layer([[1, 2, 3]], [[[1, 10, 100]]], stride=2)
    array([[  1,  10, 102,  20, 203,  30, 300]])
    """
    x, k, dtype = operands(signal, kernel)
    check_axes(x, k)
    geometry = Geometry.of(k.shape[2:], stride=stride, dilation=dilation, padding=padding, groups=groups)
    geometry.refuse_skipping()
    ends = (extra,) * len(geometry.kernel) if isinstance(extra, int) else tuple(extra)
    allowed = tuple(max(s, d) for s, d in zip(geometry.stride, geometry.dilation, strict=True))
    if len(ends) != len(allowed) or any(not 0 <= end < most for end, most in zip(ends, allowed, strict=True)):
        raise InvalidArgument("extra", extra, fix=f"give from 0 to less than {allowed}, the stride or the dilation")
    return scattered(x, k, geometry, geometry.transposed(x.shape[1:], ends)).astype(dtype)


def gathered(x: np.ndarray, k: np.ndarray, geometry: Geometry) -> np.ndarray:
    """y[o, n] = sum_c sum_m x[c, n s + m d - p] k[o, c, m], one kernel place m after the other.

    Arrays of one type; nothing is checked but channels, groups and fit.
    """
    groups = geometry.groups
    if x.shape[0] != groups * k.shape[1] or k.shape[0] % groups:
        _refuse_channels(x, k, groups, wanted=f"(out, {x.shape[0]} / groups, *kernel), groups dividing both")
    made = geometry.convolved(x.shape[1:])
    padded = np.pad(x, ((0, 0), *geometry.padding)).reshape(groups, k.shape[1], *_padded(x, geometry))
    weights = k.reshape(groups, -1, *k.shape[1:])
    total = np.zeros((groups, weights.shape[1], *made), dtype=x.dtype)
    with np.errstate(all="ignore"):
        for m in np.ndindex(geometry.kernel):
            read = padded[(slice(None), slice(None), *_places(m, made, geometry))]
            total += np.einsum("gc...,goc->go...", read, weights[(..., *m)])
    return total.reshape(k.shape[0], *made)


def scattered(x: np.ndarray, k: np.ndarray, geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    """y[o, n s + m d - p] += sum_c x[c, n] k[c, o, m] into an output of this spatial shape."""
    groups = geometry.groups
    if x.shape[0] != k.shape[0] or k.shape[0] % groups:
        _refuse_channels(x, k, groups, wanted=f"({x.shape[0]}, out / groups, *kernel), groups dividing both")
    values = x.reshape(groups, -1, *x.shape[1:])
    weights = k.reshape(groups, -1, *k.shape[1:])
    canvas = [length + sum(ends) for length, ends in zip(shape, geometry.padding, strict=True)]
    total = np.zeros((groups, k.shape[1], *canvas), dtype=x.dtype)
    with np.errstate(all="ignore"):
        for m in np.ndindex(geometry.kernel):
            place = (slice(None), slice(None), *_places(m, x.shape[1:], geometry))
            total[place] += np.einsum("gc...,gco->go...", values, weights[(..., *m)])
    inside = tuple(slice(lead, lead + length) for (lead, _), length in zip(geometry.padding, shape, strict=True))
    return total[(slice(None), slice(None), *inside)].reshape(groups * k.shape[1], *shape)


def check_axes(x: np.ndarray, k: np.ndarray) -> None:
    """Raise ShapeMismatch where these are not a signal with channels and a kernel for it."""
    if x.ndim < 2 or k.ndim != x.ndim + 1:
        raise ShapeMismatch(
            f"a signal of {x.shape} and a kernel of {k.shape} are no layer",
            fix="give (channel, *space) and (out, in / groups, *kernel), with as many spatial axes",
        )


def _places(m: tuple[int, ...], count: Sequence[int], geometry: Geometry) -> tuple[slice, ...]:
    """n * stride + m * dilation for n = 0 ... count - 1, along each axis of the padded array."""
    return tuple(
        slice(place * hole, place * hole + (number - 1) * step + 1, step)
        for place, number, step, hole in zip(m, count, geometry.stride, geometry.dilation, strict=True)
    )


def _padded(x: np.ndarray, geometry: Geometry) -> list[int]:
    return [length + sum(ends) for length, ends in zip(x.shape[1:], geometry.padding, strict=True)]


def _refuse_channels(x: np.ndarray, k: np.ndarray, groups: int, *, wanted: str) -> None:
    raise ShapeMismatch(
        f"a kernel of {k.shape} does not take {x.shape[0]} channels in {groups} group{'s' * (groups > 1)}",
        fix=f"give {wanted}",
    )
