"""The focal factor: what is answered well counts less.

    FL = -(1 - p)^gamma log p          p = the probability of the true answer

Lin, Goyal, Girshick, He and Dollar 2017, doi:10.1109/ICCV.2017.324. At gamma = 0 it is the cross-entropy. Probabilities
trained so are no longer calibrated: the network is paid for doubt. Nothing is averaged here.
"""

import math

import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument

SMALLEST = 1e-12
"""The least 1 - p that is raised to a power: below it a gamma under 1 would have an infinite slope."""


def focal_loss(log_probability: Tensor, gamma: float | None) -> Tensor:
    """The focal loss from log p, of any shape; -log p where gamma is None or 0.

    >>> log_p = torch.log(torch.tensor([0.5, 0.9]))
    >>> focal_loss(log_p, None), focal_loss(log_p, 2.0)
    (tensor([0.6931, 0.1054]), tensor([0.1733, 0.0011]))
    """
    if not gamma:
        return -log_probability
    doubt = -torch.expm1(log_probability)
    return -(doubt.clamp_min(SMALLEST) ** gamma) * log_probability


def check_gamma(gamma: float | None) -> None:
    """Raise InvalidArgument unless gamma is None or a finite number of at least 0.

    >>> check_gamma(2.0)
    """
    if gamma is not None and not (math.isfinite(gamma) and gamma >= 0):
        raise InvalidArgument("focal", gamma, fix="give gamma, at least 0: 2 is usual, 0 is the cross-entropy")
