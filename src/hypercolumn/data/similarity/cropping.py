"""Lay one grid over another that was cropped: two shifts and two scales, found by going downhill.

    r(p) = corr( a(y, x), b(y + t_y + s_y y, x + t_x + s_x x) )        y, x from -1 to 1; |t| + |s| <= REACH
    dp   = (J'J)^-1 J' (a - b_p)                                       J: b_p by t_y, s_y, t_x, s_x

Gauss-Newton on standardized grids (Lucas and Kanade 1981; Evangelidis and Psarakis 2008, doi 10.1109/TPAMI.2008.113),
first on grids of slow waves, which a crop of 5 % a side moves by less than a fifth of their length, then on finer ones.
Correlation is taken where the two overlap. No turns by small angles and no shear: a crop makes none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REACH = 0.13
"""The farthest that an edge may move, in half sides: 5 % of a side cut off is 0.11 of what is left."""
LIKELY = 0.5
"""The correlation on a coarser grid below which a pair is given up."""
STEPS = 3
CLIP = 1.5
"""Of what stands out by more than so many times the median deviation no more is counted."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well pairs agree after the best crop (pair,), and the crop: shift and scale of y and of x (pair, 4)."""

    score: np.ndarray
    crop: np.ndarray


def align(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Alignment:
    """Align pairs of square grids, given from coarse to fine: each (pair, side, side) with a side of its own.

    The score is that of the finest grid, and -1 where a coarser one showed that the two do not fit.

    >>> from scipy import ndimage
    >>> field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((60, 60)), 2)
    >>> whole = field[:48, :48]
    >>> cropped = ndimage.zoom(field[2:48, :48], (48 / 46, 1), order=3, grid_mode=True, mode="nearest")
    >>> found = align([whole[None]], [cropped[None]])
    >>> round(float(found.score[0]), 2), [round(part, 2) + 0 for part in found.crop[0].tolist()]
    (1.0, [-0.04, 0.04, 0.0, 0.0])
    """
    pairs = len(first[0])
    crop, found = np.zeros((pairs, 4), dtype=np.float32), np.full(pairs, -1.0, dtype=np.float32)
    left = np.arange(pairs)
    for level, (near, far) in enumerate(zip(first, second, strict=True)):
        if not len(left):
            break
        crop[left], score = _descend(near[left], far[left], crop[left], steps=STEPS)
        if level == len(first) - 1:
            found[left] = score
        left = left[score >= LIKELY]
    return Alignment(found, crop)


def clipped_agreement(first: np.ndarray, second: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """The correlation (pair,) of two grids laid over each other, what stands out of either cut off at CLIP deviations.

    A bright bar that two images share makes them agree; that all else agrees as well, copies alone can show.
    """
    a, b, _ = _warped(first, second, crop)
    weight = ((a != 0) & (b != 0)).astype(a.dtype)
    parts = []
    for grid in (a, b):
        typical = np.median(np.abs(grid), axis=(1, 2), keepdims=True)
        limit = CLIP * np.maximum(typical, 1e-12)
        parts.append(_standardized(np.clip(grid, -limit, limit), weight))
    return np.einsum("pyx,pyx->p", *parts)


def _descend(first: np.ndarray, second: np.ndarray, crop: np.ndarray, *, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The crop after some steps, never one that is worse than before, and its correlation."""
    a, b, score = _warped(first, second, crop)
    best = crop
    for _ in range(steps):
        crop = _within_reach(crop + _step(a, b))
        a, b, reached = _warped(first, second, crop)
        better = reached > score
        best, score = np.where(better[:, None], crop, best), np.where(better, reached, score)
    return best, score


def _warped(first: np.ndarray, second: np.ndarray, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both grids standardized where they overlap, zero elsewhere, the second moved; and their correlation (pair,)."""
    side = first.shape[-1]
    rows, inside_y = _interpolation(side, crop[:, 0], crop[:, 1])
    columns, inside_x = _interpolation(side, crop[:, 2], crop[:, 3])
    moved = rows @ second @ columns.transpose(0, 2, 1)
    weight = inside_y[:, :, None] * inside_x[:, None, :]
    a, b = _standardized(first, weight), _standardized(moved, weight)
    return a, b, np.einsum("pyx,pyx->p", a, b)


def _interpolation(side: int, shift: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (pair, to, from) of linear interpolation, and which places have something to be taken from."""
    place = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    source = place + shift[:, None] + scale[:, None] * place
    index = (source + 1) * (side / 2) - 0.5
    inside = (index > -0.5) & (index < side - 0.5)
    held = np.clip(index, 0, side - 1)
    weights = np.maximum(0, 1 - np.abs(held[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights.astype(np.float32), inside.astype(np.float32)


def _standardized(grids: np.ndarray, weight: np.ndarray) -> np.ndarray:
    mean = np.einsum("pyx,pyx->p", grids, weight) / np.maximum(np.einsum("pyx->p", weight), 1)
    centred = (grids - mean[:, None, None]) * weight
    length = np.sqrt(np.einsum("pyx,pyx->p", centred, centred))
    return centred / np.maximum(length, 1e-12)[:, None, None]


def _step(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    side = a.shape[-1]
    place = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    slope_y, slope_x = np.gradient(b, 2 / side, axis=1), np.gradient(b, 2 / side, axis=2)
    slopes = np.stack([slope_y, slope_y * place[:, None], slope_x, slope_x * place], axis=1)
    slopes = slopes.reshape(len(a), 4, -1)
    gram = slopes @ slopes.transpose(0, 2, 1)
    gram += (1e-3 * np.trace(gram, axis1=1, axis2=2) + 1e-9)[:, None, None] * np.eye(4, dtype=np.float32)
    rest = slopes @ (a - b).reshape(len(a), -1, 1)
    return np.linalg.solve(gram, rest)[:, :, 0]


def _within_reach(crop: np.ndarray) -> np.ndarray:
    """Shift and scale of each axis shortened together until no edge moves farther than `REACH`."""
    pairs = crop.reshape(-1, 2, 2)
    moved = np.abs(pairs).sum(axis=2, keepdims=True)
    return (pairs * np.minimum(1, REACH / np.maximum(moved, 1e-9))).reshape(-1, 4)
