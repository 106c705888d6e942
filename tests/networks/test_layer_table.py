import pytest
import torch
from torch import nn

from hypercolumn.errors import NetworkError
from hypercolumn.networks import describe


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(2, 2, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum().item() > 0 else -x


def test_multiply_adds_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2, bias=False),
        nn.ConvTranspose2d(8, 2, 2, stride=2),
        nn.Flatten(),
        nn.Linear(2 * 8 * 8, 5),
    )
    rows = describe(network, (4, 6, 6))
    # 8*4*4 outputs of 9*2 products; 8*4*4 inputs each into 4 places of 2 maps; 128 inputs into 5 outputs
    assert [row.multiply_adds for row in rows] == [8 * 16 * 18, 8 * 16 * 8, 0, 640]
    assert [row.weights for row in rows] == [8 * 2 * 9, 8 * 2 * 4 + 2, 0, 645]
    assert [row.shape for row in rows] == [(8, 4, 4), (2, 8, 8), (128,), (5,)]


def test_a_layer_called_twice_has_two_rows_and_its_weights_once() -> None:
    rows = describe(Twice(), (2, 10))
    assert [(row.name, row.weights, row.multiply_adds) for row in rows] == [("layer", 12, 120), ("layer", 0, 120)]


def test_nothing_is_left_behind() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    network[1].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    describe(network, (1, 8, 8))
    assert [module.training for module in network] == [True, False, True]
    assert not any(module._forward_hooks for module in network)
    for name, tensor in network.state_dict().items():
        assert tensor.device.type == "cpu"
        assert torch.equal(tensor, before[name])


def test_a_large_input_takes_no_memory() -> None:
    rows = describe(nn.Sequential(nn.Conv3d(1, 64, 3, padding=1)), (1, 4096, 4096, 4096))
    assert rows[0].shape == (64, 4096, 4096, 4096)


@pytest.mark.parametrize("network", [Branching(), nn.Conv2d(3, 4, 3)], ids=["branches", "other channels"])
def test_a_network_that_cannot_be_listed_is_an_error(network: nn.Module) -> None:
    with pytest.raises(NetworkError, match="cannot be listed"):
        describe(network, (1, 8, 8))
