"""What every network with stages must keep to: the laws of `test_networks`, stage by stage."""

from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from hypercolumn.convolution.receptive_field import receptive_field
from hypercolumn.errors import InvalidArgument, NetworkError
from hypercolumn.networks import STAGED, MaskRCNNSettings
from hypercolumn.tasks.staged import StagedNetwork

# Small forms of each network: keywords.
FORMS = {
    "mask_rcnn": [
        {
            "settings": MaskRCNNSettings(
                depth=18,
                width=4,
                channels=8,
                levels=4,
                hidden=16,
                mask_channels=8,
                mask_layers=1,
                normalization="group",
            )
        },
        {
            "settings": MaskRCNNSettings(
                depth=50, width=2, channels=4, hidden=8, box_bins=3, mask_bins=4, mask_channels=4, canonical_size=32
            )
        },
    ],
}

CASES = [
    pytest.param(name, keywords, id=f"{name}-{n}") for name, forms in FORMS.items() for n, keywords in enumerate(forms)
]
every_network = pytest.mark.parametrize(("name", "arguments"), CASES)

SIZE = (70, 96)
BOXES = [
    torch.tensor([[3.0, 5.0, 30.5, 41.0], [0.0, 0.0, 96.0, 70.0], [40.2, 8.0, 47.9, 17.0]]),
    torch.tensor([[10.0, 20.0, 60.0, 60.0]]),
]


def build(name: str, arguments: dict, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return STAGED[name](2, 2, 3, **arguments)


def images() -> Tensor:
    return torch.randn(2, 2, *SIZE, generator=torch.Generator().manual_seed(1))


def answers(network: nn.Module, batch: Tensor, boxes: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that any stage gives."""
    maps = network.features(batch)
    proposed, judged = network.propose(maps), network.heads(maps, boxes)
    for level, (logits, codes) in enumerate(zip(proposed.objectness, proposed.codes, strict=True)):
        yield f"objectness {level}", logits
        yield f"proposal codes {level}", codes
    yield "logits", judged.logits
    yield "codes", judged.codes
    yield "masks", network.masks(maps, boxes)


def test_every_row_is_under_this_contract() -> None:
    assert set(STAGED) == set(FORMS)


@every_network
def test_a_task_can_ask_its_stages(name: str, arguments: dict) -> None:
    assert isinstance(build(name, arguments), StagedNetwork)


@every_network
def test_shapes_follow_from_the_size_and_the_boxes(name: str, arguments: dict) -> None:
    network = build(name, arguments).eval()
    with torch.no_grad():
        maps = network.features(images())
        proposed, judged, masks = network.propose(maps), network.heads(maps, BOXES), network.masks(maps, BOXES)
    settings = network.settings
    for level, stride, logits, codes in zip(maps, network.strides, proposed.objectness, proposed.codes, strict=True):
        space = tuple(-(-length // stride) for length in SIZE)
        assert level.shape == (2, settings.channels, *space)
        assert logits.shape == (2, settings.anchors * space[0] * space[1])
        assert codes.shape == (*logits.shape, 4)
    assert judged.logits.shape == (4, 4)
    assert judged.codes.shape == (4, 3, 4)
    assert masks.shape == (4, 3, 2 * settings.mask_bins, 2 * settings.mask_bins)


@every_network
def test_no_boxes_give_no_answers(name: str, arguments: dict) -> None:
    network = build(name, arguments).eval()
    none = [torch.zeros(0, 4)] * 2
    with torch.no_grad():
        maps = network.features(images())
        assert network.heads(maps, none).logits.shape == (0, 4)
        assert network.masks(maps, none).shape[0] == 0


@every_network
def test_gradient_reaches_every_weight(name: str, arguments: dict) -> None:
    network = build(name, arguments).train()
    total = sum((answer * torch.randn_like(answer)).sum() for _, answer in answers(network, images(), BOXES))
    total.backward()
    for label, weight in network.named_parameters():
        assert weight.grad is not None, label
        assert torch.isfinite(weight.grad).all(), label
        assert weight.grad.abs().max() > 0, label


@every_network
def test_answers_are_the_same_twice_in_evaluation(name: str, arguments: dict) -> None:
    network = build(name, arguments).eval()
    with torch.no_grad():
        for (label, one), (_, two) in zip(
            answers(network, images(), BOXES), answers(network, images(), BOXES), strict=True
        ):
            assert torch.equal(one, two), label


@every_network
def test_one_example_does_not_change_another(name: str, arguments: dict) -> None:
    network, batch = build(name, arguments).eval(), images()
    other = batch.clone()
    other[1] = 100.0
    first = len(BOXES[0])
    with torch.no_grad():
        alone = dict(answers(network, batch[:1], BOXES[:1]))
        for (label, together), (_, changed) in zip(
            answers(network, batch, BOXES), answers(network, other, BOXES), strict=True
        ):
            own = slice(0, 1) if "objectness" in label or "proposal" in label else slice(0, first)
            torch.testing.assert_close(together[own], alone[label], rtol=1e-3, atol=1e-4, msg=label)
            assert torch.equal(changed[own], together[own]), label


@every_network
def test_the_order_of_boxes_is_the_order_of_answers(name: str, arguments: dict) -> None:
    network = build(name, arguments).eval()
    turned = [BOXES[0].flip(0), BOXES[1]]
    with torch.no_grad():
        maps = network.features(images())
        for stage in (lambda boxes: network.heads(maps, boxes).logits, lambda boxes: network.masks(maps, boxes)):
            torch.testing.assert_close(stage(turned)[:3].flip(0), stage(BOXES)[:3], rtol=1e-4, atol=1e-5)


@every_network
def test_weights_survive_a_file(name: str, arguments: dict) -> None:
    network, again = build(name, arguments).eval(), build(name, arguments, seed=99).eval()
    with torch.no_grad():
        before = dict(answers(network, images(), BOXES))
        assert not torch.equal(dict(answers(again, images(), BOXES))["masks"], before["masks"])
        again.load_state_dict(load(save(network.state_dict())), strict=True)
        for label, answer in answers(again, images(), BOXES):
            assert torch.equal(answer, before[label]), label


@every_network
def test_first_weights_depend_on_the_seed_alone(name: str, arguments: dict) -> None:
    for a, b in zip(build(name, arguments).parameters(), build(name, arguments).parameters(), strict=True):
        assert torch.equal(a, b)


@every_network
def test_the_memory_layout_changes_nothing(name: str, arguments: dict) -> None:
    network, batch = build(name, arguments).eval(), images()
    with torch.no_grad():
        plain = dict(answers(network, batch, BOXES))
        last = network.to(memory_format=torch.channels_last), batch.to(memory_format=torch.channels_last)
        for label, answer in answers(*last, BOXES):
            torch.testing.assert_close(answer, plain[label], rtol=1e-3, atol=1e-4, msg=label)


@every_network
def test_half_precision_says_nearly_the_same(name: str, arguments: dict) -> None:
    network = build(name, arguments).eval()
    with torch.no_grad():
        plain = dict(answers(network, images(), BOXES))
        with torch.autocast("cpu", torch.bfloat16):
            half = {label: answer.float() for label, answer in answers(network, images(), BOXES)}
    for label, answer in plain.items():
        assert torch.cosine_similarity(half[label].flatten(), answer.flatten(), dim=0) > 0.98, label


@every_network
def test_it_has_no_single_answer_and_no_receptive_field(name: str, arguments: dict) -> None:
    network = build(name, arguments)
    with pytest.raises(NetworkError, match="depends on the data"):
        network(images())
    with pytest.raises(NetworkError, match="where its heads read depends on the data"):
        receptive_field(network, (64, 64))


@pytest.mark.parametrize("name", STAGED)
@pytest.mark.parametrize(
    "wrong", [{"dims": 3}, {"in_channels": 0}, {"classes": 0}], ids=lambda wrong: next(iter(wrong))
)
def test_an_argument_that_cannot_be_is_named(name: str, wrong: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        STAGED[name](**{"dims": 2, "in_channels": 1, "classes": 2, **wrong})


@every_network
def test_an_image_of_another_kind_is_refused(name: str, arguments: dict) -> None:
    network = build(name, arguments)
    with pytest.raises(InvalidArgument, match=r"image\.shape"):
        network.features(torch.zeros(1, 5, *SIZE))
