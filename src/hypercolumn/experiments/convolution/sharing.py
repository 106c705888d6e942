"""What local connection and shared weights save: a dense layer, a locally connected one, a convolution.

    dense                  weights (C H W) (C' H' W')            multiply-adds the same
    locally connected      weights H' W' C' C K^2                multiply-adds the same
    convolution            weights C' C K^2                      multiply-adds H' W' C' C K^2
    depthwise-separable    weights C K^2 + C' C                  1 / C' + 1 / K^2 of the convolution's

All four make maps of one size from maps of one size, without bias. A small layer is also written out as its matrix and
counted: how many entries, how many that are not always 0, how many different ones. And how far an output sees as
layers are stacked, by the receptive field of the stack itself. LeCun et al. 1989; Howard et al. 2017, arXiv 1704.04861.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn

from hypercolumn.convolution.layer import cross_correlation_layer
from hypercolumn.convolution.receptive_field import receptive_field
from hypercolumn.experiments.outcome import Cell, Table


@dataclass(frozen=True)
class Maps:
    """A layer from `channels` to `out` maps of `side` x `side`, with kernels of `kernel` x `kernel`."""

    channels: int
    out: int
    side: int
    kernel: int


LAYERS = (Maps(3, 64, 32, 3), Maps(64, 64, 32, 3), Maps(64, 128, 16, 3), Maps(64, 64, 32, 7))


@dataclass(frozen=True)
class Cost:
    """Weights, and multiply-adds for one example."""

    weights: int
    multiply_adds: int


def costs(maps: Maps) -> dict[str, Cost]:
    """What each way of connecting costs, with an output as large as the input.

    >>> costs(Maps(3, 64, 32, 3))["convolution"]
    Cost(weights=1728, multiply_adds=1769472)
    """
    places, taps = maps.side**2, maps.kernel**2
    dense = (maps.channels * places) * (maps.out * places)
    shared = maps.out * maps.channels * taps
    apart = maps.channels * taps + maps.out * maps.channels
    return {
        "dense": Cost(dense, dense),
        "locally connected": Cost(places * shared, places * shared),
        "convolution": Cost(shared, places * shared),
        "depthwise-separable": Cost(apart, places * apart),
    }


def sharing_table() -> Table:
    """Weights and multiply-adds of each layer, and their ratio to those of the convolution."""
    rows: list[tuple[Cell, ...]] = []
    for maps in LAYERS:
        name = f"{maps.channels} to {maps.out} maps of {maps.side}^2, kernel {maps.kernel}^2"
        made = costs(maps)
        base = made["convolution"]
        for kind, cost in made.items():
            ratios = cost.weights / base.weights, cost.multiply_adds / base.multiply_adds
            rows.append((name, kind, cost.weights, cost.multiply_adds, *ratios))
    columns = ("maps", "connection", "weights", "multiply-adds", "weights / conv", "multiply-adds / conv")
    note = "depthwise-separable over convolution is 1 / C' + 1 / K^2 in both"
    return Table("sharing", "Weights and multiply-adds for the same maps", columns, tuple(rows), note)


def layer_as_matrix(side: int, kernel: np.ndarray) -> np.ndarray:
    """The matrix of a one-channel layer, (output place, input place): one column for each image with a single 1.

    >>> layer_as_matrix(3, np.array([[1, 2], [3, 4]]))
    array([[1, 2, 0, 3, 4, 0, 0, 0, 0],
           [0, 1, 2, 0, 3, 4, 0, 0, 0],
           [0, 0, 0, 1, 2, 0, 3, 4, 0],
           [0, 0, 0, 0, 1, 2, 0, 3, 4]])
    """
    images = np.eye(side**2, dtype=np.int64).reshape(-1, 1, side, side)
    return np.stack([cross_correlation_layer(image, kernel[None, None]).ravel() for image in images], axis=1)


def matrix_table(*, side: int = 8, kernel: int = 3) -> Table:
    """Counted in the matrix itself: all entries, those that the layer uses, those that differ."""
    written = layer_as_matrix(side, np.arange(1, kernel**2 + 1).reshape(kernel, kernel))
    used = written[written != 0]
    rows = (
        ("dense: every entry is a weight", written.size),
        ("locally connected: every entry that is not 0 by its place", used.size),
        ("convolution: every different one", len(np.unique(used))),
    )
    shape = " x ".join(map(str, written.shape))
    title = f"A {kernel} x {kernel} layer on {side} x {side} samples, written as its {shape} matrix"
    return Table("sharing-matrix", title, ("layer", "weights"), rows)


def field_table(*, depth: int = 8) -> Table:
    """How many samples along an axis one output sees after so many layers of four kinds of stack."""
    kinds: dict[str, Callable[[int], list[nn.Module]]] = {
        "3 x 3": lambda place: [nn.Conv2d(1, 1, 3)],
        "5 x 5": lambda place: [nn.Conv2d(1, 1, 5)],
        "3 x 3, dilation doubling": lambda place: [nn.Conv2d(1, 1, 3, dilation=2**place)],
        "3 x 3, pooled by 2 after every second": lambda place: [
            nn.Conv2d(1, 1, 3, padding=1),
            *([nn.MaxPool2d(2)] if place % 2 else []),
        ],
    }
    columns = {}
    for name, layers in kinds.items():
        sizes = []
        for layer in range(1, depth + 1):
            network = nn.Sequential(*(item for place in range(layer) for item in layers(place)))
            sizes.append(int(receptive_field(network, (600, 32 if "pool" in name else 600)).size[0][1]))
        columns[name] = sizes
    rows = tuple((layer + 1, *(sizes[layer] for sizes in columns.values())) for layer in range(depth))
    return Table("field", "How far one output sees, in samples along an axis", ("layers", *columns), rows)
