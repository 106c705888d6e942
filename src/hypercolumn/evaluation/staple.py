"""STAPLE: the mask that several raters most probably meant, and how sensitive and specific each of them is.

    W_i = P(sample i is in the region | what all raters drew)
        = g a_i / (g a_i + (1 - g) b_i)         a_i = prod_{j drew i} p_j prod_{j did not} (1 - p_j)
                                                b_i = prod_{j drew i} (1 - q_j) prod_{j did not} q_j
    p_j = sum_i W_i D_ij / sum_i W_i                        sensitivity of rater j
    q_j = sum_i (1 - W_i) (1 - D_ij) / sum_i (1 - W_i)      specificity

repeated until nothing moves; g, how much of the image is region, is the mean over raters and stays. Two classes, no
spatial coupling. Samples that are drawn alike are counted together, so that a volume costs no more than its patterns.

Raters are taken to err independently: three who follow one wrong rule outvote a fourth who is right. In an image that
is nearly all background specificity is near 1 for everybody, and W leans towards whoever draws most: cut the image to
where they differ. Warfield, Zou and Wells 2004, doi 10.1109/TMI.2004.828354.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, RunError, ShapeMismatch
from hypercolumn.evaluation.overlap import ratio

START = 0.99999
"""Sensitivity and specificity of every rater at first, as in the paper."""

STILL = 1e-9
MOST = 200_000


@dataclass(frozen=True, eq=False)
class Staple:
    """`consensus` (*space) is the probability of the region; `sensitivity` and `specificity` (rater,) are NaN where all
    of the image, or none of it, is region.
    """

    consensus: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    steps: int


def staple(masks: np.ndarray) -> Staple:
    """From the masks of at least two raters, boolean (rater, *space).

    Raises InvalidArgument for one rater or anything but 0 and 1, RunError where it does not come to rest.

    >>> drawn = np.array([[1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0]], dtype=bool)
    >>> found = staple(drawn)
    >>> found.consensus.round(3), found.sensitivity.round(3), found.specificity.round(3)
    (array([1., 1., 1., 0., 0., 0., 0., 0.]), array([1.   , 1.   , 0.667]), array([1. , 1. , 0.8]))
    """
    masks = np.asarray(masks)
    if masks.ndim < 2 or masks.size == 0:
        raise ShapeMismatch(f"masks {masks.shape}", fix="give (rater, *space) with samples in it")
    if len(masks) < 2:
        raise InvalidArgument("raters", len(masks), why="one rater alone is the consensus", fix="give at least two")
    if masks.dtype != bool and not np.isin(masks, (0, 1)).all():
        raise InvalidArgument("masks", masks.dtype.name, fix="give masks of 0 and 1, one region at a time")
    patterns, which, many = np.unique(
        masks.reshape(len(masks), -1).astype(bool).T, axis=0, return_inverse=True, return_counts=True
    )
    prior = float((patterns.mean(axis=1) * many).sum() / many.sum())
    if prior in (0.0, 1.0):
        nothing, sure = np.full(len(masks), np.nan), np.ones(len(masks))
        quality = (nothing, sure) if prior == 0 else (sure, nothing)
        return Staple(np.full(masks.shape[1:], prior), quality[0], quality[1], 0)
    p = q = np.full(len(masks), START)
    for step in range(1, MOST + 1):
        inside = prior * np.where(patterns, p, 1 - p).prod(axis=1)
        outside = (1 - prior) * np.where(patterns, 1 - q, q).prod(axis=1)
        region = np.nan_to_num(ratio(inside, inside + outside), nan=prior)
        before, (p, q) = (p, q), _quality(patterns, many * region, many * (1 - region))
        if max(np.abs(p - before[0]).max(), np.abs(q - before[1]).max()) < STILL:
            return Staple(region[which.reshape(-1)].reshape(masks.shape[1:]), p, q, step)
    raise RunError("STAPLE did not come to rest", why=f"after {MOST:,} steps", fix="look for raters who drew nothing")


def _quality(patterns: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and specificity of each rater where so much of each pattern is inside and outside."""
    both = np.nan_to_num(ratio(inside @ patterns, np.full(patterns.shape[1], inside.sum())), nan=1.0)
    neither = np.nan_to_num(ratio(outside @ ~patterns, np.full(patterns.shape[1], outside.sum())), nan=1.0)
    return both, neither
