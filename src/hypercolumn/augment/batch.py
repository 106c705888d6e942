"""A whole batch augmented at once, each example by records of its own.

    images[b], targets[b] = sample_window(images[b], targets[b], centre=size / 2, size=size, records=records[b])

The geometric steps of a pipeline are one interpolation for each example. As many examples as there are threads are
sampled in one call: what one example takes then still lies in the cache when the next comes. In a loop that reads
windows out of large images `sample_window` does the same while it cuts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from hypercolumn.augment.augmentation import Geometric
from hypercolumn.augment.pipeline import Pipeline, Records
from hypercolumn.augment.sampling import Interpolation, moved, sample_images, sample_target
from hypercolumn.augment.window import window_places
from hypercolumn.errors import InvalidArgument


def apply_batch(
    pipeline: Pipeline,
    records: Sequence[Records],
    images: Tensor,
    targets: Tensor | None = None,
    *,
    outside: int | None = None,
    interpolation: Interpolation = "linear",
) -> tuple[Tensor, Tensor | None]:
    """Images (batch, channel, *space) and targets (batch, *space) as the records of each example say.

    `outside` marks target samples that come from beyond their image; None gives them the mirrored label. Targets come
    back as int64. An example keeps its size, so that a batch stays one: see `quarter_turn` for windows that are not
    square.

    >>> from hypercolumn.augment import Flip, FlipRecord, Step
    >>> images = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]])
    >>> apply_batch(Pipeline((Step(Flip()),)), [(FlipRecord((0,)),), (None,)], images)[0]
    tensor([[[2., 1.]],
    <BLANKLINE>
            [[3., 4.]]])
    """
    size = tuple(images.shape[2:])
    if not images.is_floating_point():
        raise InvalidArgument("images.dtype", images.dtype, fix="standardize the images first: they become float32")
    if len(records) != len(images):
        raise InvalidArgument("records", len(records), fix=f"give those of each of the {len(images)} images")
    if targets is not None and targets.shape != (len(images), *size):
        raise InvalidArgument("targets.shape", tuple(targets.shape), fix=f"give {(len(images), *size)}")
    middle = tuple((length - 1) / 2 for length in size)
    result = torch.empty_like(images, memory_format=torch.contiguous_format)
    answers = None if targets is None else torch.empty((len(images), *size), dtype=torch.int64)
    together = torch.get_num_threads()
    for first in range(0, len(images), together):
        part = slice(first, min(first + together, len(images)))
        places = [moved(window_places(pipeline, drawn, size), middle) for drawn in records[part]]
        result[part] = sample_images(images[part], places, interpolation=interpolation)
        for number, axes in enumerate(places, start=first):
            for augmentation, record in pipeline.taking_part(records[number]):
                if not isinstance(augmentation, Geometric):
                    result[number] = augmentation.apply_image(record, result[number])
            if targets is not None and answers is not None:
                answers[number] = sample_target(targets[number], axes, outside=outside)
    return result, answers
