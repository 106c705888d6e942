"""A network over an image of any size, in bounded memory, with the answer it gives on the whole image.

    result = crop(network(extend(image)))

`extend` appends reflected samples at the far end of each axis, as few as make a size that the network takes (a
multiple of 16 and the like), or at which its branches do not slide against each other (an upsampling to the size of an
odd skip); `crop` removes the outputs that belong to them. That is the definition, whether the image is run whole, which
it is where memory allows, or in tiles. Tiles give the same within rounding: 1e-5 of the largest output, and at least
1e-5, in float32. In bfloat16 they agree within its rounding only.

A network without padding gives less than it is given: 572 -> 388. `mirror=True` extends the image by reflection at
both ends, half of what is lost at each, so that the output has the image's size (Ronneberger, Fischer and Brox 2015,
figure 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, prod

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.receptive_field import ReceptiveField, field_of
from hypercolumn.convolution.sizes import next_shape_taken, shape_taken, takes
from hypercolumn.convolution.tracing import (
    Graph,
    channels_of,
    evaluating,
    first_convolution,
    parameter_of,
    trace,
)
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference.memory import needed_bytes
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.tiles import Cut, TilePlan, Tiling, check_tileable, check_tiles, cut_losses

Progress = Callable[[float], None]
"""Is told the share that is done, from 0 to 1."""


@dataclass(frozen=True)
class Extension:
    """How an image is extended to a size that the network takes, and the outputs that belong to it, by axis."""

    lead: tuple[int, ...]
    shape: tuple[int, ...]
    outputs: tuple[int, ...]


class Predictor:
    """A network prepared for many images: sizes, tiles and memory are worked out once for each shape.

    network: gives one tensor (batch, class, *space) or (batch, class) for (batch, channel, *space). memory_bytes:
    what one run may take besides the network, the image and the result. tile: by axis the longest tile, in samples of
    the image.

    >>> predictor = Predictor(nn.Conv2d(1, 2, 3, padding=1))
    >>> predictor(np.zeros((1, 30, 40))).shape
    (2, 30, 40)
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        memory_bytes: int = 1 << 30,
        tile: Sequence[int] | None = None,
        precision: Precision | None = None,
        mirror: bool = False,
    ) -> None:
        if memory_bytes <= 0:
            raise InvalidArgument("memory_bytes", memory_bytes, fix="give the bytes that one run may take")
        self.network, self.memory_bytes, self.mirror = network, memory_bytes, mirror
        self.tile = None if tile is None else tuple(tile)
        self.precision = precision or Precision()
        self._prepared: dict[tuple[int, ...], tuple[Extension, TilePlan]] = {}
        self._graphs: dict[tuple[int, ...], Graph] = {}

    def __call__(self, image: np.ndarray | Tensor, *, progress: Progress | None = None) -> np.ndarray:
        """The network's output for an image (channel, *space), as float32 (class, *space)."""
        array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
        if array.ndim < 2 or 0 in array.shape:
            raise ShapeMismatch(
                f"an image of shape {array.shape} cannot be predicted", fix="give (channel, *space), not empty"
            )
        extension, plan = self.prepare(array.shape)
        weights = parameter_of(self.network)
        kind = torch.float64 if weights.dtype is torch.float64 else torch.float32
        result: np.ndarray | None = None
        precision = self.precision
        with (
            evaluating(self.network),
            precision.arranged(self.network),
            torch.inference_mode(),
            precision.autocast(weights.device.type),
        ):
            for done, cuts in enumerate(plan, start=1):
                piece = torch.from_numpy(_read(array, extension, cuts)).to(weights.device, weights.dtype)
                made = self.network(precision.arrange(piece[None]))[0].to(kind).cpu().numpy()
                if result is None:
                    result = np.empty((made.shape[0], *extension.outputs[: made.ndim - 1]), dtype=made.dtype)
                _write(result, made, cuts)
                if progress is not None:
                    progress(done / len(plan))
        assert result is not None
        return result

    def prepare(self, shape: Sequence[int]) -> tuple[Extension, TilePlan]:
        """The extension and the tiles for an image of shape (channel, *space)."""
        key = tuple(shape)
        if self.tile is not None and (len(self.tile) != len(key) - 1 or min(self.tile) < 1):
            raise InvalidArgument("tile", self.tile, fix=f"give {len(key) - 1} lengths, one an axis")
        if key not in self._prepared:
            self._prepared[key] = self._prepare(key)
        return self._prepared[key]

    def _prepare(self, shape: tuple[int, ...]) -> tuple[Extension, TilePlan]:
        channels, space = shape[0], shape[1:]
        extension, graph, field = self._extension(channels, space)
        return extension, self._plan(channels, extension, graph, field)

    def _graph(self, channels: int, space: tuple[int, ...]) -> Graph:
        key = (channels, *space)
        if key not in self._graphs:
            self._graphs[key] = trace(self.network, space, in_channels=channels)
        return self._graphs[key]

    # ------------------------------------------------------------------------------------------------ size

    def _extension(self, channels: int, space: tuple[int, ...]) -> tuple[Extension, Graph, ReceptiveField]:
        taken = not self.mirror and takes(self.network, space, in_channels=channels)
        if taken:
            graph = self._graph(channels, space)
            field = field_of(graph)
            if _repeats(field):
                return Extension((0,) * len(space), space, graph.output_shape), graph, field
        known_graph = self._known(channels, space)
        known = field_of(known_graph)
        if taken and not _repeats(known):
            return Extension((0,) * len(space), space, graph.output_shape), graph, field
        lost = [
            max(extent - outputs * stride, Fraction(0)) if self.mirror else Fraction(0)
            for extent, outputs, stride in zip(known.shape, known_graph.output_shape, known.stride, strict=True)
        ]
        least = tuple(length + ceil(samples) for length, samples in zip(space, lost, strict=True))
        found = next_shape_taken(
            self.network, least, known=known.shape, alignment=known.alignment, in_channels=channels
        )
        graph = self._graph(channels, found)
        field = field_of(graph)
        outputs = []
        for axis, made in enumerate(graph.output_shape):
            added = found[axis] - space[axis] - lost[axis]
            outputs.append(made - int(added / field.stride[axis]) if axis in graph.output.axes else made)
        if min(outputs) <= 0:
            raise ShapeMismatch(
                f"an image of {' x '.join(map(str, space))} samples is too small for this network",
                why="it does not pad, and gives nothing for an image smaller than its receptive field",
                fix="use mirror=True, which extends the image by reflection",
            )
        return Extension(tuple(int(samples / 2) for samples in lost), found, tuple(outputs)), graph, field

    def _known(self, channels: int, space: tuple[int, ...]) -> Graph:
        """The graph at some size that the network takes; where none is found, the error says what it made of this
        one.
        """
        try:
            shape = shape_taken(self.network, dims=len(space), in_channels=channels)
        except NetworkError:
            self._check_channels(channels, space)
            shape = space
        return self._graph(channels, shape)

    def _check_channels(self, channels: int, space: tuple[int, ...]) -> None:
        expected = channels_of(self.network) if first_convolution(self.network) is not None else channels
        if expected != channels:
            own = " x ".join(map(str, shape_taken(self.network, dims=len(space))))
            raise ShapeMismatch(
                f"the image has {channels} channels where the network takes {expected}",
                why=f"it takes {expected} channels of {own} samples, and nothing was found that it takes of {channels}",
            )

    # ----------------------------------------------------------------------------------------------- tiles

    def _plan(self, channels: int, extension: Extension, graph: Graph, field: ReceptiveField) -> TilePlan:
        shape = extension.shape
        asked = self.tile is not None and any(a < b for a, b in zip(self.tile, shape, strict=True))
        if not asked and self._bytes(channels, shape) <= self.memory_bytes:
            return TilePlan(
                shape, tuple((Cut((0, n), (0, m), (0, m)),) for n, m in zip(shape, extension.outputs, strict=True))
            )
        check_tileable(graph, field)
        tiling = Tiling(shape, graph.output_shape, extension.outputs, field.stride, cut_losses(graph, field))
        plan = self._asked(tiling) if asked else self._fitting(channels, tiling)
        check_tiles(plan, whole=graph, tile=self._graph(channels, plan.shape), field=field)
        return plan

    def _asked(self, tiling: Tiling) -> TilePlan:
        assert self.tile is not None
        plan = tiling.cut(tiling.at_most(self.tile))
        if plan is None:
            why = "what the network sees beyond a tile leaves nothing of it"
            raise InvalidArgument("tile", self.tile, why=why, fix=f"give at least {tiling.smallest()}")
        return plan

    def _fitting(self, channels: int, tiling: Tiling) -> TilePlan:
        """The tiles with the least to compute among those that fit into memory.

        Memory is nearly a line in the tile's volume, drawn through the smallest tile and the image. The tile chosen
        by it is measured, and a smaller one is chosen where it does not fit after all.
        """
        smallest = tiling.smallest()
        base, whole = self._bytes(channels, smallest), self._bytes(channels, tiling.shape)
        if base > self.memory_bytes:
            raise InvalidArgument(
                "memory_bytes", self.memory_bytes, fix=f"give at least {base}, which a tile of {smallest} takes"
            )
        line = (prod(tiling.shape) - prod(smallest)) / max(whole - base, 1)
        volume = prod(smallest) + line * (self.memory_bytes - base)
        while (plan := tiling.cheapest(volume)) is not None:
            if self._bytes(channels, plan.shape) <= self.memory_bytes:
                return plan
            volume = 0.95 * min(volume, prod(plan.shape))
        least = tiling.cut(smallest)
        assert least is not None
        return least

    def _bytes(self, channels: int, shape: tuple[int, ...]) -> int:
        return needed_bytes(self.network, shape, precision=self.precision, in_channels=channels)


def predict(
    network: nn.Module,
    image: np.ndarray | Tensor,
    *,
    memory_bytes: int = 1 << 30,
    tile: Sequence[int] | None = None,
    precision: Precision | None = None,
    mirror: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """The network's output for an image (channel, *space) of any size, as float32 (class, *space).

    memory_bytes: what one run may take besides the network, the image and the result; larger images go in tiles, with
    the same result within 1e-5. tile: by axis the longest tile, in samples. mirror: give a network without padding
    reflected samples all around, so that the output has the image's size. For many images `Predictor` prepares once.

    Raises NetworkError, naming the layer, where a network that mixes the whole image (global pooling, instance
    normalization) does not fit into memory; InvalidArgument where not even the smallest tile does.

    >>> network = nn.Sequential(nn.Conv1d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv1d(4, 1, 5, padding=2))
    >>> signal = np.sin(np.arange(1000.0))[None]
    >>> whole, tiled = predict(network, signal), predict(network, signal, tile=(64,))
    >>> whole.shape, bool(np.abs(whole - tiled).max() < 1e-5)
    ((1, 1000), True)
    """
    predictor = Predictor(network, memory_bytes=memory_bytes, tile=tile, precision=precision, mirror=mirror)
    return predictor(image, progress=progress)


def _repeats(field: ReceptiveField) -> bool:
    return all(axis.table is not None or axis.mixed_by for axis in field.axes)


def _read(image: np.ndarray, extension: Extension, cuts: Sequence[Cut]) -> np.ndarray:
    """A tile of the extended image, which itself is never made."""
    piece = image
    for axis, cut in enumerate(cuts):
        begin, end = (place - extension.lead[axis] for place in cut.read)
        extent = image.shape[axis + 1]
        if begin >= 0 and end <= extent:
            piece = piece[(slice(None),) * (axis + 1) + (slice(begin, end),)]
        else:
            piece = np.take(piece, _reflected(np.arange(begin, end), extent), axis=axis + 1)
    return np.ascontiguousarray(piece)


def _reflected(position: np.ndarray, extent: int) -> np.ndarray:
    """Positions outside of [0, extent) folded back, the edge sample once; as often as it takes."""
    if extent == 1:
        return np.zeros_like(position)
    turn = 2 * (extent - 1)
    position = np.mod(position, turn)
    return np.minimum(position, turn - position)


def _write(result: np.ndarray, made: np.ndarray, cuts: Sequence[Cut]) -> None:
    kept = cuts[: made.ndim - 1]
    target = (slice(None), *(slice(*cut.write) for cut in kept))
    source = (slice(None), *(slice(*cut.keep) for cut in kept))
    result[target] = made[source]


__all__ = ["Extension", "Predictor", "Progress", "predict"]
