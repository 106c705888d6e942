import json

import pytest
import torch
from torch import nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.inference import Precision
from hypercolumn.inference import precision as room
from hypercolumn.inference.precision import candidates


def test_plain_float32_comes_first_and_bfloat16_is_tried_only_with_units_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "has_bfloat16_units", lambda device="cpu": False)
    assert [one.name for one in candidates(2)] == ["float32", "float32, channels last"]
    monkeypatch.setattr(room, "has_bfloat16_units", lambda device="cpu": True)
    assert [one.name for one in candidates(2)] == ["float32", "float32, channels last", "bfloat16, channels last"]
    assert [one.name for one in candidates(1)] == ["float32", "bfloat16"]


def test_a_signal_has_no_channels_last_layout() -> None:
    signal = torch.zeros(1, 2, 8)
    assert Precision(channels_last=True).arrange(signal).stride() == signal.stride()


def test_a_volume_and_its_network_are_arranged_alike() -> None:
    precision = Precision(channels_last=True)
    volume, layer = precision.arrange(torch.zeros(1, 2, 4, 4, 4)), precision.arrange(nn.Conv3d(2, 2, 3))
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)
    assert layer.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_weights_are_cast_once_for_inference_and_are_as_they_were_afterwards() -> None:
    """Of layers under autocast: a normalization keeps float32, and so does a weight that another module has, too."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3))
    network.other = nn.Module()
    network.other.shared = network[2].weight
    before = [weight.data for weight in network.parameters()]
    precision = Precision("bfloat16", channels_last=True)
    with precision.inferring(network):
        assert (network[0].weight.dtype, network[1].weight.dtype) == (torch.bfloat16, torch.float32)
        assert network[2].weight.dtype == torch.float32
        assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert precision.cast_bytes(network) == 2 * (18 + 2 + 2)
    assert all(
        weight.data is data or torch.equal(weight.data, data)
        for weight, data in zip(network.parameters(), before, strict=True)
    )
    assert all(weight.dtype == torch.float32 for weight in network.parameters())
    with precision.arranged(network):
        assert network[0].weight.dtype == torch.float32


def test_cast_weights_give_what_autocast_gives() -> None:
    torch.manual_seed(0)
    network, image = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 3)), torch.randn(1, 1, 9, 9)
    precision = Precision("bfloat16")
    with torch.no_grad(), precision.autocast():
        expected = network(image)
        with precision.inferring(network):
            assert torch.equal(network(image), expected)


def test_a_choice_survives_json() -> None:
    precision = Precision("bfloat16", channels_last=True, reason="measured", seconds={"float32": 1.5}, deviation=0.01)
    assert Precision.from_dict(json.loads(json.dumps(precision.to_dict()))) == precision


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="float16"):
        Precision("float16")  # type: ignore[arg-type]
