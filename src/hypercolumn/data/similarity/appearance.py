"""What a record looks like from afar: numbers that survive brightness and compression, and how much they do.

    grid      x = mean over equal boxes of the grey record, a fixed number of boxes a side
    waves     c = the slow cosine coefficients of x', see `cosines`         x': x less its best quadratic
    detail    d = g(x', low) - g(x', high)         g(., s): Gaussian of s boxes wide
    form      f = (d - mean d) / |d - mean d|      so that f . f' is the normalised cross-correlation
    loss      e = 1 - f . f''                      f'': the form of the same record stored more coarsely

An image is stored more coarsely as grey JPEG at quality 50, a volume at half its resolution, a signal not at all.
`loss` says how far a record's own copy would fall from correlation 1, so each record brings its own measure of how
close a near-duplicate has to be: 0.0004 for a field of stained nuclei, 0.03 for a chest radiograph of 28 x 28. A record
that was compressed before loses little the second time on the same 8 x 8 blocks, so the blocks are laid half a block
aside.

Brightness by a factor or an offset leaves the form alone until values are cut off at black or white. So an image has up
to three more versions: 10 % brighter by factor, brighter and darker by a tenth of full scale, where that cuts off more
than CUT of its samples. Their loss is that of the image itself, over what is left of its detail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import imagecodecs
import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array

from hypercolumn.data.similarity.cosines import basis
from hypercolumn.errors import InvalidArgument

QUALITY = 50
"""The strongest JPEG compression that must not hide a copy."""
ASIDE = 4
"""The blocks of 8 x 8 are laid so many samples aside."""
BRIGHTER = 0.1
"""The change of brightness that must not hide a copy, as a share."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""The weights of red, green and blue in grey, ITU-R BT.601: the grey that JPEG keeps best."""
SAME = 0.999
"""A version whose form correlates so well with the record's own adds nothing."""
FAINT = 0.05
"""A version that loses more than this is too faint to know a copy by."""
CUT = 0.0005
"""A change of brightness that cuts off fewer samples than this share makes no version."""
LARGEST = 1024
"""Images with more samples a side are reduced by a whole factor before they are compressed, to save time."""


@dataclass(frozen=True)
class Scale:
    """A grid of so many boxes a side, and the widths in boxes between which detail is kept."""

    side: int
    low: float
    high: float


FINE = {1: Scale(2304, 0, 180), 2: Scale(48, 0.75, 3.75), 3: Scale(16, 0, 4)}
"""By the number of spatial axes."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """A record's slow waves (coefficient,), the forms of its versions (version, box), their losses (version,), and the
    samples along its shortest axis.
    """

    waves: np.ndarray
    forms: np.ndarray
    losses: np.ndarray
    shortest: int


def appearance(array: np.ndarray) -> Appearance | None:
    """The appearance of a record (channel, *space), or None where it shows nothing: a constant array has no form.

    >>> rng = np.random.default_rng(0)
    >>> image = rng.integers(60, 180, (1, 64, 64), dtype=np.uint8)
    >>> seen, brighter = appearance(image), appearance((image * 1.1).astype(np.uint8))
    >>> round(float(seen.forms[0].astype(float) @ brighter.forms[0].astype(float)), 3)
    1.0
    >>> appearance(np.zeros((3, 64, 64))) is None
    True
    """
    dims = array.ndim - 1
    if dims not in FINE or array.size == 0:
        return None
    channels = _finite(_without_alpha(array))
    seen = grey(channels)
    level = _level(seen)
    form, length = _form(level)
    if not length:
        return None
    loss = max(0.0, 1 - float(form @ _form(_level(_stored(seen)))[0])) if dims > 1 else 0.0
    forms, losses = [form], [loss]
    for version in _versions(channels, _white(array.dtype, channels)) if dims == 2 else ():
        other, detail = _form(_level(version))
        faint = loss * (length / detail) ** 2 if detail else 1.0
        if faint < FAINT and float(form @ other) <= SAME:
            forms.append(other)
            losses.append(faint)
    waves = basis(dims, FINE[dims].side) @ level.ravel()
    return Appearance(waves.astype(np.float32), np.stack(forms).astype(np.float16), np.array(losses), min(seen.shape))


def grey(channels: np.ndarray, change: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
    """One grey channel (*space) of (channel, *space): the luma of three channels, the mean of any other number.

    `change`, where given, is done to each channel before.

    >>> grey(np.array([[[100.0]], [[200.0]], [[50.0]]])).round(1)
    array([[153.]])
    """
    weights = LUMA if len(channels) == 3 else np.full(len(channels), 1 / len(channels), dtype=np.float32)
    parts = (change(channel) if change else channel for channel in channels)
    seen = weights[0] * next(parts)
    for weight, part in zip(weights[1:], parts, strict=True):
        seen += weight * part
    return seen


def box_means(array: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """The mean over equal boxes that fill the array; a box may cut a sample, and then takes its share of it.

    >>> box_means(np.array([1.0, 2.0, 6.0]), (2,)).round(3)
    array([1.333, 4.667])
    """
    if array.ndim == 2:
        rows = _shares(array.shape[0], sides[0]) @ array
        return np.ascontiguousarray((_shares(array.shape[1], sides[1]) @ rows.T).T)
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


def _level(seen: np.ndarray) -> np.ndarray:
    """A grey record (*space) as a square grid of box means, less its best quadratic."""
    boxes = box_means(seen, (FINE[seen.ndim].side,) * seen.ndim)
    trend = _quadratics(boxes.shape)
    level = boxes - ((boxes.ravel() @ trend.T) @ trend).reshape(boxes.shape)
    shows = np.abs(level).max() > 1e-6 * max(float(np.abs(boxes).max()), 1e-30)
    return level if shows else np.zeros_like(level)


def _form(level: np.ndarray) -> tuple[np.ndarray, float]:
    """The form of a grid as (box,), and how long the detail was before it was given length 1: 0 where there is none."""
    scale = FINE[level.ndim]
    near = _smooth(level, scale.low) if scale.low else level
    detail = near - _smooth(level, scale.high)
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    if length <= 1e-6 * max(float(np.abs(level).max()), 1e-30) * detail.size**0.5:
        return np.zeros(detail.size, dtype=np.float32), 0.0
    return (detail / length).astype(np.float32).ravel(), length


def _smooth(level: np.ndarray, width: float) -> np.ndarray:
    if level.ndim != 2:
        return ndimage.gaussian_filter(level, width)
    weights = _gaussian(level.shape[0], width)
    return weights @ level @ weights.T


@lru_cache(maxsize=8)
def _gaussian(side: int, width: float) -> np.ndarray:
    """The weights of each box in each smoothed one (to, from), mirrored at the ends."""
    return ndimage.gaussian_filter1d(np.eye(side), width, axis=0).astype(np.float32)


@lru_cache(maxsize=8)
def _quadratics(sides: tuple[int, ...]) -> np.ndarray:
    """An orthonormal basis of all polynomials of degree 2 or less over a grid (polynomial, box): shading, mostly."""
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij")
    terms = [np.ones(sides), *places, *(a * b for a, b in combinations_with_replacement(places, 2))]
    return np.linalg.qr(np.stack([term.ravel() for term in terms], axis=1))[0].T.astype(np.float32, order="C")


def _versions(channels: np.ndarray, white: float | None) -> Iterator[np.ndarray]:
    """The grey of the record after a change of brightness that cuts values off at black or white."""
    if white is None:
        return
    scale, step = np.float32(1 + BRIGHTER), np.float32(BRIGHTER * white)
    whole = int if channels.dtype.kind in "iu" else float
    if _cut_off(channels > whole(white / scale)):
        yield grey(channels, lambda channel: np.minimum(channel * scale, white))
    if _cut_off(channels > whole(white - step)):
        yield grey(channels, lambda channel: np.minimum(channel + step, white))
    if channels.min() >= 0 and _cut_off(channels < whole(step)):
        yield grey(channels, lambda channel: np.maximum(channel - step, 0))


def _cut_off(samples: np.ndarray) -> bool:
    return bool(np.count_nonzero(samples) > CUT * samples.size)


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


def _stored(seen: np.ndarray) -> np.ndarray:
    """A grey record as a copy that was stored more coarsely may look: see the top of this file."""
    if seen.ndim == 3:
        return ndimage.zoom(
            seen, [max(1, round(n / 2)) / n for n in seen.shape], order=1, grid_mode=True, mode="nearest"
        )
    factor = -(-max(seen.shape) // LARGEST)
    if factor > 1:
        seen = box_means(seen, tuple(max(1, n // factor) for n in seen.shape))
    lowest, highest = float(seen.min()), float(seen.max())
    if lowest < 0 or highest > 255 or highest - lowest < 16:
        seen = (seen - lowest) * (255 / (highest - lowest))
    height, width = seen.shape
    pixels = np.empty((height + ASIDE, width + ASIDE), dtype=np.uint8)
    np.add(seen, 0.5, out=pixels[ASIDE:, ASIDE:], casting="unsafe")
    pixels[:ASIDE] = pixels[ASIDE]
    pixels[:, :ASIDE] = pixels[:, ASIDE : ASIDE + 1]
    decoded = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(pixels, level=QUALITY))
    return decoded[ASIDE:, ASIDE:].astype(np.float32)


def _without_alpha(array: np.ndarray) -> np.ndarray:
    """Without a last channel that is the same everywhere, where there are 2 or 4: it is opacity and not a picture."""
    has_alpha = array.shape[0] in (2, 4) and bool((array[-1] == array[-1].flat[0]).all())
    return array[:-1] if has_alpha else array


def _finite(array: np.ndarray) -> np.ndarray:
    """Floats as float32, with the mean of the others where a value is not a number or infinite."""
    if array.dtype.kind not in "biuf":
        raise InvalidArgument("dtype", str(array.dtype), fix="give whole numbers or floats")
    if array.dtype.kind != "f":
        return array
    values = array.astype(np.float32)
    known = np.isfinite(values)
    if known.all():
        return values
    return np.where(known, values, values[known].mean() if known.any() else 0)
