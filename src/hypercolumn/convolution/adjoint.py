"""The gradients of a layer, written as the convolutions that they are.

For y[o, n] = sum_c sum_m x[c, n s + m d - p] k[o, c, m] and the gradient g of a loss with respect to y,

    input     dx[c, n s + m d - p] += sum_o g[o, n] k[o, c, m]       the transposed layer of g, with the same kernel
    kernel    dk[o, c, m] = sum_n g[o, n] x[c, m d + n s - p]        the cross-correlation of x with g, in which stride
                                                                     and dilation have changed places

With stride 1 and no padding the first is the *full convolution* of g with k, the second the *valid correlation* of x
with g. The first is the adjoint of the layer: <A x, g> = <x, A* g>; for complex data kernel and signal are conjugated,
as in torch. So learning is made of the operation it learns. LeCun et al. 1989, doi 10.1162/neco.1989.1.4.541.

Arrays of NumPy, one example; a batch is the sum over its examples. No bias: its gradient is the sum of g over space.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hypercolumn.convolution.definition import operands
from hypercolumn.convolution.geometry import ByAxis, Geometry, Padding, by_axis
from hypercolumn.convolution.layer import check_axes, gathered, scattered
from hypercolumn.errors import ShapeMismatch


def input_gradient(
    gradient: ArrayLike,
    kernel: ArrayLike,
    *,
    shape: Sequence[int],
    stride: ByAxis = 1,
    dilation: ByAxis = 1,
    groups: int = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """The gradient with respect to a layer's input of spatial `shape`, from that with respect to its output.

    gradient: (out, *space); kernel: (out, in / groups, *kernel), as in `cross_correlation_layer`. Raises ShapeMismatch
    where the gradient has not the shape of the layer's output.

    >>> input_gradient([[1.0, 1.0]], [[[1.0, 2.0, 4.0]]], shape=(4,))      # each sample: the weights that read it
    array([[1., 3., 6., 4.]])
    """
    g, k, dtype = operands(gradient, kernel)
    check_axes(g, k)
    geometry = Geometry.of(k.shape[2:], stride=stride, dilation=dilation, padding=padding, groups=groups)
    whole = by_axis("shape", tuple(shape), len(geometry.kernel))
    _check_gradient(g, (k.shape[0], *geometry.convolved(whole)))
    return scattered(g, k.conj(), geometry, whole).astype(dtype)


def kernel_gradient(
    gradient: ArrayLike,
    signal: ArrayLike,
    *,
    kernel: Sequence[int],
    stride: ByAxis = 1,
    dilation: ByAxis = 1,
    groups: int = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """The gradient with respect to a layer's kernel of spatial shape `kernel`, summed over all places.

    gradient: (out, *space); signal: (in, *space), the layer's input. Returns (out, in / groups, *kernel).

    >>> kernel_gradient([[1.0, 1.0]], [[1.0, 2.0, 4.0, 8.0]], kernel=(3,))
    array([[[ 3.,  6., 12.]]])
    """
    g, x, dtype = operands(gradient, signal)
    if g.ndim != x.ndim or x.ndim < 2:
        raise ShapeMismatch(
            f"a gradient of {g.shape} and a signal of {x.shape} are not of one layer", fix="give (channel, *space) both"
        )
    geometry = Geometry.of(tuple(kernel), stride=stride, dilation=dilation, padding=padding, groups=groups)
    if len(geometry.kernel) != x.ndim - 1 or x.shape[0] % groups or g.shape[0] % groups:
        raise ShapeMismatch(
            f"{x.shape[0]} to {g.shape[0]} channels in {groups} groups, kernel {geometry.kernel}, signal {x.shape}",
            fix="give one length of the kernel for each spatial axis, and groups that divide both channels",
        )
    made = geometry.convolved(x.shape[1:])
    _check_gradient(g, (g.shape[0], *made))
    exchanged = Geometry(made, geometry.dilation, geometry.stride, geometry.padding)
    upstream, signals = g.reshape(groups, -1, *g.shape[1:]), x.conj().reshape(groups, -1, *x.shape[1:])
    box = tuple(slice(0, length) for length in geometry.kernel)
    found = [
        [gathered(channel[np.newaxis], of_group[:, np.newaxis], exchanged)[(slice(None), *box)] for channel in channels]
        for of_group, channels in zip(upstream, signals, strict=True)
    ]
    return np.concatenate([np.stack(by_channel, axis=1) for by_channel in found]).astype(dtype)


def _check_gradient(gradient: np.ndarray, made: tuple[int, ...]) -> None:
    if gradient.shape != made:
        raise ShapeMismatch(
            f"the gradient has shape {gradient.shape} and the layer's output {made}",
            fix="give the gradient with respect to this layer's output",
        )
