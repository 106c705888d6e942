"""A round trip through JPEG: blocks of 8 x 8, ringing at edges, colour at half the resolution.

For images: two spatial axes. JPEG has eight bits and no scale, so a standardized image is mapped to 0 ... 255 from its
least to its greatest value before, and back after; a third of a percent of that range is lost by rounding alone. Three
channels are taken for red, green and blue on one scale, and share their colour (4:2:0) as cameras and slide scanners
do; any other number of channels is compressed channel by channel, each on its own scale.
"""

from dataclasses import dataclass
from typing import ClassVar

import imagecodecs
import numpy as np
import torch
from torch import Tensor

from hypercolumn.errors import InvalidArgument

UNTOUCHED = 100


@dataclass(frozen=True)
class CompressionRecord:
    """The quality from 1 to 99 as libjpeg counts it; 100 stands for an image that was never compressed."""

    quality: int = UNTOUCHED


@dataclass(frozen=True)
class Compression:
    """Draw the quality evenly from `lowest` to 100, where nothing is done.

    >>> image = torch.linspace(-1, 1, 64).expand(1, 64, 64)
    >>> changed = (Compression().apply_image(CompressionRecord(30), image) - image).abs().max()
    >>> 0 < float(changed) < 0.1
    True
    """

    lowest: int = 40
    record: ClassVar[type[CompressionRecord]] = CompressionRecord

    def __post_init__(self) -> None:
        if not 1 <= self.lowest <= UNTOUCHED:
            raise InvalidArgument("lowest", self.lowest, fix="give a quality from 1 to 100")

    def draw(self, rng: np.random.Generator, dims: int) -> CompressionRecord:
        if dims != 2:
            raise InvalidArgument("dims", dims, why="JPEG is for images", fix="leave Compression out of this pipeline")
        return CompressionRecord(int(rng.integers(self.lowest, UNTOUCHED + 1)))

    def apply_image(self, record: CompressionRecord, image: Tensor) -> Tensor:
        if record.quality == UNTOUCHED:
            return image
        if image.ndim != 3:
            raise InvalidArgument("image.shape", tuple(image.shape), fix="give (channel, y, x): JPEG is for images")
        together = [image] if len(image) == 3 else list(image[:, None])
        return torch.cat([_round_trip(channels, record.quality) for channels in together])

    def apply_target(self, record: CompressionRecord, target: Tensor) -> Tensor:
        return target


def _round_trip(channels: Tensor, quality: int) -> Tensor:
    low, high = (float(edge) for edge in channels.aminmax())
    if high <= low:
        return channels
    scale = (high - low) / 255
    bytes_ = ((channels - low) / scale).round_().clamp_(0, 255).to(torch.uint8).movedim(0, -1).contiguous().numpy()
    pixels = bytes_ if bytes_.shape[-1] == 3 else bytes_[..., 0]
    decoded = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling="420"))
    back = torch.from_numpy(np.ascontiguousarray(decoded.reshape(bytes_.shape))).movedim(-1, 0)
    return back.to(channels.dtype).mul_(scale).add_(low)
