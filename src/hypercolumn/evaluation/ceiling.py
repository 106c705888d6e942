"""The ceiling: how good a perfect model can look when it is scored by labels on which raters disagree.

    one rater by another     mean over ordered pairs (r, s), r /= s, of score(truth = what s says, answer = what r says)
    truth by a rater         mean over raters s of score(truth = what s says, answer = what all of them meant)

What they meant is learnt from their ratings (`rater_errors`, for masks `staple`), and needs three raters. A perfect
model, scored by the labels of one of them, cannot be expected to be above the second figure; a model whose score is has
learnt the one rater who labelled, or has seen what it is tested on. A model below the first has not come as far as a
second rater.

The score is any formula of a confusion matrix; that of masks is Dice, pooled over samples. Intervals are over units,
with what was meant held fixed. Where raters share a wrong rule, the true ceiling is lower than this.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import ShapeMismatch
from hypercolumn.evaluation.agreement import balanced_accuracy, f1
from hypercolumn.evaluation.intervals import PROPORTION, Interval, Scale, interval
from hypercolumn.evaluation.rater_errors import rater_errors, votes_of
from hypercolumn.evaluation.staple import staple

Formula = Callable[[np.ndarray], np.ndarray]
"""Confusion matrices (..., class, class), rows known and columns answered -> (...), such as `balanced_accuracy`."""


@dataclass(frozen=True)
class Ceiling:
    """Both figures with their intervals over units; `truth` has no value where there are only two raters."""

    rater: Interval
    truth: Interval
    raters: int
    records: int


def rater_ceiling(
    ratings: np.ndarray,
    *,
    classes: int,
    formula: Formula = balanced_accuracy,
    scale: Scale = PROPORTION,
    units: np.ndarray | None = None,
) -> Ceiling:
    """From class indices (record, rater), NaN where missing; a record counts where it has two ratings.

    `scale` says what the score can be: CORRELATION for a kappa.

    >>> from hypercolumn.data.planted import plant_raters
    >>> true, said = plant_raters(0, rates=(0.1, 0.1, 0.1), records=2000)
    >>> found = rater_ceiling(said, classes=3)
    >>> round(found.rater.value, 3), round(found.truth.value, 3)  # 0.9^2 + 0.1^2 / 2 = 0.815, and 0.9
    (0.814, 0.899)
    """
    votes = votes_of(ratings, classes=classes)
    counted = votes.any(axis=2).sum(axis=1) >= 2
    orders = itertools.permutations(range(votes.shape[1]), 2)
    pairs = np.stack([votes[:, known, :, None] * votes[:, given, None, :] for given, known in orders], axis=1)
    if votes.shape[1] < 3 or not counted.any():
        return _ceiling(pairs, None, counted, formula, scale, units)
    meant = np.nan_to_num(rater_errors(ratings, classes=classes).meant)
    return _ceiling(pairs, votes[..., :, None] * meant[:, None, None, :], counted, formula, scale, units)


def mask_ceiling(masks: Sequence[np.ndarray], *, units: np.ndarray | None = None) -> Ceiling:
    """The Dice of raters' masks, one boolean (rater, *space) a record, pooled over the samples of all records.

    >>> drawn = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]], dtype=bool)
    >>> found = mask_ceiling([drawn, drawn, drawn])
    >>> round(found.rater.value, 4)  # (2/3 + 4/5 + 2/4) / 3
    0.6556
    """
    if not len(masks) or len({len(one) for one in masks}) > 1:
        raise ShapeMismatch("masks of other numbers of raters", fix="give (rater, *space) of the same raters a record")
    rows = [_of_masks(np.asarray(one)) for one in masks]
    pairs, truth = np.stack([one for one, _ in rows]), np.stack([one for _, one in rows])
    counted = np.ones(len(rows), dtype=bool)
    several = truth if len(masks[0]) > 2 else None
    return _ceiling(pairs, several, counted, lambda table: f1(table)[..., 1], PROPORTION, units)


def _of_masks(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The confusion matrices (pair, 2, 2) and (rater, 2, 2) of one record."""
    if masks.dtype != bool or len(masks) < 2:
        raise ShapeMismatch(f"masks {masks.shape} of {masks.dtype}", fix="give boolean (rater, *space), two at least")
    flat = masks.reshape(len(masks), -1)
    votes = np.stack([~flat, flat], axis=-1).astype(float)
    orders = itertools.permutations(range(len(masks)), 2)
    pairs = np.stack([votes[known].T @ votes[given] for given, known in orders])
    if len(masks) < 3:
        return pairs, np.zeros((len(masks), 2, 2))
    meant = staple(masks).consensus.reshape(-1)
    return pairs, np.stack([one.T @ np.stack([1 - meant, meant], axis=-1) for one in votes])


def _ceiling(
    pairs: np.ndarray,
    truth: np.ndarray | None,
    counted: np.ndarray,
    formula: Formula,
    scale: Scale,
    units: np.ndarray | None,
) -> Ceiling:
    """Confusion matrices (record, pair, class, class) and (record, rater, class, class), summed over units."""
    owners = np.arange(len(pairs)) if units is None else np.asarray(units)
    if owners.shape != (len(pairs),):
        raise ShapeMismatch(f"{owners.shape} units for {len(pairs)} records", fix="give the unit of each record")
    raters = round((1 + (1 + 4 * pairs.shape[1]) ** 0.5) / 2)
    if not counted.any():
        none = Interval(None, note="no record has two ratings")
        return Ceiling(none, none, raters, 0)
    unit = np.unique(owners[counted], return_inverse=True)[1]

    def mean(tables: np.ndarray) -> Interval:
        sums = np.zeros((int(unit.max()) + 1, *tables.shape[1:]))
        np.add.at(sums, unit, tables[counted])

        def statistic(weights: np.ndarray) -> np.ndarray:
            return np.asarray(formula(np.tensordot(weights, sums, axes=1)).mean(axis=1))

        return interval(statistic, len(sums), scale=scale)

    two = Interval(None, note="what two raters meant cannot be learnt from their ratings: who is right is open")
    return Ceiling(mean(pairs), two if truth is None else mean(truth), raters, int(counted.sum()))
