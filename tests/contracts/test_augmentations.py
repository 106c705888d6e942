"""What every augmentation must keep to: replayable, pure, still at zero strength, and the target follows the image."""

import json
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn import augment
from hypercolumn.augment import (
    AUGMENTATIONS,
    Augmentation,
    Geometric,
    Invertible,
    Pipeline,
    Step,
    apply_batch,
    apply_boxes,
    apply_points,
    sample_window,
    vanished,
)
from hypercolumn.errors import InvalidArgument

STRONG = {
    "Flip": augment.Flip(),
    "Affine": augment.Affine(rotation=180, scale=0.4, stretch=0.2, shear=0.2, translation=0.2),
    "Blur": augment.Blur(2.0),
    "Brightness": augment.Brightness(0.5),
    "Contrast": augment.Contrast(0.5),
    "Gamma": augment.Gamma(0.5),
    "Noise": augment.Noise(0.5),
    "Greying": augment.Greying(1.0),
    "QuarterTurn": augment.QuarterTurn(),
    "Elastic": augment.Elastic(1.5, grid=4),
    "Crop": augment.Crop((8, 13, 10)),
    "Illumination": augment.Illumination(0.5),
    "Vignetting": augment.Vignetting(0.9, offset=0.5),
    "Compression": augment.Compression(20),
    "ChannelDropout": augment.ChannelDropout(0.5),
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
    "QuarterTurn": augment.QuarterTurn(probability=0.0),
    "Elastic": augment.Elastic(0.0),
    "Crop": augment.Crop(),
    "Illumination": augment.Illumination(0.0),
    "Vignetting": augment.Vignetting(0.0),
    "Compression": augment.Compression(100),
    "ChannelDropout": augment.ChannelDropout(0.0),
}
SPACES = {1: (37,), 2: (24, 31), 3: (9, 14, 11)}
SQUARE = {1: (37,), 2: (24, 24), 3: (11, 11, 11)}
"""Where a quarter turn keeps the shape."""
MIXING = {"Greying", "Compression"}
"""Those that mix channels on purpose; a JPEG does so for three of them."""
ALL = [(name, dims) for name in AUGMENTATIONS for dims in SPACES if name != "Compression" or dims == 2]

every = pytest.mark.parametrize("name", AUGMENTATIONS)
every_case = pytest.mark.parametrize(("name", "dims"), ALL)


def picture(dims: int, *, channels: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(channels, *SPACES[dims], generator=torch.Generator().manual_seed(dims), dtype=dtype)


def strong(name: str, dims: int) -> Augmentation:
    return augment.Crop(STRONG[name].size[:dims]) if name == "Crop" else STRONG[name]


def draw(name: str, dims: int, seed: int = 0) -> object:
    return strong(name, dims).draw(np.random.default_rng(seed), dims)


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


@every_case
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


@every_case
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


@every_case
def test_the_same_generator_draws_the_same_record(name: str, dims: int) -> None:
    assert draw(name, dims, 5) == draw(name, dims, 5)
    still = (name, dims) == ("QuarterTurn", 1)  # there is no way to turn a signal
    assert any(draw(name, dims, 5) != draw(name, dims, seed) for seed in range(6, 12)) != still


@every
def test_a_record_survives_json(name: str) -> None:
    dims = 2 if name == "Compression" else 3
    pipeline = Pipeline((Step(STRONG[name]),))
    records = pipeline.draw(np.random.default_rng(0), dims)
    assert pipeline.from_dict(json.loads(json.dumps(pipeline.to_dict(records)))) == records
    assert all(not isinstance(value, np.ndarray | torch.Tensor) for value in asdict(records[0]).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_case
def test_shape_and_type_are_kept_and_values_stay_finite(name: str, dims: int, dtype: torch.dtype) -> None:
    image = picture(dims, channels=3, dtype=dtype)
    target = (image[0] > 0).long()
    for seed in range(3):
        record, shape = draw(name, dims, seed), SPACES[dims]
        if isinstance(STRONG[name], Geometric):
            shape = STRONG[name].result_size(record, shape)
        result, labels = STRONG[name].apply_image(record, image), STRONG[name].apply_target(record, target)
        assert (result.shape, result.dtype) == ((3, *shape), dtype)
        assert (labels.shape, labels.dtype) == (shape, torch.int64)
        assert bool(result.isfinite().all())
        assert set(labels.unique().tolist()) <= {0, 1}


@pytest.mark.parametrize("value", [0.0, -2.5])
@every
def test_a_constant_image_stays_finite(name: str, value: float) -> None:
    for seed in range(3):
        assert bool(STRONG[name].apply_image(draw(name, 2, seed), torch.full((1, 16, 16), value)).isfinite().all())


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - MIXING))
def test_one_channel_does_not_change_another(name: str) -> None:
    """But for those that mix them on purpose; of noise only the place of the other channel matters."""
    record, image = draw(name, 2), picture(2)
    other = image.clone()
    other[1] = 7.0
    assert torch.equal(STRONG[name].apply_image(record, image)[0], STRONG[name].apply_image(record, other)[0])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), case=st.sampled_from(ALL))
def test_target_follows_image(seed: int, case: tuple[str, int]) -> None:
    """A shape given as an image and as a target comes out as the same shape; one that stays, stays in both."""
    name, dims = case
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


@pytest.mark.parametrize(("name", "dims"), [(name, dims) for name, dims in ALL if name != "Crop"])
def test_a_window_over_the_whole_image_is_the_augmentation_itself(name: str, dims: int) -> None:
    """But for a crop, whose window is smaller."""
    pipeline, shape = Pipeline((Step(STRONG[name]),)), SQUARE[dims]
    image = torch.randn(2, *shape, generator=torch.Generator().manual_seed(dims))
    target = (image[0] > 0).long()
    records = pipeline.draw(np.random.default_rng(2), dims)
    whole = pipeline.apply(records, image, target)
    centre = tuple(length / 2 for length in shape)
    window = sample_window(image, target, centre=centre, size=shape, records=records, pipeline=pipeline)
    torch.testing.assert_close(window[0], whole[0], atol=1e-4, rtol=0)
    assert float(window[1].eq(whole[1]).double().mean()) > 0.995


@pytest.mark.parametrize(("name", "dims"), [(name, dims) for name, dims in ALL if name != "Crop"])
def test_a_batch_is_its_examples_each_by_its_own_record(name: str, dims: int) -> None:
    pipeline, size = Pipeline((Step(strong(name, dims), chance=0.7), Step(augment.Brightness()))), SQUARE[dims]
    images = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(dims))
    targets = (images[:, 0] > 0).long()
    before = images.clone(), targets.clone()
    records = [pipeline.draw(np.random.default_rng(seed), dims) for seed in range(3)]
    together = apply_batch(pipeline, records, images, targets, outside=-1)
    centre = tuple(length / 2 for length in size)
    for number, drawn in enumerate(records):
        window, labels = sample_window(
            images[number], targets[number], centre=centre, size=size, records=drawn, pipeline=pipeline, outside=-1
        )
        torch.testing.assert_close(together[0][number], window, atol=1e-4, rtol=0)
        assert float(together[1][number].eq(labels).double().mean()) > 0.995
    assert torch.equal(images, before[0])
    assert torch.equal(targets, before[1])


@every_case
def test_what_can_be_undone_is_undone(name: str, dims: int) -> None:
    """Flips and quarter turns to the bit, others within rounding, the rest refuse by name."""
    pipeline, image = Pipeline((Step(strong(name, dims)),)), picture(dims, channels=3, dtype=torch.float64)
    target = (image[0] > 0).long()
    for seed in range(3):
        records = pipeline.draw(np.random.default_rng(seed), dims)
        changed, moved = pipeline.apply(records, image, target)
        if not isinstance(STRONG[name], Invertible) or name == "Affine":
            with pytest.raises(InvalidArgument):
                pipeline.undo(records, changed, moved)
            continue
        back, answer = pipeline.undo(records, changed, moved)
        assert torch.equal(answer, target)
        if isinstance(STRONG[name], Geometric):
            assert torch.equal(back, image)
        torch.testing.assert_close(back, image, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("name", "dims"), [(name, dims) for name, dims in ALL if isinstance(STRONG[name], Geometric)])
def test_points_boxes_and_object_numbers_follow(name: str, dims: int) -> None:
    """A cube of one number is, afterwards, where its middle and its box have gone; who left the picture is named."""
    pipeline, space = Pipeline((Step(strong(name, dims)),)), SPACES[dims]
    first = torch.tensor([length // 2 - 2 for length in space])
    objects = torch.zeros(space, dtype=torch.int64)
    objects[tuple(slice(start, start + 5) for start in first.tolist())] = 70_000
    box = torch.stack((first, first + 5))[None]
    for seed in range(4):
        records = pipeline.draw(np.random.default_rng(seed), dims)
        _, moved = pipeline.apply(records, objects[None].float(), objects)
        point = apply_points(pipeline, records, first[None] + 2, shape=space)[0]
        found = apply_boxes(pipeline, records, box, shape=space)
        if vanished(objects, moved):
            assert vanished(objects, moved) == (70_000,)
            assert not (moved == 70_000).any()
            continue
        places = (moved == 70_000).nonzero().double()
        if bool((places.amin(dim=0) == 0).any() | (places.amax(dim=0) == torch.tensor(moved.shape) - 1).any()):
            continue  # cut, or shown twice by the mirror
        assert float((places.mean(dim=0) - point).abs().max()) < 0.8
        low, high = found.corners[0]
        assert bool((places.amin(dim=0) + 0.5 >= low - 0.6).all())
        assert bool((places.amax(dim=0) + 0.5 <= high + 0.6).all())


def test_a_window_is_never_cropped_again() -> None:
    pipeline, image = Pipeline((Step(augment.Crop((4,))),)), torch.zeros(1, 1, 8)
    records = pipeline.draw(np.random.default_rng(0), 1)
    with pytest.raises(InvalidArgument, match="Crop"):
        apply_batch(pipeline, [records], image)
    with pytest.raises(InvalidArgument, match="Crop"):
        sample_window(image[0], centre=(4.0,), size=(8,), records=records, pipeline=pipeline)


def test_a_jpeg_of_a_signal_or_a_volume_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="dims"):
        augment.Compression().draw(np.random.default_rng(0), 3)
    with pytest.raises(InvalidArgument, match="JPEG is for images"):
        augment.Compression().apply_image(augment.CompressionRecord(50), torch.zeros(1, 8))
