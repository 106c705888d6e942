import numpy as np
import pytest
import torch

from hypercolumn.augment import Flip, FlipRecord
from hypercolumn.errors import InvalidArgument


def test_flipping_twice_is_nothing_and_each_axis_is_its_own() -> None:
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    for axes in ((0,), (1,), (0, 2)):
        once = Flip().apply_image(FlipRecord(axes), image)
        assert torch.equal(once, torch.flip(image, [axis + 1 for axis in axes]))
        assert torch.equal(Flip().apply_image(FlipRecord(axes), once), image)


def test_only_named_axes_flip_and_half_of_the_time() -> None:
    rng = np.random.default_rng(0)
    drawn = [Flip(axes=(1,)).draw(rng, 3).axes for _ in range(1000)]
    assert set(drawn) == {(), (1,)}
    assert 420 < drawn.count((1,)) < 580


def test_a_probability_above_one_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="probability"):
        Flip(probability=1.5)
