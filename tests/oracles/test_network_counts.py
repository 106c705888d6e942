"""Weights, sizes and multiply-adds as published, or as counted from the published definition."""

import pytest
import torch
from torch import nn

from hypercolumn.networks import ResNet, UNet, describe


def weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.fixture(autouse=True)
def without_memory():
    with torch.device("meta"):
        yield


@pytest.mark.parametrize(("channels", "classes", "count"), [(1, 2, 31_030_658), (1, 1, 31_030_593), (3, 2, 31_031_810)])
def test_unet_has_the_weights_of_the_paper(channels: int, classes: int, count: int) -> None:
    assert weights(UNet(2, channels, classes)) == count


def test_unet_padded_and_normalized_is_the_popular_reimplementation() -> None:
    # milesial/Pytorch-UNet, 3 channels, 2 classes, transposed convolutions: 31,037,698 ("31 M").
    assert weights(UNet(2, 3, 2, padding="same", normalization="batch")) == 31_037_698


def test_unet_has_23_convolutions_and_the_sizes_of_figure_1() -> None:
    rows = [row for row in describe(UNet(2, 1, 2), (1, 572, 572)) if "Conv" in row.kind]
    assert len(rows) == 23
    assert [(row.shape[0], row.shape[1]) for row in rows] == [
        *[(64, 570), (64, 568), (128, 282), (128, 280), (256, 138), (256, 136), (512, 66), (512, 64)],
        *[(1024, 30), (1024, 28)],
        *[(512, 56), (512, 54), (512, 52), (256, 104), (256, 102), (256, 100)],
        *[(128, 200), (128, 198), (128, 196), (64, 392), (64, 390), (64, 388), (2, 388)],
    ]


def test_unet_crops_4_16_40_and_88_a_side() -> None:
    rows = describe(UNet(2, 1, 2), (1, 572, 572))
    ups = [row.shape[1] for row in rows if row.kind == "ConvTranspose2d"]
    skips = [64, 136, 280, 568]
    assert [(skip - up) // 2 for skip, up in zip(skips, ups, strict=True)] == [4, 16, 40, 88]


@pytest.mark.parametrize(("size", "output"), [(188, 4), (204, 20), (220, 36), (236, 52), (572, 388)])
def test_unet_sizes(size: int, output: int) -> None:
    network = UNet(2, 1, 2)
    assert network.output_size(size) == output
    assert network.valid_size(size) == size
    assert network.valid_size(size - 15) == size


@pytest.mark.parametrize(("depth", "count"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)])
def test_resnet_has_the_published_weights(depth: int, count: int) -> None:
    assert weights(ResNet(2, 3, 1000, depth=depth)) == count


@pytest.mark.parametrize(("depth", "billions"), [(18, 1.8), (34, 3.6), (50, 4.09)])
def test_resnet_costs_the_published_multiply_adds(depth: int, billions: float) -> None:
    """Table 1 of the paper for 18 and 34; for 50 the 4.09 of the form with the stride in the 3x3 convolution."""
    cost = sum(row.multiply_adds for row in describe(ResNet(2, 3, 1000, depth=depth), (3, 224, 224)))
    assert cost / 1e9 == pytest.approx(billions, rel=0.02)


def test_resnet_stages_have_the_sizes_of_table_1() -> None:
    rows = {row.name: row.shape for row in describe(ResNet(2, 3, 1000, depth=50), (3, 224, 224))}
    assert rows["stem.0"] == (64, 112, 112)
    ends = [
        max(name for name in rows if name.startswith(f"stages.{stage}.") and "rectify" in name) for stage in range(4)
    ]
    assert [rows[name] for name in ends] == [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


@pytest.mark.parametrize(("depth", "convolutions"), [(18, 17), (34, 33), (50, 49)])
def test_resnet_is_as_deep_as_its_name(depth: int, convolutions: int) -> None:
    """The convolutions off the shortcuts and the dense layer at the end."""
    rows = describe(ResNet(2, 3, 10, depth=depth), (3, 64, 64))
    deep = [row for row in rows if row.kind == "Conv2d" and "shortcut" not in row.name]
    assert len(deep) == convolutions
    assert [row.kind for row in rows].count("Linear") == 1
