"""What the loop learns from: pieces of records, from each of which a window is drawn, standardized and augmented.

An example is one visit of a piece; a piece larger than the window is visited several times an epoch, each visit with a
window of its own. The draw depends on (seed, epoch, example) alone: see `chance`.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypercolumn.augment import Pipeline, sample_window
from hypercolumn.data import Box, Piece
from hypercolumn.training.chance import Stream, generator

Read = Callable[[str], tuple[np.ndarray, np.ndarray | None]]
"""A record's array (channel, *space) float32, and its label image (*space) or None; with weights (2, *space)."""


class Memory:
    """Records kept in memory up to a budget; the one not used for longest goes first.

    What is kept changes only how long a read takes, never what it returns.
    """

    def __init__(self, read: Read, *, limit_bytes: int) -> None:
        self._read, self._limit, self._held = read, limit_bytes, 0
        self._kept: OrderedDict[str, tuple[np.ndarray, np.ndarray | None]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, record: str) -> tuple[np.ndarray, np.ndarray | None]:
        with self._lock:
            if record in self._kept:
                self._kept.move_to_end(record)
                return self._kept[record]
        loaded = self._read(record)
        size = sum(array.nbytes for array in loaded if array is not None)
        with self._lock:
            if record not in self._kept and size <= self._limit:
                self._kept[record] = loaded
                self._held += size
                while self._held > self._limit:
                    _, old = self._kept.popitem(last=False)
                    self._held -= sum(array.nbytes for array in old if array is not None)
        return loaded

    def __getstate__(self) -> dict[str, object]:
        """Another process starts with an empty memory."""
        return {"_read": self._read, "_limit": self._limit}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(state["_read"], limit_bytes=state["_limit"])  # type: ignore[misc]


@dataclass(frozen=True)
class Example:
    """A tensor pair, and where it came from."""

    image: Tensor
    target: Tensor
    piece: str


@dataclass(frozen=True)
class Examples:
    """Windows (or whole records, where `window` is None) of the pieces of one side of a fold.

    `labels` gives the answer of a record for tasks whose target is not an image. `shapes` is the spatial shape of each
    piece, by which the visits an epoch are counted.
    """

    pieces: tuple[Piece, ...]
    read: Read
    shapes: tuple[tuple[int, ...], ...]
    window: tuple[int, ...]
    seed: int
    pipeline: Pipeline | None = None
    labels: Callable[[str], np.ndarray] | None = None
    margin: tuple[int, ...] = ()
    visits: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        dense = self.labels is None
        most = 16
        counts = (min(most, max(1, round(prod(shape) / prod(self.window)))) if dense else 1 for shape in self.shapes)
        object.__setattr__(self, "visits", tuple(index for index, count in enumerate(counts) for _ in range(count)))

    def __len__(self) -> int:
        return len(self.visits)

    def draw(self, epoch: int, example: int) -> Example:
        """The example as this epoch sees it: a random window, augmented."""
        chance = generator(self.seed, Stream.WINDOW, epoch, example)
        piece = self.pieces[self.visits[example]]
        image, labels = self._within(piece)
        shape = image.shape[1:]
        centre = tuple(
            chance.uniform(size / 2, length - size / 2) if length > size else length / 2
            for length, size in zip(shape, self.window, strict=True)
        )
        records = self.pipeline.draw(chance, len(shape)) if self.pipeline is not None else ()
        return self._cut(piece, image, labels, centre, records, self.pipeline)

    def plain(self, example: int) -> Example:
        """The example for validation: windows spread over the piece, the same each time, nothing augmented."""
        index = self.visits[example]
        piece = self.pieces[index]
        image, labels = self._within(piece)
        visit = sum(1 for other in self.visits[:example] if other == index)
        total = self.visits.count(index)
        centre = spread(image.shape[1:], self.window, visit, total)
        return self._cut(piece, image, labels, centre, (), None)

    def _within(self, piece: Piece) -> tuple[np.ndarray, np.ndarray | None]:
        image, labels = self.read(piece.record)
        if piece.box is None:
            return image, labels
        return cut_box(image, piece.box), None if labels is None else cut_box(labels, piece.box)

    def _cut(
        self,
        piece: Piece,
        image: np.ndarray,
        labels: np.ndarray | None,
        centre: Sequence[float],
        records: Sequence[object],
        pipeline: Pipeline | None,
    ) -> Example:
        """One window of image and labels, warped while it is cut, so that a rotation brings no made-up corner."""
        picture, answer = sample_window(
            torch.from_numpy(image),
            None if labels is None else torch.from_numpy(labels),
            centre=tuple(centre),
            size=self.window,
            records=tuple(records),
            pipeline=pipeline,
            outside=-1,
        )
        if answer is None:
            assert self.labels is not None
            answer = torch.from_numpy(np.asarray(self.labels(piece.record)))
        return Example(picture, answer, piece.name)


def cut_box(array: np.ndarray, box: Box) -> np.ndarray:
    """A box of the last axes of an array, which are those of space."""
    places: tuple[Any, ...] = (Ellipsis, *(slice(start, stop) for start, stop in box))
    return array[places]


def spread(shape: Sequence[int], window: Sequence[int], visit: int, total: int) -> tuple[float, ...]:
    """The centre of one of `total` windows spread over a shape on a grid as even as can be.

    >>> spread((100,), (20,), 0, 3), spread((100,), (20,), 2, 3)
    ((10.0,), (90.0,))
    """
    free = [max(0, length - size) for length, size in zip(shape, window, strict=True)]
    counts = [1] * len(free)
    while prod(counts) < total and any(free):
        longest = max(range(len(free)), key=lambda axis: free[axis] / counts[axis])
        counts[longest] += 1
    place = np.unravel_index(visit * prod(counts) // max(total, 1), counts)
    return tuple(
        length / 2 if room == 0 or count == 1 else size / 2 + room * int(index) / (count - 1)
        for length, size, room, count, index in zip(shape, window, free, counts, place, strict=True)
    )
