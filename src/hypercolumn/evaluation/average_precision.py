"""COCO's average precision: found objects in the order of their scores, against true ones, at ten thresholds of IoU.

    hit            in the order of scores, each found object takes the true one of its image that it fits best among
                   those not yet taken, if their IoU is at least u; without one it is a false alarm
    precision(k)   hits among the k best scores of all images / k
    recall(k)      hits among the k best / all true objects
    AP(u)          the mean over recall 0, 0.01, ..., 1 of the best precision at that recall or beyond
    AP             the mean of AP(u) over u = 0.50, 0.55, ..., 0.95

Masks or boxes: the IoU is the caller's (`Contingency.dense` for instance maps). At most 100 found objects an image
count, those of the highest scores. Without a true object anywhere it is undefined. Crowds and sizes of objects are
not told apart.

Lin et al. 2014, doi 10.1007/978-3-319-10602-1_48; the thresholds and the interpolation are those of COCO's evaluation.
"""

import json

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
MOST = 100
"""Found objects an image that count."""

_RECALLS = np.linspace(0, 1, 101)
_ROUNDING = 1e-10


def hits(overlap: np.ndarray, score: np.ndarray, *, thresholds: tuple[float, ...] = THRESHOLDS) -> np.ndarray:
    """Which found objects of one image are hits: (threshold, found), from IoU (found, truth) and scores (found,).

    Of equal scores the first comes first.

    >>> overlap = np.array([[0.7, 0.0], [0.8, 0.3]])  # both lie on the first of two true objects
    >>> hits(overlap, np.array([0.9, 0.6]), thresholds=(0.5, 0.75))
    array([[ True, False],
           [False,  True]])
    """
    overlap, score = np.asarray(overlap, dtype=float), np.asarray(score, dtype=float)
    if overlap.ndim != 2 or score.shape != overlap.shape[:1]:
        raise ShapeMismatch(
            f"IoU is {overlap.shape} and scores are {score.shape}",
            fix="give (found, truth), and one score a found object",
        )
    if not np.isfinite(score).all():
        raise InvalidArgument("score", "not finite", why="found objects are put in the order of their scores")
    hit = np.zeros((len(thresholds), len(score)), dtype=bool)
    for row, threshold in enumerate(thresholds):
        free = np.ones(overlap.shape[1], dtype=bool)
        for found in np.argsort(-score, kind="stable"):
            best = np.where(free, overlap[found], -1.0)
            if len(best) and best.max() >= threshold - _ROUNDING:
                hit[row, found] = True
                free[best.argmax()] = False
    return hit


def average_precision(
    score: np.ndarray, hit: np.ndarray, truth: np.ndarray | float, *, weights: np.ndarray | None = None
) -> np.ndarray:
    """AP at each threshold from the scores (found,) and hits (threshold, found) of all images.

    `truth` counts the true objects. With `weights` (draw, found) each found object counts so often, `truth` is (draw,)
    and the answer (draw, threshold), so that an interval over patients is one call.

    >>> score, hit = np.array([0.9, 0.8, 0.7]), np.array([[True, False, True]])
    >>> average_precision(score, hit, 2).round(4)  # 1 up to recall 0.5, 2/3 beyond it
    array([0.835])
    """
    score, hit = np.asarray(score, dtype=float), np.asarray(hit, dtype=bool)
    if hit.ndim != 2 or hit.shape[1] != len(score):
        raise ShapeMismatch(f"hits are {hit.shape} for {len(score)} scores", fix="give (threshold, found)")
    order = np.argsort(-score, kind="stable")
    counted = np.ones((1, len(score))) if weights is None else np.asarray(weights, dtype=float)
    there = np.atleast_1d(np.asarray(truth, dtype=float))
    areas = np.stack([_area(row[order], counted[:, order], there) for row in hit], axis=-1)
    return areas[0] if weights is None else areas


def detection_row(overlap: np.ndarray, score: np.ndarray) -> dict[str, object]:
    """The numbers of one piece for COCO's AP, from IoU (found, truth) and scores (found,).

    `hits` holds, for each of the best 100, the hundredths up to which it is a hit, as bits of THRESHOLDS.

    >>> detection_row(np.array([[0.62, 0.0], [0.0, 0.1]]), np.array([0.9, 0.25]))
    {'true_objects': 2, 'detection_scores': '[0.9, 0.25]', 'detection_hits': '[7, 0]'}
    """
    score = np.asarray(score, dtype=float)
    best = np.argsort(-score, kind="stable")[:MOST]
    hit = hits(np.asarray(overlap)[best], score[best])
    bits = (hit * (1 << np.arange(len(THRESHOLDS)))[:, None]).sum(axis=0)
    return {
        "true_objects": int(np.asarray(overlap).shape[1]),
        "detection_scores": json.dumps([round(one, 6) for one in score[best].tolist()]),
        "detection_hits": json.dumps(bits.tolist()),
    }


def detections(scores: str, bits: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores (found,) and hits (threshold, found) back from a row.

    >>> detections("[0.9, 0.25]", "[7, 0]")[1].sum(axis=1)
    array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    """
    score, hit = np.asarray(json.loads(scores), dtype=float), np.asarray(json.loads(bits), dtype=np.int64)
    return score, (hit[None] >> np.arange(len(THRESHOLDS))[:, None]) & 1 == 1


def _area(hit: np.ndarray, weights: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The area of each draw: hits (found,) and weights (draw, found) in the order of scores, truth (draw,)."""
    if not hit.any():
        return np.where(truth > 0, 0.0, np.nan)
    right = np.cumsum(weights * hit, axis=1)
    found = np.cumsum(weights, axis=1)
    precision = np.divide(right, found, out=np.zeros_like(right), where=found > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    areas = np.full(len(weights), np.nan)
    for draw in np.flatnonzero(truth > 0):
        place = np.searchsorted(right[draw] / truth[draw], _RECALLS - _ROUNDING)
        areas[draw] = np.append(envelope[draw], 0.0)[place].mean()
    return areas
