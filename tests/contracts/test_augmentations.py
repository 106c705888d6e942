"""What every augmentation must keep to: replayable, pure, still at zero strength, and the target follows the image."""

import json
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn import augment
from hypercolumn.augment import AUGMENTATIONS, Augmentation, Geometric, Pipeline, Step, sample_window

STRONG = {
    "Flip": augment.Flip(),
    "Affine": augment.Affine(rotation=180, scale=0.4, stretch=0.2, shear=0.2, translation=0.2),
    "Blur": augment.Blur(2.0),
    "Brightness": augment.Brightness(0.5),
    "Contrast": augment.Contrast(0.5),
    "Gamma": augment.Gamma(0.5),
    "Noise": augment.Noise(0.5),
    "Greying": augment.Greying(1.0),
}
STILL = {
    "Flip": augment.Flip(probability=0.0),
    "Affine": augment.Affine(),
    "Blur": augment.Blur(0.0),
    "Brightness": augment.Brightness(0.0),
    "Contrast": augment.Contrast(0.0),
    "Gamma": augment.Gamma(0.0),
    "Noise": augment.Noise(0.0),
    "Greying": augment.Greying(0.0),
}
SPACES = {1: (37,), 2: (24, 31), 3: (9, 14, 11)}

every = pytest.mark.parametrize("name", AUGMENTATIONS)
every_rank = pytest.mark.parametrize("dims", SPACES)


def picture(dims: int, *, channels: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(channels, *SPACES[dims], generator=torch.Generator().manual_seed(dims), dtype=dtype)


def draw(name: str, dims: int, seed: int = 0) -> object:
    return STRONG[name].draw(np.random.default_rng(seed), dims)


def test_every_augmentation_is_held_to_this_contract() -> None:
    assert set(STRONG) == set(STILL) == set(AUGMENTATIONS)
    exported = {
        name
        for name, kind in vars(augment).items()
        if isinstance(kind, type) and isinstance(getattr(kind, "record", 0), type)
    }
    assert exported == set(AUGMENTATIONS)


@every
def test_is_an_augmentation_with_frozen_settings_and_records(name: str) -> None:
    augmentation, record = STRONG[name], draw(name, 2)
    assert isinstance(augmentation, Augmentation)
    assert is_dataclass(record)
    assert type(record) is augmentation.record
    for frozen in (augmentation, record):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, fields(frozen)[0].name, None)


@every_rank
@every
def test_zero_strength_changes_nothing(name: str, dims: int) -> None:
    record = STILL[name].draw(np.random.default_rng(3), dims)
    image, target = picture(dims), torch.arange(np.prod(SPACES[dims])).reshape(SPACES[dims])
    assert torch.equal(STILL[name].apply_image(record, image), image)
    assert torch.equal(STILL[name].apply_target(record, target), target)


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"Affine"}))
def test_a_record_without_numbers_changes_nothing(name: str) -> None:
    """Not for the affine record, whose length says the rank."""
    image = picture(2)
    assert torch.equal(STRONG[name].apply_image(STRONG[name].record(), image), image)


@every_rank
@every
def test_the_same_record_gives_the_same_result_and_leaves_its_input_alone(name: str, dims: int) -> None:
    record, image = draw(name, dims), picture(dims)
    target = (image[0] > 0).long()
    before = image.clone(), target.clone()
    torch.manual_seed(1)
    first = STRONG[name].apply_image(record, image), STRONG[name].apply_target(record, target)
    torch.manual_seed(2)
    second = STRONG[name].apply_image(record, image), STRONG[name].apply_target(record, target)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(image, before[0])
    assert torch.equal(target, before[1])


@every_rank
@every
def test_the_same_generator_draws_the_same_record(name: str, dims: int) -> None:
    assert draw(name, dims, 5) == draw(name, dims, 5)
    assert any(draw(name, dims, 5) != draw(name, dims, seed) for seed in range(6, 12))


@every
def test_a_record_survives_json(name: str) -> None:
    pipeline = Pipeline((Step(STRONG[name]),))
    records = pipeline.draw(np.random.default_rng(0), 3)
    assert pipeline.from_dict(json.loads(json.dumps(pipeline.to_dict(records)))) == records
    assert all(not isinstance(value, np.ndarray | torch.Tensor) for value in asdict(records[0]).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_rank
@every
def test_shape_and_type_are_kept_and_values_stay_finite(name: str, dims: int, dtype: torch.dtype) -> None:
    image = picture(dims, channels=3, dtype=dtype)
    target = (image[0] > 0).long()
    for seed in range(3):
        record = draw(name, dims, seed)
        result, labels = STRONG[name].apply_image(record, image), STRONG[name].apply_target(record, target)
        assert (result.shape, result.dtype) == (image.shape, dtype)
        assert (labels.shape, labels.dtype) == (target.shape, torch.int64)
        assert bool(result.isfinite().all())
        assert set(labels.unique().tolist()) <= {0, 1}


@pytest.mark.parametrize("value", [0.0, -2.5])
@every
def test_a_constant_image_stays_finite(name: str, value: float) -> None:
    for seed in range(3):
        assert bool(STRONG[name].apply_image(draw(name, 2, seed), torch.full((1, 16, 16), value)).isfinite().all())


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"Greying"}))
def test_one_channel_does_not_change_another(name: str) -> None:
    """But for greying, which mixes them on purpose; of noise only the place of the other channel matters."""
    record, image = draw(name, 2), picture(2)
    other = image.clone()
    other[1] = 7.0
    assert torch.equal(STRONG[name].apply_image(record, image)[0], STRONG[name].apply_image(record, other)[0])


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), dims=st.sampled_from(sorted(SPACES)), name=st.sampled_from(sorted(AUGMENTATIONS)))
def test_target_follows_image(seed: int, dims: int, name: str) -> None:
    """A shape given as an image and as a target comes out as the same shape; one that stays, stays in both."""
    places = torch.meshgrid(*(torch.linspace(-1, 1, length) for length in SPACES[dims]), indexing="ij")
    target = (sum(axis**2 for axis in places) < 0.4).long()
    target[(slice(0, 4),) * dims] = 1
    augmentation, record = STRONG[name], draw(name, dims, seed)
    moved = augmentation.apply_target(record, target)
    if not isinstance(augmentation, Geometric):
        assert torch.equal(moved, target)
        return
    image = augmentation.apply_image(record, target[None].float())[0]
    certain = (image < 0.01) | (image > 0.99)
    assert torch.equal((image > 0.5)[certain], moved.bool()[certain])
    assert float((image > 0.5).eq(moved.bool()).double().mean()) > 0.85


@every_rank
@every
def test_a_window_over_the_whole_image_is_the_augmentation_itself(name: str, dims: int) -> None:
    pipeline, image = Pipeline((Step(STRONG[name]),)), picture(dims)
    target = (image[0] > 0).long()
    records = pipeline.draw(np.random.default_rng(2), dims)
    whole = pipeline.apply(records, image, target)
    centre = tuple(length / 2 for length in SPACES[dims])
    window = sample_window(image, target, centre=centre, size=SPACES[dims], records=records, pipeline=pipeline)
    torch.testing.assert_close(window[0], whole[0], atol=1e-4, rtol=0)
    assert float(window[1].eq(whole[1]).double().mean()) > 0.995
