"""Regression: a measured number.

    loss = (z - (y - mean) / std)^2

The network answers in standard deviations from the mean of the training fold; `probabilities` and `decode` give the
number in its own unit. Least squares estimate the mean of y given the image. How sure the network is, is not part of
the answer.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks.task import in_float32


@dataclass(frozen=True)
class Regression:
    """A number with its unit; logits (batch, 1). `mean` and `std` come from the training fold.

    >>> task = Regression("mm", mean=12.0, std=4.0)
    >>> task.loss(torch.tensor([[0.5]]), task.encode(16.0).reshape(1))
    tensor([0.2500])
    >>> task.decode(task.probabilities(torch.tensor([[0.5]])))
    tensor([14.], dtype=torch.float64)
    """

    unit: str = ""
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise InvalidArgument("mean", self.mean, fix="give the mean of the training targets")
        if not (math.isfinite(self.std) and self.std > 0):
            why = "targets that are all equal leave nothing to learn" if self.std == 0 else ""
            raise InvalidArgument("std", self.std, why=why, fix="give the standard deviation of the training targets")

    @property
    def channels(self) -> int:
        return 1

    def encode(self, target: np.ndarray | float) -> Tensor:
        """Standard deviations from the mean, float32, without an axis."""
        value = np.asarray(target, dtype=np.float64)
        if value.shape != () or not np.isfinite(value):
            raise LabelError(f"{target!r} is not a finite number", fix="correct the manifest, or leave the record out")
        return torch.tensor((float(value) - self.mean) / self.std, dtype=torch.float32)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The squared error in standard deviations: (batch,)."""
        self._check(logits)
        if target.shape != logits.shape[:1]:
            raise ShapeMismatch(f"targets {tuple(target.shape)} for logits {tuple(logits.shape)}", fix="give (batch,)")
        return (in_float32(logits).squeeze(1) - target).square()

    def probabilities(self, logits: Tensor) -> Tensor:
        """The number in its unit: (batch, 1), float64. It is the interface's name: a number has no probabilities."""
        self._check(logits)
        return logits.double() * self.std + self.mean

    def decode(self, probabilities: Tensor) -> Tensor:
        """The number in its unit: (batch,)."""
        return probabilities.squeeze(1)

    def _check(self, logits: Tensor) -> None:
        if logits.ndim != 2 or logits.shape[1] != 1:
            raise ShapeMismatch(
                f"logits {tuple(logits.shape)} where (batch, 1) is needed", fix="build the network with 1 class"
            )
