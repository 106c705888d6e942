"""What a record looks like from afar: numbers that survive brightness and compression, and how much they do.

    grid      x = mean over equal boxes of the grey record, a fixed number of boxes a side
    detail    d = g(x', low) - g(x', high)         x': x less its best quadratic; g(., s): Gaussian of s boxes wide
    form      f = (d - mean d) / |d - mean d|      so that f . f' is the normalised cross-correlation
    loss      e = 1 - f . f''                      f'': the form of the same record after JPEG at quality 50

`loss` says how far a record's own copy would fall from correlation 1, so each record brings its own measure of how
close a near-duplicate has to be: 0.0004 for a field of stained nuclei, 0.03 for a chest radiograph of 28 x 28. A record
that was compressed before loses little the second time on the same 8 x 8 blocks, so the blocks are laid half a block
aside.

Brightness by a factor or an offset leaves the form alone until values are cut off at black or white. So a record has up
to three more versions: 10 % brighter by factor, brighter and darker by a tenth of full scale, where that cuts anything.
Signals and volumes have one version and no loss: nobody stores them as JPEG.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.sparse import csr_array

from hypercolumn.errors import InvalidArgument

QUALITY = 50
"""The strongest JPEG compression that must not hide a copy."""
BRIGHTER = 0.1
"""The change of brightness that must not hide a copy, as a share."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""The weights of red, green and blue in grey, ITU-R BT.601: the grey that JPEG keeps best."""
SAME = 0.999
"""A version whose form correlates so well with the record's own adds nothing."""
FAINT = 0.05
"""A version that loses more than this is too faint to know a copy by."""
LARGEST = 1024
"""Images with more samples a side are reduced by a whole factor before they are compressed, to save time."""


@dataclass(frozen=True)
class Scale:
    """A grid of so many boxes a side, and the widths in boxes between which detail is kept."""

    side: int
    low: float
    high: float


COARSE = {1: Scale(256, 0, 20), 2: Scale(16, 0, 2), 3: Scale(8, 0, 2)}
FINE = {1: Scale(2304, 0, 180), 2: Scale(48, 0.75, 3.75), 3: Scale(16, 0, 4)}
"""Coarse grids propose pairs, fine ones decide; by the number of spatial axes."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """The forms of a record's versions (version, box) at both scales, and their losses (version,)."""

    coarse: np.ndarray
    fine: np.ndarray
    coarse_loss: np.ndarray
    fine_loss: np.ndarray


def appearance(array: np.ndarray) -> Appearance | None:
    """The appearance of a record (channel, *space), or None where it shows nothing: a constant array has no form.

    >>> rng = np.random.default_rng(0)
    >>> image = rng.integers(60, 180, (1, 64, 64), dtype=np.uint8)
    >>> seen, brighter = appearance(image), appearance((image * 1.1).astype(np.uint8))
    >>> round(float(seen.coarse[0] @ brighter.coarse[0]), 3)
    1.0
    >>> appearance(np.zeros((3, 64, 64))) is None
    True
    """
    dims = array.ndim - 1
    if dims not in COARSE or array.size == 0:
        return None
    channels = _finite(_without_alpha(array))
    versions: list[tuple[np.ndarray, np.ndarray, float, float]] = []
    for version in _versions(channels, _white(array.dtype, channels)) if dims == 2 else (channels,):
        seen = grey(version)
        coarse, fine = _forms(seen)
        shows_nothing = not coarse.any() or not fine.any()
        if shows_nothing and not versions:
            return None
        if shows_nothing or (versions and float(versions[0][1] @ fine) > SAME):
            continue
        copy = _forms(grey(_compressed(version, eight_bit=array.dtype == np.uint8))) if dims == 2 else (coarse, fine)
        coarse_loss, fine_loss = 1 - float(coarse @ copy[0]), 1 - float(fine @ copy[1])
        if not versions or fine_loss < FAINT:
            versions.append((coarse, fine, max(0.0, coarse_loss), max(0.0, fine_loss)))
    all_coarse, all_fine, coarse_losses, fine_losses = zip(*versions, strict=True)
    return Appearance(
        np.stack(all_coarse), np.stack(all_fine).astype(np.float16), np.array(coarse_losses), np.array(fine_losses)
    )


def grey(channels: np.ndarray) -> np.ndarray:
    """One grey channel (*space): the luma of three channels, the mean of any other number.

    >>> grey(np.array([[[100.0]], [[200.0]], [[50.0]]])).round(1)
    array([[153.]])
    """
    return np.tensordot(LUMA, channels, axes=1) if channels.shape[0] == 3 else channels.mean(0)


def box_means(array: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """The mean over equal boxes that fill the array; a box may cut a sample, and then takes its share of it.

    >>> box_means(np.array([1.0, 2.0, 6.0]), (2,)).round(3)
    array([1.333, 4.667])
    """
    for axis, side in enumerate(sides):
        first = np.moveaxis(array, axis, 0)
        means = _shares(first.shape[0], side) @ first.reshape(first.shape[0], -1)
        array = np.moveaxis(means.reshape(side, *first.shape[1:]), 0, axis)
    return array


@lru_cache(maxsize=64)
def _shares(samples: int, boxes: int) -> csr_array:
    """The share of each sample in the mean of each box (box, sample)."""
    cuts = np.union1d(np.arange(samples + 1) * boxes, np.arange(boxes + 1) * samples)
    lengths = np.diff(cuts) / samples
    shape = (boxes, samples)
    return csr_array((lengths.astype(np.float32), (cuts[:-1] // samples, cuts[:-1] // boxes)), shape=shape)


def _forms(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coarse and the fine form of a grey record (*space)."""
    dims = image.ndim
    boxes = box_means(image, (FINE[dims].side,) * dims)
    return _form(box_means(boxes, (COARSE[dims].side,) * dims), COARSE[dims]), _form(boxes, FINE[dims])


def _form(boxes: np.ndarray, scale: Scale) -> np.ndarray:
    trend = _quadratics(boxes.shape)
    level = boxes - ((boxes.ravel() @ trend.T) @ trend).reshape(boxes.shape)
    near = ndimage.gaussian_filter(level, scale.low) if scale.low else level
    detail = near - ndimage.gaussian_filter(level, scale.high)
    detail -= detail.mean()
    length = np.linalg.norm(detail)
    if length <= 1e-6 * max(float(np.abs(boxes).max()), 1e-30) * detail.size**0.5:
        return np.zeros(detail.size, dtype=np.float32)
    return (detail / length).astype(np.float32).ravel()


@lru_cache(maxsize=8)
def _quadratics(sides: tuple[int, ...]) -> np.ndarray:
    """An orthonormal basis of all polynomials of degree 2 or less over a grid (polynomial, box): shading, mostly."""
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij")
    terms = [np.ones(sides), *places, *(a * b for a, b in combinations_with_replacement(places, 2))]
    return np.ascontiguousarray(np.linalg.qr(np.stack([term.ravel() for term in terms], axis=1))[0].T)


def _versions(channels: np.ndarray, white: float | None) -> Iterator[np.ndarray]:
    """The record as it is, and as it is after a change of brightness that cuts values off at black or white."""
    yield channels
    if white is None:
        return
    darkest, brightest = float(channels.min()), float(channels.max())
    if brightest * (1 + BRIGHTER) > white:
        yield np.minimum(channels * (1 + BRIGHTER), white)
    if brightest + BRIGHTER * white > white:
        yield np.minimum(channels + BRIGHTER * white, white)
    if 0 <= darkest < BRIGHTER * white:
        yield np.maximum(channels - BRIGHTER * white, 0)


def _white(dtype: np.dtype, channels: np.ndarray) -> float | None:
    """Full scale: the largest value that the type can hold, 1 or 255 for floats that look like it."""
    if dtype.kind == "b":
        return 1.0
    if dtype.kind in "iu":
        return float(np.iinfo(dtype).max)
    lowest, highest = float(channels.min()), float(channels.max())
    if lowest < 0 or highest > 255:
        return None
    return 1.0 if highest <= 1 else 255.0


def _compressed(channels: np.ndarray, *, eight_bit: bool) -> np.ndarray:
    """After JPEG at `QUALITY`, its 8 x 8 blocks laid half a block aside; other types are stretched to 8 bits first."""
    factor = -(-max(channels.shape[1:]) // LARGEST)
    if factor > 1:
        channels = np.stack(
            [box_means(channel, tuple(max(1, n // factor) for n in channel.shape)) for channel in channels]
        )
    if not eight_bit:
        lowest, highest = float(channels.min()), float(channels.max())
        channels = (channels - lowest) * (255 / (highest - lowest))
    if channels.shape[0] != 3:
        channels = grey(channels)[None]
    pixels = np.clip(np.round(np.roll(channels, (4, 4), (1, 2))), 0, 255).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)) if len(pixels) == 3 else pixels[0])
    stored = io.BytesIO()
    picture.save(stored, "JPEG", quality=QUALITY)
    decoded = np.asarray(Image.open(stored), dtype=np.float32)
    decoded = np.moveaxis(decoded, -1, 0) if decoded.ndim == 3 else decoded[None]
    return np.roll(decoded, (-4, -4), (1, 2))


def _without_alpha(array: np.ndarray) -> np.ndarray:
    """Without a last channel that is the same everywhere, where there are 2 or 4: it is opacity and not a picture."""
    has_alpha = array.shape[0] in (2, 4) and bool((array[-1] == array[-1].flat[0]).all())
    return array[:-1] if has_alpha else array


def _finite(array: np.ndarray) -> np.ndarray:
    """As float32, with the mean of the others where a value is not a number or infinite."""
    if array.dtype.kind not in "biuf":
        raise InvalidArgument("dtype", str(array.dtype), fix="give whole numbers or floats")
    values = array.astype(np.float32)
    known = np.isfinite(values)
    if known.all():
        return values
    return np.where(known, values, values[known].mean() if known.any() else 0)
