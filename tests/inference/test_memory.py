import pytest
import torch
from torch import Tensor, nn

from hypercolumn.inference import Precision
from hypercolumn.inference.memory import peak_bytes
from hypercolumn.networks import UNet


class Chain(nn.Module):
    """`count` rectifiers one after the other, on an input of one channel."""

    in_channels = 1

    def __init__(self, count: int, *, kept: bool) -> None:
        super().__init__()
        self.count, self.kept = count, kept

    def forward(self, x: Tensor) -> Tensor:
        results = []
        for _ in range(self.count):
            x = torch.relu(x)
            if self.kept:
                results.append(x)
        return x


@pytest.mark.parametrize(
    ("kept", "alive"), [(False, 3), (True, 6)], ids=["let go", "held by a list of the network's own"]
)
def test_what_python_holds_is_counted_and_what_it_lets_go_is_not(kept: bool, alive: int) -> None:
    """The input, which the caller holds, one result and the next; or the input and all five."""
    assert peak_bytes(Chain(5, kept=kept), (1000,), precision=Precision()) == alive * 4000


def test_an_operator_in_place_takes_nothing() -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.ReLU(inplace=True))
    assert peak_bytes(network, (1000,), precision=Precision(), in_channels=1) == 4000


def test_a_view_takes_nothing_and_keeps_what_it_looks_at() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 1000)), nn.Sigmoid())
    assert peak_bytes(network, (1000,), precision=Precision(), in_channels=1) == 2 * 4000


def test_four_times_the_image_takes_four_times_the_memory() -> None:
    network = UNet(2, 1, 2, width=8, depth=2, padding="same")
    small, large = (peak_bytes(network, (n, n), precision=Precision()) for n in (512, 1024))
    assert large / small == pytest.approx(4, rel=0.02)


def test_bfloat16_takes_less() -> None:
    network = UNet(2, 1, 2, width=16, depth=2, padding="same")
    plain = peak_bytes(network, (512, 512), precision=Precision())
    assert peak_bytes(network, (512, 512), precision=Precision("bfloat16", channels_last=True)) < 0.7 * plain


def test_nothing_is_computed_for_an_image_larger_than_any_memory() -> None:
    assert peak_bytes(nn.Conv2d(1, 64, 3, padding=1), (1 << 20, 1 << 20), precision=Precision()) > 1 << 45
