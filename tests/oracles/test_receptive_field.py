"""The receptive field against an independent method: a NaN laid into the input, and the outputs that it infects.

For every place along an axis a whole line (plane) of the input is made NaN in float64; the first and last place that
infects an output must be `low` and `high` of that output, at every phase and at the borders, since NaN survives every
sum, every rectifier, every maximum and every product, nought included.
"""

from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypercolumn.convolution import ReceptiveField, receptive_field
from hypercolumn.networks import NETWORKS, ResNet, UNet


class SkipWithCrops(nn.Module):
    """A U of two levels without padding, its skip cropped by the size of what it meets."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.low = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)
        self.up, self.last = nn.ConvTranspose2d(2, 2, 2, stride=2), nn.Conv2d(4, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.first(x)
        x = self.up(self.low(F.max_pool2d(skip, 2)))
        top, left = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
        skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return self.last(torch.cat([skip, x], dim=1))


class Pyramid(nn.Module):
    """Lateral sums from coarse to fine, as in a feature pyramid, by nearest interpolation to the finer map's size."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(1 if i == 0 else 2, 2, 3, stride=2, padding=1) for i in range(3))
        self.lateral = nn.ModuleList(nn.Conv2d(2, 2, 1) for _ in range(3))
        self.smooth = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for stage in self.stages:
            x = F.relu(stage(x))
            maps.append(x)
        top = self.lateral[2](maps[2])
        for level in (1, 0):
            lateral = self.lateral[level](maps[level])
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="nearest")
        return self.smooth(top)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 2, 7, stride=2, padding=3), nn.BatchNorm2d(2), nn.MaxPool2d(3, 2, 1))
        self.one, self.two = nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.short = nn.Conv2d(2, 4, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return F.gelu(self.short(x) + self.two(F.relu(self.one(x))))


class ChannelsLastBlock(nn.Module):
    """Depthwise convolution, then normalization and a linear layer on (batch, y, x, channel), as ConvNeXt does it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.deep = nn.Conv2d(1, 4, 2, stride=2), nn.Conv2d(4, 4, 7, padding=3, groups=4)
        self.norm, self.mix = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return x + self.mix(self.norm(self.deep(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class ManualShuffle(nn.Module):
    """Space to depth and back by views, and a crop by slices with a step."""

    def __init__(self) -> None:
        super().__init__()
        self.in_channels = 1
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, rows, columns = x.shape
        x = (
            x.view(batch, rows // 2, 2, columns // 2, 2)
            .permute(0, 2, 4, 1, 3)
            .reshape(batch, 4, rows // 2, columns // 2)
        )
        x = F.pixel_shuffle(self.conv(x), 2)
        return x[:, :, 1::2, :-3]


class CropThenPad(nn.Module):
    """What is cropped away is not what the next layer's zeros stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x)[:, :, 4:-2, 3:])


def both(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), *layers)


ZOO: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "crops": (SkipWithCrops(), (20, 24)),
    "pyramid": (Pyramid(), (32, 24)),
    "residual": (Residual(), (37, 40)),
    "channels last": (ChannelsLastBlock(), (22, 17)),
    "shuffle": (ManualShuffle(), (16, 20)),
    "crop then pad": (CropThenPad(), (24, 19)),
    "dilated": (both(nn.Conv2d(2, 2, 3, dilation=3, padding=3), nn.Conv2d(2, 1, 3, dilation=(2, 4))), (23, 26)),
    "kernel by axis": (nn.Sequential(nn.Conv2d(1, 2, (1, 5), stride=(1, 2)), nn.Conv2d(2, 1, (4, 1))), (15, 22)),
    "asymmetric": (nn.Sequential(nn.ZeroPad2d((0, 2, 1, 0)), nn.Conv2d(1, 1, (2, 3), stride=2)), (15, 18)),
    "same, even kernel": (nn.Sequential(nn.Conv2d(1, 1, (4, 2), padding="same", dilation=(1, 3))), (15, 18)),
    "ceil": (both(nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True, padding=1)), (18, 21)),
    "average": (both(nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)), (18, 21)),
    "dilated pooling": (both(nn.MaxPool2d(3, 2, dilation=2, padding=1)), (18, 21)),
    "transposed": (both(nn.ConvTranspose2d(2, 1, 4, stride=2, padding=1), nn.Conv2d(1, 1, 3)), (11, 8)),
    "transposed by 3": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ConvTranspose2d(2, 1, 5, 3, 1, 2)), (15, 12)),
    "transposed, dilated": (nn.ConvTranspose2d(1, 1, 3, stride=2, dilation=3, padding=2), (9, 11)),
    "bilinear": (both(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2, 1, 3)), (16, 18)),
    "bilinear alone": (nn.Upsample(scale_factor=2, mode="bilinear"), (6, 5)),
    "bilinear by 4": (both(nn.Upsample(scale_factor=(4, 1.5), mode="bilinear")), (6, 8)),
    "bilinear to a size": (nn.Upsample(size=(15, 9), mode="bilinear"), (10, 12)),
    "corners aligned": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (6, 5)),
    "nearest, exact": (both(nn.Upsample(scale_factor=(2, 1.5), mode="nearest-exact")), (13, 12)),
    "bicubic": (both(nn.Upsample(scale_factor=2, mode="bicubic")), (13, 12)),
    "nearest by 3": (both(nn.MaxPool2d(2), nn.Upsample(scale_factor=3), nn.Conv2d(2, 1, 2, stride=2)), (14, 13)),
    "reflection": (nn.Sequential(nn.Conv2d(1, 2, 5, padding=2, padding_mode="reflect"), nn.Conv2d(2, 1, 3)), (12, 13)),
    "replication": (nn.Sequential(nn.ReplicationPad2d((1, 3, 2, 0)), nn.Conv2d(1, 1, 3)), (12, 13)),
    "local response": (nn.Sequential(nn.Conv2d(1, 5, 3), nn.LocalResponseNorm(3), nn.MaxPool2d(2)), (13, 12)),
    "gated channels": (both(nn.GLU(dim=1), nn.PReLU(), nn.Softmax(dim=1), nn.Dropout2d()), (9, 8)),
    "signal": (nn.Sequential(nn.Conv1d(1, 2, 15, stride=3, padding=7), nn.MaxPool1d(4)), (130,)),
    "volume": (nn.Sequential(nn.Conv3d(1, 2, (1, 3, 3)), nn.MaxPool3d(2), nn.ConvTranspose3d(2, 1, 2, 2)), (6, 8, 9)),
    "trilinear": (
        nn.Sequential(nn.Conv3d(1, 1, 3, padding=1), nn.Upsample(scale_factor=2, mode="trilinear")),
        (5, 4, 6),
    ),
    "U-Net 1-D as published": (UNet(1, 1, 2, width=1), (220,)),
    "U-Net 1-D, padded": (UNet(1, 1, 2, width=1, padding="same", normalization="batch", up="linear"), (224,)),
    "U-Net 2-D": (UNet(2, 1, 2, width=1, depth=2), (48, 52)),
    "U-Net 2-D, padded": (UNet(2, 1, 2, width=1, depth=2, padding="same", up="linear"), (44, 40)),
    "U-Net 3-D": (UNet(3, 1, 2, width=1, depth=1, padding="same"), (10, 12, 8)),
}


WITH_HOLES = {"dilated", "transposed, dilated", "same, even kernel"}
"""Networks whose fields do not move on evenly: the outputs that a place affects have gaps, which their hull fills."""


@cache
def field_of(name: str) -> ReceptiveField:
    network, shape = ZOO[name]
    return receptive_field(network, shape, in_channels=1)


def infected(network: nn.Module, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """(input place, output place): whether a NaN all across the one is found anywhere across the other."""
    lines = torch.randn((shape[axis], 1, *shape), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for place in range(shape[axis]):
        lines[place].select(axis + 1, place).fill_(float("nan"))
    with torch.no_grad():
        sick = network.double().eval()(lines).isnan()
    others = [dimension for dimension in range(1, sick.ndim) if dimension != axis + 2]
    return sick.any(dim=others).numpy()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", ZOO)
def test_first_and_last_sample_that_infects_an_output_are_the_ends_of_its_field(name: str) -> None:
    network, shape = ZOO[name]
    field = field_of(name)
    for axis, along in enumerate(field.axes):
        sick = infected(network, shape, axis)
        for output in range(sick.shape[1]):
            places = np.flatnonzero(sick[:, output])
            found = along.required(output)
            assert (found.start, found.stop) == ((places[0], places[-1] + 1) if len(places) else (0, 0)), (axis, output)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", ZOO)
def test_required_and_affected_are_dual(name: str) -> None:
    field = field_of(name)
    for along in field.axes:
        required = [along.required(output) for output in range(len(along.low))]
        affected = [along.affected(place) for place in range(along.extent)]
        for output, needs in enumerate(required):
            for place, reaches in enumerate(affected):
                assert (place not in needs) or (output in reaches), (place, output)
                assert (place in needs) == (output in reaches) or name in WITH_HOLES, (place, output)


@pytest.mark.parametrize("name", sorted(set(ZOO) - {"crop then pad", "reflection", "replication", "pyramid"}))
def test_the_table_without_borders_is_the_field_cut_off_at_the_border(name: str) -> None:
    field = field_of(name)
    for along in field.axes:
        assert along.table is not None
        inside = 0
        for output in range(len(along.low)):
            low, high = along.table.at(output)
            if low > 0 and high < along.extent - 1:
                inside += 1
                assert (along.low[output], along.high[output]) == (low, high)
        assert inside or along.extent < along.size[1] + 16


FORMS: dict[str, list[tuple[dict[str, object], dict[int, tuple[int, ...]], str | None]]] = {
    "unet": [
        ({"depth": 2}, {1: (60,), 2: (44, 52)}, None),
        ({"depth": 1}, {3: (20, 22, 24)}, None),
        ({"depth": 2, "padding": "same", "normalization": "batch"}, {1: (52,), 2: (28, 36), 3: (12, 8, 4)}, None),
        ({"depth": 2, "padding": "same", "up": "linear"}, {1: (60,), 2: (32, 20), 3: (8, 12, 8)}, None),
        ({"depth": 1, "padding": "same", "normalization": "instance"}, {1: (10,), 2: (6, 8), 3: (4, 6, 4)}, None),
        ({"depth": 1, "padding": "same", "normalization": "group"}, {2: (8, 6)}, None),
    ],
    "resnet": [
        ({}, {1: (67,), 2: (37, 30)}, None),
        ({}, {1: (131,), 2: (67, 52), 3: (35, 33, 34)}, "stages.1"),
        ({"stem": "small"}, {1: (61,), 2: (37, 30)}, "stages.2"),
        ({"depth": 50}, {1: (131,), 2: (51, 46)}, "stages.1"),
        ({"depth": 34, "normalization": "group"}, {2: (33, 30)}, "stages.0"),
    ],
}
"""Of every network of the room some forms, sizes by the number of axes, odd ones where they are taken, and the layer
that is looked at.
"""

EVERY_NETWORK = [
    pytest.param(name, dims, arguments, shape, layer, id=f"{name} {dims}-D {arguments} {layer or ''}")
    for name, forms in FORMS.items()
    for arguments, sizes, layer in forms
    for dims, shape in sizes.items()
]


class Until(nn.Module):
    """A network as far as one of its layers."""

    def __init__(self, network: nn.Module, layer: str) -> None:
        super().__init__()
        self.network, self.layer = network, layer

    def forward(self, x: Tensor) -> Tensor:
        made: list[Tensor] = []
        watched = self.network.get_submodule(self.layer).register_forward_hook(lambda *told: made.append(told[2]))
        self.network(x)
        watched.remove()
        return made[-1]


def test_every_network_of_the_room_is_under_this_check() -> None:
    assert set(FORMS) == set(NETWORKS)
    assert all({dims for _, sizes, _ in forms for dims in sizes} == {1, 2, 3} for forms in FORMS.values())


@pytest.mark.parametrize(("name", "dims", "arguments", "shape", "layer"), EVERY_NETWORK)
def test_every_network_of_the_room(
    name: str, dims: int, arguments: dict[str, object], shape: tuple[int, ...], layer: str | None
) -> None:
    """The ends of the field of every output, at every phase and at the borders; and the dual of it."""
    torch.manual_seed(0)
    network = NETWORKS[name](dims, 1, 2, width=2, **arguments)
    field = receptive_field(network, shape, layer=layer)
    run = Until(network, layer) if layer is not None else network
    for axis, along in enumerate(field.axes):
        sick = infected(run, shape, axis)
        sick = sick.reshape(len(sick), -1)
        for output in range(sick.shape[1]):
            places = np.flatnonzero(sick[:, output])
            found = along.required(output)
            assert (found.start, found.stop) == (places[0], places[-1] + 1), (axis, output)
            assert all(output in along.affected(place) for place in (found.start, found.stop - 1))


def sequence(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def convolution(kernel: int, stride: int = 1, padding: int = 0) -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(1, kernel, stride, padding), nn.ReLU())


def alexnet() -> nn.Sequential:
    pool = nn.MaxPool2d(3, 2)
    return sequence(
        nn.Conv2d(3, 1, 11, 4, 2), pool, nn.Conv2d(1, 1, 5, padding=2), pool,
        *(nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)), pool,
    )  # fmt: skip


def vgg_16() -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (2, 2, 3, 3, 3):
        layers += [nn.Conv2d(3 if not layers else 1, 1, 3, padding=1) for _ in range(1)]
        layers += [nn.Conv2d(1, 1, 3, padding=1) for _ in range(count - 1)] + [nn.MaxPool2d(2)]
    return sequence(*layers)


def patch_gan() -> nn.Sequential:
    strides = (2, 2, 2, 1, 1)
    return sequence(*(nn.Conv2d(3 if i == 0 else 1, 1, 4, stride, 1) for i, stride in enumerate(strides)))


def both_sizes(field: ReceptiveField) -> tuple[float, float]:
    (low, high), *_ = field.size
    assert low == high
    return low, float(field.stride[0])


@pytest.mark.parametrize(
    ("network", "size", "stride"),
    [(alexnet(), 195, 32), (vgg_16(), 212, 32), (patch_gan(), 70, 8)],
    ids=["AlexNet pool5", "VGG-16 pool5", "PatchGAN"],
)
def test_published_sizes(network: nn.Module, size: int, stride: int) -> None:
    """Araujo, Norris and Sim 2019; Isola et al. 2017 for the 70 x 70 discriminator."""
    assert both_sizes(receptive_field(network, (224, 224))) == (size, stride)


def test_the_published_u_net() -> None:
    """Ronneberger, Fischer and Brox 2015, figure 1: 572 -> 388, 92 lost a side; the bottom sees 140 at a stride of
    16.
    """
    network = UNet(2, 1, 2, width=1)
    field = receptive_field(network, (572, 572))
    assert [len(axis.low) for axis in field.axes] == [388, 388]
    assert field.size == ((188, 204), (188, 204))
    assert field.offset == (92, 92)
    assert field.alignment == (16, 16)
    assert both_sizes(receptive_field(network, (572, 572), layer="bottom")) == (140, 16)


@pytest.mark.parametrize("depth", [18, 50])
def test_a_residual_network_is_infinite_by_its_average_and_finite_before(depth: int) -> None:
    network = ResNet(2, 3, 2, depth=depth, width=2)
    field = receptive_field(network, (96, 96))
    assert not field.bounded
    assert "mean" in field.axes[0].mixed_by
    before = receptive_field(network, (96, 96), layer="stages.3")
    assert before.bounded
    assert before.stride == (32, 32)
    assert before.size[0] == {18: (435, 435), 50: (427, 427)}[depth]
