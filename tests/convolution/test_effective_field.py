"""The effective receptive field against what is known of it in closed form."""

from math import comb, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hypercolumn.convolution import receptive_field
from hypercolumn.convolution.effective_field import EffectiveField, effective_field
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.networks import UNet


def linear_stack(layers: int, weights: list[float]) -> nn.Module:
    stack = nn.Sequential(*(nn.Conv1d(1, 1, len(weights), bias=False) for _ in range(layers)))
    for layer in stack:
        layer.weight.data = torch.tensor(weights).reshape(1, 1, -1)
    return stack.double()


def test_of_a_linear_stack_it_is_the_squared_power_of_the_kernel() -> None:
    """n times [1, 1] is the binomial row n: the gradient itself; its energy is the square of that."""
    field = effective_field(linear_stack(6, [1.0, 1.0]), torch.randn(2, 1, 7, dtype=torch.float64), output=(0,))
    row = np.array([comb(6, k) for k in range(7)], dtype=float) ** 2
    np.testing.assert_allclose(field.map, row / row.sum(), rtol=1e-12)
    assert field.centre == pytest.approx((3.0,))


def test_its_width_goes_with_the_square_root_of_the_depth() -> None:
    """Luo et al. 2016, equation 12: four times the layers, twice the width; the receptive field grows fourfold."""
    widths = [
        effective_field(linear_stack(n, [1.0] * 3), torch.ones(1, 1, 401).double()).deviation[0] for n in (8, 32, 128)
    ]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.02)
    assert widths[2] / widths[1] == pytest.approx(2, rel=0.02)
    assert widths[0] == pytest.approx(sqrt(8 * 2 / 3 / 2), rel=0.03)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_nothing_lies_outside_of_the_receptive_field(dims: int) -> None:
    torch.manual_seed(0)
    network = UNet(dims, 2, 3, width=4, depth=1, padding="same")
    shape = (24, 26, 22)[:dims]
    field, bounds = effective_field(network, torch.randn(6, 2, *shape)), receptive_field(network, shape)
    inside = np.zeros(shape, dtype=bool)
    inside[np.ix_(*(list(r) for r in bounds.required(field.output)))] = True
    assert field.map[~inside].sum() == 0
    assert field.map.sum() == pytest.approx(1)
    assert all(0 < e <= most for e, most in zip(field.extent(), bounds.largest, strict=True))


def test_of_a_layer_and_a_place_and_in_physical_units() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, (3, 5)), nn.ReLU(), nn.Conv2d(2, 1, 3)).double()
    images = torch.rand(3, 1, 12, 14, dtype=torch.float64)
    field = effective_field(network, images, layer="0", output=(2, 3), spacing=(2.0, 0.5))
    assert field.map.shape == (12, 14)
    assert [np.flatnonzero(field.along(axis))[[0, -1]].tolist() for axis in (0, 1)] == [[2, 4], [3, 7]]
    assert field.extent(1.0) == (3, 5)
    assert field.physical_extent(1.0) == (6.0, 2.5)
    assert effective_field(network, images).physical_extent() is None


def test_the_extent_is_the_shortest_range_that_holds_the_share() -> None:
    field = EffectiveField(np.array([0.3, 0.02, 0.0, 0.08, 0.5, 0.1]), (0,))
    assert [field.extent(share)[0] for share in (0.5, 0.6, 0.68, 0.7, 1.0)] == [1, 2, 3, 5, 6]
    with pytest.raises(InvalidArgument, match="share"):
        field.extent(0.0)


def test_the_network_keeps_its_mode_and_gradients() -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Dropout())
    with torch.inference_mode():
        effective_field(network, torch.randn(1, 1, 9))
    assert network[1].training
    assert network[0].weight.grad is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"output": (9,)}, "indices within"),
        ({"output": (1, 1)}, "1 indices"),
        ({"layer": "7"}, "name one of 0, 1"),
        ({"spacing": (1.0, 1.0)}, "1 numbers"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        effective_field(nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU()), torch.ones(1, 1, 9), **options)  # type: ignore[arg-type]


def test_images_that_are_none_and_gradients_that_do_not_arrive_are_errors() -> None:
    with pytest.raises(ShapeMismatch):
        effective_field(nn.Conv1d(1, 1, 3), torch.ones(0, 1, 9))
    with pytest.raises(NetworkError, match="no gradient"):
        effective_field(nn.Sequential(nn.Conv1d(1, 1, 3, bias=False), nn.ReLU()), torch.zeros(1, 1, 9))

    class Exploding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sqrt()

    with pytest.raises(NetworkError, match="not finite"):
        effective_field(Exploding(), torch.zeros(1, 1, 9))
