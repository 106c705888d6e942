import pytest
import torch

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks import FeaturePyramid


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", [64, 33, 50])
def test_levels_halve_and_round_up(dims: int, size: int) -> None:
    pyramid = FeaturePyramid(dims, 1, 4, depth=18, width=2).eval()
    with torch.no_grad():
        maps = pyramid(torch.zeros(1, 1, *[size] * dims))
    assert [level.shape[2:] for level in maps] == [(-(-size // stride),) * dims for stride in (4, 8, 16, 32, 64)]
    assert {level.shape[1] for level in maps} == {4}


def test_four_levels_are_the_first_of_five() -> None:
    torch.manual_seed(0)
    four = FeaturePyramid(2, 1, 4, depth=18, width=2, levels=4).eval()
    five = FeaturePyramid(2, 1, 4, depth=18, width=2, levels=5).eval()
    five.load_state_dict(four.state_dict())
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        for a, b in zip(four(image), five(image), strict=False):
            assert torch.equal(a, b)
        assert torch.equal(five(image)[-1], five(image)[-2][..., ::2, ::2])


def test_what_the_deepest_stage_knows_reaches_the_finest_level() -> None:
    pyramid = FeaturePyramid(2, 1, 4, depth=18, width=2).eval()
    image = torch.randn(1, 1, 64, 64)
    pyramid(image)[0].sum().backward()
    assert pyramid.lateral[-1].weight.grad.abs().max() > 0
    assert pyramid.smooth[-1].weight.grad is None


def test_the_finest_level_is_smooth_of_laterals_added_from_above() -> None:
    """With the top-down path of equations: M_l = lateral(C_l) + each sample of M_{l+1} twice along each axis."""
    torch.manual_seed(0)
    pyramid, image = FeaturePyramid(2, 1, 4, depth=18, width=2).eval(), torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        merged = None
        for stage, lateral in zip(reversed(pyramid.backbone.stage_maps(image)), reversed(pyramid.lateral), strict=True):
            above = 0 if merged is None else torch.kron(merged, torch.ones(1, 1, 2, 2))
            merged = lateral(stage) + above
        torch.testing.assert_close(pyramid(image)[0], pyramid.smooth[0](merged))


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"levels": 3}, {"depth": 7}, {"dims": 4}])
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        FeaturePyramid(**{"dims": 2, "in_channels": 1, "channels": 4, "depth": 18, "width": 2, **wrong})
