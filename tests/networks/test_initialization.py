import pytest
import torch
from torch import nn

from hypercolumn.networks.initialization import he_initialization, incoming


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 3, 5),
        nn.Conv2d(6, 4, 3, groups=2),
        nn.Conv3d(2, 3, 2),
        nn.ConvTranspose1d(4, 3, 2, stride=2),
        nn.ConvTranspose2d(4, 2, 4, stride=2, groups=2),
        nn.ConvTranspose3d(2, 3, 2, stride=2),
        nn.Linear(7, 2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_incoming_counts_the_inputs_of_one_output(layer: nn.Module) -> None:
    """With weights and inputs of one, an output far from the border is the number of inputs that it sums over."""
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    dims = layer.weight.ndim - 2
    inputs = torch.ones(1, 7) if dims == 0 else torch.ones(1, layer.in_channels, *[9] * dims)
    with torch.no_grad():
        output = layer(inputs)
    middle = output[(0, 0, *[size // 2 for size in output.shape[2:]])]
    assert middle.item() == incoming(layer)


def test_all_is_drawn_from_the_generator_of_torch() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(4, 2))
    torch.manual_seed(3)
    he_initialization(network)
    first = [weight.clone() for weight in network.parameters()]
    torch.manual_seed(3)
    he_initialization(network)
    assert all(torch.equal(a, b) for a, b in zip(first, network.parameters(), strict=True))
