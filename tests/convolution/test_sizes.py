import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hypercolumn.convolution import convolved_length, takes, transposed_length
from hypercolumn.convolution.sizes import next_shape_taken, output_shape, shape_taken
from hypercolumn.errors import NetworkError
from hypercolumn.networks import UNet


@settings(max_examples=40, deadline=None)
@given(n=st.integers(20, 40), k=st.integers(1, 5), s=st.integers(1, 4), d=st.integers(1, 3), p=st.integers(0, 4))
def test_lengths_are_those_of_torch(n: int, k: int, s: int, d: int, p: int) -> None:
    signal = torch.zeros(1, 1, n)
    assert convolved_length(n, k, stride=s, dilation=d, padding=(p, p)) == nn.Conv1d(1, 1, k, s, p, d)(signal).shape[2]
    extra = min(s, d) - 1 if max(s, d) > 1 else 0
    layer = nn.ConvTranspose1d(1, 1, k, s, p, extra, dilation=d)
    assert transposed_length(n, k, stride=s, dilation=d, padding=(p, p), extra=extra) == layer(signal).shape[2]


def test_the_lengths_of_the_published_u_net() -> None:
    """Two 3x3 and a pooling, four times, then two more: 572 -> 28. Ronneberger, Fischer and Brox 2015, figure 1."""
    length, seen = 572, []
    for _ in range(4):
        length = convolved_length(convolved_length(length, 3), 3)
        seen.append(length)
        length = convolved_length(length, 2, stride=2)
    assert [*seen, convolved_length(convolved_length(length, 3), 3)] == [568, 280, 136, 64, 28]


@pytest.mark.parametrize("length", [1, 100, 187, 188, 189, 204, 571, 572, 573, 1000])
def test_what_the_published_u_net_takes(length: int) -> None:
    """16 k + 12 from 188 on."""
    network = UNet(1, 1, 2, width=1)
    found = next_shape_taken(network, (length,), known=(572,), alignment=(16,))
    assert found == (max(188, length + (12 - length) % 16),)
    assert takes(network, found)


def test_each_axis_has_its_own_length() -> None:
    network = UNet(2, 1, 2, width=1, depth=2, padding="same")
    assert next_shape_taken(network, (5, 30), known=(64, 64), alignment=(4, 4)) == (8, 32)


def test_a_network_that_takes_nothing_is_refused() -> None:
    class Never(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(1, 1, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError

    with pytest.raises(NetworkError, match="give shape"):
        shape_taken(Never())


def test_the_shape_of_any_stack() -> None:
    """64 kernels over 32 x 32 give (64, 32, 32); a 2 x 2 pool halves; 32 maps of 8 x 8 flatten to 2,048."""
    convolution, pool = nn.Conv2d(3, 64, 3, padding=1), nn.MaxPool2d(2)
    assert output_shape(convolution, (32, 32)) == (64, 32, 32)
    assert output_shape(nn.Sequential(convolution, pool), (32, 32)) == (64, 16, 16)
    assert output_shape(nn.Sequential(nn.Conv2d(3, 32, 1), nn.Flatten()), (8, 8)) == (2048,)
    assert output_shape(UNet(2, 1, 2, width=1), (572, 572)) == (2, 388, 388)


def test_a_shape_that_is_not_taken_is_refused_with_the_reason() -> None:
    with pytest.raises(NetworkError, match="Kernel size can't be greater"):
        output_shape(nn.Conv2d(1, 1, 5), (4, 4))
