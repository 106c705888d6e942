"""The field by trial: the traced one where that can be had, and what is said where it cannot."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hypercolumn.convolution import receptive_field
from hypercolumn.convolution.measured_field import measured_ends
from hypercolumn.errors import InvalidArgument, NetworkError
from hypercolumn.networks import ResNet, UNet


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, (3, 5), padding=(1, 0)), nn.ReLU(), nn.MaxPool2d(2)), (12, 14)),
        (UNet(1, 1, 2, width=2, depth=2, padding="same"), (36,)),
        (nn.Sequential(nn.Conv1d(1, 2, 3, dilation=3), nn.Upsample(scale_factor=2, mode="linear")), (15,)),
    ],
    ids=["pooled", "U-Net", "dilated"],
)
def test_where_a_network_can_be_traced_both_say_the_same(network: nn.Module, shape: tuple[int, ...]) -> None:
    traced = receptive_field(network, shape)
    for (low, high), axis in zip(measured_ends(network, shape), traced.axes, strict=True):
        np.testing.assert_array_equal(low, axis.low)
        np.testing.assert_array_equal(high, axis.high)


class Branching(nn.Module):
    """Looks far or near by the brightness of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = nn.Conv1d(1, 1, 3, padding=1), nn.Conv1d(1, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.far(x) if x.sum() > 0 else self.near(x)


def test_a_network_that_cannot_be_traced_is_measured_only_when_asked() -> None:
    with pytest.raises(NetworkError, match="cannot be traced") as caught:
        receptive_field(Branching(), (20,))
    assert "if x.sum() > 0" in caught.value.problem.where
    field = receptive_field(Branching(), (20,), measure=True, spacing=(0.5,))
    assert field.measured
    assert field.required((10,)) == (range(7, 14),)
    assert field.largest == (7,)
    assert field.physical_size == ((2.0, 3.5),)
    assert "measured" in str(field)


def test_a_network_that_can_be_traced_is_not_measured() -> None:
    assert not receptive_field(nn.Conv1d(1, 1, 3), (9,), measure=True).measured


def test_an_operator_that_is_not_known_can_be_measured() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv1d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.flip(self.one(x), (2,))

    field = receptive_field(Turned(), (10,), measure=True)
    assert field.required((2,)) == (range(6, 9),)


def test_circular_padding_reads_the_far_side() -> None:
    """Refused by name when traced; by trial its first output is found to see both ends, and the hull is everything."""
    network = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular")
    with pytest.raises(NetworkError, match="circular"):
        receptive_field(network, (12,))
    field = receptive_field(network, (12,), measure=True)
    assert field.required((0,)) == (range(12),)
    assert field.required((5,)) == (range(4, 7),)


def test_an_answer_without_space_sees_everything() -> None:
    ((low, high), (_, end)) = measured_ends(ResNet(2, 1, 2, width=2, stem="small"), (9, 8))
    assert (low.tolist(), high.tolist(), end.tolist()) == ([0], [8], [7])


def test_a_nan_that_breaks_the_network_leaves_the_gradient() -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv1d(1, 1, 5)

        def forward(self, x: Tensor) -> Tensor:
            if bool(x.isnan().any()):
                raise ValueError("not a number")
            return self.one(x)

    assert receptive_field(Fragile(), (9,), measure=True).size == ((5, 5),)


def test_of_a_layer_by_its_path() -> None:
    network = Branching()
    network.last = nn.Identity()
    with pytest.raises(InvalidArgument, match="name one of near, far, last"):
        receptive_field(network, (9,), layer="middle", measure=True)
    with pytest.raises(NetworkError, match="one tensor"):
        receptive_field(network, (9,), layer="last", measure=True)


def test_outputs_whose_length_hangs_on_the_data_are_refused() -> None:
    class Picked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv1d(1, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, : 1 + int((x > 0).sum())] * 2

    with pytest.raises(NetworkError, match="cannot be measured"):
        receptive_field(Picked(), (30,), measure=True)


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Dropout())
    measured_ends(network, (8,))
    assert network[0].weight.dtype == torch.float32
    assert network[1].training
