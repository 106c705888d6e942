"""The receptive field by trial, for networks that cannot be seen through: what was found to matter, and no more.

    NaN         a line of the input across an axis is made NaN, in float64; the outputs that become NaN depend on it
    gradient    of random sums of the outputs at one place along the axis, at random inputs; where it is not nought

A place counts if either finds it. Where the wiring is fixed, NaN finds the very field, since it survives every sum,
every rectifier and every product with nought. Where the wiring depends on the data, a NaN may turn it another way than
any image would, and a gradient says nothing about the ways not taken: then this is what was seen in so many trials, and
a lower bound. It takes as many runs as the input and the output have places. Borders are regarded, as they are.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.periodic_table import NOTHING
from hypercolumn.convolution.tracing import channels_of
from hypercolumn.errors import InvalidArgument, NetworkError

TRIALS = 3

Ends = tuple[np.ndarray, np.ndarray]
"""By output the first and last sample of the input that it was found to depend on; they cross where there is none."""


def measured_ends(
    network: nn.Module, shape: Sequence[int], *, in_channels: int | None = None, layer: str | None = None, seed: int = 0
) -> tuple[Ends, ...]:
    """By axis the ends of the field of every output, or of the output of one layer. An output without axes has one
    place along each.

    >>> [low.tolist() for low in measured_ends(nn.Conv1d(1, 1, 3), (6,))[0]]
    [[0, 1, 2, 3], [2, 3, 4, 5]]
    """
    channels = channels_of(network) if in_channels is None else in_channels
    run = _running(copy.deepcopy(network).double().eval(), layer)
    chance = torch.Generator().manual_seed(seed)
    ends = []
    with torch.inference_mode(mode=False), torch.enable_grad():
        images = torch.randn((TRIALS, channels, *shape), dtype=torch.float64, generator=chance)
        for axis in range(len(shape)):
            steep = _steep(run, images, axis, chance)
            infected = _infected(run, images[:1], axis)
            ends.append(_ends(steep | infected if infected.shape == steep.shape else steep))
    return tuple(ends)


def _infected(run: Callable[[Tensor], Tensor], image: Tensor, axis: int) -> np.ndarray:
    """(input place, output place): whether a NaN all across the one is found anywhere across the other."""
    extent, dims = image.shape[axis + 2], image.ndim - 2
    rows: list[np.ndarray | None] = []
    for place in range(extent):
        sick = image.clone()
        sick.select(axis + 2, place).fill_(float("nan"))
        try:
            with torch.no_grad():
                rows.append(_across(run(sick).isnan(), axis, dims))
        except (RuntimeError, ValueError, IndexError):
            rows.append(None)
    known = [row for row in rows if row is not None]
    length = known[0].shape[0] if known else 0
    if any(row.shape[0] != length for row in known):
        return np.zeros((extent, 0), dtype=bool)
    return np.stack([row if row is not None else np.zeros(length, dtype=bool) for row in rows])


def _steep(run: Callable[[Tensor], Tensor], images: Tensor, axis: int, chance: torch.Generator) -> np.ndarray:
    """(input place, output place): whether an output there has a gradient here, for any of the images."""
    dims, found = images.ndim - 2, []
    for image in images:
        given = image[None].clone().requires_grad_()
        made = run(given)
        weights = torch.randn(made.shape, dtype=made.dtype, generator=chance)
        spatial = made.ndim == dims + 2
        length = made.shape[axis + 2] if spatial else 1
        columns = []
        for place in range(length):
            part, shares = (t.select(axis + 2, place) if spatial else t for t in (made, weights))
            total = (part * shares).sum()
            (gradient,) = (
                torch.autograd.grad(total, given, retain_graph=True, allow_unused=True)
                if total.requires_grad
                else (None,)
            )
            steep = gradient != 0 if gradient is not None else torch.zeros_like(given, dtype=torch.bool)
            columns.append(_across(steep, axis, dims))
        found.append(np.stack(columns, axis=1))
    if len({one.shape for one in found}) > 1:
        raise NetworkError(
            "the receptive field cannot be measured",
            why="the network makes outputs of other lengths of inputs of one length",
            fix="name a layer whose output does not hang on the data",
        )
    return np.any(found, axis=0)


def _across(marked: Tensor, axis: int, dims: int) -> np.ndarray:
    """Marks (1, channel, *space) along one axis: any across all others; one mark where there is no space."""
    if marked.ndim != dims + 2:
        return marked.any().reshape(1).numpy()
    others = [dimension for dimension in range(marked.ndim) if dimension != axis + 2]
    return marked.any(dim=others).numpy()


def _ends(found: np.ndarray) -> Ends:
    extent = found.shape[0]
    reached = found.any(axis=0)
    low, high = found.argmax(axis=0), extent - 1 - found[::-1].argmax(axis=0)
    return np.where(reached, low, NOTHING), np.where(reached, high, -NOTHING)


def _running(network: nn.Module, layer: str | None) -> Callable[[Tensor], Tensor]:
    """The network as a function of an image, or what one of its layers makes meanwhile."""
    modules = dict(network.named_modules())
    if layer is not None and layer not in modules:
        raise InvalidArgument("layer", layer, fix=f"name one of {', '.join(name for name in modules if name)}")

    def run(image: Tensor) -> Tensor:
        caught: list[Tensor] = []
        watched = modules[layer or ""].register_forward_hook(lambda module, given, made: caught.append(made))
        try:
            network(image)
        finally:
            watched.remove()
        if not caught or not isinstance(caught[-1], Tensor):
            raise NetworkError("the output is not one tensor", fix="name the layer that is meant")
        return caught[-1]

    return run
