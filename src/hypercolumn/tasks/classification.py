"""Classification: what a whole example is.

    class     one of K classes            K outputs      p = softmax(z)
    labels    any number of K labels      K outputs      p_k = sigmoid(z_k), each on its own
    grade     one of K ordered grades     K - 1 outputs  sigmoid(z_k) = P(y > k | y >= k)

so that for a grade P(y = k) = (1 - sigmoid(z_k)) prod_{j<k} sigmoid(z_j): each output asks, of those who came as far as
grade k, whether they go on. The grades' probabilities sum to one and P(y > k) never rises with k, whatever the network
says. It is the sequential model (Tutz 1991, Computational Statistics & Data Analysis 11, 275) and, as the head of a
network, CORN (Shi, Cao and Raschka 2021, arXiv:2111.08851); the loss is the exact -log P(y) of an example.

Two classes are a softmax over two outputs. No threshold but one half is known here. Where labels may be wrong, targets
can be smoothed, be the shares of several raters, and the loss be one that trusts them less: see `noise_robust`.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks.focal import check_gamma, focal_loss
from hypercolumn.tasks.imbalance import check_class_weights
from hypercolumn.tasks.noise_robust import (
    check_noise_robust,
    generalised_cross_entropy,
    smoothed_presence,
    soft_target,
)
from hypercolumn.tasks.task import in_float32

Kind = Literal["class", "grade", "labels"]


@dataclass(frozen=True)
class Classification:
    """What a whole example is; logits (batch, channels).

    Targets are class indices (batch,) or shares of raters (batch, class), for labels 0 to 1 in (batch, label).
    `class_weights` multiply the loss of the examples of a class; for labels, the loss where the label is present.
    `focal` is gamma, `label_smoothing` e and `generalised` q.

    >>> task = Classification(("none", "mild", "severe"), kind="grade")
    >>> task.channels, task.probabilities(torch.zeros(1, 2)), task.loss(torch.zeros(1, 2), torch.tensor([0]))
    (2, tensor([[0.5000, 0.2500, 0.2500]]), tensor([0.6931]))
    """

    classes: tuple[str, ...]
    _: KW_ONLY
    kind: Kind = "class"
    class_weights: tuple[float, ...] | None = None
    focal: float | None = None
    label_smoothing: float = 0.0
    generalised: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidArgument("kind", self.kind, fix=f"use one of {', '.join(get_args(Kind))}")
        if len(self.classes) < (1 if self.kind == "labels" else 2):
            raise InvalidArgument("classes", self.classes, fix="give at least 2, or 1 where kind is labels")
        check_class_weights(self.class_weights, self.classes)
        check_gamma(self.focal)
        check_noise_robust(self.label_smoothing, self.generalised, self.focal)

    @property
    def channels(self) -> int:
        return len(self.classes) - 1 if self.kind == "grade" else len(self.classes)

    def encode(self, target: np.ndarray | float) -> Tensor:
        """A class index as int64; the presence of each label, or the share of raters for each class, as float32."""
        value, count = np.asarray(target), len(self.classes)
        if self.kind == "labels":
            if value.shape != (count,) or not ((value >= 0) & (value <= 1)).all():
                raise LabelError(f"labels {target!r}", fix=f"give 0 to 1 for each of {', '.join(self.classes)}")
            return torch.from_numpy(value.astype(np.float32))
        if value.shape == (count,) and value.dtype.kind == "f":
            if not (value >= 0).all() or abs(float(value.sum()) - 1) > 1e-3:
                raise LabelError(f"shares {target!r}", fix="give shares of raters that sum to one")
            return torch.from_numpy(value.astype(np.float32))
        if value.shape != () or value.dtype.kind not in "iu" or not 0 <= int(value) < count:
            raise LabelError(f"class index {target!r} where there are {count} classes", fix=f"use 0 to {count - 1}")
        return torch.tensor(int(value), dtype=torch.int64)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """One loss an example: (batch,); for labels the mean over the labels."""
        self._check(logits)
        soft = self.kind == "labels" or target.is_floating_point()
        if target.shape != ((len(logits), len(self.classes)) if soft else logits.shape[:1]):
            wanted = "(batch, label)" if self.kind == "labels" else "(batch,), or shares (batch, class)"
            raise ShapeMismatch(f"targets {tuple(target.shape)} for logits {tuple(logits.shape)}", fix=f"give {wanted}")
        if self.kind == "labels":
            return self._loss_of_labels(in_float32(logits), target)
        log_p = self._log_probabilities(logits)
        if not soft and not self.label_smoothing:
            losses = self._loss_of(log_p.gather(1, target.unsqueeze(1)).squeeze(1))
            return losses if self.class_weights is None else losses * losses.new_tensor(self.class_weights)[target]
        shares = soft_target(target, classes=len(self.classes), smoothing=self.label_smoothing)
        if self.class_weights is not None:
            shares = shares * shares.new_tensor(self.class_weights)
        return (shares * self._loss_of(log_p)).sum(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """(batch, class), float32; they sum to one, but for labels, which are each on its own."""
        self._check(logits)
        if self.kind == "labels":
            return torch.sigmoid(in_float32(logits))
        return self._log_probabilities(logits).exp()

    def decode(self, probabilities: Tensor) -> Tensor:
        """The most probable class (batch,); the median grade (batch,); the labels of at least one half (batch, label).

        The median is the grade with the least expected distance from the true one.

        >>> Classification(("none", "mild", "severe"), kind="grade").decode(torch.tensor([[0.4, 0.3, 0.3]]))
        tensor([1])
        """
        if self.kind == "labels":
            return (probabilities >= 0.5).long()
        if self.kind == "grade":
            return (probabilities.cumsum(dim=1)[:, :-1] < 0.5).sum(dim=1)
        return probabilities.argmax(dim=1)

    def _log_probabilities(self, logits: Tensor) -> Tensor:
        """log P(y = k): (batch, class)."""
        z = in_float32(logits)
        if self.kind == "class":
            return torch.log_softmax(z, dim=1)
        certain = z.new_zeros(len(z), 1)
        came = torch.cat([certain, logsigmoid(z).cumsum(dim=1)], dim=1)
        stayed = torch.cat([logsigmoid(-z), certain], dim=1)
        return came + stayed

    def _loss_of_labels(self, logits: Tensor, target: Tensor) -> Tensor:
        present = smoothed_presence(target, self.label_smoothing)
        weights = 1 if self.class_weights is None else logits.new_tensor(self.class_weights)
        there, absent = self._loss_of(logsigmoid(logits)), self._loss_of(logsigmoid(-logits))
        return (present * weights * there + (1 - present) * absent).mean(dim=1)

    def _loss_of(self, log_probability: Tensor) -> Tensor:
        """The loss of an answer from its log p, whichever of the losses was chosen."""
        if self.focal:
            return focal_loss(log_probability, self.focal)
        return generalised_cross_entropy(log_probability, self.generalised)

    def _check(self, logits: Tensor) -> None:
        if logits.ndim != 2 or logits.shape[1] != self.channels:
            raise ShapeMismatch(
                f"logits {tuple(logits.shape)} where (batch, {self.channels}) is needed",
                fix=f"build the network with {self.channels} classes",
            )
