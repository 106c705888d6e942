"""The continuous convolution as the limit of its sums.

    (f * g)(x) = integral f(t) g(x - t) dt = lim_{h -> 0} h^n sum_j f(t_j) g(x - t_j)

On a grid of step h the sum is the discrete convolution of the samples, times the volume h^n of a cell. How fast it
comes near the integral is a matter of smoothness: the error falls as h where a function jumps, as h^2 where it only
bends, and faster than any power of h for Gaussians, whose convolution is the Gaussian with the variances added.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.convolution.definition import convolve
from hypercolumn.errors import InvalidArgument

Function = Callable[..., np.ndarray]
"""A function of one array of coordinates an axis."""


@dataclass(frozen=True, eq=False)
class SampledConvolution:
    """The sum at step h: its values, and the coordinates along each axis at which they lie."""

    values: np.ndarray
    coordinates: tuple[np.ndarray, ...]
    step: float


def sampled_convolution(
    f: Function, g: Function, *, low: float | Sequence[float], high: float | Sequence[float], step: float
) -> SampledConvolution:
    """The convolution of two functions that vanish outside the box from `low` to `high`, by its sum at one step.

    The box is cut into cells of at most `step`, equal along all axes, and f and g are taken at their middles; the
    result covers the box from 2 low to 2 high. Raises InvalidArgument where the box is empty, where its sides are no
    whole numbers of cells, or a step is not positive.

    >>> box = lambda t: (np.abs(t) < 0.5).astype(float)
    >>> result = sampled_convolution(box, box, low=-1, high=1, step=0.25)
    >>> result.values[4:11]                                        # a triangle of height 1, at -0.75 ... 0.75
    array([0.25, 0.5 , 0.75, 1.  , 0.75, 0.5 , 0.25])
    """
    lows, highs = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
    if lows.shape != highs.shape or not (highs > lows).all() or not np.isfinite(highs - lows).all():
        raise InvalidArgument("high", high, fix=f"give a finite number above low = {low!r} for each axis")
    if not 0 < step < math.inf:
        raise InvalidArgument("step", step, fix="give a positive number")
    counts = np.rint((highs - lows) / step).astype(int)
    if (counts < 1).any() or not np.allclose(counts * step, highs - lows):
        raise InvalidArgument("step", step, why="the box is no whole number of steps", fix="divide its sides evenly")
    axes = [start + step * (np.arange(count) + 0.5) for start, count in zip(lows, counts, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij")
    values = step ** len(axes) * convolve(f(*grid), g(*grid), mode="full")
    places = tuple(2 * axis[0] + step * np.arange(2 * len(axis) - 1) for axis in axes)
    return SampledConvolution(values, places, step)
