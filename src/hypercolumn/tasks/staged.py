"""What a task asks of a network with stages: features, proposals, heads, masks.

Between proposing and judging boxes are chosen, which is the task's; so such a network is asked in parts. Any module
that has these methods will do, and a task never names one.

    learner(network, task)      (images, targets) -> (batch,), one loss an example, as a plain network with its task

What learns calls a module once a step, whatever it is made of: `Learner` makes one call of all stages.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


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


@runtime_checkable
class StagedTask(Protocol):
    """A task that chooses boxes between the stages of a network, and so takes the network itself."""

    def losses(self, network: StagedNetwork, images: Tensor, targets: Tensor, *, generator: torch.Generator) -> Tensor:
        """One loss an example (batch,), of images (batch, channel, y, x) and object numbers (batch, y, x)."""


class Learner(nn.Module):
    """A network with stages and its task as one function; what is drawn at random is torch's own chance."""

    def __init__(self, network: nn.Module, task: StagedTask) -> None:
        super().__init__()
        self.network, self.task = network, task

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        assert isinstance(self.network, StagedNetwork)
        return self.task.losses(self.network, images, targets, generator=torch.default_generator)


def learner(network: nn.Module, task: object) -> nn.Module:
    """What `example_losses` calls: the network itself, or all of its stages as one."""
    return Learner(network, task) if isinstance(task, StagedTask) else network


def example_losses(module: nn.Module, task: Any, images: Tensor, targets: Tensor) -> Tensor:
    """One loss an example (batch,) of a `learner`.

    >>> from hypercolumn.tasks import Regression
    >>> example_losses(nn.Identity(), Regression(), torch.tensor([[3.0]]), torch.tensor([1.0]))
    tensor([4.])
    """
    return module(images, targets) if isinstance(task, StagedTask) else task.loss(module(images), targets)
