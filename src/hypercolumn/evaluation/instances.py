"""Figures of instances: how many objects were found, and how well they were drawn.

    TP(u), FP(u), FN(u)    pairs with IoU > u; predicted objects without a partner; true objects without one
    F1(u)                  2 TP / (2 TP + FP + FN)
    AP(u)                  TP / (TP + FP + FN);  AP is its mean over u = 0.50, 0.55, ..., 0.95 (Data Science Bowl 2018)
    PQ                     sum of IoU over the pairs at 0.5 / (TP + FP / 2 + FN / 2)                = SQ F1(0.5)
    AJI                    sum_t |t and p(t)| / (sum_t |t or p(t)| + sum of |p| never chosen)    p(t) = argmax_p IoU

All from one `contingency` table. The DSB2018 score is the mean of AP over images, where a small image weighs as much as
a large one; from pooled counts, TP, FP and FN are summed over images first, and every object weighs the same. This AP
knows no confidence: COCO's, which does, is `average_precision`.

    no object in truth and none predicted     undefined (NaN), left out of means; the image says nothing of objects
    no object in truth, but some predicted    0
    objects in truth, none predicted          0

Caicedo et al. 2019, doi 10.1038/s41592-019-0612-7 (AP, F1); Kirillov et al. 2019, doi 10.1109/CVPR.2019.00963 (PQ);
Kumar et al. 2017, doi 10.1109/TMI.2017.2677499 (AJI: several true objects may choose one predicted, as published).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.evaluation.contingency import Contingency, contingency
from hypercolumn.evaluation.object_errors import object_errors
from hypercolumn.evaluation.overlap import dice, iou, ratio

PERCENTS = tuple(range(50, 100, 5))
"""The thresholds of IoU in hundredths, 50 to 95."""

COUNTS = ("true_objects", "predicted_objects", *(f"matched_{percent}" for percent in PERCENTS))
SUMS = (*COUNTS, "matched_iou", "aji_intersection", "aji_union")
ERRORS = ("missed_objects", "false_objects", "split_objects", "merged_objects")
INSTANCE_COLUMNS = (*SUMS, *ERRORS)
"""What `instance_row` writes."""


@dataclass(frozen=True, eq=False)
class Matches:
    """What the figures need of one image, or of many: counts (..., threshold) and sums (...).

    `predicted` and `truth` count objects, `matched` the pairs at each of PERCENTS, `matched_iou` is the sum of IoU of
    those at 50, `aggregated` the two sums of AJI (..., 2). Sums over images are pooled counts.
    """

    truth: np.ndarray
    predicted: np.ndarray
    matched: np.ndarray
    matched_iou: np.ndarray
    aggregated: np.ndarray

    @property
    def f1(self) -> np.ndarray:
        """F1 at each threshold: (..., threshold)."""
        return dice(self.matched, *self._unmatched())

    @property
    def average_precision(self) -> np.ndarray:
        """TP / (TP + FP + FN), mean over the thresholds: (...)."""
        return iou(self.matched, *self._unmatched()).mean(axis=-1)

    @property
    def panoptic_quality(self) -> np.ndarray:
        return ratio(2 * self.matched_iou, self.truth + self.predicted)

    @property
    def aggregated_jaccard(self) -> np.ndarray:
        return ratio(self.aggregated[..., 0], self.aggregated[..., 1])

    def _unmatched(self) -> tuple[np.ndarray, np.ndarray]:
        """False positives and false negatives at each threshold."""
        return self.predicted[..., None] - self.matched, self.truth[..., None] - self.matched


def matches(table: Contingency) -> Matches:
    """Count what the figures need of one image.

    >>> found = matches(contingency(np.repeat([1, 0], [100, 20]), np.repeat([3, 0], [72, 48])))  # an IoU of 0.72
    >>> float(found.average_precision), float(found.panoptic_quality), float(found.aggregated_jaccard)
    (0.5, 0.72, 0.72)
    """
    at_half = table.matched(PERCENTS[0])
    return Matches(
        truth=np.array(len(table.truth)),
        predicted=np.array(len(table.predicted)),
        matched=np.array([np.count_nonzero(table.matched(percent)) for percent in PERCENTS]),
        matched_iou=np.array(table.iou[at_half].sum()),
        aggregated=_aggregated(table),
    )


def pooled(found: Sequence[Matches]) -> Matches:
    """The counts of several images as those of one.

    >>> one = matches(contingency(np.array([1, 1, 0]), np.array([1, 1, 0])))
    >>> other = matches(contingency(np.array([1, 0, 2]), np.array([0, 0, 0])))
    >>> round(float(pooled([one, other]).average_precision), 3)
    0.333
    """
    names = ("truth", "predicted", "matched", "matched_iou", "aggregated")
    return Matches(*(np.sum([getattr(one, name) for one in found], axis=0) for name in names))


def instance_row(truth: np.ndarray, predicted: np.ndarray) -> dict[str, object]:
    """The numbers of one piece from its two instance maps (*space); every figure of objects is made of their sums.

    >>> row = instance_row(np.array([1, 1, 1, 0, 2]), np.array([5, 5, 5, 5, 0]))
    >>> row["true_objects"], row["predicted_objects"], row["matched_50"], row["matched_75"], row["missed_objects"]
    (2, 1, 1, 0, 1)
    """
    table = contingency(truth, predicted)
    found, wrong = matches(table), object_errors(table)
    return {
        "true_objects": int(found.truth),
        "predicted_objects": int(found.predicted),
        **{f"matched_{percent}": int(count) for percent, count in zip(PERCENTS, found.matched, strict=True)},
        "matched_iou": float(found.matched_iou),
        "aji_intersection": int(found.aggregated[0]),
        "aji_union": int(found.aggregated[1]),
        "missed_objects": len(wrong.missed),
        "false_objects": len(wrong.false),
        "split_objects": len(wrong.split),
        "merged_objects": wrong.objects_merged,
    }


def _aggregated(table: Contingency) -> np.ndarray:
    """Intersections and unions of each true object with the predicted one that fits it best, and what is left over."""
    order = np.lexsort((-table.iou, table.pair_truth))
    best = order[np.flatnonzero(np.diff(table.pair_truth[order], prepend=-1))]
    alone, unused = np.ones(len(table.truth), dtype=bool), np.ones(len(table.predicted), dtype=bool)
    alone[table.pair_truth[best]] = False
    unused[table.pair_predicted[best]] = False
    left_over = table.truth_size[alone].sum() + table.predicted_size[unused].sum()
    return np.array([table.pair_samples[best].sum(), table.union[best].sum() + left_over])
