"""Arrays read at places between samples: linear for images, nearest for targets, mirrored at the border.

    y(x) = sum_i  x_i  prod_a max(0, 1 - |c_a(x) - i_a|)         c folded into the array: ... 2 1 0 1 2 ... n-2 n-1
    n-2 ...

Written once over one, two or three axes. Coordinates that only pick whole samples along each axis (a cut, a flip) copy
values exactly. There is no low-pass filter: what is shrunk by much is aliased.
"""

import torch
from torch import Tensor
from torch.nn import functional

from hypercolumn.augment.augmentation import Coordinates


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


def sample_image(image: Tensor, coordinates: Coordinates) -> Tensor:
    """Values of (channel, *space) at these places, linearly interpolated.

    >>> ramp = torch.arange(5.0)[None]
    >>> sample_image(ramp, (torch.tensor([0.25, 3.5, 4.0, 5.0]),))          # one beyond the end is mirrored
    tensor([[0.2500, 3.5000, 4.0000, 3.0000]])
    """
    coordinates = _mirrored(coordinates, tuple(image.shape[1:]))
    if _picks_samples(coordinates):
        return _pick(image, coordinates, first_axis=1)
    dims = len(coordinates)
    source = image.to(torch.promote_types(image.dtype, torch.float32))
    places = torch.broadcast_tensors(
        *(_normalized(axis.to(source.dtype), length) for axis, length in zip(coordinates, image.shape[1:], strict=True))
    )
    if dims == 1:
        places, source = (torch.zeros_like(places[0])[None], places[0][None]), source[:, None]
    grid = torch.stack(places[::-1]).movedim(0, -1)[None]  # one plane an axis: twice as fast to write as pairs
    sampled = functional.grid_sample(source[None], grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
    return (sampled[:, 0] if dims == 1 else sampled).to(image.dtype)


def sample_target(target: Tensor, coordinates: Coordinates, *, outside: int | None = None) -> Tensor:
    """Labels (*space) at the nearest samples; where a place lies beyond the array, `outside`, or the mirrored label.

    Any integers come in, int64 comes out.

    >>> sample_target(torch.tensor([3, 4, 5]), (torch.tensor([-1.0, 0.2, 1.9]),), outside=-1)
    tensor([-1,  3,  5])
    """
    target, shape = target.to(torch.int64), tuple(target.shape)
    nearest = _mirrored(tuple(axis.round() for axis in coordinates), shape)
    if _picks_samples(nearest):
        result = _pick(target, nearest, first_axis=0)
    else:
        result = _gather(target, nearest)
    if outside is not None:
        for axis, (low, high), length in zip(coordinates, bounds(coordinates), shape, strict=True):
            if low < -0.5 or high > length - 0.5:
                result = result.masked_fill((axis < -0.5) | (axis > length - 0.5), outside)
    return result


def _mirrored(coordinates: Coordinates, shape: tuple[int, ...]) -> Coordinates:
    return tuple(_mirror(axis, length) for axis, length in zip(coordinates, shape, strict=True))


def _mirror(places: Tensor, length: int) -> Tensor:
    """Fold places into 0 ... length - 1, the first and last sample standing once."""
    ((low, high),) = bounds((places,))
    if low >= 0 and high <= length - 1:
        return places
    if length == 1:
        return torch.zeros_like(places)
    last = length - 1
    if low < -last or high > 2 * last:
        places = places.remainder(2 * last)
    return last - (last - places.abs()).abs()


def _picks_samples(coordinates: Coordinates) -> bool:
    """Whether each axis picks whole samples, whatever the place along the other axes."""
    return all(
        axis.numel() == axis.shape[number] and bool((axis == axis.round()).all())
        for number, axis in enumerate(coordinates)
    )


def _pick(array: Tensor, coordinates: Coordinates, *, first_axis: int) -> Tensor:
    """A new array of the samples picked; runs that go up are cut, which is faster than picking one by one."""
    for number, axis in enumerate(coordinates):
        wanted = axis.flatten().long()
        first, count = int(wanted[0]), wanted.numel()
        if int(wanted[-1]) - first == count - 1 and bool((wanted.diff() == 1).all()):
            array = array.narrow(first_axis + number, first, count)
        else:
            array = array.index_select(first_axis + number, wanted)
    return array.clone(memory_format=torch.contiguous_format)


def _gather(array: Tensor, places: Coordinates) -> Tensor:
    """The samples at whole places, read where they lie in memory: a box of a larger array is not copied first."""
    reach = 1 + sum((length - 1) * step for length, step in zip(array.shape, array.stride(), strict=True))
    kind = torch.int32 if reach < 2**31 else torch.int64
    index = places[0].to(kind) * array.stride(0)
    for axis, step in zip(places[1:], array.stride()[1:], strict=True):
        index = index + axis.to(kind) * step
    return array.as_strided((reach,), (1,)).index_select(0, index.flatten()).reshape(index.shape)


def _normalized(places: Tensor, length: int) -> Tensor:
    """Sample numbers as grid_sample counts them: -1 at the first, 1 at the last."""
    return places * (2 / (length - 1)) - 1 if length > 1 else torch.zeros_like(places)
