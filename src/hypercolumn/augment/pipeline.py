"""Augmentations one after the other, each applied with its own chance, all of it replayable.

    records = pipeline.draw(rng, dims)
    image, target = pipeline.apply(records, image, target)
    pipeline.to_dict(records)           plain JSON; pipeline.from_dict reads it back
    pipeline.undo(records, image)       the way back, where every step has one

A record is drawn for every step, also for one that then sits out: what one step draws does not depend on another's
chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from hypercolumn.augment.augmentation import Augmentation, Invertible
from hypercolumn.errors import InvalidArgument

Records = tuple[Any, ...]
"""One record a step, None where the step sits out."""


@dataclass(frozen=True)
class Step:
    """An augmentation and how often it takes part."""

    augmentation: Augmentation[Any]
    chance: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise InvalidArgument("chance", self.chance, fix="give a number from 0 to 1")


@dataclass(frozen=True)
class Pipeline:
    """Steps in the order in which they are applied.

    >>> import torch
    >>> from hypercolumn.augment import Brightness, Flip
    >>> pipeline = Pipeline((Step(Flip()), Step(Brightness(0.1), chance=0.5)))
    >>> records = pipeline.draw(np.random.default_rng(8), 2)
    >>> pipeline.to_dict(records)
    [{'augmentation': 'Flip', 'axes': [0]}, None]
    >>> image, target = pipeline.apply(records, torch.eye(2)[None], torch.eye(2).long())
    >>> target
    tensor([[0, 1],
            [1, 0]])
    """

    steps: tuple[Step, ...]

    def draw(self, rng: np.random.Generator, dims: int) -> Records:
        """The records of all steps for an array of `dims` spatial axes."""
        records = []
        for step in self.steps:
            record = step.augmentation.draw(rng, dims)
            records.append(record if rng.random() < step.chance else None)
        return tuple(records)

    def taking_part(self, records: Records) -> list[tuple[Augmentation[Any], Any]]:
        """The augmentations that these records apply, with their records, in order."""
        if len(records) != len(self.steps):
            raise InvalidArgument("records", len(records), fix=f"give one for each of the {len(self.steps)} steps")
        pairs = zip(self.steps, records, strict=True)
        return [(step.augmentation, record) for step, record in pairs if record is not None]

    def apply(self, records: Records, image: Tensor, target: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The image (channel, *space) and, where there is one, the target (*space), as the records say."""
        for augmentation, record in self.taking_part(records):
            image = augmentation.apply_image(record, image)
            target = None if target is None else augmentation.apply_target(record, target)
        return image, target

    def undo(self, records: Records, image: Tensor, target: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """What went in, from what came out: the steps' inverses in reverse order.

        Raises InvalidArgument, naming the step, where one cannot be undone.

        >>> import torch
        >>> from hypercolumn.augment import Flip, FlipRecord, QuarterTurn, QuarterTurnRecord
        >>> pipeline = Pipeline((Step(Flip()), Step(QuarterTurn())))
        >>> records = (FlipRecord((0,)), QuarterTurnRecord(((0, 1, 1),)))
        >>> image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> torch.equal(pipeline.undo(records, pipeline.apply(records, image)[0])[0], image)
        True
        """
        for augmentation, record in reversed(self.taking_part(records)):
            if not isinstance(augmentation, Invertible):
                name = type(augmentation).__name__
                raise InvalidArgument("records", name, why=f"{name} loses what it changes", fix="keep what went in")
            back = augmentation.invert(record)
            image = augmentation.apply_image(back, image)
            target = None if target is None else augmentation.apply_target(back, target)
        return image, target

    def to_dict(self, records: Records) -> list[dict[str, Any] | None]:
        """Records as JSON can hold them."""
        pairs = zip(self.steps, records, strict=True)
        return [
            None if record is None else {"augmentation": type(step.augmentation).__name__, **_listed(asdict(record))}
            for step, record in pairs
        ]

    def from_dict(self, rows: Sequence[Mapping[str, Any] | None]) -> Records:
        """What `to_dict` wrote, as records again."""
        records = []
        for number, (step, row) in enumerate(zip(self.steps, rows, strict=True)):
            name = type(step.augmentation).__name__
            if row is not None and row.get("augmentation") != name:
                raise InvalidArgument(f"rows[{number}]", row.get("augmentation"), fix=f"step {number} is {name}")
            fields = {} if row is None else {key: _tupled(value) for key, value in row.items() if key != "augmentation"}
            records.append(None if row is None else step.augmentation.record(**fields))
        return tuple(records)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list | tuple) else value
