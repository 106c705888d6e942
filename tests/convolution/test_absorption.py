import pytest
import torch
from torch import nn

from hypercolumn.convolution.absorption import absorb_after, absorb_before, hindrance


def normalization(channels: int, dims: int, *, affine: bool = True) -> nn.Module:
    torch.manual_seed(1)
    kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dims]
    norm = kind(channels, affine=affine).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    for weight in norm.parameters():
        nn.init.normal_(weight)
    return norm.double()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("layer", "dims"),
    [
        (nn.Conv1d(4, 6, 3, stride=2, padding=2), 1),
        (nn.Conv2d(4, 6, (3, 2), groups=2, dilation=2, bias=False), 2),
        (nn.Conv3d(4, 4, 2, groups=4, padding=1), 3),
        (nn.ConvTranspose1d(4, 6, 3, stride=2, groups=2, padding=1, output_padding=1), 1),
        (nn.ConvTranspose2d(4, 3, 2, stride=3, bias=False), 2),
        (nn.ConvTranspose3d(4, 4, 2, groups=4), 3),
        (nn.Linear(4, 5), 0),
    ],
)
def test_a_normalization_that_follows(layer: nn.Module, dims: int, affine: bool) -> None:
    layer = layer.double()
    signal = torch.randn(3, 4, *(7,) * dims, dtype=torch.float64)
    made = layer(signal)
    norm = normalization(made.shape[1], dims, affine=affine)
    assert torch.allclose(absorb_after(layer, norm)(signal), norm(made), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("layer", "dims"),
    [
        (nn.Conv1d(4, 6, 3, stride=2), 1),
        (nn.Conv2d(4, 6, 3, groups=2, bias=False), 2),
        (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), 2),
        (nn.Conv2d(4, 6, 1, padding="same"), 2),
        (nn.Conv3d(4, 4, 2, groups=4, padding="valid"), 3),
        (nn.Linear(4, 5, bias=False), 0),
    ],
)
def test_a_normalization_that_precedes(layer: nn.Module, dims: int) -> None:
    layer, norm = layer.double(), normalization(4, dims)
    signal = torch.randn(3, 4, *(7,) * dims, dtype=torch.float64)
    assert hindrance(norm, layer) == ""
    assert torch.allclose(absorb_before(norm, layer)(signal), layer(norm(signal)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.ConvTranspose2d(4, 6, 3, groups=2, stride=2)]
)
def test_where_nothing_is_shifted_padding_is_no_hindrance(layer: nn.Module) -> None:
    layer, norm = layer.double(), normalization(4, 2)
    nn.init.zeros_(norm.bias)
    norm.running_mean.zero_()
    signal = torch.randn(3, 4, 7, 6, dtype=torch.float64)
    assert hindrance(norm, layer) == ""
    assert torch.allclose(absorb_before(norm, layer)(signal), layer(norm(signal)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.Conv1d(4, 4, 3, padding=1), "zeros are padded"),
        (nn.Conv1d(4, 4, 3, padding="same"), "zeros are padded"),
        (nn.ConvTranspose1d(4, 4, 3), "transposed"),
    ],
)
def test_a_shift_before_what_pads_is_a_hindrance(layer: nn.Module, why: str) -> None:
    assert why in hindrance(normalization(4, 1), layer)


def test_format_layout_and_the_layer_itself_are_kept() -> None:
    layer = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last).bfloat16().requires_grad_(requires_grad=False)
    before = layer.weight.clone()
    made = absorb_after(layer, normalization(6, 2))
    assert made.weight.is_contiguous(memory_format=torch.channels_last)
    assert (made.weight.dtype, made.bias.dtype, made.weight.requires_grad) == (torch.bfloat16, torch.bfloat16, False)
    assert torch.equal(layer.weight, before)
