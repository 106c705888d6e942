"""Strips against the whole image: every kind of operator, every number of rows; nothing made twice; what is refused."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.convolution.tracing import trace
from hypercolumn.errors import NetworkError
from hypercolumn.inference.program import record
from hypercolumn.inference.strips import Strips
from hypercolumn.networks import ResNet, UNet


class Causal(nn.Module):
    """A residual sum around a convolution that sees the past alone."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(1, 1, 3, dilation=4, padding=8)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.one(x)[:, :, : x.shape[2]]) * 2


class SkippedRows(nn.Module):
    """A crop by slices with a step, and a mean over channels joined back in."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(2, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        return (x - x.mean(dim=1, keepdim=True))[:, :, 3:-2:2, 1:]


class ToTheSkip(nn.Module):
    """An interpolation to the size of a skip, twice as large."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        return torch.cat([x, F.interpolate(self.two(F.max_pool2d(x, 2)), size=x.shape[-2:], mode="nearest")], dim=1)


class LastChannels(nn.Module):
    """Normalization and a dense layer over channels that are turned to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.mix = nn.Conv2d(2, 4, 3, stride=2), nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(F.gelu(self.norm(self.one(x).permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)


def stack(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), *layers)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "strides": (lambda: nn.Sequential(nn.Conv1d(1, 2, 7, 3, 3), nn.ReLU(), nn.Conv1d(2, 2, 5, 2)), (107,)),
    "causal": (Causal, (61,)),
    "published U-Net": (lambda: UNet(1, 1, 2, width=2), (220,)),
    "U-Net": (lambda: UNet(2, 2, 2, width=2, depth=3, padding="same", normalization="batch"), (56, 24)),
    "U-Net, linear": (lambda: UNet(2, 2, 2, width=2, depth=2, padding="same", up="linear"), (44, 12)),
    "U-Net in 3-D": (lambda: UNet(3, 2, 2, width=2, depth=1, padding="same"), (18, 6, 4)),
    "skipped rows": (SkippedRows, (31, 9)),
    "to the skip": (ToTheSkip, (30, 8)),
    "channels last": (LastChannels, (33, 7)),
    "dilated": (lambda: stack(nn.Conv2d(3, 2, 3, dilation=(3, 2), padding=(3, 1)), nn.Conv2d(2, 1, (4, 1))), (41, 9)),
    "padding by name": (lambda: nn.Sequential(nn.Conv2d(2, 3, (3, 5), padding="same"), nn.Softmax(dim=1)), (17, 8)),
    "more padding than kernel": (lambda: nn.Sequential(nn.Conv1d(1, 1, 3, padding=7), nn.ReLU()), (13,)),
    "zeros, asymmetric": (lambda: nn.Sequential(nn.ZeroPad2d((1, 0, 2, 5)), nn.Conv2d(2, 1, 3, stride=2)), (19, 8)),
    "ceil": (lambda: stack(nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True, padding=1)), (30, 9)),
    "average": (lambda: stack(nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.BatchNorm2d(3)), (29, 9)),
    "reflected": (lambda: nn.Sequential(nn.Conv1d(1, 2, 9, padding=4, padding_mode="reflect"), nn.PReLU()), (43,)),
    "replicated": (lambda: nn.Sequential(nn.ReplicationPad2d((0, 1, 3, 2)), nn.Conv2d(2, 1, 3)), (15, 6)),
    "transposed": (lambda: stack(nn.ConvTranspose2d(3, 2, 4, 2, 1), nn.Conv2d(2, 1, 3)), (17, 6)),
    "transposed by 3": (lambda: stack(nn.Conv2d(3, 2, 3, 2), nn.ConvTranspose2d(2, 1, 5, 3, 1, 2)), (23, 8)),
    "bilinear": (lambda: stack(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")), (26, 8)),
    "bilinear by 1.5": (lambda: stack(nn.Upsample(scale_factor=1.5, mode="bilinear"), nn.Conv2d(3, 1, 3)), (26, 8)),
    "bicubic": (lambda: stack(nn.Upsample(scale_factor=2, mode="bicubic")), (13, 6)),
    "nearest by 3": (lambda: stack(nn.Upsample(scale_factor=3), nn.Conv2d(3, 2, 2, stride=2)), (13, 5)),
    "shuffled": (
        lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(8, 8, 3, padding=1), nn.PixelShuffle(2)),
        (22, 8),
    ),
    "gated": (lambda: stack(nn.Conv2d(3, 4, 1), nn.GLU(dim=1), nn.Dropout2d()), (12, 5)),
}


def laid_out(network: nn.Module, shape: tuple[int, ...], *, channels: int) -> Strips:
    return Strips(trace(network, shape, in_channels=channels), record(network, shape, batch=1, channels=channels))


def run(strips: Strips, network: nn.Module, image: Tensor, rows: int) -> Tensor:
    parts, done = [], 0
    with torch.inference_mode():
        for start, stop, made in strips.run(network, lambda a, b: image[:, :, a:b].clone(), rows=rows):
            assert start == done
            assert made.shape[2] == stop - start
            parts.append(made.clone())
            done = stop
    return torch.cat(parts, dim=2)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", NETWORKS)
def test_strips_of_any_height_give_the_whole_image(name: str) -> None:
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = make().double().eval()
    channels = 1 if len(shape) == 1 else 2
    image = torch.randn((1, channels, *shape), dtype=torch.float64)
    strips = laid_out(network, shape, channels=channels)
    with torch.no_grad():
        expected = network(image)
    for rows in (1, 3, 8, shape[0]):
        torch.testing.assert_close(run(strips, network, image, rows), expected, rtol=0, atol=1e-12)


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(extent=st.integers(1, 30), rows=st.integers(1, 33))
def test_each_row_is_made_once_in_order_and_held_while_it_is_read(extent: int, rows: int) -> None:
    network = UNet(1, 1, 1, width=1, depth=1, padding="same")
    strips = laid_out(network, (2 * extent,), channels=1)
    schedule = strips.schedule(rows)
    for place, stage in enumerate(strips.stages):
        done = kept = 0
        for strip in schedule:
            moment = strip[place]
            assert moment.begin == done
            assert kept <= moment.keep <= moment.stop
            done, kept = moment.stop, moment.keep
        assert done == stage.extent


def test_what_is_held_goes_with_the_receptive_field_and_not_with_the_image() -> None:
    network = UNet(1, 1, 1, width=1, depth=2, padding="same")

    def held(extent: int) -> int:
        strips = laid_out(network, (extent,), channels=1)
        return sum(max(moment.stop - moment.keep for moment in own) for own in zip(*strips.schedule(16), strict=True))

    assert held(512) == held(2048)


def test_nothing_is_computed_twice() -> None:
    """The convolutions of a network without a border to pad are given each row that they read, and no row too many."""
    network = nn.Sequential(nn.Conv1d(1, 1, 5), nn.Conv1d(1, 1, 3))
    made: list[int] = []

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):  # type: ignore[no-untyped-def]
            result = function(*arguments, **(options or {}))
            if function is torch.ops.aten.convolution.default:
                made.append(result.shape[2])
            return result

    strips = laid_out(network, (50,), channels=1)
    with torch.no_grad(), Counting():
        for _ in strips.run(network, lambda a, b: torch.zeros(1, 1, b - a), rows=8):
            pass
    assert sum(made) == 46 + 44


@pytest.mark.parametrize(
    ("network", "shape", "culprit"),
    [
        (nn.Sequential(nn.Conv2d(2, 2, 3), nn.InstanceNorm2d(2)), (8, 8), "1 (instance_norm)"),
        (ResNet(2, 2, 3, width=2), (32, 32), "mean"),
        (stack(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)), (8, 8), "1 (upsample_bilinear2d)"),
        (stack(nn.Upsample(size=(12, 12), mode="bilinear")), (8, 8), "1 (upsample_bilinear2d)"),
        (stack(nn.AdaptiveAvgPool2d(3)), (8, 8), "1 (adaptive_avg_pool2d)"),
        (stack(nn.Unflatten(1, (3, 1)), nn.Flatten(1, 2)), (8, 8), "1 ("),
    ],
    ids=["instance normalization", "global mean", "aligned corners", "to a size", "adaptive", "views"],
)
def test_what_depends_on_the_whole_image_is_refused_by_name(
    network: nn.Module, shape: tuple[int, ...], culprit: str
) -> None:
    with pytest.raises(NetworkError, match="in strips") as caught:
        laid_out(network, shape, channels=2)
    assert culprit in caught.value.problem.where


def test_a_tensor_of_the_images_own_size_is_refused() -> None:
    class Places(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.place = nn.Conv1d(1, 1, 3, padding=1), nn.Parameter(torch.arange(12.0))

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) + self.place

    with pytest.raises(NetworkError, match="absolute positions"):
        laid_out(Places(), (12,), channels=1)


def test_ones_of_the_images_own_size_are_refused() -> None:
    class Ones(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv1d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) + torch.ones(1, 1, 12)

    with pytest.raises(NetworkError, match="own size"):
        laid_out(Ones(), (12,), channels=1)


def test_nan_goes_where_the_whole_image_has_it() -> None:
    """Rectifiers and joins write their rows in place: a NaN must not get lost on that way."""
    torch.manual_seed(0)
    network = UNet(2, 1, 1, width=2, depth=1, padding="same").eval()
    image = torch.randn(1, 1, 40, 16)
    image[..., 21, 5] = float("nan")
    with torch.no_grad():
        expected = network(image)
    found = run(laid_out(network, (40, 16), channels=1), network, image, 8)
    assert expected.isnan().any()
    assert torch.equal(found.isnan(), expected.isnan())
