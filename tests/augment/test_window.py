"""A window cut and warped in one step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.augment import Affine, AffineRecord, Brightness, Flip, FlipRecord, Pipeline, Step, sample_window
from hypercolumn.errors import InvalidArgument

IMAGE = torch.randn(2, 60, 70, generator=torch.Generator().manual_seed(0))
TARGET = (IMAGE[0] > 0).to(torch.uint8)


def test_without_records_it_is_a_cut() -> None:
    window, labels = sample_window(IMAGE, TARGET, centre=(20.0, 31.0), size=(10, 12))
    assert torch.equal(window, IMAGE[:, 15:25, 25:37])
    assert labels is not None
    assert torch.equal(labels, TARGET[15:25, 25:37].long())


def test_the_middle_of_the_image_is_half_its_length_for_odd_and_even_windows() -> None:
    ramp = torch.arange(9.0)[None]
    assert sample_window(ramp, centre=(4.5,), size=(3,))[0].tolist() == [[3.0, 4.0, 5.0]]
    assert sample_window(ramp[:, :8], centre=(4.0,), size=(4,))[0].tolist() == [[2.0, 3.0, 4.0, 5.0]]


def test_a_flip_is_exact() -> None:
    pipeline = Pipeline((Step(Flip()),))
    records = (FlipRecord((1,)),)
    window, labels = sample_window(IMAGE, TARGET, centre=(30, 35), size=(20, 30), records=records, pipeline=pipeline)
    assert torch.equal(window, IMAGE[:, 20:40, 20:50].flip(2))
    assert labels is not None
    assert torch.equal(labels, TARGET[20:40, 20:50].flip(1).long())


def test_a_turned_window_sees_the_image_where_a_cut_turned_afterwards_sees_its_own_mirror() -> None:
    """A ramp turned by 45 degrees stays a ramp up to the window's corners."""
    ramp = torch.arange(100.0).expand(1, 100, 100).contiguous()
    pipeline = Pipeline((Step(Affine()),))
    records = (AffineRecord((45.0,), (1.0, 1.0), (0.0,), (0.0, 0.0)),)
    window, _ = sample_window(ramp, centre=(50, 50), size=(40, 40), records=records, pipeline=pipeline)
    y, x = torch.meshgrid(*(torch.arange(40.0) - 19.5,) * 2, indexing="ij")
    torch.testing.assert_close(window[0], (x - y) / 2**0.5 + 49.5, atol=1e-3, rtol=0)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3))
def test_it_is_the_augmented_padded_image_cut_wherever_it_lies(seed: int, dims: int) -> None:
    """Mirror the image far out, warp all of it around the window's centre, cut: the same values."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(6, 14, size=dims))
    size = tuple(int(n) for n in rng.integers(3, 16, size=dims))
    centre = tuple(float(n) for n in rng.uniform(-3, np.array(shape) + 3))
    image = rng.standard_normal(shape)
    pipeline = Pipeline((Step(Flip()), Step(Affine(rotation=180, scale=0.3, shear=0.2, translation=0.1))))
    records = pipeline.draw(rng, dims)
    found, _ = sample_window(
        torch.from_numpy(image)[None], centre=centre, size=size, records=records, pipeline=pipeline
    )
    far = 60
    starts = [int(np.floor(middle - length / 2 + 0.5)) + far for middle, length in zip(centre, size, strict=True)]
    padded = torch.from_numpy(np.pad(image, far, mode="reflect"))[None]
    middle = tuple(start + length / 2 for start, length in zip(starts, size, strict=True))
    expected, _ = sample_window(padded, centre=middle, size=size, records=records, pipeline=pipeline)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_targets_beyond_the_image_carry_the_mark_and_only_they() -> None:
    window, labels = sample_window(IMAGE, TARGET, centre=(0.0, 35.0), size=(20, 20), outside=-1)
    assert labels is not None
    assert bool((labels[:10] == -1).all())
    assert torch.equal(labels[10:], TARGET[:10, 25:45].long())
    assert torch.equal(window[:, :10], IMAGE[:, 1:11, 25:45].flip(1))


def test_a_window_larger_than_the_image_is_mirrored() -> None:
    window, labels = sample_window(
        torch.tensor([[1.0, 2.0]]), torch.tensor([1, 2]), centre=(1.0,), size=(8,), outside=-1
    )
    assert window.tolist() == [[2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]]
    assert labels is not None
    assert labels.tolist() == [-1, -1, -1, 1, 2, -1, -1, -1]


def test_intensity_follows_geometry_on_the_window_alone() -> None:
    pipeline = Pipeline((Step(Brightness()), Step(Flip())))
    records = (Brightness.record(2.0), FlipRecord((0,)))
    window, _ = sample_window(IMAGE, centre=(30, 35), size=(4, 4), records=records, pipeline=pipeline)
    torch.testing.assert_close(window, IMAGE[:, 28:32, 33:37].flip(1) + 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"centre": (3.0,)},
        {"size": (4,)},
        {"target": torch.zeros(3, 3)},
        {"image": torch.zeros(1, 8, 8, dtype=torch.uint8)},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    fitting: dict[str, object] = {"image": torch.zeros(1, 8, 8), "centre": (4.0, 4.0), "size": (4, 4)}
    with pytest.raises(InvalidArgument):
        sample_window(**{**fitting, **wrong})  # type: ignore[arg-type]
