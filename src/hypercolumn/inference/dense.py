"""Dense maps: a classifier of tiles over a whole image, at any stride, with the answer that each tile gets by itself.

    map[:, o] = network(image[o S : o S + tile])          o = 0 ... (N - tile) // S along each axis

Cutting every tile and running it computes the overlap of neighbouring tiles again and again: at stride 32, a tile of
254 sees each sample 60 times. Laid out over the image (`lattice`), with normalizations folded, the network makes each
place of each layer once, in strips that memory bounds and whose cost is linear in the image. Which way costs fewer
multiply-adds is told beforehand; where tiles do not overlap it is running them, a few at once.

A network that pads inside its tile gives other answers laid out, since tiles have borders and the image has none
there: it is refused by the layer's name, and `way="tiles"` runs every tile as it is.
"""

from collections.abc import Sequence
from math import prod
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.folding import fold
from hypercolumn.convolution.sizes import takes
from hypercolumn.convolution.tracing import evaluating, parameter_of
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference.lattice import LatticeNetwork
from hypercolumn.inference.memory import RESERVE, needed_bytes
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.prediction import Predictor, Progress
from hypercolumn.inference.program import record
from hypercolumn.inference.remembered import remembered

Way = Literal["auto", "laid out", "tiles"]
EXACT = 1e-5
"""How far a layout of memory may move an answer, over the largest: rounding of float32, and nothing coarser."""
_STRIPS = 256 << 20
"""Strips are no faster with more memory than this: larger blocks go back to the system and are fetched anew."""
_AT_ONCE = 64 << 20
"""Tiles are run so many at once as hold this much: for larger batches the same is true."""
_GAIN = 0.8
"""Laid out, dilated layers run a little slower for each multiply-add, so that they must save this much."""


def dense_map(
    network: nn.Module,
    image: np.ndarray | Tensor,
    *,
    tile: Sequence[int],
    stride: int | Sequence[int],
    way: Way = "auto",
    memory_bytes: int = 1 << 30,
    progress: Progress | None = None,
) -> np.ndarray:
    """What a network says of every tile of an image (channel, *space): float32 (class, *tiles).

    tile: by axis the samples that the network is given. stride: the samples from one tile to the next. way: "laid out"
    or "tiles", or the cheaper of the two. memory_bytes: what a run may take besides the network, the image and the
    result. For many images `DenseMapper` prepares once.

    Raises ShapeMismatch where the image is smaller than a tile, or the network does not take the tile; NetworkError,
    naming the layer, where a network cannot be laid out; InvalidArgument where not one tile fits into memory.

    >>> network = nn.Sequential(nn.Conv1d(1, 1, 3, bias=False), nn.Flatten(), nn.Linear(2, 1, bias=False))
    >>> for weight in network.parameters():
    ...     _ = nn.init.ones_(weight)
    >>> dense_map(network, np.arange(8.0)[None], tile=(4,), stride=2)
    array([[ 9., 21., 33.]], dtype=float32)
    """
    mapper = DenseMapper(network, tile=tile, stride=stride, way=way, memory_bytes=memory_bytes)
    return mapper(image, progress=progress)


class DenseMapper:
    """A classifier of tiles prepared for many images, with the weights that it has now: see `dense_map`."""

    def __init__(
        self,
        network: nn.Module,
        *,
        tile: Sequence[int],
        stride: int | Sequence[int],
        way: Way = "auto",
        memory_bytes: int = 1 << 30,
    ) -> None:
        self.tile = tuple(int(length) for length in tile)
        axes = len(self.tile)
        if axes not in (1, 2, 3) or min(self.tile) < 1:
            raise InvalidArgument("tile", tile, fix="give one to three lengths from 1, one an axis")
        steps = (stride,) * axes if isinstance(stride, int | np.integer) else tuple(stride)
        if len(steps) != axes or min(steps) < 1:
            raise InvalidArgument("stride", stride, fix=f"give a number of samples from 1, or {axes} of them")
        if way not in get_args(Way):
            raise InvalidArgument("way", way, fix=f"use one of {', '.join(get_args(Way))}")
        if memory_bytes <= 0:
            raise InvalidArgument("memory_bytes", memory_bytes, fix="give the bytes that one run may take")
        self.network, self.way, self.memory_bytes = network, way, memory_bytes
        self.stride = tuple(int(step) for step in steps)
        self._laid: LatticeNetwork | None = None
        self._predictors: dict[int, Predictor] = {}

    def __call__(self, image: np.ndarray | Tensor, *, progress: Progress | None = None) -> np.ndarray:
        """The map of an image (channel, *space)."""
        array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
        counts = self._counts(array)
        if self.way == "tiles" or not self._is_cheaper(array.shape[0], counts):
            return self._by_tiles(array, counts, progress)
        return self._over_strips(array, progress)

    def _counts(self, array: np.ndarray) -> tuple[int, ...]:
        """The number of tiles by axis; ShapeMismatch where there are none that the network takes."""
        if array.ndim != len(self.tile) + 1 or 0 in array.shape:
            raise ShapeMismatch(
                f"an image of shape {array.shape} has no tiles of {self.tile}", fix="give (channel, *space), not empty"
            )
        if any(n < length for n, length in zip(array.shape[1:], self.tile, strict=True)):
            raise ShapeMismatch(
                f"an image of {array.shape[1:]} samples holds no tile of {self.tile}",
                fix="pad it, or use smaller tiles",
            )
        if not takes(self.network, self.tile, in_channels=array.shape[0]):
            raise ShapeMismatch(
                f"the network takes no tile of {self.tile} samples and {array.shape[0]} channels",
                fix="give the tile that it was made for",
            )
        steps = zip(array.shape[1:], self.tile, self.stride, strict=True)
        return tuple((n - length) // step + 1 for n, length, step in steps)

    # ------------------------------------------------------------------------------------------------------ laid out

    def _is_cheaper(self, channels: int, counts: tuple[int, ...]) -> bool:
        """Whether laying the network out saves work, or was asked for."""
        apart = all(step >= length for step, length in zip(self.stride, self.tile, strict=True)) or prod(counts) == 1
        if self.way == "auto" and apart:
            return False
        if self._laid is None:
            folded = fold(self.network, self.tile, in_channels=channels).network
            program = record(folded, self.tile, batch=2, channels=channels)
            self._laid = LatticeNetwork(folded, program, self.stride).eval()
        over, by_tile = self._laid.multiply_adds(counts)
        return self.way == "laid out" or over <= _GAIN * by_tile

    def _over_strips(self, array: np.ndarray, progress: Progress | None) -> np.ndarray:
        budgets = (_STRIPS, self.memory_bytes) if self.memory_bytes > _STRIPS else (self.memory_bytes,)
        for budget in budgets:
            try:
                predictor = self._predictor(budget, array)
                predictor.prepare(array.shape)
            except InvalidArgument:
                if budget == budgets[-1]:
                    raise
            else:
                return predictor(array, progress=progress)
        raise AssertionError

    def _predictor(self, budget: int, array: np.ndarray) -> Predictor:
        """The network laid out, in the layout of memory that is fastest here and changes nothing."""
        assert self._laid is not None
        if budget not in self._predictors:
            lengths = [
                min(n, length + 3 * step)
                for n, length, step in zip(array.shape[1:], self.tile, self.stride, strict=True)
            ]
            part = np.ascontiguousarray(array[(slice(None), *map(slice, lengths))])
            weights = parameter_of(self.network)
            example = torch.from_numpy(part).to(weights.device, weights.dtype)[None]
            precision = remembered(self._laid, example, tolerance=EXACT)
            self._predictors[budget] = Predictor(self._laid, memory_bytes=budget, precision=precision)
        return self._predictors[budget]

    # ---------------------------------------------------------------------------------------------------------- tiles

    def _by_tiles(self, array: np.ndarray, counts: tuple[int, ...], progress: Progress | None) -> np.ndarray:
        """Every tile as it is, a few at once."""
        weights = parameter_of(self.network)
        one = needed_bytes(self.network, self.tile, precision=Precision(), in_channels=array.shape[0])
        if one > self.memory_bytes:
            fix = f"give at least {one}, which one tile takes"
            raise InvalidArgument("memory_bytes", self.memory_bytes, fix=fix)
        batch = max(1, min(_AT_ONCE, self.memory_bytes - RESERVE) // max(one - RESERVE, 1))
        given = torch.from_numpy(np.ascontiguousarray(array))
        answers = []
        with evaluating(self.network), torch.inference_mode():
            for begin in range(0, prod(counts), batch):
                place = np.unravel_index(np.arange(begin, min(begin + batch, prod(counts))), counts)
                corners = (np.stack(place, axis=1) * self.stride).tolist()
                chosen = torch.stack([_cut(given, corner, self.tile) for corner in corners])
                made = self.network(chosen.to(weights.device, weights.dtype))
                if prod(made.shape[2:]) != 1:
                    raise NetworkError(
                        f"the network gives {tuple(made.shape[1:])} for a tile, not one answer",
                        fix="for a network that gives a map of its own use hypercolumn.inference.predict",
                    )
                answers.append(made.flatten(1).cpu())
                if progress is not None:
                    progress((begin + len(corners)) / prod(counts))
        joined = torch.cat(answers).T
        kind = torch.float64 if joined.dtype is torch.float64 else torch.float32
        return np.ascontiguousarray(joined.to(kind).numpy()).reshape(-1, *counts)


def _cut(image: Tensor, corner: Sequence[int], tile: Sequence[int]) -> Tensor:
    for axis, (begin, length) in enumerate(zip(corner, tile, strict=True), start=1):
        image = image.narrow(axis, begin, length)
    return image


__all__ = ["DenseMapper", "Way", "dense_map"]
