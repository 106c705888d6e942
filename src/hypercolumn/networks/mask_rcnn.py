"""Mask R-CNN: propose boxes that may hold an object, then ask of each what it holds, where exactly, and which pixels.

    features    image -> maps P2 ... P6                             a ResNet and its feature pyramid
    propose     maps -> objectness and box codes                    3x3 convolution, two 1x1: one head for all levels
    heads       maps, boxes -> class logits and box codes           RoIAlign 7x7, two dense layers
    masks       maps, boxes -> mask logits, one map a class         RoIAlign 14x14, 3x3 convolutions, up twice, 1x1

He, Gkioxari, Dollar and Girshick 2017, doi:10.1109/ICCV.2017.322, on the pyramid of Lin et al. 2017,
doi:10.1109/CVPR.2017.106; proposals as in Ren et al. 2015, arXiv:1506.01497. The defaults are the paper's with
ResNet-50: 44.4 million weights for the 80 classes of COCO. First weights as in the authors' program: N(0, 0.01) for
what proposes and classifies, N(0, 0.001) for the box codes of the heads, He's elsewhere.

A network with stages, not one function of its image: between `propose` and `heads` somebody chooses boxes, by
thresholds while predicting and by the truth while learning. That, the codes' meaning, the losses and the way from masks
to objects are a task's (`tasks.detection`). Masks stand apart from `heads`, since they are asked for fewer boxes: those
that hold an object, or are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional

from hypercolumn.errors import InvalidArgument, NetworkError
from hypercolumn.networks.dimension import Normalization
from hypercolumn.networks.feature_pyramid import FeaturePyramid
from hypercolumn.networks.initialization import he_initialization
from hypercolumn.networks.region_align import region_align

HEAD_LEVELS = 4
"""Heads read P2 to P5; P6 is there to propose large boxes alone."""


@dataclass(frozen=True)
class MaskRCNNSettings:
    """The sizes of a Mask R-CNN; the defaults are the paper's with ResNet-50.

    `depth`, `width` and `normalization` are the ResNet's; `channels` and `levels` the pyramid's. `anchors` counts the
    boxes that are proposed from each place of each level. RoIAlign takes `samples` a bin and axis, and P4 is read for
    boxes whose side is `canonical_size`.
    """

    depth: int = 50
    width: int = 64
    normalization: Normalization = "batch"
    channels: int = 256
    levels: int = 5
    anchors: int = 3
    hidden: int = 1024
    box_bins: int = 7
    mask_bins: int = 14
    mask_channels: int = 256
    mask_layers: int = 4
    samples: int = 2
    canonical_size: float = 224.0

    def __post_init__(self) -> None:
        counts = ("width", "channels", "anchors", "hidden", "box_bins", "mask_bins", "mask_channels", "samples")
        for name in counts:
            if getattr(self, name) < 1:
                raise InvalidArgument(name, getattr(self, name), fix="give at least 1")
        if self.mask_layers < 0:
            raise InvalidArgument("mask_layers", self.mask_layers, fix="give at least 0")
        if not self.canonical_size > 0:
            raise InvalidArgument("canonical_size", self.canonical_size, fix="give a length in pixels above 0")

    @classmethod
    def light(cls) -> "MaskRCNNSettings":
        """For many small objects in micrographs of 256 to 512 pixels, learnt from nothing, without an accelerator.

        ResNet-18 with group normalization, which does not mind one image a step; P2 to P5 of 64 channels; small heads.
        """
        return cls(
            depth=18,
            normalization="group",
            channels=64,
            levels=4,
            hidden=256,
            mask_channels=64,
            mask_layers=2,
        )


@dataclass(frozen=True, eq=False)
class ProposalOutputs:
    """By level, places in rows and the anchors of a place together: logits (batch, box), codes (batch, box, 4)."""

    objectness: tuple[Tensor, ...]
    codes: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class HeadOutputs:
    """Logits (box, 1 + class), no object first; codes (box, class, 4)."""

    logits: Tensor
    codes: Tensor


class MaskRCNN(nn.Module):
    """The stages of a Mask R-CNN for images: `features`, `propose`, `heads`, `masks`.

    `classes` counts the kinds of objects; that there is none is one more, added here. `dims` is 2: boxes are of images.

    >>> network = MaskRCNN(2, 3, 80)
    >>> sum(weight.numel() for weight in network.parameters())
    44396336
    >>> light = MaskRCNN(2, 1, 2, settings=MaskRCNNSettings.light())
    >>> maps = light.features(torch.zeros(1, 1, 64, 64))
    >>> [tuple(logits.shape) for logits in light.propose(maps).objectness]
    [(1, 768), (1, 192), (1, 48), (1, 12)]
    >>> boxes = [torch.tensor([[8.0, 8.0, 24.0, 24.0]])]
    >>> light.heads(maps, boxes).logits.shape, light.masks(maps, boxes).shape
    (torch.Size([1, 3]), torch.Size([1, 2, 28, 28]))
    """

    def __init__(
        self, dims: int, in_channels: int, classes: int, *, settings: MaskRCNNSettings = MaskRCNNSettings()
    ) -> None:
        super().__init__()
        if dims != 2:
            raise InvalidArgument("dims", dims, why="its boxes and masks are of images", fix="give 2")
        for name, value in (("in_channels", in_channels), ("classes", classes)):
            if value < 1:
                raise InvalidArgument(name, value, fix="give at least 1")
        self.dims, self.in_channels, self.classes, self.settings = dims, in_channels, classes, settings
        self.pyramid = FeaturePyramid(
            2,
            in_channels,
            settings.channels,
            depth=settings.depth,
            width=settings.width,
            normalization=settings.normalization,
            levels=settings.levels,
        )
        self.strides = self.pyramid.strides
        self.proposal_head = _ProposalHead(settings.channels, settings.anchors)
        self.box_head = _BoxHead(settings.channels * settings.box_bins**2, settings.hidden, classes)
        self.mask_head = _mask_head(settings.channels, settings.mask_channels, settings.mask_layers, classes)

    def forward(self, image: Tensor) -> NoReturn:
        """Refused: what is read after the proposals depends on them."""
        raise NetworkError(
            "a Mask R-CNN is not one function of its image: where its heads read depends on the data",
            why="boxes are chosen between its stages, so that it has no single output and no receptive field",
            fix="call features, propose, heads and masks, or decode it with the detection task",
        )

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        """One map (batch, channel, y, x) a level, from fine to coarse, of an image (batch, in_channels, y, x)."""
        return self.pyramid(image)

    def propose(self, maps: Sequence[Tensor]) -> ProposalOutputs:
        """How likely an object lies at each anchor, and how its box differs from the anchor."""
        found = [self.proposal_head(level) for level in maps]
        return ProposalOutputs(tuple(logits for logits, _ in found), tuple(codes for _, codes in found))

    def heads(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> HeadOutputs:
        """What boxes hold: one (box, 4) an image, in pixels; all images' boxes follow each other in the answer."""
        return self.box_head(self._regions(maps, boxes, self.settings.box_bins))

    def masks(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Logits (box, class, 2 * mask_bins, 2 * mask_bins) of the pixels within boxes, for each class on its own."""
        return self.mask_head(self._regions(maps, boxes, self.settings.mask_bins))

    def _regions(self, maps: Sequence[Tensor], boxes: Sequence[Tensor], bins: int) -> Tensor:
        return region_align(
            maps[:HEAD_LEVELS],
            boxes,
            strides=self.strides[:HEAD_LEVELS],
            bins=bins,
            samples=self.settings.samples,
            canonical_size=self.settings.canonical_size,
        )


class _ProposalHead(nn.Module):
    """Logits (batch, box) and codes (batch, box, 4) of one level."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(channels, channels, 3, padding=1)
        self.objectness = nn.Conv2d(channels, anchors, 1)
        self.codes = nn.Conv2d(channels, 4 * anchors, 1)
        _normal(self, 0.01)

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.relu(self.convolve(level), inplace=True)
        logits = self.objectness(x).permute(0, 2, 3, 1)
        codes = self.codes(x).permute(0, 2, 3, 1)
        return logits.reshape(len(level), -1), codes.reshape(len(level), -1, 4)


class _BoxHead(nn.Module):
    """Two dense layers, then classes and box codes."""

    def __init__(self, incoming: int, hidden: int, kinds: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(incoming, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
        )
        self.classify = nn.Linear(hidden, 1 + kinds)
        self.codes = nn.Linear(hidden, 4 * kinds)
        he_initialization(self.dense)
        _normal(self.classify, 0.01)
        _normal(self.codes, 0.001)

    def forward(self, regions: Tensor) -> HeadOutputs:
        x = self.dense(regions)
        codes = self.codes(x)
        return HeadOutputs(self.classify(x), codes.reshape(len(x), codes.shape[1] // 4, 4))


def _mask_head(incoming: int, channels: int, layers: int, classes: int) -> nn.Sequential:
    head = nn.Sequential()
    for _ in range(layers):
        head.extend([nn.Conv2d(incoming, channels, 3, padding=1), nn.ReLU(inplace=True)])
        incoming = channels
    head.extend(
        [nn.ConvTranspose2d(incoming, channels, 2, stride=2), nn.ReLU(inplace=True), nn.Conv2d(channels, classes, 1)]
    )
    he_initialization(head)
    return head


@torch.no_grad()
def _normal(module: nn.Module, deviation: float) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.normal_(0.0, deviation)
            assert layer.bias is not None
            layer.bias.zero_()
