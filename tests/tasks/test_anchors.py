import pytest
import torch

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.tasks.anchors import Anchors


def test_every_anchor_has_its_area_ratio_and_place() -> None:
    anchors = Anchors((32.0, 64.0), (0.5, 1.0, 2.0)).on([(5, 7), (3, 4)], strides=(4, 8))
    for level, size, stride, (height, width) in zip(anchors, (32, 64), (4, 8), ((5, 7), (3, 4)), strict=True):
        boxes = level.reshape(height, width, 3, 4)
        w, h = (boxes[..., 2:] - boxes[..., :2]).unbind(dim=-1)
        torch.testing.assert_close(w * h, torch.full_like(w, size**2))
        torch.testing.assert_close(h / w, torch.tensor([0.5, 1.0, 2.0]).expand_as(h))
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        x, y = (torch.arange(width) + 0.5) * stride, (torch.arange(height) + 0.5) * stride
        torch.testing.assert_close(centre[..., 0], x[None, :, None].expand(height, width, 3))
        torch.testing.assert_close(centre[..., 1], y[:, None, None].expand(height, width, 3))


def test_the_published_sizes() -> None:
    """32 to 512 pixels on strides 4 to 64: 3 anchors a place, 261,888 in an image of 1024 x 1024."""
    levels = Anchors().on([(1024 // stride,) * 2 for stride in (4, 8, 16, 32, 64)], strides=(4, 8, 16, 32, 64))
    assert sum(map(len, levels)) == 261_888


def test_as_many_levels_as_sizes() -> None:
    with pytest.raises(ShapeMismatch, match="one size a level"):
        Anchors.light().on([(4, 4)], strides=(4,))


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": (0.0,)}, {"ratios": (-1.0,)}, {"ratios": (float("inf"),)}])
def test_numbers_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        Anchors(**wrong)
