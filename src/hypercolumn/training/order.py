"""Who is seen when: each epoch visits every example once, in an order that depends on (seed, epoch) alone.

A step takes `batch` examples; with several processes each takes its share of the same batch, so that the sum over
processes is the step that one process would have made. The last batch of an epoch may be short: shares are filled up
with examples of weight zero, so that every process takes part in every step.

Balanced sampling draws with replacement by given weights instead: an epoch is then as long, but not each example once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hypercolumn.errors import InvalidArgument
from hypercolumn.training.chance import Stream, generator


@dataclass(frozen=True)
class Slot:
    """One place of a batch: which example, in which epoch, and whether it counts."""

    epoch: int
    example: int
    weight: float = 1.0


@dataclass(frozen=True)
class Order:
    """The sequence of batches over `examples` examples.

    >>> order = Order(examples=5, batch=2, seed=0)
    >>> order.steps_per_epoch
    3
    >>> sorted(slot.example for step in range(3) for slot in order.batch_at(step))
    [0, 1, 2, 3, 4]
    """

    examples: int
    batch: int
    seed: int
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise InvalidArgument("examples", self.examples, fix="train on at least one example")
        if self.batch < 1:
            raise InvalidArgument("batch", self.batch, fix="give at least one example a step")
        if self.weights is not None and len(self.weights) != self.examples:
            raise InvalidArgument("weights", len(self.weights), fix=f"give one for each of {self.examples} examples")

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.examples // self.batch)

    def epoch_at(self, step: int) -> int:
        return step // self.steps_per_epoch

    def permutation(self, epoch: int) -> np.ndarray:
        """The order of one epoch."""
        return _permutation(self.examples, self.seed, self.weights, epoch)

    def batch_at(self, step: int) -> list[Slot]:
        """The whole batch of a step."""
        epoch, within = divmod(step, self.steps_per_epoch)
        chosen = self.permutation(epoch)[within * self.batch : (within + 1) * self.batch]
        return [Slot(epoch, int(example)) for example in chosen]

    def share_at(self, step: int, *, rank: int, world: int) -> list[Slot]:
        """One process's share of a step's batch."""
        whole = self.batch_at(step)
        share = whole[rank::world]
        while len(share) < -(-len(whole) // world):
            share.append(Slot(whole[0].epoch, whole[0].example, weight=0.0))
        return share


@lru_cache(maxsize=4)
def _permutation(examples: int, seed: int, weights: tuple[float, ...] | None, epoch: int) -> np.ndarray:
    draw = generator(seed, Stream.ORDER, epoch)
    if weights is None:
        return draw.permutation(examples)
    share = np.asarray(weights, dtype=np.float64)
    return draw.choice(examples, size=examples, p=share / share.sum())
