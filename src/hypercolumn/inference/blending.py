"""Overlapping windows whose answers are averaged: for networks that have no exact tiling, and said to be no such thing.

    y = sum over windows of g y_w / sum over windows of g          g = exp(-sum over axes of (p - c)^2 / (2 (s n)^2))

with c the middle of a window, n its length and s = 1/8, so that a window counts most where it sees most. A network that
mixes all that it is given (instance normalization, attention, global pooling joined back in) gives each window another
answer than the whole image would; averaging hides the seams and does not take the difference away. Where exact strips
or tiles are possible `predict` gives the whole image's answer, faster. The weighting is Isensee et al. 2021, nnU-Net,
doi:10.1038/s41592-020-01008-z.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.tracing import evaluating, parameter_of
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.prediction import Progress, reflected

SPREAD = 1 / 8
"""The standard deviation of the weights, over the length of a window."""


def blend(
    network: nn.Module,
    image: np.ndarray | Tensor,
    *,
    window: Sequence[int],
    overlap: float = 0.5,
    precision: Precision | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """The weighted mean of a network's answers on overlapping windows of an image (channel, *space), as float32 (class,
    *space).

    window: by axis how many samples the network is given at once; a window longer than the image overhangs it, and is
    filled by reflection. overlap: the share of a window that the next one sees again, from 0 up to 1. Memory goes with
    one window, the image and the result.

    Raises ShapeMismatch where the network's output does not have the window's size.

    >>> network = nn.Sequential(nn.Conv1d(1, 2, 3, padding=1), nn.InstanceNorm1d(2))
    >>> blend(network, np.sin(np.arange(100.0))[None], window=(32,)).shape
    (2, 100)
    """
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    space, window = array.shape[1:], tuple(window)
    if array.ndim < 2 or 0 in array.shape:
        raise ShapeMismatch(f"an image of shape {array.shape} cannot be predicted", fix="give (channel, *space)")
    if len(window) != len(space) or min(window) < 1:
        raise InvalidArgument("window", window, fix=f"give {len(space)} lengths, one an axis")
    if not 0 <= overlap < 1:
        raise InvalidArgument("overlap", overlap, fix="give a share from 0 up to 1")
    precision, weights = precision or Precision(), parameter_of(network)
    if precision.folded or precision.compiled:
        raise InvalidArgument("precision", precision.name, fix="give the folded or compiled network itself")
    importance = gaussian_window(window)
    summed: np.ndarray | None = None
    counted = np.zeros(space, dtype=np.float32)
    places = list(product(*(_starts(n, size, overlap) for n, size in zip(space, window, strict=True))))
    with (
        evaluating(network),
        precision.inferring(network),
        torch.inference_mode(),
        precision.autocast(weights.device.type),
    ):
        for done, starts in enumerate(places, start=1):
            piece = torch.from_numpy(_cut(array, starts, window)).to(weights.device, weights.dtype)
            made = network(precision.arrange(piece[None]))[0].float().cpu().numpy()
            if made.shape[1:] != window:
                raise ShapeMismatch(
                    f"the network makes {made.shape[1:]} of a window of {window}",
                    why="only answers of the window's own size can be laid over each other",
                    fix="use a network that pads, or one that fits into memory whole",
                )
            if summed is None:
                summed = np.zeros((made.shape[0], *space), dtype=np.float32)
            inside = tuple(slice(0, min(size, n - s)) for s, size, n in zip(starts, window, space, strict=True))
            there = tuple(slice(s, s + cut.stop) for s, cut in zip(starts, inside, strict=True))
            summed[(slice(None), *there)] += made[(slice(None), *inside)] * importance[inside]
            counted[there] += importance[inside]
            if progress is not None:
                progress(done / len(places))
    assert summed is not None
    return summed / counted


def gaussian_window(window: Sequence[int]) -> np.ndarray:
    """How much each sample of a window counts: 1 in its middle, and never nought.

    >>> gaussian_window((5,)).round(3)
    array([0.006, 0.278, 1.   , 0.278, 0.006], dtype=float32)
    """
    sides = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (SPREAD * n)) ** 2) for n in window]
    return reduce(np.multiply.outer, sides).astype(np.float32)


def _starts(length: int, size: int, overlap: float) -> list[int]:
    """Where windows begin along an axis; the last one ends with the image."""
    stride = max(1, round(size * (1 - overlap)))
    return [*range(0, max(length - size, 0), stride), max(length - size, 0)]


def _cut(array: np.ndarray, starts: Sequence[int], window: Sequence[int]) -> np.ndarray:
    piece = array
    for axis, (start, size) in enumerate(zip(starts, window, strict=True), start=1):
        piece = np.take(piece, reflected(np.arange(start, start + size), array.shape[axis]), axis=axis)
    return np.ascontiguousarray(piece)
