"""The records of a study as arrays: raw for the audits, prepared for the network, and their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from hypercolumn.data import Box, Cohort, Header, NumberTarget, Piece, Target, read_image, within
from hypercolumn.data.answers import label_image
from hypercolumn.data.instance_map import as_instances, with_small_numbers
from hypercolumn.preprocessing import Normalization

DENSE = ("mask", "instances")


@dataclass(frozen=True)
class Material:
    """A cohort with its target: every read of a record goes through here, and none leaves the data folder."""

    cohort: Cohort
    target: Target
    headers: dict[str, Header]

    @property
    def dense(self) -> bool:
        """Whether the answer is an image."""
        return self.target.kind in DENSE

    @property
    def measured_in(self) -> str:
        """The unit of a number; empty for all other answers."""
        return self.target.unit if isinstance(self.target, NumberTarget) else ""

    @property
    def site_of(self) -> Callable[[str], str] | None:
        """Which site a record comes from; None where the manifest names no sites."""
        column = self.cohort.columns.lineage.get("site")
        return None if column is None else self.cohort.table[column].astype(str).to_dict().__getitem__

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(getattr(self.target, "classes", ()))

    def image(self, record: str) -> np.ndarray:
        """The raw array (channel, *space)."""
        return read_image([within(self.cohort.folder, path) for path in self.cohort.inputs(record)]).array

    def mask(self, record: str) -> np.ndarray:
        """Class indices (*space), uint8."""
        assert self.target.kind in DENSE
        return self.target.encode(self.stored_labels(record), where=record)  # type: ignore[union-attr]

    @property
    def told_apart(self) -> bool:
        """Whether each object is asked for by itself."""
        return self.target.kind == "instances"

    def instances(self, record: str) -> np.ndarray:
        """Object numbers (*space); raises LabelError for anything else."""
        return as_instances(self.stored_labels(record), where=record)

    def stored_labels(self, record: str) -> np.ndarray:
        """The label image as the file has it, or has it drawn: object numbers stay object numbers."""
        path = within(self.cohort.folder, self.cohort.folder / str(self.cohort.target(record)))
        image = self.cohort.inputs(record)[0].name
        return label_image(path, space=self.headers[record].space, names=self.classes[1:], image=image)

    def label(self, record: str) -> np.ndarray:
        """The answer of a record that has one: a class index, a label vector, or a number."""
        return np.asarray(self.target.parse(self.cohort.target(record)))  # type: ignore[union-attr]

    def shape(self, piece: Piece) -> tuple[int, ...]:
        """The spatial shape of a piece, from the file's header alone."""
        if piece.box is not None:
            return tuple(stop - start for start, stop in piece.box)
        return self.headers[piece.record].shape[1:]

    def raw(self, piece: Piece) -> tuple[np.ndarray, np.ndarray | None]:
        """A piece's raw array, and its class indices where the answer is an image."""
        image, mask = self.image(piece.record), self.mask(piece.record) if self.dense else None
        return in_box(image, piece.box), None if mask is None else in_box(mask, piece.box)

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The classes that each record holds, by name: what a split balances and a certificate counts.

        A number has none; its groups are made of whole units, by `balancing`.
        """
        return {record: self._present(record) for record in self.cohort.records}

    def _present(self, record: str) -> tuple[str, ...]:
        if not self.classes:
            return ()
        if self.dense:
            indices = np.flatnonzero(np.bincount(self.mask(record).ravel(), minlength=len(self.classes)))
        elif self.target.kind == "labels":
            indices = np.flatnonzero(self.label(record))
        else:
            indices = np.atleast_1d(self.label(record))
        return tuple(self.classes[int(index)] for index in indices)


@dataclass(frozen=True)
class Prepared:
    """Records as the network takes them, standardized float32 and class indices; can cross process borders.

    Where `border` says how much gaps between objects weigh, the answer is (2, *space): class indices, and weights. For
    a network that finds `objects` itself the answer are their numbers.
    """

    material: Material
    normalization: Normalization
    border: Mapping[str, float] = field(default_factory=dict)
    objects: bool = False

    def __call__(self, record: str) -> tuple[np.ndarray, np.ndarray | None]:
        image = self.normalization.apply(self.material.image(record))
        if not self.material.dense:
            return image, None
        if self.objects:
            return image, with_small_numbers(self.material.instances(record)).astype(np.int64)
        mask = self.material.mask(record)
        if not self.border:
            return image, mask.astype(np.int64)
        from hypercolumn.tasks import border_weights

        weights = border_weights(
            self.material.instances(record),
            border=self.border["border"],
            sigma=self.border["sigma"],
            classes=(1.0, 1.0),
        )
        return image, np.stack([mask.astype(np.float32), weights])


def in_box(array: np.ndarray, box: Box | None) -> np.ndarray:
    """A box of the last axes of an array; the whole of it where there is none.

    >>> in_box(np.arange(6).reshape(2, 3), ((0, 1), (1, 3)))
    array([[1, 2]])
    """
    if box is None:
        return array
    places: tuple[Any, ...] = (Ellipsis, *(slice(start, stop) for start, stop in box))
    return array[places]
