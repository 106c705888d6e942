"""A batch at once; that it equals its examples one by one is held by the contract of every augmentation."""

import numpy as np
import pytest
import torch

from hypercolumn.augment import Affine, AffineRecord, Elastic, Flip, FlipRecord, Pipeline, Step, apply_batch, standard
from hypercolumn.errors import InvalidArgument

IMAGES = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))


def test_examples_that_only_flip_are_copied_exactly_beside_others_that_turn() -> None:
    pipeline = Pipeline((Step(Flip()), Step(Affine(rotation=45), chance=0.5)))
    turned = AffineRecord((30.0,), (1.0, 1.0), (0.0,), (0.0, 0.0))
    records = [(FlipRecord((1,)), None), (None, turned), (FlipRecord((0,)), turned)]
    images, _ = apply_batch(pipeline, records, IMAGES)
    assert torch.equal(images[0], IMAGES[0].flip(2))
    assert not torch.equal(images[1], IMAGES[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_type_of_the_images_stays(dtype: torch.dtype) -> None:
    pipeline = Pipeline((Step(Elastic(1.0)),))
    records = [pipeline.draw(np.random.default_rng(seed), 2) for seed in range(3)]
    images, targets = apply_batch(pipeline, records, IMAGES.to(dtype), (IMAGES[:, 0] > 0).to(torch.uint8))
    assert (images.dtype, targets.dtype) == (dtype, torch.int64)


def test_the_standard_pipeline_with_elastic_on_a_batch() -> None:
    pipeline = standard(2, elastic=True, strength=0.2)
    names = [type(step.augmentation).__name__ for step in pipeline.steps]
    assert names.index("Elastic") == names.index("Affine") + 1
    records = [pipeline.draw(np.random.default_rng(seed), 2) for seed in range(3)]
    first, second = (apply_batch(pipeline, records, IMAGES, interpolation="cubic")[0] for _ in range(2))
    assert torch.equal(first, second)
    assert bool(first.isfinite().all())


@pytest.mark.parametrize(
    ("images", "targets", "count"),
    [
        (IMAGES, None, 2),
        (IMAGES, torch.zeros(3, 15, 16, dtype=torch.int64), 3),
        (IMAGES.to(torch.uint8), None, 3),
    ],
    ids=["a record too few", "masks off by one pixel", "bytes"],
)
def test_what_does_not_fit_is_refused(images: torch.Tensor, targets: torch.Tensor | None, count: int) -> None:
    with pytest.raises(InvalidArgument):
        apply_batch(Pipeline((Step(Flip()),)), [(None,)] * count, images, targets)
