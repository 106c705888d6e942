"""What every network of the room must keep to, in one, two and three dimensions."""

import importlib
import inspect
import math
import pkgutil

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

import hypercolumn.networks
from hypercolumn.errors import InvalidArgument
from hypercolumn.networks import NETWORKS, STAGED, describe

# Small forms of each network: keywords, and the size of an axis that goes in.
FORMS = {
    "unet": [
        ({"width": 4, "depth": 2}, 44),
        ({"width": 4, "depth": 2, "padding": "same", "normalization": "batch"}, 8),
        ({"width": 4, "depth": 1, "padding": "same", "normalization": "group", "up": "linear"}, 6),
        ({"width": 4, "depth": 1, "padding": "same", "normalization": "instance", "dropout": 0.0}, 6),
        ({"width": 4, "depth": 1, "residual": True, "skips": "sum"}, 20),
        ({"width": 4, "depth": 2, "padding": "same", "normalization": "batch", "residual": True, "skips": "none"}, 8),
    ],
    "resnet": [
        ({"width": 4}, 20),
        ({"width": 4, "depth": 50, "stem": "small", "normalization": "group"}, 9),
    ],
}

CASES = [
    pytest.param(name, dims, arguments, size, id=f"{name}-{dims}d-{number}")
    for name, forms in FORMS.items()
    for number, (arguments, size) in enumerate(forms)
    for dims in (1, 2, 3)
    if size**dims < 50_000
] + [pytest.param("unet", 3, {"width": 2, "depth": 1}, 20, id="unet-3d-valid")]

every_network = pytest.mark.parametrize(("name", "dims", "arguments", "size"), CASES)


def build(name: str, dims: int, arguments: dict) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name](dims, 2, 3, **arguments)


def images(dims: int, size: int, *, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 2, *[size] * dims, generator=torch.Generator().manual_seed(1))


def networks_in_the_room() -> set[type]:
    """Every module of the room that answers with classes."""
    found = set()
    for module in pkgutil.iter_modules(hypercolumn.networks.__path__, "hypercolumn.networks."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            own = issubclass(member, nn.Module) and member.__module__ == module.name
            if own and "classes" in inspect.signature(member).parameters:
                found.add(member)
    return found


def test_every_network_has_a_row() -> None:
    assert networks_in_the_room() == set(NETWORKS.values()) | set(STAGED.values())


def test_every_row_is_under_this_contract() -> None:
    assert set(NETWORKS) == set(FORMS)


@every_network
def test_shape_follows_from_the_size(name: str, dims: int, arguments: dict, size: int) -> None:
    network = build(name, dims, arguments).eval()
    with torch.no_grad():
        output = network(images(dims, size))
    space = (network.output_size(size),) * dims if hasattr(network, "output_size") else ()
    assert output.shape == (2, 3, *space)


@every_network
def test_gradient_reaches_every_weight(name: str, dims: int, arguments: dict, size: int) -> None:
    network = build(name, dims, arguments).train()
    output = network(images(dims, size))
    (output * torch.randn_like(output)).sum().backward()
    for label, weight in network.named_parameters():
        assert weight.grad is not None, label
        assert torch.isfinite(weight.grad).all(), label
        assert weight.grad.abs().max() > 0, label


@every_network
def test_answers_are_the_same_twice_in_evaluation(name: str, dims: int, arguments: dict, size: int) -> None:
    network, batch = build(name, dims, arguments).eval(), images(dims, size)
    with torch.no_grad():
        assert torch.equal(network(batch), network(batch))


@every_network
def test_one_example_does_not_change_another(name: str, dims: int, arguments: dict, size: int) -> None:
    network, batch = build(name, dims, arguments).eval(), images(dims, size)
    with torch.no_grad():
        together, alone = network(batch), network(batch[:1])
        other = batch.clone()
        other[1] = 100.0
        torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
        assert torch.equal(network(other)[0], together[0])


@every_network
def test_weights_survive_a_file(name: str, dims: int, arguments: dict, size: int) -> None:
    network, batch = build(name, dims, arguments).eval(), images(dims, size)
    torch.manual_seed(99)
    again = NETWORKS[name](dims, 2, 3, **arguments).eval()
    with torch.no_grad():
        assert not torch.equal(again(batch), network(batch))
        again.load_state_dict(load(save(network.state_dict())), strict=True)
        assert torch.equal(again(batch), network(batch))


@every_network
def test_features_are_one_vector_an_example(name: str, dims: int, arguments: dict, size: int) -> None:
    network = build(name, dims, arguments).eval()
    with torch.no_grad():
        vectors = network.features(images(dims, size))
    assert vectors.ndim == 2
    assert len(vectors) == 2
    assert torch.isfinite(vectors).all()
    assert not torch.allclose(vectors[0], vectors[1])


@every_network
def test_first_weights_depend_on_the_seed_alone(name: str, dims: int, arguments: dict, size: int) -> None:
    first, second = build(name, dims, arguments), build(name, dims, arguments)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@every_network
def test_table_holds_every_weight(name: str, dims: int, arguments: dict, size: int) -> None:
    network = build(name, dims, arguments)
    rows = describe(network, (2, *[size] * dims))
    assert sum(row.weights for row in rows) == sum(weight.numel() for weight in network.parameters())
    with torch.no_grad():
        assert rows[-1].shape == network.eval()(images(dims, size, batch=1)).shape[1:]
    assert all(row.multiply_adds >= math.prod(row.shape) for row in rows if "Conv" in row.kind)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_memory_layout_changes_nothing(name: str, dims: int) -> None:
    arguments, size = FORMS[name][1]
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    network, batch = build(name, dims, arguments).eval(), images(dims, size)
    with torch.no_grad():
        plain = network(batch)
        last = network.to(memory_format=layout)(batch.to(memory_format=layout))
    torch.testing.assert_close(last, plain, rtol=1e-3, atol=1e-4)


@every_network
def test_half_precision_says_nearly_the_same(name: str, dims: int, arguments: dict, size: int) -> None:
    network, batch = build(name, dims, arguments).eval(), images(dims, size)
    with torch.no_grad():
        plain = network(batch)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(batch).float()
    assert torch.cosine_similarity(half.flatten(), plain.flatten(), dim=0) > 0.98


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"dims": 4},
        {"in_channels": 0},
        {"classes": 0},
        {"width": 0},
        {"depth": 0},
        {"normalization": "layer"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_argument_that_cannot_be_is_named(name: str, wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        NETWORKS[name](**{"dims": 2, "in_channels": 1, "classes": 2, "width": 2, **wrong})


@every_network
def test_an_image_of_another_kind_is_refused(name: str, dims: int, arguments: dict, size: int) -> None:
    network = build(name, dims, arguments).eval()
    with pytest.raises(InvalidArgument, match=r"image\.shape"):
        network(torch.zeros(1, 5, *[size] * dims))
    with pytest.raises(InvalidArgument, match="spatial axes"):
        network(torch.zeros(1, 2, *[size] * (dims + 1)))
