"""Images that are too large for memory: read box by box, predicted strip by strip, written tile by tile.

    file -> standardized boxes -> pieces of the output -> a file of probabilities on disk -> labels -> tiled TIFF

Nothing the size of the image is ever in memory. The percentiles by which an image is standardized are those that
`Normalization` takes of the whole, read band by band. Objects are told apart in windows (`label_tiles`), so that one
that crosses from window to window is whole and counted once. What lies on disk in between is in the folder of the
results and goes when they are written: four bytes a sample and class, and four for objects. An image is predicted as it
lies, also where the study asks for the mean over its mirrorings. Networks that find objects themselves are asked window
by window.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hypercolumn.data import Box, Header, OpenedImage, WindowGrid, write_labels
from hypercolumn.inference import Predictor, label_tiles
from hypercolumn.inference.prediction import Progress
from hypercolumn.preprocessing import SAMPLED, Normalization
from hypercolumn.study.large_objects import write_large_objects
from hypercolumn.study.objects import ObjectSettings
from hypercolumn.study.predicting import Ensemble, Trained
from hypercolumn.tasks import Detection
from hypercolumn.tasks.detections import mean_of_planes

FROM_SAMPLES = 1 << 26
"""From so many samples on (8,192 x 8,192) an image is not taken into memory."""
BAND = 1 << 24
"""Samples that are read at once where a whole image is gone through."""
WINDOW, HALO = 2048, 256
"""Where objects are told apart: windows with a margin in which an object is seen whole."""


class StandardizedImage:
    """An opened image whose boxes come standardized, float32 (channel, *box)."""

    def __init__(self, image: OpenedImage, normalization: Normalization) -> None:
        self._image = image
        self._standardize = normalization if normalization.kind == "cohort" else _own(image)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._image.header.shape

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        box = tuple(
            (part.start or 0, length if part.stop is None else part.stop)
            for part, length in zip(place[1:], self.shape[1:], strict=True)
        )
        return self._standardize.apply(self._image.read(box).array[place[0]])


class Scratch:
    """A file of zeros that is cut and written like an array, and of which no part stays in memory."""

    def __init__(self, path: Path, shape: tuple[int, ...], kind: type) -> None:
        self._path, self.shape, self.dtype = path, shape, np.dtype(kind)
        with path.open("wb") as file:
            file.truncate(prod(shape) * self.dtype.itemsize)

    def __getitem__(self, place: Any) -> np.ndarray:
        return np.array(self._mapped("r")[place])

    def __setitem__(self, place: Any, values: Any) -> None:
        self._mapped("r+")[place] = values

    def _mapped(self, mode: Literal["r", "r+"]) -> np.ndarray:
        return np.memmap(self._path, dtype=self.dtype, mode=mode, shape=self.shape)


def predict_opened(
    image: OpenedImage,
    model: Trained | Ensemble,
    path: Path,
    *,
    named: str = "object",
    progress: Progress = lambda share: None,
) -> list[Path]:
    """Write the classes, or the objects, of an opened image as a tiled TIFF `path`; beside it the table of objects and
    their polygons. Memory does not grow with the image.
    """
    header = image.header
    members = model.members if isinstance(model, Ensemble) else (model,)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".hypercolumn-") as folder:
        said: Callable[[Box], np.ndarray]
        task = members[0].task
        if isinstance(task, Detection):
            said = _found_in(image, members)
        else:
            total = Scratch(Path(folder) / "probabilities", (task.channels, *header.space), np.float32)
            for number, member in enumerate(members):
                assert isinstance(member.predictor, Predictor)
                standardized = StandardizedImage(image, member.normalization)
                share = _part(progress, number, len(members) + 1)
                for place, logits in member.predictor.pieces(standardized, progress=share):
                    total[place] += member.probabilities_of(logits) / len(members)
            said = partial(_cut, total)
        if model.settings is None:
            labels = _classes(said, header, Path(folder))
        else:
            touching = isinstance(task, Detection) or model.settings.instances.height is not None
            labels = _objects(said, model.settings, header, Path(folder), touching=touching)
        progress(1.0)
        written = [write_labels(path, labels, spacing=header.spacing, unit=header.unit)]
        if model.settings is not None and len(header.space) == 2:
            written += write_large_objects(labels, image, path.with_suffix(""), named=named)
        return written


def _cut(total: Scratch, box: Box) -> np.ndarray:
    """What networks said of a box."""
    return total[(slice(None), *(slice(start, stop) for start, stop in box))]


def _found_in(image: OpenedImage, members: Sequence[Trained]) -> Callable[[Box], np.ndarray]:
    """What networks say of a box that find objects themselves."""
    seen = [(member, StandardizedImage(image, member.normalization)) for member in members]

    def planes(box: Box) -> np.ndarray:
        place = (slice(None), *(slice(start, stop) for start, stop in box))
        return mean_of_planes([member.predictor(standardized[place]) for member, standardized in seen])

    return planes


def _classes(said: Callable[[Box], np.ndarray], header: Header, folder: Path) -> Scratch:
    classes = Scratch(folder / "classes", header.space, np.uint8)
    rest = tuple((0, length) for length in header.space[1:])
    for start, stop in bands(header.space):
        classes[start:stop] = said(((start, stop), *rest)).argmax(0)
    return classes


def _objects(
    said: Callable[[Box], np.ndarray], settings: ObjectSettings, header: Header, folder: Path, *, touching: bool
) -> Scratch:
    objects = Scratch(folder / "objects", header.space, np.uint32)
    grid = WindowGrid.cover(
        header.space,
        size=tuple(min(WINDOW, length) for length in header.space),
        halo=tuple(HALO if length > WINDOW else 0 for length in header.space),
    )
    of_any_size = settings.of_any_size()

    def label(box: Box) -> np.ndarray:
        return of_any_size.objects(said(box), header.spacing, header.unit)

    smallest = settings.smallest_samples(header.spacing)
    label_tiles(label, objects, grid=grid, touching=touching, smallest=smallest)
    return objects


def bands(space: tuple[int, ...]) -> list[tuple[int, int]]:
    """Bands of the first axis that hold about `BAND` samples.

    >>> bands((10_000, 5_000))[:2], len(bands((10_000, 5_000)))
    ([(0, 3355), (3355, 6710)], 3)
    """
    rows = max(1, BAND // max(1, prod(space[1:])))
    return [(start, min(start + rows, space[0])) for start in range(0, space[0], rows)]


def _own(image: OpenedImage) -> Normalization:
    """The percentiles of a whole image as `Normalization` finds them: of every so many samples, in their order."""
    space = image.header.space
    step = max(1, prod(space) // SAMPLED)
    row, found = prod(space[1:]), []
    for start, stop in bands(space):
        first = -(start * row) % step
        rest = tuple((0, length) for length in space[1:])
        array = image.read(((start, stop), *rest)).array
        found.append(array.reshape(len(array), -1)[:, first::step])
    return Normalization("image").of_samples(np.concatenate(found, axis=1))


def _part(progress: Progress, number: int, whole: int) -> Callable[[float], None]:
    return lambda share: progress((number + share) / whole)
