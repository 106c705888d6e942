import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.networks.region_align import levels_of, region_align

side = st.floats(0.5, 60.0)
place = st.floats(4.0, 40.0)


def ramp(height: int, width: int, stride: int, slope: tuple[float, float, float]) -> torch.Tensor:
    """a x + b y + c at the centre of each place of a map, in pixels of the image: (1, 1, y, x), float64."""
    x = (torch.arange(width, dtype=torch.float64) + 0.5) * stride
    y = (torch.arange(height, dtype=torch.float64) + 0.5) * stride
    a, b, c = slope
    return (a * x[None, :] + b * y[:, None] + c)[None, None]


@settings(max_examples=30, deadline=None)
@given(
    x=place,
    y=place,
    width=side,
    height=side,
    bins=st.integers(1, 8),
    samples=st.integers(1, 3),
    stride=st.sampled_from([1, 2, 8]),
    slope=st.tuples(*[st.floats(-2, 2)] * 3),
)
def test_on_a_ramp_every_bin_holds_the_value_at_its_centre(
    x: float, y: float, width: float, height: float, bins: int, samples: int, stride: int, slope: tuple
) -> None:
    feature = ramp(112 // stride, 112 // stride, stride, slope)
    box = torch.tensor([[x, y, x + width, y + height]], dtype=torch.float64)
    found = region_align([feature], [box], strides=[stride], bins=bins, samples=samples)[0, 0]
    share = (torch.arange(bins, dtype=torch.float64) + 0.5) / bins
    a, b, c = slope
    centre = a * (x + width * share)[None, :] + b * (y + height * share)[:, None] + c
    torch.testing.assert_close(found, centre, rtol=0, atol=1e-6)


def test_in_float32_too() -> None:
    feature = ramp(28, 28, 4, (0.02, -0.01, 0.3)).float()
    box = torch.tensor([[10.3, 20.7, 77.1, 50.2]])
    found = region_align([feature], [box], strides=[4], bins=7)[0, 0]
    share = (torch.arange(7) + 0.5) / 7
    expected = 0.02 * (10.3 + 66.8 * share)[None, :] - 0.01 * (20.7 + 29.5 * share)[:, None] + 0.3
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


def test_the_coordinate_1_3_lies_between_the_first_two_places() -> None:
    """With the centre of place k at k + 1/2, x = 1.3 is four fifths of place 0's neighbour: 0.2 * 0 + 0.8 * 1."""
    feature = torch.tensor([[0.0, 1.0, 100.0, 1000.0]]).reshape(1, 1, 1, 4)
    box = torch.tensor([[1.2, 0.4, 1.4, 0.6]])
    assert region_align([feature], [box], strides=[1], bins=1, samples=1).item() == pytest.approx(0.8, abs=1e-6)


def test_a_whole_map_at_its_own_size_is_the_map() -> None:
    feature = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    found = region_align([feature], [torch.tensor([[0.0, 0.0, 24.0, 24.0]])], strides=[4], bins=6, samples=1)
    torch.testing.assert_close(found, feature)


def test_beyond_the_border_the_border_is_read() -> None:
    feature = torch.arange(4.0).reshape(1, 1, 2, 2)
    found = region_align([feature], [torch.tensor([[-100.0, -100.0, -90.0, -90.0]])], strides=[1], bins=2)
    assert found.flatten().tolist() == [0.0] * 4


def test_each_box_reads_its_own_image_and_level() -> None:
    fine, coarse = torch.zeros(2, 1, 16, 16), torch.zeros(2, 1, 8, 8)
    fine[0], fine[1], coarse[0], coarse[1] = 1, 2, 3, 4
    small, large = torch.tensor([10.0, 10.0, 20.0, 20.0]), torch.tensor([0.0, 0.0, 60.0, 60.0])
    found = region_align(
        [fine, coarse], [torch.stack([large, small]), small[None]], strides=[4, 8], bins=2, canonical_size=64
    )
    assert found.mean(dim=(1, 2, 3)).tolist() == [3.0, 1.0, 2.0]


def test_slope_is_the_difference_quotient() -> None:
    maps = [torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    boxes = [torch.tensor([[0.3, 0.2, 9.0, 7.0], [2.0, 3.0, 3.0, 4.5]]), torch.tensor([[1.0, 1.0, 8.0, 9.0]])]
    boxes = [box.double() for box in boxes]

    def aligned(*levels: torch.Tensor) -> torch.Tensor:
        return region_align(levels, boxes, strides=[2, 4], bins=2, canonical_size=10)

    assert torch.autograd.gradcheck(aligned, maps)


def test_no_gradient_goes_to_the_boxes() -> None:
    box = torch.tensor([[0.0, 0.0, 4.0, 4.0]], requires_grad=True)
    assert not region_align([torch.zeros(1, 1, 4, 4)], [box], strides=[1], bins=2).requires_grad


@pytest.mark.parametrize(
    ("width", "height", "level"), [(224, 224, 4), (112, 112, 3), (1, 1, 2), (900, 900, 5), (448, 112, 4)]
)
def test_levels_are_those_of_the_equation(width: float, height: float, level: int) -> None:
    box = torch.tensor([[5.0, 5.0, 5.0 + width, 5.0 + height]])
    assert levels_of(box, levels=4).item() + 2 == level
    assert level == min(5, max(2, math.floor(4 + math.log2(math.sqrt(width * height) / 224))))


def test_half_precision_is_computed_in_float32() -> None:
    feature = ramp(28, 28, 4, (0.01, 0.02, 0.0)).bfloat16()
    box = [torch.tensor([[10.0, 20.0, 60.0, 70.0]])]
    with torch.autocast("cpu", torch.bfloat16):
        found = region_align([feature], box, strides=[4], bins=3)
    torch.testing.assert_close(found, region_align([feature.float()], box, strides=[4], bins=3), rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"samples": 0}])
def test_numbers_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        region_align([torch.zeros(1, 1, 4, 4)], [torch.zeros(1, 4)], strides=[1], **{"bins": 2, **wrong})


@pytest.mark.parametrize(
    ("maps", "boxes", "strides"),
    [
        ([torch.zeros(1, 1, 4, 4)], [torch.zeros(1, 4)], [1, 2]),
        ([torch.zeros(1, 1, 4, 4)], [torch.zeros(1, 4)] * 2, [1]),
        ([torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4)], [torch.zeros(1, 4)], [1, 2]),
        ([torch.zeros(1, 1, 4, 4)], [torch.zeros(4)], [1]),
    ],
)
def test_what_does_not_belong_together_is_refused(maps: list, boxes: list, strides: list) -> None:
    with pytest.raises(ShapeMismatch, match="give"):
        region_align(maps, boxes, strides=strides, bins=2)
