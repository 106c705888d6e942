import json

import pytest
import torch
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.inference import Precision, choose
from hypercolumn.inference import precision as room


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Conv2d(4, 1, 3))


@pytest.fixture
def example() -> Tensor:
    return torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))


def clock(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float]) -> None:
    """The candidates take these seconds, whatever the machine does."""

    def step(network: nn.Module, example: Tensor, precision: Precision, loss: object) -> float:
        return seconds[precision.name]

    monkeypatch.setattr(room, "_inference_step", step)
    monkeypatch.setattr(room, "has_bfloat16_units", lambda device="cpu": True)


def test_the_fastest_within_the_tolerance_is_chosen(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    seconds = {"float32": 1.0, "float32, channels last": 0.5, "bfloat16, channels last": 0.2}
    clock(monkeypatch, seconds)
    found = choose(network(), example)
    assert (found.dtype, found.channels_last, found.seconds) == ("bfloat16", True, seconds)
    assert 0 < found.deviation <= 0.03
    assert "5.0 times" in found.reason


def test_what_leaves_the_tolerance_is_not_chosen_and_said(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    clock(monkeypatch, {"float32": 1.0, "float32, channels last": 0.5, "bfloat16, channels last": 0.2})
    found = choose(network(), example, tolerance=1e-5)
    assert found.name == "float32, channels last"
    assert "bfloat16, channels last left the tolerance" in found.reason


def test_plain_float32_stays_unless_another_is_clearly_faster(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    clock(monkeypatch, {"float32": 1.0, "float32, channels last": 0.99, "bfloat16, channels last": 2.0})
    assert choose(network(), example).name == "float32"


def test_bfloat16_is_not_tried_without_units_for_it(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    monkeypatch.setattr(room, "has_bfloat16_units", lambda device="cpu": False)
    assert set(choose(network(), example, repetitions=1).seconds) == {"float32", "float32, channels last"}


@pytest.mark.parametrize("training", [False, True])
def test_the_probe_leaves_the_network_and_chance_as_they_were(example: Tensor, training: bool) -> None:
    probed = network()
    probed[1].eval()
    probed[0].weight.grad = torch.ones_like(probed[0].weight)
    before = {name: value.clone() for name, value in probed.state_dict().items()}
    chance = torch.random.get_rng_state()
    choose(probed, example, training=training, repetitions=1)
    assert torch.equal(chance, torch.random.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in probed.state_dict().items())
    assert torch.equal(probed[0].weight.grad, torch.ones_like(probed[0].weight))
    assert probed[4].weight.grad is None
    assert [module.training for module in probed] == [True, False, True, True, True]
    assert all(weight.is_contiguous() for weight in probed.parameters())


def test_the_loss_given_is_the_loss_timed(example: Tensor) -> None:
    seen: list[torch.dtype] = []

    def loss(output: Tensor) -> Tensor:
        seen.append(output.dtype)
        return output.abs().sum()

    choose(network(), example, training=True, loss=loss, repetitions=1)
    assert set(seen) == {torch.float32}


def test_a_signal_has_no_channels_last_layout() -> None:
    signal = torch.zeros(1, 2, 8)
    assert Precision(channels_last=True).arrange(signal).stride() == signal.stride()
    assert not choose(nn.Conv1d(2, 2, 3), signal, repetitions=1).channels_last


def test_a_volume_and_its_network_are_arranged_alike() -> None:
    precision = Precision(channels_last=True)
    volume, layer = precision.arrange(torch.zeros(1, 2, 4, 4, 4)), precision.arrange(nn.Conv3d(2, 2, 3))
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)
    assert layer.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_a_network_in_another_format_is_left_alone(example: Tensor) -> None:
    found = choose(network().double(), example.double())
    assert found.name == "float32"
    assert not found.seconds


def test_a_choice_survives_json() -> None:
    precision = Precision("bfloat16", channels_last=True, reason="measured", seconds={"float32": 1.5}, deviation=0.01)
    assert Precision.from_dict(json.loads(json.dumps(precision.to_dict()))) == precision


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="float16"):
        Precision("float16")  # type: ignore[arg-type]
