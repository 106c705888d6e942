import pytest
import torch
from torch import Tensor, nn

from hypercolumn.convolution.tracing import channels_of, dims_of, evaluating, trace
from hypercolumn.errors import NetworkError


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 2, 3), nn.Conv1d(1, 2, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(x), self.two(x)


def test_the_graph_holds_what_the_output_needs_and_nothing_else() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 5)

        def forward(self, x: Tensor) -> Tensor:
            self.two(x)
            return self.one(x)

    graph = trace(Idle(), (12,))
    assert [node.layer for node in graph.nodes] == ["", "one"]


def test_of_several_results_a_layer_must_be_named() -> None:
    with pytest.raises(NetworkError, match="2 tensors"):
        trace(Two(), (12,))
    assert trace(Two(), (12,), layer="two").output_shape == (8,)


def test_a_size_that_the_network_does_not_take_is_an_error_with_its_line() -> None:
    with pytest.raises(NetworkError, match="at 4"):
        trace(nn.Conv1d(1, 1, 5), (4,))


def test_an_output_that_does_not_look_at_its_input_is_refused() -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    with pytest.raises(NetworkError, match="does not depend"):
        trace(Blind(), (9,))


def test_channels_and_axes_are_told_from_the_first_convolution() -> None:
    network = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(6, 3, 2), nn.Conv2d(3, 1, 1))
    assert (channels_of(network), dims_of(network)) == (6, 2)
    with pytest.raises(NetworkError, match="in_channels"):
        channels_of(nn.ReLU())
    with pytest.raises(NetworkError, match="shape"):
        dims_of(nn.ReLU())


def test_a_network_without_weights_can_be_traced_when_its_channels_are_given() -> None:
    assert trace(nn.MaxPool2d(2), (8, 6), in_channels=1).output_shape == (4, 3)


def test_modes_come_back_after_an_error() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Dropout().eval())

    def fail() -> None:
        with evaluating(network):
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert [module.training for module in network.modules()] == [True, True, False]


def test_large_networks_are_not_computed() -> None:
    assert trace(nn.Conv3d(1, 512, 3, padding=1), (4096, 4096, 4096)).output_shape == (4096, 4096, 4096)
