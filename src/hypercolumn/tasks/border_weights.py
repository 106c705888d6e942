"""The weight of each sample in U-Net's loss: classes balanced, and narrow gaps between objects made to count.

    w(x) = w_c(x) + w_0 exp(-(d_1(x) + d_2(x))^2 / (2 sigma^2))

d_1 and d_2 are the distances from a background sample to the nearest and to the second nearest object, between the
centres of samples: beside an object it is one sample. The second term stands on background alone, and only where there
are two objects or more; w_c is the weight of the sample's class, by default what makes background and objects weigh the
same in this image. Distances and sigma are in units of the spacing where it is known, in samples otherwise.

Ronneberger, Fischer and Brox 2015, doi 10.1007/978-3-319-24574-4_28, with w_0 = 10 and sigma = 5 samples. Distances are
exact; each is worked out in a box around its object, out to where the term is below 1e-5 w_0, and two are kept. One
object is one number, whether or not it hangs together.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from hypercolumn.data.instance_map import as_instances, with_small_numbers
from hypercolumn.errors import InvalidArgument
from hypercolumn.tasks.imbalance import class_weights

_NEGLECTED = 1e-5
"""Where the border term is below this share of w_0 it is taken for 0."""


def border_weights(
    labels: np.ndarray,
    *,
    border: float = 10.0,
    sigma: float = 5.0,
    classes: tuple[float, float] | None = None,
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """Weights (*space), float32, from an instance map (*space).

    `border` is w_0; `classes` are the weights of background and object, from the training fold for example; None
    balances the two in this image (inverse frequency, mean weight 1).

    >>> border_weights(np.array([1, 1, 0, 2, 2]), classes=(1.0, 1.0)).round(2)  # d_1 = d_2 = 1: 10 exp(-4 / 50) = 9.23
    array([ 1.  ,  1.  , 10.23,  1.  ,  1.  ], dtype=float32)
    >>> border_weights(np.array([3, 0, 0, 0]))
    array([2.       , 0.6666667, 0.6666667, 0.6666667], dtype=float32)
    """
    labels = as_instances(labels)
    for name, value in (("border", border), ("sigma", sigma)):
        if not (math.isfinite(value) and value >= 0 and (value > 0 or name == "border")):
            raise InvalidArgument(name, value, fix="give a finite number above 0")
    background = labels == 0
    if classes is None:
        there = int(np.count_nonzero(background))
        pair = class_weights([there, labels.size - there], power=1.0) if labels.size else np.ones(2)
    else:
        pair = np.asarray(classes, dtype=float)
        if pair.shape != (2,) or not np.isfinite(pair).all() or (pair < 0).any():
            raise InvalidArgument("classes", classes, fix="give two weights of at least 0: background and object")
    weights: np.ndarray = pair.astype(np.float32)[1 - background]
    total = _two_distances(labels, sigma * math.sqrt(-2 * math.log(_NEGLECTED)), spacing)
    near = background & np.isfinite(total)
    weights[near] += border * np.exp(-np.square(total[near]) / (2 * sigma**2))
    return weights


def _two_distances(labels: np.ndarray, reach: float, spacing: Sequence[float] | None) -> np.ndarray:
    """The sum of the distances to the nearest and to the second nearest object, infinite beyond `reach`: (*space)."""
    steps = (1.0,) * labels.ndim if spacing is None else tuple(float(step) for step in spacing)
    if len(steps) != labels.ndim or not all(math.isfinite(step) and step > 0 for step in steps):
        raise InvalidArgument("spacing", spacing, fix=f"give a length above 0 for each of {labels.ndim} axes")
    nearest = np.full(labels.shape, np.inf, dtype=np.float32)
    second = nearest.copy()
    margin = [int((reach - min(steps)) / step) for step in steps]
    numbers = with_small_numbers(labels)
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        if box is None:
            continue
        around = tuple(
            slice(max(side.start - more, 0), side.stop + more) for side, more in zip(box, margin, strict=True)
        )
        distance = ndimage.distance_transform_edt(numbers[around] != number, sampling=steps).astype(np.float32)
        first, other = nearest[around], second[around]
        np.minimum(other, np.maximum(first, distance), out=other)
        np.minimum(first, distance, out=first)
    return nearest + second
