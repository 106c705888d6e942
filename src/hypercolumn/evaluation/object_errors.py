"""Errors by object: which objects were missed, made up, cut in pieces or run together, with their numbers.

    split      a true object that holds two or more predicted ones         p lies in t:  more than half of p is in t
    merged     a predicted object that covers two or more true ones        p covers t:   more than half of t is in p
    missed     a true object without a match at IoU 0.5 that no split and no merger explains
    false      a predicted object without a match at IoU 0.5 that no split and no merger explains

A predicted object lies in one true object at most, and a true object is covered by one predicted at most. Splits and
mergers are counted whether or not one of the pieces is a match: a nucleus drawn well with a crumb beside it inside
its outline is split. An object found so badly that no IoU reaches 0.5 is missed, and what was drawn for it is false. A
missed object has therefore not always been overlooked; look at the gallery.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.evaluation.contingency import Contingency


@dataclass(frozen=True)
class ObjectErrors:
    """The numbers of objects in their maps: `missed` and `merged[1]` and `split[0]` are true ones, the rest predicted.

    `split` pairs a true object with its pieces, `merged` a predicted object with those it runs together.
    """

    missed: tuple[int, ...]
    false: tuple[int, ...]
    split: tuple[tuple[int, tuple[int, ...]], ...]
    merged: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def objects_merged(self) -> int:
        """How many true objects were run together with others."""
        return sum(len(members) for _, members in self.merged)


def object_errors(table: Contingency) -> ObjectErrors:
    """The errors that a contingency table shows.

    >>> from hypercolumn.evaluation.contingency import contingency
    >>> truth = np.array([1, 1, 1, 1, 0, 2, 2, 3, 3, 0, 4, 0])
    >>> predicted = np.array([1, 1, 2, 2, 0, 3, 3, 3, 3, 0, 0, 9])
    >>> object_errors(contingency(truth, predicted))
    ObjectErrors(missed=(4,), false=(9,), split=((1, (1, 2)),), merged=((3, (2, 3)),))
    """
    lies = 2 * table.pair_samples > table.predicted_size[table.pair_predicted]
    covered = 2 * table.pair_samples > table.truth_size[table.pair_truth]
    split = _groups(table.pair_truth[lies], table.pair_predicted[lies], len(table.truth))
    merged = _groups(table.pair_predicted[covered], table.pair_truth[covered], len(table.predicted))
    matched = table.matched(50)
    missed, false = np.ones(len(table.truth), dtype=bool), np.ones(len(table.predicted), dtype=bool)
    missed[table.pair_truth[matched]] = False
    false[table.pair_predicted[matched]] = False
    for truth, pieces in split:
        missed[truth], false[pieces] = False, False
    for predicted, members in merged:
        false[predicted], missed[members] = False, False
    return ObjectErrors(
        tuple(table.truth[missed].tolist()),
        tuple(table.predicted[false].tolist()),
        tuple((int(table.truth[one]), tuple(table.predicted[many].tolist())) for one, many in split),
        tuple((int(table.predicted[one]), tuple(table.truth[many].tolist())) for one, many in merged),
    )


def _groups(one: np.ndarray, many: np.ndarray, count: int) -> list[tuple[int, np.ndarray]]:
    """Each of `count` things that stands in two or more pairs, with those it is paired with, ascending."""
    order = np.lexsort((many, one))
    one, many = one[order], many[order]
    size = np.bincount(one, minlength=count)
    start = np.cumsum(size) - size
    return [(int(thing), many[start[thing] : start[thing] + size[thing]]) for thing in np.flatnonzero(size > 1)]
