"""A network over an image of any size, in bounded memory, with the answer it gives on the whole image.

    result = crop(network(extend(image)))

`extend` appends reflected samples at the far end of each axis, as few as make a size that the network takes (a
multiple of 16 and the like), or at which its branches do not slide against each other (an upsampling to the size of an
odd skip); `crop` removes the outputs that belong to them. That is the definition, whether the image is run whole, which
it is where memory allows, or in strips or tiles (`planning`). These give the same within rounding: 1e-5 of the largest
output, and at least 1e-5, in float32. In bfloat16 they agree within its rounding only.

A network without padding gives less than it is given: 572 -> 388. `mirror=True` extends the image by reflection at
both ends, half of what is lost at each, so that the output has the image's size (Ronneberger, Fischer and Brox 2015,
figure 2).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumn.convolution.folding import fold
from hypercolumn.convolution.receptive_field import ReceptiveField, field_of
from hypercolumn.convolution.sizes import next_shape_taken, shape_taken, takes
from hypercolumn.convolution.tracing import Graph, channels_of, dims_of, evaluating, first_convolution, parameter_of
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference.planning import Planner
from hypercolumn.inference.precision import Precision
from hypercolumn.inference.probe import compiled
from hypercolumn.inference.remembered import remembered
from hypercolumn.inference.tiles import Cut, TilePlan

PROBED = {1: 16_384, 2: 256, 3: 64}
"""The longest piece of an image, by its number of axes, on which a precision is chosen."""

Progress = Callable[[float], None]
"""Is told the share that is done, from 0 to 1."""


class Readable(Protocol):
    """An image (channel, *space) of which boxes can be read: an array, a file that is opened."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, place: Any, /) -> Any: ...


@dataclass(frozen=True)
class Extension:
    """How an image is extended to a size that the network takes, and the outputs that belong to it, by axis."""

    lead: tuple[int, ...]
    shape: tuple[int, ...]
    outputs: tuple[int, ...]


class Predictor:
    """A network prepared for many images: sizes, strips or tiles and memory are worked out once for each shape.

    network: gives one tensor (batch, class, *space) or (batch, class) for (batch, channel, *space). memory_bytes:
    what one run may take besides the network, the image and the result. tile: by axis the longest tile, in samples of
    the image; where none is given, memory decides. precision: float32 where none is given, which changes no answer;
    "auto" for the fastest within a tolerance (`remembered`), chosen on the first image. A folded network is a copy:
    what is trained afterwards is not seen by it.

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
        precision: Precision | Literal["auto"] | None = None,
        mirror: bool = False,
    ) -> None:
        if memory_bytes <= 0:
            raise InvalidArgument("memory_bytes", memory_bytes, fix="give the bytes that one run may take")
        if not (precision is None or precision == "auto" or isinstance(precision, Precision)):
            raise InvalidArgument("precision", precision, fix='give a Precision, or "auto"')
        self.network, self.memory_bytes, self.mirror = network, memory_bytes, mirror
        self.tile = None if tile is None else tuple(tile)
        self.precision: Precision | None = None
        self._prepared: dict[tuple[int, ...], tuple[Extension, TilePlan]] = {}
        self._use(Precision() if precision is None or precision == "auto" else precision)
        if precision == "auto":
            self.precision = None

    def __call__(self, image: np.ndarray | Tensor, *, progress: Progress | None = None) -> np.ndarray:
        """The network's output for an image (channel, *space), as float32 (class, *space)."""
        array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
        result: np.ndarray | None = None
        for place, values in self.pieces(array, progress=progress):
            if result is None:
                outputs = self.prepare(array.shape)[0].outputs
                result = np.empty((values.shape[0], *outputs[: values.ndim - 1]), dtype=values.dtype)
            result[place] = values
        assert result is not None
        return result

    def pieces(
        self, image: Readable, *, progress: Progress | None = None
    ) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
        """The same, piece by piece as it is made: where each belongs in the output (class, *space), and its values.

        Neither the image nor the output need ever be in memory: of the image boxes are read.
        """
        if len(image.shape) < 2 or 0 in image.shape:
            raise ShapeMismatch(
                f"an image of shape {tuple(image.shape)} cannot be predicted", fix="give (channel, *space), not empty"
            )
        if self.precision is None:
            self._use(self._chosen(image))
        extension, plan = self.prepare(image.shape)
        precision, network = self._planner.precision, self._planner.network
        device = parameter_of(network).device.type
        with evaluating(network), precision.inferring(network):
            for done, cuts in enumerate(plan):
                pieces = self._run(image, extension, plan, cuts)
                while True:
                    with torch.inference_mode(), precision.autocast(device):  # not while the caller has its turn
                        found = next(pieces, None)
                    if found is None:
                        break
                    share, made, part = found
                    kept = part[: made.ndim - 1]
                    values = made.cpu().numpy()[(slice(None), *(slice(*cut.keep) for cut in kept))]
                    if progress is not None:
                        progress((done + share) / len(plan))
                    yield (slice(None), *(slice(*cut.write) for cut in kept)), values

    def prepare(self, shape: Sequence[int]) -> tuple[Extension, TilePlan]:
        """The extension and the pieces for an image of shape (channel, *space)."""
        key = tuple(shape)
        if self.precision is None:
            why = "it is decided on the first image, and how much memory a piece takes goes with it"
            raise InvalidArgument("precision", "auto", why=why, fix="predict an image first")
        if self.tile is not None and (len(self.tile) != len(key) - 1 or min(self.tile) < 1):
            raise InvalidArgument("tile", self.tile, fix=f"give {len(key) - 1} lengths, one an axis")
        if key not in self._prepared:
            extension, graph, _ = self._extension(key[0], key[1:])
            self._prepared[key] = extension, self._planner.plan(key[0], graph, extension.outputs)
        return self._prepared[key]

    def _use(self, precision: Precision) -> None:
        """Take a precision: the network that is run, and all that was worked out, go with it."""
        network = self.network
        if precision.folded:
            network = fold(network, _small_shape(network)).network
        self.precision, self._weights = precision, parameter_of(self.network)
        self._planner = Planner(network, precision=precision, memory_bytes=self.memory_bytes, tile=self.tile)
        self._compiled = compiled(network) if precision.compiled else network
        self._prepared.clear()

    def _chosen(self, image: Readable) -> Precision:
        """The precision for the middle of an image."""
        longest = PROBED.get(len(image.shape) - 1, PROBED[3])
        middle = [slice((n - min(n, longest)) // 2, (n + min(n, longest)) // 2) for n in image.shape[1:]]
        part = image[(slice(None), *middle)]
        extension, _, _ = self._extension(part.shape[0], part.shape[1:])
        whole = [Cut((0, n), (0, n), (0, n)) for n in extension.shape]
        return remembered(self.network, self._tensor(_read(part, extension, whole)))

    def _tensor(self, piece: np.ndarray) -> Tensor:
        return torch.from_numpy(piece).to(self._weights.device, self._kind)[None]

    @property
    def _kind(self) -> torch.dtype:
        return self._weights.dtype if self._weights.dtype is torch.float64 else torch.float32

    def _run(
        self, array: Readable, extension: Extension, plan: TilePlan, cuts: Sequence[Cut]
    ) -> Iterator[tuple[float, Tensor, Sequence[Cut]]]:
        """One tile's outputs, all at once or by strips: the share that is done, the outputs, and where they belong."""
        precision = self._planner.precision
        if plan.rows is None:
            made = self._compiled(precision.arrange(self._tensor(_read(array, extension, cuts))))
            yield 1.0, made[0].to(self._kind), cuts
            return
        strips = self._planner.strips(array.shape[0], plan.shape)

        def read(start: int, stop: int) -> Tensor:
            rows = Cut((start, stop), (0, 0), (0, 0))
            return precision.arrange(self._tensor(_read(array, extension, (rows, *cuts[1:]))))

        wanted = cuts[0].write[1]
        for start, stop, made in strips.run(self._planner.network, read, rows=plan.rows):
            stop = min(stop, wanted)
            if stop > start:
                yield stop / wanted, made[0].to(self._kind), (Cut((0, 0), (0, stop - start), (start, stop)), *cuts[1:])

    # ------------------------------------------------------------------------------------------------ size

    def _extension(self, channels: int, space: tuple[int, ...]) -> tuple[Extension, Graph, ReceptiveField]:
        taken = not self.mirror and takes(self.network, space, in_channels=channels)
        if taken:
            graph = self._planner.graph(channels, space)
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
        graph = self._planner.graph(channels, found)
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
        return self._planner.graph(channels, shape)

    def _check_channels(self, channels: int, space: tuple[int, ...]) -> None:
        expected = channels_of(self.network) if first_convolution(self.network) is not None else channels
        if expected != channels:
            own = " x ".join(map(str, shape_taken(self.network, dims=len(space))))
            raise ShapeMismatch(
                f"the image has {channels} channels where the network takes {expected}",
                why=f"it takes {expected} channels of {own} samples, and nothing was found that it takes of {channels}",
            )


def predict(
    network: nn.Module,
    image: np.ndarray | Tensor,
    *,
    memory_bytes: int = 1 << 30,
    tile: Sequence[int] | None = None,
    precision: Precision | Literal["auto"] | None = None,
    mirror: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """The network's output for an image (channel, *space) of any size, as float32 (class, *space).

    memory_bytes: what one run may take besides the network, the image and the result; larger images go in strips or
    tiles, with the same result within 1e-5. tile: by axis the longest tile, in samples. precision: float32 where none
    is given; "auto" is several times as fast where the processor has units for bfloat16, and strays from float32 by at
    most 3 % of the largest output, on the middle of the image. mirror: give a network without padding
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


def _small_shape(network: nn.Module) -> tuple[int, ...] | None:
    """A small shape for the comparison that folding makes, or None where none of them is taken."""
    tried = ((length,) * dims_of(network) for length in (32, 64, 128))
    return next((shape for shape in tried if takes(network, shape)), None)


def _repeats(field: ReceptiveField) -> bool:
    return all(axis.table is not None or axis.mixed_by for axis in field.axes)


def _read(image: Readable, extension: Extension, cuts: Sequence[Cut]) -> np.ndarray:
    """A tile of the extended image, which itself is never made: one box is read, and mirrored where it leaves it."""
    box: list[slice] = []
    places: list[np.ndarray | None] = []
    for axis, cut in enumerate(cuts):
        begin, end = (place - extension.lead[axis] for place in cut.read)
        extent = image.shape[axis + 1]
        if begin >= 0 and end <= extent:
            box.append(slice(begin, end))
            places.append(None)
        else:
            mirrored = reflected(np.arange(begin, end), extent)
            box.append(slice(int(mirrored.min()), int(mirrored.max()) + 1))
            places.append(mirrored - box[-1].start)
    piece = np.asarray(image[(slice(None), *box)])
    for axis, picked in enumerate(places, start=1):
        if picked is not None:
            piece = np.take(piece, picked, axis=axis)
    return np.ascontiguousarray(piece)


def reflected(position: np.ndarray, extent: int) -> np.ndarray:
    """Positions outside of [0, extent) folded back, the edge sample once; as often as it takes."""
    if extent == 1:
        return np.zeros_like(position)
    turn = 2 * (extent - 1)
    position = np.mod(position, turn)
    return np.minimum(position, turn - position)


__all__ = ["Extension", "Predictor", "Progress", "Readable", "predict"]
