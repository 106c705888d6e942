"""The warping error: what remains wrong once a drawing may be bent, but neither cut nor glued.

    warp      flip samples of the truth towards the prediction, one by one, where that changes no topology
    error     samples that still differ / samples

A sample may be flipped where it is *simple*: among its eight neighbours exactly one run of cell touches it by a face,
and exactly one piece of membrane (Kong and Rosenfeld 1989, doi 10.1016/0734-189X(89)90147-3). Cells hang together by
faces, membranes by faces and corners. Then as many cells, membranes and holes remain as the truth has, and what
cannot be reached are real errors: cells cut, run together, lost or made up. A boundary drawn a little off is none;
a thin membrane is not carried across a cell, for nothing is flipped where truth and prediction agree.

Samples are visited in the order of the array, and again wherever a flip beside them may have made them simple, until
none is left; beyond the edge of the array all is membrane. The end is a local minimum, as in the paper: another order
may end a few samples elsewhere. Two axes. Flips are not confined to a band around the truth.

Jain et al. 2010, doi 10.1109/CVPR.2010.5539950.
"""

from collections import deque

import numpy as np
from scipy import ndimage

from hypercolumn.errors import ShapeMismatch

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""The eight neighbours in a ring; those with an odd place touch by a face."""


def warping_error(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The share of samples that no bending of the truth can explain, from two boolean arrays, true inside cells.

    >>> truth = np.ones((5, 7), dtype=bool)
    >>> truth[:, 2] = False  # a membrane in the third column
    >>> moved, broken = np.roll(truth, 1, axis=1), truth.copy()
    >>> broken[2, 2] = True
    >>> warping_error(truth, moved), round(warping_error(truth, broken), 4)
    (0.0, 0.0286)
    """
    return float(np.mean(warped(truth, predicted) != np.asarray(predicted, dtype=bool)))


def warped(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The truth bent as far towards the prediction as its topology allows: boolean (row, column).

    >>> warped(np.array([[1, 1, 0, 1]], dtype=bool), np.array([[1, 0, 0, 1]], dtype=bool)).astype(int)
    array([[1, 0, 0, 1]])
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ShapeMismatch(
            f"truth is {truth.shape} and prediction {predicted.shape}", fix="give two arrays (row, column) of one shape"
        )
    wide = truth.shape[1] + 2
    now = np.pad(truth, 1).reshape(-1).tolist()
    wanted = np.pad(predicted, 1).reshape(-1).tolist()
    ring = [row * wide + column for row, column in _AROUND]
    open_places = np.flatnonzero(np.pad(truth != predicted, 1)).tolist()
    queued, queue = set(open_places), deque(open_places)
    differs = set(open_places)
    while queue:
        place = queue.popleft()
        queued.discard(place)
        if not _SIMPLE[sum(now[place + step] << bit for bit, step in enumerate(ring))]:
            continue
        now[place] = wanted[place]
        differs.discard(place)
        for step in ring:
            beside = place + step
            if beside in differs and beside not in queued:
                queued.add(beside)
                queue.append(beside)
    return np.asarray(now, dtype=bool).reshape(-1, wide)[1:-1, 1:-1]


def _simple(ring: np.ndarray) -> bool:
    """Whether a sample can change sides, from its neighbourhood (3, 3) of cell (true) and membrane (false)."""
    cell = ring.copy()
    cell[1, 1] = False
    parts = ndimage.label(cell)[0]
    faces = {int(parts[place]) for place in ((0, 1), (1, 0), (1, 2), (2, 1))} - {0}
    membrane = ~ring
    membrane[1, 1] = False
    return len(faces) == 1 and int(ndimage.label(membrane, np.ones((3, 3)))[1]) == 1


def _table() -> tuple[bool, ...]:
    """Whether the middle is simple, for each of the 256 rings, as bits in the order of _AROUND."""
    answers = []
    for code in range(256):
        ring = np.zeros((3, 3), dtype=bool)
        for bit, (row, column) in enumerate(_AROUND):
            ring[row + 1, column + 1] = code >> bit & 1
        answers.append(_simple(ring))
    return tuple(answers)


_SIMPLE = _table()
