"""How the objects of two instance maps overlap: one table, made in one pass, that every figure of objects is read from.

    samples[t, p]      the samples that lie in true object t and in predicted object p
    IoU[t, p]          samples[t, p] / (size of t + size of p - samples[t, p])
    match at IoU u     IoU[t, p] > u; from u = 1/2 on, no object has two matches

Only pairs that touch are kept, since nearly all of the others are zero: 724 against 724 objects are some thousand pairs
and not half a million. The maps are read as runs of equal numbers along the last axis; no mask is ever made of a single
object. Numbers need not be consecutive. A match is decided in whole numbers (100 samples > percent (union)), so that an
IoU of exactly 0.7 is never above 0.7 by rounding.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.data.instance_map import as_instances
from hypercolumn.errors import InvalidArgument, ShapeMismatch


@dataclass(frozen=True, eq=False)
class Contingency:
    """The objects of a true and of a predicted map, their sizes in samples, and the pairs that overlap.

    `truth` and `predicted` are the objects' numbers in their maps, ascending. A pair is (row of truth, row of
    predicted, samples in both); pairs are sorted by truth, then by predicted.
    """

    truth: np.ndarray
    truth_size: np.ndarray
    predicted: np.ndarray
    predicted_size: np.ndarray
    pair_truth: np.ndarray
    pair_predicted: np.ndarray
    pair_samples: np.ndarray

    @property
    def union(self) -> np.ndarray:
        """The samples in either object of each pair."""
        return self.truth_size[self.pair_truth] + self.predicted_size[self.pair_predicted] - self.pair_samples

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each pair."""
        return self.pair_samples / self.union

    def matched(self, percent: int) -> np.ndarray:
        """Which pairs have an IoU above so many hundredths, from 50: each object is in at most one of them.

        >>> table = contingency(np.array([1, 1, 1, 1, 0]), np.array([0, 7, 7, 7, 0]))
        >>> table.matched(70), table.matched(75)
        (array([ True]), array([False]))
        """
        if not 50 <= percent < 100:
            raise InvalidArgument("percent", percent, why="below 50 an object may have two matches", fix="use 50 to 99")
        return self.pair_samples * 100 > percent * self.union

    def dense(self) -> np.ndarray:
        """IoU of every predicted with every true object: (predicted, truth)."""
        table = np.zeros((len(self.predicted), len(self.truth)))
        table[self.pair_predicted, self.pair_truth] = self.iou
        return table

    def keep(self, predicted: np.ndarray) -> "Contingency":
        """The same without the predicted objects for which `predicted` (one boolean each) is false."""
        row = np.cumsum(predicted) - 1
        pairs = predicted[self.pair_predicted]
        return Contingency(
            self.truth,
            self.truth_size,
            self.predicted[predicted],
            self.predicted_size[predicted],
            self.pair_truth[pairs],
            row[self.pair_predicted[pairs]],
            self.pair_samples[pairs],
        )


def contingency(truth: np.ndarray, predicted: np.ndarray) -> Contingency:
    """The table of two instance maps (*space) of whole numbers, 0 for background.

    Raises ShapeMismatch where they differ in shape, LabelError where one is no instance map.

    >>> table = contingency(np.array([[1, 1, 0], [4, 4, 4]]), np.array([[2, 2, 2], [0, 9, 9]]))
    >>> table.truth.tolist(), table.predicted_size.tolist()
    ([1, 4], [3, 2])
    >>> table.iou
    array([0.66666667, 0.66666667])
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ShapeMismatch(
            f"truth is {truth.shape} and prediction {predicted.shape}",
            why="objects are compared in place",
            fix="give both on one grid of samples",
        )
    truth, predicted = as_instances(truth, where="truth"), as_instances(predicted, where="predicted")
    first, second, length = _runs(truth.reshape(-1), predicted.reshape(-1))
    truth_ids, truth_row = np.unique(first, return_inverse=True)
    predicted_ids, predicted_row = np.unique(second, return_inverse=True)
    code, pair = np.unique(truth_row * len(predicted_ids) + predicted_row, return_inverse=True)
    samples = np.bincount(pair, weights=length, minlength=len(code)).astype(np.int64)
    rows, columns = np.divmod(code, max(len(predicted_ids), 1))
    sizes = [
        np.bincount(row, weights=samples, minlength=len(ids)).astype(np.int64)
        for row, ids in ((rows, truth_ids), (columns, predicted_ids))
    ]
    both = (truth_ids[rows] > 0) & (predicted_ids[columns] > 0)
    no_truth, no_predicted = (int(len(ids) > 0 and ids[0] == 0) for ids in (truth_ids, predicted_ids))
    return Contingency(
        truth_ids[no_truth:].astype(np.int64),
        sizes[0][no_truth:],
        predicted_ids[no_predicted:].astype(np.int64),
        sizes[1][no_predicted:],
        rows[both] - no_truth,
        columns[both] - no_predicted,
        samples[both],
    )


def _runs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs along two flat arrays in which neither changes: the two values and the length, empty runs of 0 left out."""
    if not len(first):
        return first, second, np.zeros(0, dtype=np.int64)
    change = np.empty(len(first), dtype=bool)
    change[0] = True
    np.not_equal(first[1:], first[:-1], out=change[1:])
    change[1:] |= second[1:] != second[:-1]
    start = np.flatnonzero(change)
    length = np.diff(start, append=len(first))
    first, second = first[start], second[start]
    seen = (first != 0) | (second != 0)
    return first[seen], second[seen], length[seen]
