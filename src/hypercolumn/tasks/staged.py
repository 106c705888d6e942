"""What a task asks of a network with stages: features, proposals, heads, masks.

Between proposing and judging boxes are chosen, which is the task's; so such a network is asked in parts. Any module
that has these methods will do, and a task never names one.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor


class Proposed(Protocol):
    """By level: logits (batch, box) and box codes (batch, box, 4)."""

    @property
    def objectness(self) -> tuple[Tensor, ...]: ...

    @property
    def codes(self) -> tuple[Tensor, ...]: ...


class Judged(Protocol):
    """Logits (box, 1 + class), no object first, and box codes (box, class, 4)."""

    @property
    def logits(self) -> Tensor: ...

    @property
    def codes(self) -> Tensor: ...


@runtime_checkable
class StagedNetwork(Protocol):
    """A network that can be asked in stages, with boxes (box, 4) an image in pixels, and one stride a level."""

    strides: tuple[int, ...]

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        """One map (batch, channel, y, x) a level."""

    def propose(self, maps: Sequence[Tensor]) -> Proposed:
        """What may be an object, at each anchor."""

    def heads(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Judged:
        """What boxes hold."""

    def masks(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Logits (box, class, cell, cell) of the pixels within boxes."""
