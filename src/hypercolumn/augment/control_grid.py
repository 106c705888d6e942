"""A smooth field from a few numbers on a coarse grid of control points: bicubic, in n dimensions.

    f(p) = sum_k  c_k  prod_a h(s_a(p) - k_a)        s: places of a window counted in control points, 0 ... K - 1

h is the cubic convolution kernel of Keys 1981 (doi:10.1109/TASSP.1981.1163711) with a = -1/2, which is Catmull and
Rom's spline: the field goes through the control values and has a continuous slope. The first and the last control point
stand on the window's first and last sample; beyond them the grid is continued as Keys did, c_-1 = 3 c_0 - 3 c_1 + c_2,
so that squares are reproduced up to the border (straight lines, where there are only two points). Beyond the window the
field keeps its value at the border.

Places on a grid of axes take one small matrix product an axis. Places of any other kind, as a rotation leaves them,
take one for every place.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.errors import InvalidArgument


def field(controls: Tensor, coordinates: Coordinates, size: tuple[int, ...]) -> Tensor:
    """The field (component, *places) of controls (component, *grid) over a window of this size.

    Coordinates are relative to the window's centre.

    >>> from hypercolumn.augment.sampling import centred
    >>> field(torch.tensor([[0.0, 1.0, 0.0]]), centred((9,)), (9,))
    tensor([[0.0000, 0.4375, 0.7500, 0.9375, 1.0000, 0.9375, 0.7500, 0.4375, 0.0000]])
    """
    if len(coordinates) != len(size) or controls.ndim != len(size) + 1:
        raise InvalidArgument("size", size, fix=f"the grid of control points has {controls.ndim - 1} axes")
    along = [
        _weights(axis.flatten(), length, count)
        for axis, length, count in zip(coordinates, size, controls.shape[1:], strict=True)
    ]
    controls = controls.to(along[0].dtype)
    if all(axis.ndim == len(size) and axis.numel() == axis.shape[n] for n, axis in enumerate(coordinates)):
        for weights in along:
            controls = torch.tensordot(controls, weights, dims=([1], [1]))
        return controls
    shape = torch.broadcast_shapes(*(axis.shape for axis in coordinates))
    if any(axis.shape != shape for axis in coordinates):
        return field(controls, torch.broadcast_tensors(*coordinates), size)
    found = (along[0] @ controls.movedim(1, 0).flatten(1)).reshape(-1, len(controls), *controls.shape[2:])
    for weights in along[1:]:
        found = torch.einsum("pck...,pk->pc...", found, weights)
    return found.T.reshape(-1, *shape)


def controls_of(values: Sequence[float], grid: tuple[int, ...]) -> Tensor:
    """The numbers of a record as controls (component, *grid), in float64."""
    return torch.tensor(values, dtype=torch.float64).reshape(-1, *grid)


def grid_for(grid: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """The control points along each axis: one number holds for all."""
    counts = (grid,) * dims if isinstance(grid, int) else tuple(grid)
    if len(counts) != dims:
        raise InvalidArgument("grid", grid, fix=f"give one number, or one for each of {dims} axes")
    return counts


def check_grid(grid: int | Sequence[int]) -> None:
    """Raise where a grid has an axis without two points to interpolate between."""
    if min(np.atleast_1d(grid)) < 2:
        raise InvalidArgument("grid", grid, fix="give at least 2 control points along an axis; 3 is U-Net's")


def _weights(places: Tensor, length: int, count: int) -> Tensor:
    """What each control point counts at each place: (place, control point)."""
    place = (places / (length - 1) + 0.5 if length > 1 else torch.full_like(places, 0.5)) * (count - 1)
    place = place.clamp(0, count - 1)
    first = place.floor().clamp(max=count - 2)
    t = place - first
    kernel = torch.stack(
        (
            ((2 - t) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        ),
        dim=1,
    )
    extended = kernel.new_zeros(len(places), count + 2)
    extended.scatter_(1, first.long()[:, None] + torch.arange(4), kernel)
    beyond = [3.0, -3.0, 1.0] if count > 2 else [2.0, -1.0]
    weights = extended[:, 1:-1].clone()
    reach = len(beyond)
    weights[:, :reach] += extended[:, :1] * kernel.new_tensor(beyond)
    weights[:, -reach:] += extended[:, -1:] * kernel.new_tensor(beyond[::-1])
    return weights
