"""The boundary loss: how far what was predicted lies from the true outline, integrated over the error.

    L  =  1/n sum_x  phi_c(x) (p_c(x) - g_c(x)),   mean over the classes that are there

g_c is 1 where the sample is of class c and 0 elsewhere, p_c its probability, phi_c(x) the distance of x to the outline
of c, negative inside and positive outside. Both parts of the error, what is missing and what is too much, cost their
distance, so that L is never below 0 and is 0 only for the truth. The paper leaves out g, which no weight of a network
changes: the gradients are the same.

Kervadec et al. 2019, doi 10.1016/j.media.2020.101851. It is blind to small errors at the outline and easily ends in an
empty answer alone: add it to Dice or cross-entropy with a small weight (0.01, or growing). Distances are in samples and
exact; a sample beside the outline lies half a sample from it.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor


def signed_distance(region: np.ndarray) -> np.ndarray:
    """The distance (*space), float32, of each sample to the outline of a boolean region: below 0 inside, above outside.

    Zeros where the region is empty or everything: there is no outline.

    >>> signed_distance(np.array([0, 0, 1, 1, 1], dtype=bool))
    array([ 1.5,  0.5, -0.5, -1.5, -2.5], dtype=float32)
    """
    if region.all() or not region.any():
        return np.zeros(region.shape, dtype=np.float32)
    inside = ndimage.distance_transform_edt(region)
    outside = ndimage.distance_transform_edt(~region)
    return np.where(region, 0.5 - inside, outside - 0.5).astype(np.float32)


def boundary_loss(probabilities: Tensor, target: Tensor) -> Tensor:
    """One loss an example (batch,), from probabilities (batch, class, *space) and class indices (batch, *space).

    A target below 0 lies outside and counts nowhere. Classes that an example does not have, or that fill it, are left
    out of the mean.

    >>> target = torch.tensor([[0, 0, 1, 1]])
    >>> p = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]])  # one sample too much, half a sample away
    >>> boundary_loss(p, target)
    tensor([0.1250])
    """
    total = probabilities.new_zeros(len(probabilities))
    for example, labels in enumerate(target.cpu().numpy()):
        inside = target[example] >= 0
        errors = []
        for index in range(probabilities.shape[1]):
            distance = torch.from_numpy(signed_distance(labels == index)).to(probabilities)
            if distance.any():
                error = probabilities[example, index] - (target[example] == index).to(probabilities)
                errors.append(torch.where(inside, distance * error, 0).sum() / inside.sum())
        if errors:
            total[example] = torch.stack(errors).mean()
    return total
