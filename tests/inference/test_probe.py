import pytest
import torch
from torch import Tensor, nn

from hypercolumn.inference import Precision, choose
from hypercolumn.inference import probe as room
from hypercolumn.inference.probe import deviation


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Conv2d(4, 1, 3))


CANDIDATES = (Precision(), Precision(channels_last=True), Precision("bfloat16", channels_last=True))


@pytest.fixture
def example() -> Tensor:
    return torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))


def clock(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float]) -> None:
    """The candidates take these seconds, whatever the machine does."""

    def step(network: nn.Module, example: Tensor, precision: Precision) -> float:
        return seconds.get(precision.name, 10.0)

    monkeypatch.setattr(room, "_inference_step", step)
    monkeypatch.setattr(room, "candidates", lambda dims, device: CANDIDATES)


def test_the_fastest_within_the_tolerance_is_chosen(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    seconds = {"float32": 1.0, "float32, channels last": 0.5, "bfloat16, channels last": 0.2}
    clock(monkeypatch, seconds)
    found = choose(network(), example)
    assert (found.dtype, found.channels_last, found.folded) == ("bfloat16", True, False)
    assert seconds.items() <= found.seconds.items()
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


def test_folding_is_taken_where_it_is_clearly_faster(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    clock(monkeypatch, {"float32": 1.0, "float32, folded": 0.5})
    found = choose(network(), example)
    assert found.name == "float32, folded"
    assert found.deviation < 1e-5
    clock(monkeypatch, {"float32": 1.0, "float32, folded": 0.99})
    assert choose(network(), example).name == "float32"


def test_a_network_without_normalization_is_not_folded(example: Tensor) -> None:
    assert not any("folded" in name for name in choose(nn.Conv2d(2, 1, 3), example, repetitions=1).seconds)


def test_compiling_is_tried_when_asked_for_and_says_what_it_cost(
    monkeypatch: pytest.MonkeyPatch, example: Tensor
) -> None:
    clock(monkeypatch, {"float32": 1.0, "float32, compiled": 0.5})
    monkeypatch.setattr(room, "compiled", lambda network: torch.compile(network, backend="eager"))
    assert "float32, compiled" not in choose(network(), example).seconds
    found = choose(network(), example, compiling=True)
    assert found.name == "float32, compiled"
    assert "compiling took" in found.reason


def test_what_cannot_be_compiled_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    def fails(network: nn.Module) -> nn.Module:
        class Failing(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                raise RuntimeError("no working C++ compiler was found")

        return Failing()

    clock(monkeypatch, {"float32": 1.0})
    monkeypatch.setattr(room, "compiled", fails)
    found = choose(network(), example, compiling=True)
    assert found.name == "float32"
    assert "compiling failed (no working C++ compiler was found)" in found.reason


def test_what_is_compared_can_be_said(monkeypatch: pytest.MonkeyPatch, example: Tensor) -> None:
    """Of probabilities that are all nought or one, bfloat16 changes none."""
    clock(monkeypatch, {"float32": 1.0, "bfloat16, channels last": 0.2})
    strict = {"tolerance": 1e-6}
    assert choose(network(), example, **strict).name == "float32"
    saturated = choose(network(), example, answer=lambda output: (output * 1e6).clamp(0.0, 0.0), **strict)
    assert saturated.name == "bfloat16, channels last"
    assert saturated.deviation == 0.0


def test_an_answer_that_is_not_finite_is_never_within_the_tolerance(example: Tensor) -> None:
    assert deviation(network(), example * float("nan"), Precision(channels_last=True)) == float("inf")


def test_the_choice_is_logged(caplog: pytest.LogCaptureFixture, example: Tensor) -> None:
    with caplog.at_level("INFO", logger="hypercolumn"):
        found = choose(network(), example, repetitions=1)
    assert found.reason in caplog.text


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


def test_a_network_in_another_format_is_left_alone(example: Tensor) -> None:
    found = choose(network().double(), example.double())
    assert found.name == "float32"
    assert not found.seconds
