import pytest
import torch
from torch import nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks import ResNet


@pytest.mark.parametrize(("depth", "channels"), [(18, 512), (34, 512), (50, 2048)])
def test_features_have_the_published_width(depth: int, channels: int) -> None:
    with torch.device("meta"):
        network = ResNet(2, 3, 7, depth=depth)
        assert network.features(torch.zeros(2, 3, 64, 64)).shape == (2, channels)


@pytest.mark.parametrize(("stem", "by"), [("imagenet", 32), ("small", 8)])
def test_the_stem_decides_the_resolution(stem: str, by: int) -> None:
    network = ResNet(2, 1, 2, width=2, stem=stem).eval()
    with torch.no_grad():
        assert network.feature_map(torch.zeros(1, 1, 64, 96)).shape == (1, 16, 64 // by, 96 // by)


def test_the_answer_is_dense_in_the_mean_of_the_last_map() -> None:
    torch.manual_seed(0)
    network, image = ResNet(2, 1, 3, width=4).eval(), torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        mean = network.feature_map(image).mean(dim=(2, 3))
        torch.testing.assert_close(network(image), mean @ network.classify.weight.T + network.classify.bias)


@pytest.mark.parametrize("depth", [18, 50])
def test_blocks_that_add_nothing_pass_their_input_on(depth: int) -> None:
    """With every F at zero the first stage of depth 18 is the identity, since nothing negative goes in."""
    torch.manual_seed(0)
    network, image = ResNet(2, 1, 3, width=4, depth=depth, zero_last=True).eval(), torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        x = network.stem(image)
        for index, block in enumerate(network.stages[0]):
            expected = block.shortcut(x).relu() if index == 0 else x
            x = block(x)
            torch.testing.assert_close(x, expected, rtol=0, atol=0)


def test_a_bottleneck_halves_space_in_its_3x3_convolution() -> None:
    strides = {
        name: module.stride
        for name, module in ResNet(2, 1, 2, width=1, depth=50).named_modules()
        if isinstance(module, nn.Conv2d) and module.stride != (1, 1)
    }
    halving = {name.split(".")[1]: name for name in strides if "residual" in name}
    assert set(halving) == {"1", "2", "3"}
    assert all(name.endswith("residual.3") for name in halving.values())


def test_tiny_images_pass() -> None:
    network = ResNet(2, 1, 2, width=2).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 1, 1)).shape == (1, 2)


@pytest.mark.parametrize(("name", "value"), [("depth", 101), ("stem", "large")])
def test_what_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=name):
        ResNet(2, 1, 2, width=1, **{name: value})
