"""A network as its recorded operators: run one after the other, they give what the network gives."""

import pytest
import torch
from torch import Tensor, nn

from hypercolumn.errors import NetworkError
from hypercolumn.inference.program import Program, record
from hypercolumn.networks import ResNet, UNet


def replay(program: Program, network: nn.Module, image: Tensor) -> Tensor:
    values = {**program.constants(network), program.input: image}
    with torch.no_grad():
        for step in program.steps:
            values[step.name] = step.run(values)
    return values[program.output]


class Normalized(nn.Module):
    """A constant made of weights alone, and a writing operator on a fresh tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(2, 3, 3)
        self.register_buffer("mean", torch.tensor([[1.0], [2.0]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer((x - self.mean) / (self.mean + 1).sqrt()).relu_()


NETWORKS = {
    "unet": (lambda: UNet(2, 1, 2, width=4, depth=2, padding="same", normalization="batch"), (1, 32, 32)),
    "unet as published": (lambda: UNet(1, 1, 2, width=4, depth=2), (1, 60)),
    "resnet": (lambda: ResNet(2, 3, 4, depth=18, width=4), (3, 64, 64)),
    "normalized": (Normalized, (2, 20)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_steps_give_what_the_network_gives(name: str, batch: int) -> None:
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = make().double().eval()
    image = torch.randn(batch, *shape, dtype=torch.float64)
    program = record(network, shape[1:], batch=batch, channels=shape[0])
    with torch.no_grad():
        expected = network(image)
    assert program.output_shape == tuple(expected.shape)
    torch.testing.assert_close(replay(program, network, image), expected, rtol=0, atol=1e-12)


def test_constants_follow_the_weights_that_the_network_has_now() -> None:
    network = Normalized().eval()
    program, image = record(network, (20,), batch=1, channels=2), torch.randn(1, 2, 20)
    with torch.no_grad():
        network.layer.weight.mul_(3)
        network.mean.add_(1)
        torch.testing.assert_close(replay(program, network, image), network(image))


def test_what_the_input_and_earlier_steps_are_used_for_is_known() -> None:
    skip = nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU())
    program = record(skip, (8,), batch=1, channels=1)
    first, second = program.steps
    assert program.uses == {program.input: (0,), first.name: (1,), second.name: (2,)}


class Writing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = x * 2
        x[:, :, ::2].add_(1)
        return x


class Shaken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, training=True)


class Two(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x - 1


class Deaf(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones(1, 1, 4)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Writing(), "writes into a tensor"),
        (Shaken(), "runs in training mode even in evaluation"),
        (Two(), "returns 2 tensors"),
        (Deaf(), "does not depend on its input"),
    ],
)
def test_what_cannot_be_run_in_another_way_is_refused_in_words(network: nn.Module, said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        record(network, (8,), batch=1, channels=1)
