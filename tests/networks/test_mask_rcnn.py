import dataclasses

import pytest
import torch
from torch import nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks import MaskRCNN, MaskRCNNSettings


def test_the_published_network_has_its_published_weights() -> None:
    """44,401,393 of the widely used program with ResNet-50 and 91 classes, of which one is the background.

    That program freezes the normalizations (53,120 weights here), and gives the background a box and a mask too.
    """
    with torch.device("meta"):
        network = MaskRCNN(2, 3, 90)
    normalization = sum(
        weight.numel()
        for layer in network.modules()
        if isinstance(layer, nn.BatchNorm2d)
        for weight in layer.parameters()
    )
    total = sum(weight.numel() for weight in network.parameters())
    box_of_background, mask_of_background = 4 * (1024 + 1), 256 + 1
    assert normalization == 53_120
    assert total - normalization + box_of_background + mask_of_background == 44_401_393


def test_first_proposals_know_nothing() -> None:
    """Published first weights: objectness near one half everywhere, boxes near their anchors."""
    torch.manual_seed(0)
    network = MaskRCNN(2, 1, 1, settings=MaskRCNNSettings.light()).eval()
    with torch.no_grad():
        proposed = network.propose(network.features(torch.randn(1, 1, 64, 64)))
    assert all(logits.sigmoid().sub(0.5).abs().max() < 0.2 for logits in proposed.objectness)
    assert all(codes.abs().max() < 0.5 for codes in proposed.codes)


def test_places_come_in_rows_with_their_anchors_together() -> None:
    """Only the third anchor of a place is likely where its weight alone is not zero."""
    network = MaskRCNN(2, 1, 1, settings=dataclasses.replace(MaskRCNNSettings.light(), width=4, channels=4)).eval()
    head = network.proposal_head
    nn.init.zeros_(head.objectness.weight)
    nn.init.constant_(head.objectness.bias, 0.0)
    with torch.no_grad():
        head.objectness.bias[2] = 1.0
        logits = network.propose(network.features(torch.zeros(1, 1, 32, 64))).objectness[0]
    assert logits.reshape(8, 16, 3).sum(dim=(0, 1)).tolist() == [0.0, 0.0, 128.0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("channels", 0),
        ("levels", 6),
        ("anchors", 0),
        ("hidden", 0),
        ("mask_layers", -1),
        ("samples", 0),
        ("canonical_size", 0.0),
        ("depth", 20),
        ("normalization", "layer"),
    ],
)
def test_settings_that_cannot_be_are_named(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=name):
        MaskRCNN(2, 1, 1, settings=dataclasses.replace(MaskRCNNSettings.light(), **{name: value}))
