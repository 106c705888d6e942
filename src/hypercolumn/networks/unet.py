"""U-Net: a contracting path for what, an expanding path for where, and skips that keep the fine detail.

    down   x_0 = block(image)       x_l = block(pool(x_{l-1}))                 l = 1 ... depth, width * 2^l channels
    up     y_depth = x_depth        y_l = block(concatenate(crop(x_l), up(y_{l+1})))
    out    a 1x1 convolution of y_0

A block is twice a 3x3 convolution and a rectifier. Ronneberger, Fischer and Brox 2015,
doi:10.1007/978-3-319-24574-4_28. The defaults are the network of the paper: convolutions without padding (572 -> 388
samples, the skips cropped by 4, 16, 40 and 88 a side), biases, no normalization, up-convolutions of 2x2 that halve the
channels, He initialization, and dropout at the end of the contracting path: after its last two blocks, as the authors'
own definition has it. (That definition also rectifies after each up-convolution, which the paper does not draw; here
it is not done.)

Most programs called U-Net pad and normalize: here that is `padding="same"`, `normalization="batch"`. `residual` adds
its input to each block, through a 1x1 convolution where channels differ (He et al. 2016, doi:10.1109/CVPR.2016.90;
Zhang, Liu and Wang 2018, doi:10.1109/LGRS.2018.2802944). `skips` are concatenated as published, summed (Chaurasia and
Culurciello 2017, doi:10.1109/VCIP.2017.8305148), or left out, to see what they are worth. With `deep_supervision` a
network in training gives a map at every level of the expanding path, the finest first (Lee et al. 2015, arXiv
1409.5185). The weighted loss of the paper is a task's, its tiling is inference.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks.dimension import Normalization, normalization_layer, operators
from hypercolumn.networks.initialization import he_initialization

Padding = Literal["valid", "same"]
Up = Literal["transposed", "linear"]
Skips = Literal["concatenate", "sum", "none"]


class UNet(nn.Module):
    """A map of class scores for a signal, an image or a volume.

    Input (batch, in_channels, *space), output (batch, classes, *space) where each axis n became `output_size(n)`.
    `width` counts the channels of the first level and `depth` the poolings. `normalization` stands between each
    convolution and its rectifier and takes the place of the convolution's bias. `up="linear"` replaces each
    up-convolution by a 1x1 convolution and linear interpolation. Where `padding` is "same" it is with zeros. With
    `deep_supervision`, which needs padding, a network in training gives a tuple: level l has 1 / 2^l of the samples.

    Raises InvalidArgument where an axis is not of a size that `valid_size` gives.

    >>> network = UNet(2, 1, 2)
    >>> sum(weight.numel() for weight in network.parameters()), network.output_size(572)
    (31030658, 388)
    >>> UNet(3, 1, 4, width=8, depth=2, padding="same", normalization="instance")(torch.zeros(1, 1, 8, 16, 16)).shape
    torch.Size([1, 4, 8, 16, 16])
    """

    def __init__(
        self,
        dims: int,
        in_channels: int,
        classes: int,
        *,
        width: int = 64,
        depth: int = 4,
        padding: Padding = "valid",
        normalization: Normalization | None = None,
        dropout: float = 0.5,
        up: Up = "transposed",
        skips: Skips = "concatenate",
        residual: bool = False,
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("classes", classes), ("width", width), ("depth", depth)):
            if value < 1:
                raise InvalidArgument(name, value, fix="give at least 1")
        if padding not in get_args(Padding):
            raise InvalidArgument("padding", padding, fix=f"use one of {', '.join(get_args(Padding))}")
        if skips not in get_args(Skips):
            raise InvalidArgument("skips", skips, fix=f"use one of {', '.join(get_args(Skips))}")
        if deep_supervision and padding != "same":
            raise InvalidArgument(
                "deep_supervision", True, why="without padding the levels do not lie on each other", fix="pad"
            )
        if not 0 <= dropout < 1:
            raise InvalidArgument("dropout", dropout, fix="give a share from 0 up to 1")
        self.dims, self.in_channels, self.classes = dims, in_channels, classes
        self.width, self.depth, self.padding, self.skips = width, depth, padding, skips
        # Two convolutions take 4 samples at each level, and poolings must meet even sizes: n = lost + 4 (modulo step).
        self.step = 2**depth
        self.lost = 12 * self.step - 8 if padding == "valid" else 0
        self.smallest = self.lost + 3 % self.step + 1 if padding == "valid" else self.step

        channels = [width * 2**level for level in range(depth + 1)]
        wider = zip([in_channels, *channels[:-2]], channels[:-1], strict=True)
        narrower = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        block = _residual_block if residual else _block
        self.contracting = nn.ModuleList(block(dims, a, b, padding, normalization) for a, b in wider)
        self.pool = operators(dims).max_pooling(2)
        self.bottom = block(dims, channels[-2], channels[-1], padding, normalization)
        self.up = nn.ModuleList(_up(dims, a, b, up) for a, b in narrower)
        joined = 2 if skips == "concatenate" else 1
        self.expanding = nn.ModuleList(block(dims, joined * b, b, padding, normalization) for _, b in narrower)
        self.classify = operators(dims).convolution(width, classes, 1)
        coarser = channels[-2:0:-1] if deep_supervision else []
        self.supervise = nn.ModuleList(operators(dims).convolution(a, classes, 1) for a in coarser)
        if dropout:
            for last in (self.contracting[-1], self.bottom):
                last.add_module("dropout", nn.Dropout(dropout))
        he_initialization(self)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        x, skips = self._contract(image)
        coarse: list[Tensor] = []
        for level, (up, block, skip) in enumerate(zip(self.up, self.expanding, reversed(skips), strict=True)):
            x = block(self._fused(up(x), skip))
            if self.training and level < len(self.supervise):
                coarse.insert(0, self.supervise[level](x))
        return (self.classify(x), *coarse) if coarse else self.classify(x)

    def _fused(self, x: Tensor, skip: Tensor) -> Tensor:
        """Upsampled features with those of the contracting path, which know where."""
        if self.skips == "none":
            return x
        skip = _centre(skip, x)
        return torch.cat([skip, x], dim=1) if self.skips == "concatenate" else x + skip

    def features(self, image: Tensor) -> Tensor:
        """The average over space of the lowest level: (batch, width * 2^depth), for embeddings."""
        return self._contract(image)[0].mean(dim=tuple(range(2, self.dims + 2)))

    def _contract(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        self._check(image)
        x, skips = image, []
        for block in self.contracting:
            skips.append(block(x))
            x = self.pool(skips[-1])
        return self.bottom(x), skips

    def output_size(self, size: int) -> int:
        """The samples that come out along an axis for `size` that go in.

        >>> UNet(2, 1, 2, width=1).output_size(188)
        4
        """
        if self.valid_size(size) != size:
            raise InvalidArgument(
                "size", size, why=self._law(), fix=f"the next that can be used is {self.valid_size(size)}"
            )
        return size - self.lost

    def valid_size(self, size: int) -> int:
        """The smallest size that can go in along an axis and is at least `size`.

        Every pooling must meet an even size, so that crops are exact and tiles fit together.

        >>> network = UNet(2, 1, 2, width=1)
        >>> network.valid_size(1), network.valid_size(189), network.valid_size(572)
        (188, 204, 572)
        """
        beyond = max(0, size - self.smallest)
        return self.smallest + -(-beyond // self.step) * self.step

    def _check(self, image: Tensor) -> None:
        shape = tuple(image.shape)
        if len(shape) != self.dims + 2 or shape[1] != self.in_channels:
            raise InvalidArgument(
                "image.shape", shape, fix=f"give (batch, {self.in_channels}, *space) with {self.dims} spatial axes"
            )
        fitting = tuple(self.valid_size(size) for size in shape[2:])
        if fitting != shape[2:]:
            raise InvalidArgument(
                "image.shape", shape, why=self._law(), fix=f"pad the space to {fitting}, or predict in tiles"
            )

    def _law(self) -> str:
        how = "no" if self.padding == "valid" else "same"
        return f"with {how} padding and {self.depth} poolings an axis has {self.smallest} + k * {self.step} samples"


def _block(
    dims: int, in_channels: int, out_channels: int, padding: Padding, kind: Normalization | None
) -> nn.Sequential:
    """Twice: convolution, normalization if any, rectifier."""
    layers: list[nn.Module] = []
    for incoming in (in_channels, out_channels):
        layers.append(
            operators(dims).convolution(incoming, out_channels, 3, padding=int(padding == "same"), bias=kind is None)
        )
        layers += [] if kind is None else [normalization_layer(kind, dims, out_channels)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class _Residual(nn.Module):
    """A block whose input is added before its last rectifier; its centre where the block does not pad."""

    def __init__(self, block: nn.Module, project: nn.Module) -> None:
        super().__init__()
        self.block, self.project = block, project

    def forward(self, x: Tensor) -> Tensor:
        made = self.block(x)
        return torch.relu(made + _centre(self.project(x), made))


def _residual_block(
    dims: int, in_channels: int, out_channels: int, padding: Padding, kind: Normalization | None
) -> nn.Sequential:
    block = _block(dims, in_channels, out_channels, padding, kind)[:-1]
    same = in_channels == out_channels
    project = nn.Identity() if same else operators(dims).convolution(in_channels, out_channels, 1)
    return nn.Sequential(_Residual(block, project))


def _up(dims: int, in_channels: int, out_channels: int, kind: Up) -> nn.Module:
    """Twice the samples, half the channels."""
    if kind == "transposed":
        return operators(dims).transposed_convolution(in_channels, out_channels, 2, stride=2)
    if kind == "linear":
        mix = operators(dims).convolution(in_channels, out_channels, 1)
        return nn.Sequential(mix, nn.Upsample(scale_factor=2, mode=operators(dims).interpolation))
    raise InvalidArgument("up", kind, fix=f"use one of {', '.join(get_args(Up))}")


def _centre(skip: Tensor, like: Tensor) -> Tensor:
    """The centre of a skip, as large as another map; both differ by an even number of samples (see `valid_size`)."""
    for axis in range(2, skip.ndim):
        size = like.shape[axis]
        skip = skip.narrow(axis, (skip.shape[axis] - size) // 2, size)
    return skip
