"""ResNet: blocks that learn what to add to their input.

    y = relu(x + F(x))                  where the shape stays
    y = relu(W x + F(x))                where it changes: W is a 1x1 convolution (option B)

    F at depth 18 and 34    3x3, 3x3
    F at depth 50           1x1 to a quarter of the channels, 3x3, 1x1 back

each convolution without bias and followed by a normalization. He, Zhang, Ren and Sun 2016, doi:10.1109/CVPR.2016.90.
One thing is not as printed: a bottleneck halves its space in the 3x3 convolution and not in the 1x1 before it, which
would drop three quarters of its input unseen. Everybody does so since ("v1.5"): the weights stay the same in number,
and the multiply-adds of ResNet-50 grow from 3.8 to 4.1 G. He initialization, no dropout, nobody's trained weights.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks.dimension import Normalization, normalization_layer, operators
from hypercolumn.networks.initialization import he_initialization

Stem = Literal["imagenet", "small"]


@dataclass(frozen=True)
class Stages:
    """How many blocks each of the four stages has, and by how much a block widens what it computes."""

    blocks: tuple[int, int, int, int]
    expansion: int


DEPTHS = {18: Stages((2, 2, 2, 2), 1), 34: Stages((3, 4, 6, 3), 1), 50: Stages((3, 4, 6, 3), 4)}


class ResNet(nn.Module):
    """Scores of a whole signal, image or volume.

    Input (batch, in_channels, *space), output (batch, classes). `stem="imagenet"` is the published one: a 7x7
    convolution and a pooling, both of stride 2, so that the stages see a quarter of the resolution. `stem="small"` is
    one 3x3 convolution that keeps it all, for images of some 32 to 64 samples. `zero_last` sets the last scale of each
    block to zero, so that every block begins by adding nothing (Goyal et al. 2017, arXiv:1706.02677).

    >>> import torch
    >>> network = ResNet(2, 3, 1000)
    >>> sum(weight.numel() for weight in network.parameters())
    11689512
    >>> ResNet(1, 12, 5, depth=34, width=8)(torch.zeros(2, 12, 256)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        dims: int,
        in_channels: int,
        classes: int,
        *,
        depth: int = 18,
        width: int = 64,
        stem: Stem = "imagenet",
        normalization: Normalization = "batch",
        zero_last: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("classes", classes), ("width", width)):
            if value < 1:
                raise InvalidArgument(name, value, fix="give at least 1")
        if depth not in DEPTHS:
            raise InvalidArgument("depth", depth, fix=f"use one of {', '.join(map(str, DEPTHS))}")
        stages = DEPTHS[depth]
        self.dims, self.in_channels, self.classes = dims, in_channels, classes
        self.depth, self.width = depth, width

        self.stem = _stem(dims, in_channels, width, stem, normalization)
        self.stages = nn.ModuleList()
        channels = width
        for stage, count in enumerate(stages.blocks):
            blocks = nn.Sequential()
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(_Block(dims, channels, width * 2**stage, stages.expansion, stride, normalization))
                channels = width * 2**stage * stages.expansion
            self.stages.append(blocks)
        self.classify = nn.Linear(channels, classes)
        he_initialization(self)
        if zero_last:
            for block in self.modules():
                if isinstance(block, _Block):
                    block.add_nothing()

    def forward(self, image: Tensor) -> Tensor:
        return self.classify(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        """The average over space of the last feature map: (batch, channel), 512 channels, or 2048 at depth 50."""
        return self.feature_map(image).mean(dim=tuple(range(2, self.dims + 2)))

    def feature_map(self, image: Tensor) -> Tensor:
        """The last map before the average: (batch, channel, *space), space by 32, or by 8 with the small stem."""
        return self.stage_maps(image)[-1]

    def stage_maps(self, image: Tensor) -> tuple[Tensor, ...]:
        """The map that each of the four stages gives: (batch, channel, *space), space by 4, 8, 16 and 32."""
        shape = tuple(image.shape)
        if len(shape) != self.dims + 2 or shape[1] != self.in_channels:
            raise InvalidArgument(
                "image.shape", shape, fix=f"give (batch, {self.in_channels}, *space) with {self.dims} spatial axes"
            )
        x, maps = self.stem(image), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


class _Block(nn.Module):
    """relu(x + F(x)), or relu(W x + F(x)) where the shape changes."""

    def __init__(self, dims: int, incoming: int, width: int, expansion: int, stride: int, kind: Normalization) -> None:
        super().__init__()
        outgoing = width * expansion
        if expansion == 1:
            shape = [(incoming, width, 3, stride), (width, outgoing, 3, 1)]
        else:
            shape = [(incoming, width, 1, 1), (width, width, 3, stride), (width, outgoing, 1, 1)]
        layers: list[nn.Module] = []
        for a, b, size, step in shape:
            layers += [*_normalized(dims, a, b, size, step, kind), nn.ReLU(inplace=True)]
        self.residual = nn.Sequential(*layers[:-1])
        same = stride == 1 and incoming == outgoing
        self.shortcut = nn.Sequential(*([] if same else _normalized(dims, incoming, outgoing, 1, stride, kind)))
        self.rectify = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rectify(self.shortcut(x) + self.residual(x))

    def add_nothing(self) -> None:
        """Set the last scale and shift to zero: F is zero until it has learnt."""
        for parameter in self.residual[-1].parameters():
            nn.init.zeros_(parameter)


def _normalized(
    dims: int, in_channels: int, out_channels: int, size: int, stride: int, kind: Normalization
) -> list[nn.Module]:
    """A convolution that keeps the size but for its stride, and its normalization."""
    convolution = operators(dims).convolution(
        in_channels, out_channels, size, stride=stride, padding=size // 2, bias=False
    )
    return [convolution, normalization_layer(kind, dims, out_channels)]


def _stem(dims: int, in_channels: int, width: int, stem: Stem, kind: Normalization) -> nn.Sequential:
    if stem == "imagenet":
        pool = operators(dims).max_pooling(3, stride=2, padding=1)
        return nn.Sequential(*_normalized(dims, in_channels, width, 7, 2, kind), nn.ReLU(inplace=True), pool)
    if stem == "small":
        return nn.Sequential(*_normalized(dims, in_channels, width, 3, 1, kind), nn.ReLU(inplace=True))
    raise InvalidArgument("stem", stem, fix=f"use one of {', '.join(get_args(Stem))}")
