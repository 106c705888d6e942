"""Segmentation: a class for each sample of the array.

    CE    =  1/n sum_x  v(x) w(y(x)) -log p_{y(x)}(x)          n = the valid samples of the example
    Dice  =  1 - mean_c  2 sum_x p_c(x) [y(x) = c] / (sum_x p_c(x) + sum_x [y(x) = c])
    loss  =  a CE + b Dice + c B                          B = the boundary loss, see `boundary`

p is the softmax over the classes, w the weight of a class and v that of a sample, where given. Soft Dice: Milletari,
Navab and Ahmadi 2016, doi:10.1109/3DV.2016.79, here with plain sums in the denominator. The sum of the two is what
nnU-Net trains with (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).

Settled in words: samples whose target is -1 lie outside and count nowhere. A class that an example does not have is
left out of the mean over c: its Dice would be 0 whatever the network says, and false alarms are the cross-entropy's.
An example without a valid sample has loss 0. CE is divided by the number of valid samples and not by the sum of their
weights: a weight then means the same in every example, and two halves of a batch agree with the whole. Objects are not
told apart here: a class is all that a sample has. What weighs the gaps between them is `border_weights`, which a target
can carry with it (`with_weights`).
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch
from hypercolumn.tasks.boundary import boundary_loss
from hypercolumn.tasks.focal import check_gamma, focal_loss
from hypercolumn.tasks.imbalance import check_class_weights
from hypercolumn.tasks.task import in_float32

OUTSIDE = -1
"""The target of a sample that counts nowhere."""


@dataclass(frozen=True)
class Segmentation:
    """A class for each sample; logits (batch, class, *space) against targets (batch, *space).

    `cross_entropy`, `dice` and `boundary` weigh the losses, `class_weights` the classes and `focal` (gamma) the easy
    samples within the cross-entropy. A target may be larger than the output by the same number on both sides, as
    networks without padding need it: its centre counts. It may carry the weights of its samples: (batch, 2, *space).

    >>> classes = ("background", "nucleus")
    >>> Segmentation(classes, dice=0.0).loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long))
    tensor([0.6931])
    >>> Segmentation(classes, cross_entropy=0.0).loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 6, 6, dtype=torch.long))
    tensor([0.3333])
    """

    classes: tuple[str, ...]
    _: KW_ONLY
    cross_entropy: float = 1.0
    dice: float = 1.0
    boundary: float = 0.0
    class_weights: tuple[float, ...] | None = None
    focal: float | None = None

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise InvalidArgument("classes", self.classes, fix="give at least 2: the background is a class too")
        check_class_weights(self.class_weights, self.classes)
        check_gamma(self.focal)
        for name, value in (("cross_entropy", self.cross_entropy), ("dice", self.dice), ("boundary", self.boundary)):
            if not (math.isfinite(value) and value >= 0):
                raise InvalidArgument(name, value, fix="give a weight of at least 0")
        if self.cross_entropy == self.dice == self.boundary == 0:
            raise InvalidArgument("dice", self.dice, why="with the other losses at 0 too there is nothing to learn")

    @property
    def channels(self) -> int:
        return len(self.classes)

    def encode(self, target: np.ndarray | float) -> Tensor:
        """Class indices (*space), -1 outside, as int64."""
        labels = np.asarray(target)
        if labels.dtype.kind not in "iub":
            raise LabelError(
                f"class indices of type {labels.dtype}", fix="give whole numbers, as MaskTarget.encode does"
            )
        if labels.size and not (int(labels.min()) >= OUTSIDE and int(labels.max()) < self.channels):
            raise LabelError(
                f"class indices from {labels.min()} to {labels.max()} where there are {self.channels} classes",
                fix=f"use 0 to {self.channels - 1}, and {OUTSIDE} outside",
            )
        return torch.from_numpy(labels.astype(np.int64))

    def loss(
        self, logits: Tensor | tuple[Tensor, ...], target: Tensor, *, pixel_weights: Tensor | None = None
    ) -> Tensor:
        """One loss an example: (batch,). `pixel_weights` (batch, *space) multiply the cross-entropy, not the others.

        Logits of several levels, each with half the samples of the one before, are compared with every second, fourth,
        ... sample of the target; each level weighs half of the one before (Isensee et al. 2021).
        """
        if isinstance(logits, tuple):
            return self._of_levels(logits, target, pixel_weights)
        self._check(logits)
        if target.ndim == logits.ndim and target.shape[1] == 2:
            target, pixel_weights = target[:, 0].long(), target[:, 1]
        target = crop_to_output(target, logits)
        log_p = torch.log_softmax(in_float32(logits), dim=1).flatten(2)
        classes = torch.arange(self.channels, device=target.device).reshape(1, -1, 1)
        is_class = target.flatten(1).unsqueeze(1) == classes
        total = log_p.new_zeros(len(logits))
        if self.cross_entropy:
            weights = None if pixel_weights is None else crop_to_output(pixel_weights, logits).flatten(1)
            total = total + self.cross_entropy * self._cross_entropy(log_p, is_class, weights)
        if self.dice:
            total = total + self.dice * soft_dice_loss(log_p.exp(), is_class)
        if self.boundary:
            total = total + self.boundary * boundary_loss(log_p.exp().reshape(logits.shape), target)
        return total

    def _of_levels(self, levels: tuple[Tensor, ...], target: Tensor, pixel_weights: Tensor | None) -> Tensor:
        total = levels[0].new_zeros(len(levels[0]), dtype=torch.float32)
        for number, logits in enumerate(levels):
            picked: tuple[Any, ...] = (Ellipsis, *(slice(None, None, 2**number),) * (logits.ndim - 2))
            weights = None if pixel_weights is None else pixel_weights[picked]
            total = total + self.loss(logits, target[picked], pixel_weights=weights) / 2**number
        return total / sum(0.5**number for number in range(len(levels)))

    def probabilities(self, logits: Tensor) -> Tensor:
        """The softmax over the classes: (batch, class, *space), float32."""
        self._check(logits)
        return torch.softmax(in_float32(logits), dim=1)

    def decode(self, probabilities: Tensor) -> Tensor:
        """The most probable class of each sample, the first where two are equal: (batch, *space), int64."""
        return probabilities.argmax(dim=1)

    def _cross_entropy(self, log_p: Tensor, is_class: Tensor, pixel_weights: Tensor | None) -> Tensor:
        """(batch, class, sample) twice and (batch, sample) -> (batch,)."""
        valid = is_class.any(dim=1)
        losses = focal_loss(torch.where(is_class, log_p, 0).sum(dim=1), self.focal)
        if self.class_weights is not None:
            weights = log_p.new_tensor(self.class_weights).reshape(1, -1, 1)
            losses = losses * (is_class * weights).sum(dim=1)
        if pixel_weights is not None:
            losses = losses * pixel_weights
        return torch.where(valid, losses, 0).sum(dim=1) / valid.sum(dim=1).clamp_min(1)

    def _check(self, logits: Tensor) -> None:
        if logits.ndim < 3 or logits.shape[1] != self.channels:
            raise ShapeMismatch(
                f"logits {tuple(logits.shape)} where (batch, {self.channels}, *space) is needed",
                fix=f"build the network with {self.channels} classes",
            )


def soft_dice_loss(probabilities: Tensor, is_class: Tensor) -> Tensor:
    """1 - the mean soft Dice of the classes that are there: (batch, class, sample) twice -> (batch,).

    >>> p = torch.tensor([[[0.8, 0.4], [0.2, 0.6]]])
    >>> soft_dice_loss(p, torch.tensor([[[True, False], [False, True]]]))
    tensor([0.3030])
    """
    valid = is_class.any(dim=1, keepdim=True)
    overlap = torch.where(is_class, probabilities, 0).sum(dim=2)
    predicted = torch.where(valid, probabilities, 0).sum(dim=2)
    true = is_class.sum(dim=2)
    present = true > 0
    dice = 2 * overlap / (predicted + true).clamp_min(1)
    return torch.where(present, 1 - dice, 0).sum(dim=1) / present.sum(dim=1).clamp_min(1)


def with_weights(target: Tensor, weights: Tensor) -> Tensor:
    """A target that carries the weight of each of its samples, from (*space) and (*space): (2, *space), float32.

    >>> with_weights(torch.tensor([0, 1, -1]), torch.tensor([1.0, 9.23, 0.5]))
    tensor([[ 0.0000,  1.0000, -1.0000],
            [ 1.0000,  9.2300,  0.5000]])
    """
    if target.shape != weights.shape:
        raise ShapeMismatch(
            f"target {tuple(target.shape)} with weights {tuple(weights.shape)}", fix="one weight a sample"
        )
    return torch.stack([target.float(), weights.float()])


def crop_to_output(target: Tensor, logits: Tensor) -> Tensor:
    """The centre (batch, *space) of a target that is larger than a network's output by the same number on both sides.

    >>> crop_to_output(torch.arange(6).reshape(1, 6), torch.zeros(1, 3, 2))
    tensor([[2, 3]])
    """
    wanted = (len(logits), *logits.shape[2:])
    rest = [length - size for length, size in zip(target.shape, wanted, strict=False)]
    if target.ndim != len(wanted) or rest[0] or any(more < 0 or more % 2 for more in rest):
        raise ShapeMismatch(
            f"target {tuple(target.shape)} for logits {tuple(logits.shape)}",
            why="a target is as large as the output, or larger by the same number on both sides",
            fix="give the target of the network's whole input, (batch, *space)",
        )
    for axis, more in enumerate(rest):
        target = target.narrow(axis, more // 2, wanted[axis])
    return target
