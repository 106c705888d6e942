"""What the pixels without the disease look like, in a few numbers: the border of an image, or all outside a mask.

    border        mean and deviation of each side's strip, by channel: (channel * axis * 2 * 2,)
    background    mean, deviation and the 10th, 50th and 90th percentile outside the mask, by channel: (channel * 5,)

`audit.background` asks whether the labels can be read from them. What is background is said by a mask of the tissue,
the lungs, the cells, given by whoever knows; where nobody gave one, `foreground` takes what Otsu's threshold parts from
the border, and nothing where the image goes on to its edges.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from hypercolumn.errors import InvalidArgument, ShapeMismatch

AT_BORDER = 0.05
"""The share of the border that foreground may touch."""
COVERED = (0.01, 0.9)
"""How much of an image is foreground, at least and at most."""
HALO = 2
"""Samples around the foreground that are neither: blur carries it over its edge."""


def border_features(image: np.ndarray, *, share: float = 0.05) -> np.ndarray:
    """Numbers of the outermost `share` of each axis, at least one sample, of an image (channel, *space).

    A strip without a finite value gives NaN.

    >>> image = np.zeros((1, 4, 4))
    >>> image[0, 0] = [2, 4, 4, 2]
    >>> border_features(image).tolist()                 # top, bottom, left, right: mean, deviation
    [3.0, 1.0, 0.0, 0.0, 0.5, 0.8660254037844386, 0.5, 0.8660254037844386]
    """
    image = np.asarray(image)
    if not 0 < share <= 0.5:
        raise InvalidArgument("share", share, fix="give a share of each axis above 0 and up to 0.5")
    if image.ndim < 2 or image.size == 0:
        raise ShapeMismatch(f"the image is {image.shape}", fix="give (channel, *space) with at least one sample")
    numbers = []
    for channel in image:
        for axis, length in enumerate(channel.shape):
            width = max(1, round(share * length))
            for strip in (slice(None, width), slice(length - width, None)):
                place = (*[slice(None)] * axis, strip)
                numbers += _mean_and_deviation(channel[place])
    return np.array(numbers)


def background_features(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Numbers of what lies outside a mask (*space) of an image (channel, *space); NaN where the mask leaves nothing.

    Raises ShapeMismatch where the two differ in size.

    >>> background_features(np.array([[1.0, 3.0, 9.0]]), np.array([0, 0, 1])).tolist()
    [2.0, 1.0, 1.2, 2.0, 2.8]
    """
    image, mask = np.asarray(image), np.asarray(mask)
    if image.shape[1:] != mask.shape:
        raise ShapeMismatch(f"the image is {image.shape} and the mask {mask.shape}", fix="give both on one grid")
    numbers = []
    for channel in image:
        outside = channel[mask == 0].astype(float)
        outside = outside[np.isfinite(outside)]
        quantiles = np.percentile(outside, (10, 50, 90)).tolist() if len(outside) else [np.nan] * 3
        numbers += [*_mean_and_deviation(outside), *quantiles]
    return np.array(numbers)


def foreground(image: np.ndarray) -> np.ndarray | None:
    """What stands before an even background in an image (channel, *space): a mask (*space), a halo around it included.

    The mean over channels is cut at Otsu's threshold; the side that most of the border lies on is background, and what
    it encloses is not. None where that makes no sense: the image is constant, or its foreground goes on to the border.

    >>> image = np.zeros((1, 12, 12))
    >>> image[0, 5:7, 5:7] = 9
    >>> int(foreground(image).sum()), foreground(np.ones((1, 12, 12)))
    (24, None)
    >>> image[0, 5:7] = 9                               # from edge to edge
    >>> foreground(image) is None
    True
    """
    grey = np.asarray(image, dtype=float).mean(axis=0)
    if not np.isfinite(grey).all() or np.ptp(grey) == 0:
        return None
    bright = grey > threshold_otsu(grey)
    edge = np.ones(grey.shape, dtype=bool)
    edge[tuple(slice(1, -1) for _ in grey.shape)] = False
    inside = ndimage.binary_fill_holes(bright if bright[edge].mean() < 0.5 else ~bright)
    if inside[edge].mean() > AT_BORDER or not COVERED[0] <= inside.mean() <= COVERED[1]:
        return None
    return ndimage.binary_dilation(inside, iterations=HALO)


def _mean_and_deviation(values: np.ndarray) -> list[float]:
    known = values[np.isfinite(values)].astype(float)
    return [float(known.mean()), float(known.std())] if known.size else [np.nan, np.nan]
