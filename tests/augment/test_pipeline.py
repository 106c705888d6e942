import numpy as np
import pytest
import torch

from hypercolumn.augment import (
    Brightness,
    BrightnessRecord,
    Contrast,
    ContrastRecord,
    Flip,
    Noise,
    Pipeline,
    Step,
    standard,
)
from hypercolumn.errors import InvalidArgument


def test_steps_apply_in_their_order() -> None:
    pipeline = Pipeline((Step(Brightness()), Step(Contrast())))
    image = torch.tensor([[0.0, 2.0]])
    result, _ = pipeline.apply((BrightnessRecord(1.0), ContrastRecord(3.0)), image)
    assert result.tolist() == [[-1.0, 5.0]]


def test_a_step_takes_part_as_often_as_its_chance_says() -> None:
    pipeline = Pipeline((Step(Flip(), chance=0.0), Step(Noise(), chance=0.25), Step(Brightness())))
    rng = np.random.default_rng(0)
    drawn = [pipeline.draw(rng, 2) for _ in range(2000)]
    assert all(flip is None and brightness is not None for flip, _, brightness in drawn)
    assert 440 < sum(noise is not None for _, noise, _ in drawn) < 560


def test_what_one_step_draws_does_not_depend_on_anothers_chance() -> None:
    seldom = Pipeline((Step(Flip(), chance=0.1), Step(Brightness())))
    often = Pipeline((Step(Flip(), chance=0.9), Step(Brightness())))
    assert seldom.draw(np.random.default_rng(4), 2)[1] == often.draw(np.random.default_rng(4), 2)[1]


def test_records_of_another_pipeline_are_refused() -> None:
    pipeline = Pipeline((Step(Flip()), Step(Brightness())))
    with pytest.raises(InvalidArgument, match="records"):
        pipeline.apply((None,), torch.zeros(1, 4))
    with pytest.raises(InvalidArgument, match="step 0 is Flip"):
        pipeline.from_dict([{"augmentation": "Noise"}, None])


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_standard_pipeline_works_in_every_rank_and_only_its_geometry_touches_the_target(dims: int) -> None:
    pipeline = standard(dims)
    image = torch.randn(1, *(24,) * dims, generator=torch.Generator().manual_seed(0))
    target = (image[0] > 0).long()
    for seed in range(8):
        records = pipeline.draw(np.random.default_rng(seed), dims)
        result, labels = pipeline.apply(records, image, target)
        assert result.shape == image.shape
        assert labels is not None
        assert set(labels.unique().tolist()) <= {0, 1}


def test_no_strength_is_no_augmentation() -> None:
    assert standard(2, strength=0).steps == ()


def test_without_rotation_angles_stay_small() -> None:
    rng = np.random.default_rng(0)
    affine = next(
        step.augmentation for step in standard(3, rotate=False).steps if "Affine" in type(step.augmentation).__name__
    )
    assert max(abs(angle) for _ in range(200) for angle in affine.draw(rng, 3).angles) <= 10
    assert max(abs(angle) for _ in range(200) for angle in standard(2).steps[1].augmentation.draw(rng, 2).angles) > 90


@pytest.mark.parametrize(("dims", "strength"), [(4, 1.0), (2, -1.0), (2, 9.0)])
def test_what_cannot_be_is_refused(dims: int, strength: float) -> None:
    with pytest.raises(InvalidArgument):
        standard(dims, strength=strength)
