import numpy as np
import pytest
import torch

from hypercolumn.augment import Crop, CropRecord
from hypercolumn.errors import InvalidArgument


def test_every_place_is_as_likely_the_first_and_the_last_too() -> None:
    rng, line = np.random.default_rng(0), torch.arange(10.0)[None]
    starts = [int(Crop((7,)).apply_image(Crop((7,)).draw(rng, 1), line)[0, 0]) for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(starts) / 2000, 0.25, atol=0.04)


def test_an_array_that_is_too_short_is_mirrored_in_image_and_target() -> None:
    record = CropRecord((7,), (0.5,))
    assert Crop().apply_image(record, torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [[3, 2, 1, 2, 3, 2, 1]]
    assert Crop().apply_target(record, torch.tensor([1, 2, 3])).tolist() == [3, 2, 1, 2, 3, 2, 1]


def test_a_size_for_other_axes_or_without_length_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="size"):
        Crop((0, 3))
    with pytest.raises(InvalidArgument, match="2 axes"):
        Crop((4,)).draw(np.random.default_rng(0), 2)
    with pytest.raises(InvalidArgument, match="1 axes"):
        Crop().apply_image(CropRecord((4,), (0.0,)), torch.zeros(1, 8, 8))
