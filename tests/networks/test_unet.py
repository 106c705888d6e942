import copy

import pytest
import torch
from torch import nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks import UNet
from hypercolumn.tasks import Segmentation
from hypercolumn.tasks.segmentation import with_weights


def mirrored(network: nn.Module) -> nn.Module:
    """The same network with every kernel turned round."""
    other = copy.deepcopy(network)
    for module in other.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d):
            module.weight.data = module.weight.data.flip(tuple(range(2, module.weight.ndim)))
    return other


@pytest.mark.parametrize("up", ["transposed", "linear"])
@pytest.mark.parametrize(("padding", "size"), [("valid", 48), ("same", 16)])
def test_mirrored_kernels_give_the_mirrored_map(padding: str, size: int, up: str) -> None:
    """Holds only where every skip is cropped by the same number on both sides."""
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=3, depth=2, padding=padding, up=up).eval().double()
    image = torch.randn(1, 1, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected = network(image).flip(2, 3)
        torch.testing.assert_close(mirrored(network)(image.flip(2, 3)), expected, rtol=0, atol=1e-12)


def test_a_shift_by_the_step_shifts_the_map() -> None:
    torch.manual_seed(0)
    network = UNet(1, 1, 1, width=4, depth=2).eval().double()
    signal = torch.randn(1, 1, network.smallest + 5 * network.step, dtype=torch.float64)
    with torch.no_grad():
        whole, later = network(signal), network(signal[..., network.step :])
    torch.testing.assert_close(whole[..., network.step :], later, rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_sizes_that_fit_are_all_there_are(padding: str, depth: int) -> None:
    """A size fits if and only if every pooling meets an even length and something is left at the end."""

    def passes(size: int) -> int | None:
        lost = 4 if padding == "valid" else 0
        for _ in range(depth):
            size -= lost
            if size <= 0 or size % 2:
                return None
            size //= 2
        size -= lost
        for _ in range(depth):
            size = 2 * size - lost
        return size if size > 0 else None

    network = UNet(1, 1, 1, width=1, depth=depth, padding=padding)
    for size in range(1, 500):
        output = passes(size)
        assert (network.valid_size(size) == size) == (output is not None)
        assert network.valid_size(size) >= size
        if output is not None:
            assert network.output_size(size) == output


def test_a_size_that_does_not_fit_names_the_next_that_does() -> None:
    network = UNet(2, 1, 2, width=1)
    with pytest.raises(InvalidArgument, match=r"\(588, 572\)"):
        network(torch.zeros(1, 1, 573, 572))
    with pytest.raises(InvalidArgument, match="204"):
        network.output_size(190)


def test_weights_begin_as_he_says() -> None:
    """std sqrt(2 / N): 0.0589 for a 3x3 convolution of 64 maps; for an up-convolution N is its input channels."""
    torch.manual_seed(0)
    network = UNet(2, 1, 2, depth=2)
    stds = {name: weight.std().item() for name, weight in network.named_parameters() if name.endswith("weight")}
    assert stds["contracting.0.2.weight"] == pytest.approx(0.0589, rel=0.02)
    assert stds["bottom.2.weight"] == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
    assert stds["up.0.weight"] == pytest.approx((2 / 256) ** 0.5, rel=0.02)
    assert all(weight.abs().max() == 0 for name, weight in network.named_parameters() if name.endswith("bias"))


def test_a_deep_map_keeps_its_scale() -> None:
    """What He initialization is for: noise of deviation 1 is still of that order after 23 layers."""
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=32, padding="same").eval()
    with torch.no_grad():
        scores = network(torch.randn(1, 1, 64, 64))
    assert 0.2 < scores.square().mean().sqrt() < 5


def test_dropout_stands_after_the_last_two_blocks_of_the_contracting_path() -> None:
    network = UNet(2, 1, 2, width=2, depth=3)
    places = [name for name, module in network.named_modules() if isinstance(module, nn.Dropout)]
    assert places == ["contracting.2.dropout", "bottom.dropout"]
    assert not any(isinstance(module, nn.Dropout) for module in UNet(2, 1, 2, width=2, dropout=0.0).modules())


def test_dropout_acts_in_training_alone() -> None:
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=4, depth=2, padding="same")
    image = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        assert not torch.equal(network(image), network(image))
        network.eval()
        assert torch.equal(network(image), network(image))


def test_only_an_unnormalized_convolution_has_a_bias() -> None:
    plain = dict(UNet(2, 1, 2, width=2, depth=1).named_parameters())
    normalized = dict(UNet(2, 1, 2, width=2, depth=1, normalization="batch").named_parameters())
    assert "bottom.0.bias" in plain
    assert "bottom.0.bias" not in normalized


def test_axes_may_differ() -> None:
    network = UNet(3, 1, 2, width=2, depth=2, padding="same").eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 4, 8, 12)).shape == (1, 2, 4, 8, 12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("padding", "reflect"),
        ("up", "nearest"),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("skips", "multiply"),
        ("deep_supervision", True),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=name):
        UNet(2, 1, 2, width=1, **{name: value})


def test_skips_summed_or_left_out_are_what_they_say() -> None:
    image = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    for skips, changed in (("none", False), ("sum", True), ("concatenate", True)):
        network = UNet(2, 1, 2, width=2, depth=1, padding="same", dropout=0.0, skips=skips).eval()
        whole = network(image)
        with torch.no_grad():
            for weight in network.bottom.parameters():
                weight.zero_()
        told = bool((network(image).std() > 1e-3).item())
        assert told is changed, "with nothing from below, only skips know the image"
        assert whole.shape == (1, 2, 16, 16)


def test_a_residual_block_with_silent_convolutions_passes_its_input_on() -> None:
    network = UNet(2, 4, 2, width=4, depth=1, padding="same", dropout=0.0, residual=True).eval()
    block = network.contracting[0]
    with torch.no_grad():
        for weight in block[0].block.parameters():
            weight.zero_()
    image = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(image), torch.relu(image))


def test_deep_supervision_gives_every_level_in_training_alone() -> None:
    network = UNet(2, 1, 3, width=2, depth=3, padding="same", deep_supervision=True)
    image = torch.randn(2, 1, 16, 32, generator=torch.Generator().manual_seed(0))
    assert [tuple(level.shape[1:]) for level in network.train()(image)] == [(3, 16, 32), (3, 8, 16), (3, 4, 8)]
    assert network.eval()(image).shape == (2, 3, 16, 32)


def test_the_loss_of_several_levels_is_their_weighed_mean() -> None:
    task = Segmentation(("background", "cell"))
    generator = torch.Generator().manual_seed(0)
    fine, coarse = torch.randn(2, 2, 8, 8, generator=generator), torch.randn(2, 2, 4, 4, generator=generator)
    target = torch.randint(0, 2, (2, 8, 8), generator=generator)
    both = task.loss((fine, coarse), target)
    expected = (2 * task.loss(fine, target) + task.loss(coarse, target[:, ::2, ::2])) / 3
    torch.testing.assert_close(both, expected)
    weighed = with_weights(target.flatten(), torch.ones(128)).reshape(2, 2, 8, 8).movedim(0, 1)
    torch.testing.assert_close(task.loss((fine, coarse), weighed), expected)
