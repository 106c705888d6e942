"""Arrays read at places between samples: linear or cubic for images, nearest for targets, mirrored at the border.

    y(x) = sum_i  x_i  prod_a h(c_a(x) - i_a)        c folded into the array: ... 2 1 0 1 2 ... n-2 n-1 n-2 ...

    linear   h(d) = max(0, 1 - |d|)
    cubic    cubic convolution with a = -3/4, as torch has it (Keys 1981, doi:10.1109/TASSP.1981.1163711, took -1/2);
             for signals and images. Sharper than linear and about twice as slow; it overshoots at edges.

Written once over one, two or three axes. Coordinates that only pick whole samples along each axis (a cut, a flip, a
quarter turn) copy values exactly. There is no low-pass filter: what is shrunk by much is aliased.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from hypercolumn.augment.augmentation import Coordinates
from hypercolumn.errors import InvalidArgument

Interpolation = Literal["linear", "cubic"]

_EXACT_IN_FLOAT = 2**24
"""Up to here a whole number is itself in float32."""


def centred(size: tuple[int, ...]) -> Coordinates:
    """The places of a window's samples relative to its centre, one open tensor an axis.

    >>> [axis.flatten().tolist() for axis in centred((2, 3))]
    [[-0.5, 0.5], [-1.0, 0.0, 1.0]]
    """
    dims = len(size)
    axes = (torch.arange(length, dtype=torch.float32) - (length - 1) / 2 for length in size)
    return tuple(
        axis.reshape([-1 if other == number else 1 for other in range(dims)]) for number, axis in enumerate(axes)
    )


def moved(coordinates: Coordinates, by: tuple[float, ...]) -> Coordinates:
    """The same places seen from an origin that lies elsewhere."""
    return tuple(axis + offset for axis, offset in zip(coordinates, by, strict=True))


def bounds(coordinates: Coordinates) -> tuple[tuple[float, float], ...]:
    """The lowest and highest place along each axis."""
    return tuple((float(low), float(high)) for low, high in (torch.aminmax(axis) for axis in coordinates))


def sample_image(image: Tensor, coordinates: Coordinates, *, interpolation: Interpolation = "linear") -> Tensor:
    """Values of (channel, *space) at these places.

    >>> ramp = torch.arange(5.0)[None]
    >>> sample_image(ramp, (torch.tensor([0.25, 3.5, 4.0, 5.0]),))          # one beyond the end is mirrored
    tensor([[0.2500, 3.5000, 4.0000, 3.0000]])
    """
    return sample_images(image[None], (coordinates,), interpolation=interpolation)[0]


def sample_images(images: Tensor, places: Sequence[Coordinates], *, interpolation: Interpolation = "linear") -> Tensor:
    """Values of (batch, channel, *space), each image at places of its own; the shape of places is one for all."""
    dims = images.ndim - 2
    if interpolation not in get_args(Interpolation) or (interpolation == "cubic" and dims > 2):
        raise InvalidArgument(
            "interpolation",
            interpolation,
            why=f"the image has {dims} axes",
            fix="use linear; cubic is for signals and images",
        )
    picked = [_pick(image, axes, first_axis=1) for image, axes in zip(images, places, strict=True)]
    between = [number for number, found in enumerate(picked) if found is None]
    if not between:
        return _stacked(picked)
    if len(between) == len(picked):
        return _between(images, places, interpolation)
    sampled = _between(images[between], [places[number] for number in between], interpolation)
    for number, found in zip(between, sampled, strict=True):
        picked[number] = found
    return _stacked(picked)


def sample_target(target: Tensor, coordinates: Coordinates, *, outside: int | None = None) -> Tensor:
    """Labels (*space) at the nearest samples; where a place lies beyond the array, `outside`, or the mirrored label.

    Any integers come in, int64 comes out.

    >>> sample_target(torch.tensor([3, 4, 5]), (torch.tensor([-1.0, 0.2, 1.9]),), outside=-1)
    tensor([-1,  3,  5])
    """
    target, shape = target.to(torch.int64), tuple(target.shape)
    nearest = tuple(axis.round() for axis in coordinates)
    result = _pick(target, nearest, first_axis=0)
    if result is None:
        result = _gather(target, [_folded(axis, length) for axis, length in zip(nearest, shape, strict=True)])
    if outside is not None:
        for axis, (low, high), length in zip(coordinates, bounds(coordinates), shape, strict=True):
            if low < -0.5 or high > length - 0.5:
                result = result.masked_fill((axis < -0.5) | (axis > length - 0.5), outside)
    return result


def _between(images: Tensor, places: Sequence[Coordinates], interpolation: Interpolation) -> Tensor:
    """By torch's `grid_sample`; a cubic piece at the border reads two mirrored samples beyond it."""
    dims, shape = images.ndim - 2, tuple(images.shape[2:])
    source = images.to(torch.promote_types(images.dtype, torch.float32))
    margin = 2 if interpolation == "cubic" and min(shape) > 2 else 0
    beyond = "zeros" if margin else "border" if interpolation == "linear" else "reflection"
    if margin:
        source = functional.pad(source, [margin] * 2 * dims, mode="reflect")
    grid = _grid(source, places, shape, margin)
    if dims == 1:
        source = source[:, :, None]
    sampled = functional.grid_sample(
        source,
        grid,
        mode="bilinear" if interpolation == "linear" else "bicubic",
        padding_mode=beyond,
        align_corners=True,
    )
    return (sampled[:, :, 0] if dims == 1 else sampled).to(images.dtype)


def _grid(source: Tensor, places: Sequence[Coordinates], shape: tuple[int, ...], margin: int) -> Tensor:
    """Places as grid_sample counts them: -1 at the first sample, 1 at the last, the last axis first.

    One plane an axis, which is twice as fast to write as pairs.
    """
    dims, size = len(shape), torch.broadcast_shapes(*(axis.shape for axis in places[0]))
    grid = (source.new_zeros if dims == 1 else source.new_empty)((max(dims, 2), len(places), *size))
    for number, length in enumerate(shape):
        last = max(length - 1 + 2 * margin, 1)
        first = source.new_tensor(2 * margin / last - 1)
        for plane, axes in zip(grid[dims - 1 - number], places, strict=True):
            axis = _folded(axes[number], length).to(source.dtype)
            if axis.shape == plane.shape:
                torch.add(first, axis, alpha=2 / last, out=plane)
            else:
                plane.copy_(axis * (2 / last) + first)
    return (grid[:, :, None] if dims == 1 else grid).movedim(0, -1)


def _folded(places: Tensor, length: int) -> Tensor:
    """Places folded into 0 ... length - 1, the first and last sample standing once; as they are where all lie there."""
    ((low, high),) = bounds((places,))
    last = length - 1
    if low >= 0 and high <= last:
        return places
    if length == 1:
        return torch.zeros_like(places)
    if low < -last or high > 2 * last:
        places = places.remainder(2 * last)
    return places.abs().sub_(last).abs_().neg_().add_(last)


def _pick(array: Tensor, coordinates: Coordinates, *, first_axis: int) -> Tensor | None:
    """A new array of whole samples, or None where places lie between samples or axes mix.

    Runs that go up are cut, which is faster than picking one by one.
    """
    order = _axes_picked(coordinates)
    if order is None:
        return None
    for number, axis in enumerate(coordinates):
        wanted = _folded(axis.flatten(), array.shape[first_axis + number]).long()
        first, count = int(wanted[0]), wanted.numel()
        if int(wanted[-1]) - first == count - 1 and bool((wanted.diff() == 1).all()):
            array = array.narrow(first_axis + number, first, count)
        else:
            array = array.index_select(first_axis + number, wanted)
    leading = list(range(first_axis))
    array = array.permute(*leading, *(first_axis + order.index(axis) for axis in range(len(order))))
    return array.clone(memory_format=torch.contiguous_format)


def _axes_picked(coordinates: Coordinates) -> tuple[int, ...] | None:
    """For each axis of the array the axis of the result along which its places run; None unless each runs along one
    axis of its own, over whole samples.
    """
    dims, order = len(coordinates), []
    for number, axis in enumerate(coordinates):
        runs = [place for place, length in enumerate(axis.shape) if length > 1]
        if axis.ndim != dims or len(runs) > 1:
            return None
        order.append(runs[0] if runs else number)
    whole = sorted(order) == list(range(dims)) and all(bool((axis == axis.round()).all()) for axis in coordinates)
    return tuple(order) if whole else None


def _stacked(samples: Sequence[Tensor | None]) -> Tensor:
    found = [sample for sample in samples if sample is not None]
    return found[0][None] if len(found) == 1 else torch.stack(found)


def _gather(array: Tensor, places: Sequence[Tensor]) -> Tensor:
    """The samples at whole places, read where they lie in memory: a box of a larger array is not copied first."""
    reach = 1 + sum((length - 1) * step for length, step in zip(array.shape, array.stride(), strict=True))
    wide = reach >= _EXACT_IN_FLOAT
    if wide:
        places = [axis.long() for axis in places]
    index = places[0] * array.stride(0)
    for axis, step in zip(places[1:], array.stride()[1:], strict=True):
        index = torch.add(index, axis, alpha=step)
    order = index.flatten() if wide else index.flatten().int()
    return array.as_strided((reach,), (1,)).index_select(0, order).reshape(index.shape)
