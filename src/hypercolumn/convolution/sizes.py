"""Lengths: what comes out of a convolution, and which lengths a network takes.

    convolution   floor((n + lead + trail - dilation * (kernel - 1) - 1) / stride) + 1
    transposed    (n - 1) * stride - lead - trail + dilation * (kernel - 1) + extra + 1

A network with pooling and skip connections takes only some lengths: the published U-Net takes 16 k + 12 from 188 on.
Which ones is found by running it on tensors without data, so nothing is computed. Dumoulin and Visin 2016, arXiv
1603.07285.
"""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from hypercolumn.convolution.tracing import dims_of, example_input, probing
from hypercolumn.errors import NetworkError

_FIRST_TRIED = {1: (4096, 1024, 1000), 2: (256, 572, 224, 227, 32, 28), 3: (64, 132, 116, 32)}
_SCAN = {1: (1024, 1280), 2: (256, 384), 3: (96, 160)}


def convolved_length(
    length: int, kernel: int, *, stride: int = 1, dilation: int = 1, padding: tuple[int, int] = (0, 0)
) -> int:
    """The number of places where a kernel fits.

    >>> convolved_length(227, 11, stride=4), convolved_length(7, 3, dilation=2, padding=(2, 2))
    (55, 7)
    """
    return (length + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def transposed_length(
    length: int, kernel: int, *, stride: int = 1, dilation: int = 1, padding: tuple[int, int] = (0, 0), extra: int = 0
) -> int:
    """The length that a transposed convolution makes.

    >>> transposed_length(28, 2, stride=2)
    56
    """
    return (length - 1) * stride - sum(padding) + dilation * (kernel - 1) + extra + 1


def takes(network: nn.Module, shape: Sequence[int], *, in_channels: int | None = None) -> bool:
    """Whether a network runs on an input of this spatial shape, and makes an output that is not empty.

    >>> takes(nn.Conv2d(1, 4, 5), (5, 5)), takes(nn.Conv2d(1, 4, 5), (4, 5))
    (True, False)
    """
    try:
        with probing(network), FakeTensorMode(allow_non_fake_inputs=True):
            output = network(example_input(network, shape, in_channels=in_channels))
    except Exception:
        return False
    return not isinstance(output, torch.Tensor) or output.numel() > 0


def output_shape(network: nn.Module, shape: Sequence[int], *, in_channels: int | None = None) -> tuple[int, ...]:
    """The shape (channel, *space) that comes out of a network, or of any stack of layers, for this spatial shape.

    Nothing is computed. Raises NetworkError where the network does not take the shape, with the reason.

    >>> output_shape(nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.MaxPool2d(2), nn.Flatten()), (32, 32))
    (16384,)
    """
    try:
        with probing(network), FakeTensorMode(allow_non_fake_inputs=True):
            output = network(example_input(network, shape, in_channels=in_channels))
    except Exception as error:
        raise NetworkError(
            f"the network does not take an input of {tuple(shape)}",
            where=type(network).__name__,
            why=str(error).split("\n", maxsplit=1)[0],
            fix="give a larger shape, or one that it was built for",
        ) from error
    if not isinstance(output, torch.Tensor):
        raise NetworkError(f"the network gives a {type(output).__name__}", fix="ask for a network with one output")
    return tuple(output.shape[1:])


def shape_taken(network: nn.Module, *, dims: int | None = None, in_channels: int | None = None) -> tuple[int, ...]:
    """Some spatial shape that a network takes, equal along all axes.

    >>> shape_taken(nn.Conv2d(1, 4, 5))
    (256, 256)
    """
    dims = dims_of(network) if dims is None else dims
    for length in chain(_FIRST_TRIED[dims], range(*_SCAN[dims])):
        if takes(network, (length,) * dims, in_channels=in_channels):
            return (length,) * dims
    raise NetworkError("no size of input was found that the network takes", fix="give shape")


def next_shape_taken(
    network: nn.Module,
    shape: Sequence[int],
    *,
    known: Sequence[int],
    alignment: Sequence[int],
    in_channels: int | None = None,
) -> tuple[int, ...]:
    """The smallest shape that is at least `shape`, congruent to a shape that the network takes, and taken too.

    known: a shape that it takes; alignment: by axis the step at which the network repeats (`ReceptiveField.alignment`):
    what it takes, it takes one step longer too.

    >>> network = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Conv2d(4, 1, 3))
    >>> next_shape_taken(network, (3, 20), known=(64, 64), alignment=(1, 1))
    (7, 20)
    """
    found = []
    for axis, (least, taken, step) in enumerate(zip(shape, known, alignment, strict=True)):

        def fits(steps: int, axis: int = axis, taken: int = taken, step: int = step) -> bool:
            tried = (*known[:axis], taken - steps * step, *known[axis + 1 :])
            return takes(network, tried, in_channels=in_channels)

        most = min((taken - least) // step, (taken - 1) // step)
        if most <= 0 or fits(most):
            found.append(taken - most * step)
            continue
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        found.append(taken - low * step)
    return tuple(found)
