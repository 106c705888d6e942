"""Losses that bear wrong labels: a label that the network cannot believe pulls less at it.

    soft target                y_k = (1 - e) [k = given] + e / K             label smoothing (Szegedy et al. 2016)
                               y_k = share of raters who said k              soft labels
    loss                       sum_k y_k l(p_k)
    cross-entropy              l(p) = -log p                                 q -> 0
    generalised cross-entropy  l(p) = (1 - p^q) / q                          0 < q <= 1
    absolute error             l(p) = 1 - p                                  q = 1: half of sum_k |y_k - p_k|

The slope of l in log p is -p^q: at q = 0.7 a label that is believed to 0.01 pulls a twenty-fifth as hard as under the
cross-entropy. At q = 1 wrong labels do not move the optimum while they are fewer than right ones, but training is slow
and many classes are not learnt at all; 0.7 is the paper's compromise. Smoothed or generalised, a network's
probabilities are no longer calibrated. None of this corrects labels, and a test set with wrong labels still scores by
them.

Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2016, doi 10.1109/CVPR.2016.308; Zhang and Sabuncu 2018, arXiv:1805.07836.
"""

import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument


def generalised_cross_entropy(log_probability: Tensor, q: float | None) -> Tensor:
    """The loss of an answer from its log p, of any shape; -log p where q is None or 0.

    >>> log_p = torch.log(torch.tensor([0.5, 0.01]))
    >>> [generalised_cross_entropy(log_p, q) for q in (None, 0.7, 1.0)]
    [tensor([0.6931, 4.6052]), tensor([0.5492, 1.3717]), tensor([0.5000, 0.9900])]
    """
    if not q:
        return -log_probability
    return -torch.expm1(q * log_probability) / q


def soft_target(target: Tensor, *, classes: int, smoothing: float = 0.0) -> Tensor:
    """Class indices (batch,), or shares (batch, class) as they are, smoothed: (batch, class) that sum to one.

    >>> soft_target(torch.tensor([0, 2]), classes=3, smoothing=0.3)
    tensor([[0.8000, 0.1000, 0.1000],
            [0.1000, 0.1000, 0.8000]])
    """
    shares = target if target.is_floating_point() else torch.nn.functional.one_hot(target, classes).float()
    return shares * (1 - smoothing) + smoothing / classes


def smoothed_presence(target: Tensor, smoothing: float) -> Tensor:
    """Presence of labels (batch, label) from 0 to 1, each label smoothed by itself, as two classes are.

    >>> smoothed_presence(torch.tensor([[1.0, 0.0]]), 0.2)
    tensor([[0.9000, 0.1000]])
    """
    return target * (1 - smoothing) + smoothing / 2


def check_noise_robust(smoothing: float, q: float | None, focal: float | None) -> None:
    """Raise InvalidArgument unless smoothing is from 0 to below 1, q None or from 0 to 1, and not focal as well.

    >>> check_noise_robust(0.1, 0.7, None)
    """
    if not 0 <= smoothing < 1:
        raise InvalidArgument("label_smoothing", smoothing, fix="give a share from 0 to below 1: 0.1 is usual")
    if q is not None and not 0 <= q <= 1:
        raise InvalidArgument(
            "generalised", q, fix="give q from 0, the cross-entropy, to 1, the absolute error: 0.7 is usual"
        )
    if q and focal:
        raise InvalidArgument(
            "generalised", q, why="it trusts hard examples less, and focal trusts them more", fix="use one of the two"
        )
