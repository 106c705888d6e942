"""What every task can do: say what a network's outputs mean.

    encode          one target, as the manifest or the label image has it   ->  a tensor to compare with
    loss            logits (batch, channel, ...) and targets                ->  (batch,), one loss an example
    probabilities   logits                                                  ->  what the network believes
    decode          probabilities                                           ->  one answer

Losses come one an example and the training loop takes the mean: two processes with half a batch each then agree with
one that has it all. Losses and probabilities are computed in float32, whatever precision the network ran in.
A task never names a network: it says how many `channels` it needs.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@runtime_checkable
class Task(Protocol):
    """The meaning of a network's output.

    >>> from hypercolumn.tasks import Segmentation
    >>> isinstance(Segmentation(("background", "nucleus")), Task)
    True
    """

    @property
    def channels(self) -> int:
        """How many outputs the network needs, for each example or for each place."""

    def encode(self, target: np.ndarray | float) -> Tensor:
        """The target of one example as a tensor, without the batch axis; raises LabelError where it means nothing."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """One loss an example: (batch,), float32."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """What the network believes."""

    def decode(self, probabilities: Tensor) -> Tensor:
        """The answer that follows from `probabilities`."""


def in_float32(logits: Tensor) -> Tensor:
    """Logits in float32 (float64 stays): in bfloat16 a probability has two good digits, and a sum over pixels none.

    >>> in_float32(torch.zeros(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return logits if logits.dtype == torch.float64 else logits.float()
