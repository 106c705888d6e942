"""A window cut out of a larger image, warped while it is cut.

    window(x) = image(source(x) + centre)

Cut first and turned afterwards, a window has made-up corners; here a turned window sees what is really there, and is
mirrored only where the image itself ends. All geometric augmentations of a pipeline and the cut are one
interpolation; only the box of the image that the window sees is touched, so the cost does not grow with the image.
The others follow, in order.
"""

from math import ceil, floor

import torch
from torch import Tensor

from hypercolumn.augment.augmentation import Coordinates, Geometric
from hypercolumn.augment.pipeline import Pipeline, Records
from hypercolumn.augment.sampling import Interpolation, bounds, centred, moved, sample_image, sample_target
from hypercolumn.errors import InvalidArgument


def sample_window(
    image: Tensor,
    target: Tensor | None = None,
    *,
    centre: tuple[float, ...],
    size: tuple[int, ...],
    records: Records = (),
    pipeline: Pipeline | None = None,
    outside: int | None = None,
    interpolation: Interpolation = "linear",
) -> tuple[Tensor, Tensor | None]:
    """A window of an image (channel, *space) and of its target (*space), as the records of a pipeline say.

    `centre` is measured from the image's edge, so that (length / 2) of each axis is the middle; the window begins at
    the nearest whole sample. The image may be smaller than the window: it is mirrored. `outside` is the label of
    target samples that lie beyond the image (-1: a loss ignores them); None gives them the mirrored label. The target
    comes back as int64. One that carries the weights of its samples, (2, *space), comes back as float32, its weights
    interpolated.

    >>> import torch
    >>> image = torch.arange(10.0)[None]
    >>> sample_window(image, image[0].long(), centre=(9.0,), size=(4,), outside=-1)
    (tensor([[7., 8., 9., 8.]]), tensor([ 7,  8,  9, -1]))
    """
    dims = image.ndim - 1
    if not image.is_floating_point():
        raise InvalidArgument("image.dtype", image.dtype, fix="standardize the image first: it becomes float32")
    for name, value in (("centre", centre), ("size", size)):
        if len(value) != dims:
            raise InvalidArgument(name, value, fix=f"give one number for each of the image's {dims} spatial axes")
    if target is not None and target.shape not in (image.shape[1:], (2, *image.shape[1:])):
        raise InvalidArgument("target.shape", tuple(target.shape), fix=f"the image is {tuple(image.shape[1:])}")
    steps = pipeline.taking_part(records) if pipeline is not None else []
    places = window_places(pipeline, records, size)
    places, box = _within(places, centre, size, tuple(image.shape[1:]))
    window = sample_image(image[(slice(None), *box)], places, interpolation=interpolation)
    labels = None if target is None else _answers(target, places, box, outside=outside)
    for augmentation, record in steps:
        if not isinstance(augmentation, Geometric):
            window = augmentation.apply_image(record, window)
    return window, labels


def _answers(target: Tensor, places: Coordinates, box: tuple[slice, ...], *, outside: int | None) -> Tensor:
    """Labels (*space), or labels with their weights (2, *space), at these places within a box."""
    if target.ndim == len(box):
        return sample_target(target[box], places, outside=outside)
    labels = sample_target(target[0][box], places, outside=outside)
    return torch.stack([labels.float(), sample_image(target[1][box][None].float(), places)[0]])


def window_places(pipeline: Pipeline | None, records: Records, size: tuple[int, ...]) -> Coordinates:
    """Where a window's samples come from, all geometric steps at once, relative to the window's centre."""
    places = centred(size)
    for augmentation, record in reversed(pipeline.taking_part(records) if pipeline is not None else []):
        if isinstance(augmentation, Geometric):
            if sorted(augmentation.result_size(record, size)) != sorted(size):
                raise InvalidArgument(
                    "pipeline",
                    type(augmentation).__name__,
                    why="a window keeps the size that was asked for",
                    fix="ask for a window of that size, or apply the pipeline to the whole array",
                )
            places = augmentation.source(record, places, size)
    return places


def window_middle(centre: tuple[float, ...], size: tuple[int, ...]) -> tuple[float, ...]:
    """The window's centre in samples of the image, where the window begins at the nearest whole sample.

    >>> window_middle((9.0,), (4,))                                         # samples 7, 8, 9 and 10
    (8.5,)
    """
    return tuple(floor(middle - count / 2 + 0.5) + (count - 1) / 2 for middle, count in zip(centre, size, strict=True))


def _within(
    places: Coordinates, centre: tuple[float, ...], size: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Coordinates, tuple[slice, ...]]:
    """The box of the image that is seen from these places around a window's centre, and the places within that box.

    Where a place lies beyond the image, the box ends with the image and goes as far in as the mirror shows.
    """
    box, offsets = [], []
    for (low, high), origin, length in zip(bounds(places), window_middle(centre, size), shape, strict=True):
        first, last = floor(low + origin), ceil(high + origin)
        begin = min(first, 2 * (length - 1) - last) if last >= length else first
        end = max(last, -first) if first < 0 else last
        box.append(slice(max(0, begin - 2), min(length, end + 3)))
        offsets.append(origin - box[-1].start)
    return moved(places, tuple(offsets)), tuple(box)
