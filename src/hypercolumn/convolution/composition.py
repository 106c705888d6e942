"""Stacked linear layers as one: the effective kernel of convolutions with nothing between them.

    first     y[c, i] = b1[c] + sum_{a, m} w1[c, a, m] x[a, s1 i + d1 m]
    second    z[o, j] = b2[o] + sum_{c, n} w2[o, c, n] y[c, s2 j + d2 n]
    one       z[o, j] = b[o]  + sum_{a, t} w[o, a, t]  x[a, s1 s2 j + t]

    w[o, a, t] = sum of w2[o, c, n] w1[c, a, m] over all c and all places with s1 d2 n + d1 m = t
    b[o]       = b2[o] + sum_{c, n} w2[o, c, n] b1[c]

So strides multiply, and the kernel is the first one convolved with the second one, whose taps have moved s1 d2 apart.
The taps that this leaves empty everywhere become the dilation gcd(d1, s1 d2); groups become their greatest common
divisor. The layers are torch's, cross-correlations.

The padding of the first layer is the padding of the one. Padding between the two is refused: there the stack meets
zeros, where one kernel would meet what the first layer makes of the border. It is let through after a 1x1 layer that
makes nothing of zeros (no bias). One layer need not be cheaper than two: see `folding`.
"""

from functools import reduce
from itertools import product
from math import gcd

import torch
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def compose(first: Convolution, second: Convolution, *further: Convolution) -> Convolution:
    """The one layer that equals `second(first(x))`, and so on; the layers given stay as they are.

    Computed in float64, returned in the first layer's number format, mode and device. Raises InvalidArgument for what
    is no convolution, ShapeMismatch where channels or axes do not fit, NetworkError where padding stands between.

    >>> first, second = nn.Conv1d(1, 1, 3, stride=2, bias=False), nn.Conv1d(1, 1, 2, bias=False)
    >>> _ = nn.init.constant_(first.weight, 1.0), second.weight.data.copy_(torch.tensor([[[1.0, 10.0]]]))
    >>> one = compose(first, second)
    >>> one, one.weight.detach().flatten()
    (Conv1d(1, 1, kernel_size=(5,), stride=(2,), bias=False), tensor([ 1.,  1., 11., 10., 10.]))
    """
    return reduce(_composed, (first, second, *further))


def padding_of(layer: Convolution) -> tuple[int, ...]:
    """The padding as numbers, the same at both ends of an axis.

    >>> padding_of(nn.Conv2d(1, 1, 3, padding="same")), padding_of(nn.Conv1d(1, 1, 3))
    ((1, 1), (0,))
    """
    if layer.padding == "valid":
        return (0,) * len(layer.kernel_size)
    if layer.padding == "same":
        both = [d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
        if any(total % 2 for total in both):
            raise NetworkError(
                f"{layer} pads one end more than the other",
                why="one layer of torch pads both ends alike",
                fix="use an odd kernel, or pad with a layer of its own",
            )
        return tuple(total // 2 for total in both)
    return tuple(int(length) for length in layer.padding)


def _composed(first: Convolution, second: Convolution) -> Convolution:
    _check(first, second)
    axes = len(first.kernel_size)
    steps = [s * d for s, d in zip(first.stride, second.dilation, strict=True)]
    shared = [
        gcd(d if k1 > 1 else 0, step if k2 > 1 else 0) or 1
        for d, step, k1, k2 in zip(first.dilation, steps, first.kernel_size, second.kernel_size, strict=True)
    ]
    sizes = [
        (d * (k1 - 1) + step * (k2 - 1)) // g + 1
        for d, step, g, k1, k2 in zip(first.dilation, steps, shared, first.kernel_size, second.kernel_size, strict=True)
    ]
    inner, outer = _dense(first), _dense(second)
    weight = torch.zeros((second.out_channels, first.in_channels, *sizes), dtype=torch.float64, device=inner.device)
    for n in product(*map(range, second.kernel_size)):
        tap = torch.einsum("oc,ca...->oa...", outer[_at(*n)], inner)
        place = [
            slice(step * at // g, step * at // g + d * (k - 1) // g + 1, max(d // g, 1))
            for step, at, g, d, k in zip(steps, n, shared, first.dilation, first.kernel_size, strict=True)
        ]
        weight[_at(*place)] += tap
    groups = gcd(first.groups, second.groups)
    one = type(first)(
        first.in_channels,
        second.out_channels,
        tuple(sizes),  # type: ignore[arg-type]
        stride=tuple(a * b for a, b in zip(first.stride, second.stride, strict=True)),  # type: ignore[arg-type]
        padding=_padding(first, second),  # type: ignore[arg-type]
        dilation=tuple(shared),  # type: ignore[arg-type]
        groups=groups,
        bias=first.bias is not None or second.bias is not None,
        padding_mode=first.padding_mode if any(padding_of(first)) else second.padding_mode,
        device=first.weight.device,
        dtype=first.weight.dtype,
    )
    with torch.no_grad():
        one.weight.copy_(_grouped(weight, groups))
        if one.bias is not None:
            one.bias.copy_(_bias(first, second, outer.sum(dim=tuple(range(2, axes + 2)))))
    return one.train(first.training)


def _check(first: Convolution, second: Convolution) -> None:
    for layer in (first, second):
        if not isinstance(layer, CONVOLUTIONS):
            raise InvalidArgument(
                "layer", type(layer).__name__, why="only linear layers compose", fix="give Conv1d, Conv2d or Conv3d"
            )
    if len(first.kernel_size) != len(second.kernel_size) or first.out_channels != second.in_channels:
        raise ShapeMismatch(
            f"{second} does not take what {first} makes", fix="give layers of the same axes whose channels follow on"
        )
    if any(padding_of(second)) and not _pads_alike(first, second):
        raise NetworkError(
            f"{second} pads what {first} makes",
            why="at the border the stack meets padding where one kernel would meet the image: borders differ",
            fix="put all padding into the first layer",
        )


def _pads_alike(first: Convolution, second: Convolution) -> bool:
    """Whether padding after the first layer is the same as padding before it: only a 1x1 layer can do that."""
    if max(first.kernel_size) > 1:
        return False
    if second.padding_mode == "zeros":
        return first.bias is None and (first.padding_mode == "zeros" or not any(padding_of(first)))
    return max(first.stride) == 1 and not any(padding_of(first))


def _padding(first: Convolution, second: Convolution) -> tuple[int, ...]:
    return tuple(p + s * q for p, s, q in zip(padding_of(first), first.stride, padding_of(second), strict=True))


def _bias(first: Convolution, second: Convolution, sums: Tensor) -> Tensor:
    """b2 + sum over the second kernel of b1; `sums` is that kernel summed over space."""
    total = torch.zeros(second.out_channels, dtype=torch.float64, device=sums.device)
    if first.bias is not None:
        total += sums @ first.bias.detach().double()
    if second.bias is not None:
        total += second.bias.detach().double()
    return total


def _dense(layer: Convolution) -> Tensor:
    """The weights in float64 over all channels, zero between groups: (out, in, *kernel)."""
    weight = layer.weight.detach().double()
    if layer.groups == 1:
        return weight
    return torch.cat(
        [
            nn.functional.pad(
                part,
                (0, 0) * (weight.ndim - 2) + (place * weight.shape[1], (layer.groups - 1 - place) * weight.shape[1]),
            )
            for place, part in enumerate(weight.chunk(layer.groups))
        ]
    )


def _at(*places: int | slice) -> tuple[int | slice, ...]:
    """These places of the kernel, for all channels."""
    return (slice(None), slice(None), *places)


def _grouped(weight: Tensor, groups: int) -> Tensor:
    """The blocks of a dense weight that the groups keep: (out, in / groups, *kernel)."""
    return torch.cat([rows.chunk(groups, dim=1)[place] for place, rows in enumerate(weight.chunk(groups))])
