"""Average precision of detected boxes by class, with what is left out of account, as COCO counts it.

    IoU        |A n B| / |A u B|
    left out   a found box that is no hit and lies in an ignored region by at least u of its own area
    AP         by class and threshold (`average_precision`), then the mean over the classes that have true objects

Ignored are crowds and what the annotator marked as difficult: who finds them is neither right nor wrong. Lin et al.
2014, doi:10.1007/978-3-319-10602-1_48. AP by the size of objects is not here; masks instead of boxes need no more than
another `iou`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.average_precision import MOST, THRESHOLDS, average_precision, hits


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """One image: iou (found, true), scores and classes (found,) of what was found, classes (true,) of what is there.

    `covered` (found, region) is the part of each found object that lies in each ignored region, `ignored_classes`
    (region,) are their classes.
    """

    iou: np.ndarray
    scores: np.ndarray
    found_classes: np.ndarray
    true_classes: np.ndarray
    covered: np.ndarray
    ignored_classes: np.ndarray

    def __post_init__(self) -> None:
        found, true, regions = len(self.scores), len(self.true_classes), len(self.ignored_classes)
        shapes = (self.iou.shape, self.covered.shape, self.found_classes.shape)
        if shapes != ((found, true), (found, regions), (found,)):
            raise ShapeMismatch(
                f"IoU {self.iou.shape}, covered {self.covered.shape} and classes {self.found_classes.shape} "
                f"of {found} scores, {true} true objects and {regions} ignored regions",
                fix="give (found, true), (found, region) and (found,)",
            )


def compare_boxes(
    found: np.ndarray,
    true: np.ndarray,
    *,
    scores: np.ndarray,
    found_classes: np.ndarray | None = None,
    true_classes: np.ndarray | None = None,
    ignored: np.ndarray | None = None,
) -> FoundBoxes:
    """Boxes found in one image (found, 4: x0, y0, x1, y1) beside true ones (true, 4); without classes all are of one.

    ignored: which of the true boxes (true,) are left out of account.

    >>> compare_boxes(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2]]), scores=np.array([0.9])).iou.round(3)
    array([[0.333]])
    """
    for name, boxes in (("found", found), ("true", true)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ShapeMismatch(f"boxes {name} of shape {boxes.shape}", fix="give (box, 4): x0, y0, x1, y1")
    kinds = np.zeros(len(found), dtype=np.int64) if found_classes is None else np.asarray(found_classes)
    true_kinds = np.zeros(len(true), dtype=np.int64) if true_classes is None else np.asarray(true_classes)
    left_out = np.zeros(len(true), dtype=bool) if ignored is None else np.asarray(ignored, dtype=bool)
    if not len(true) == len(true_kinds) == len(left_out):
        raise ShapeMismatch(
            f"{len(true)} true boxes with {len(true_kinds)} classes and {len(left_out)} marks to ignore",
            fix="give one of each a true box",
        )
    low = np.maximum(found[:, None, :2], true[None, :, :2])
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1).astype(float)
    own, other = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).astype(float) for boxes in (found, true))
    iou = _share(shared, own[:, None] + other - shared)[:, ~left_out]
    covered = _share(shared, np.broadcast_to(own[:, None], shared.shape))[:, left_out]
    return FoundBoxes(iou, np.asarray(scores, float), kinds, true_kinds[~left_out], covered, true_kinds[left_out])


def average_precision_by_class(
    images: Sequence[FoundBoxes],
    *,
    classes: int = 1,
    thresholds: tuple[float, ...] = THRESHOLDS,
    most: int = MOST,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """AP by class and threshold of IoU: (class, threshold), NaN for a class without true objects.

    most: how many found objects of a class count in an image, those with the best scores. weights: how often each image
    counts, (draw, image); the answer is (draw, class, threshold) then, as an interval over patients asks for it.

    >>> true = np.array([[0, 0, 10, 10], [50, 50, 60, 60]])
    >>> found = np.array([[0, 0, 10, 7], [50, 50, 60, 60]])                          # IoU of 0.7 and of 1
    >>> image = compare_boxes(found, true, scores=np.array([0.9, 0.8]))
    >>> average_precision_by_class([image], thresholds=(0.5, 0.75)).round(3)
    array([[1.   , 0.252]])
    """
    if weights is not None and (np.ndim(weights) != 2 or np.shape(weights)[1] != len(images)):
        raise ShapeMismatch(f"weights {np.shape(weights)} for {len(images)} images", fix="give (draw, image)")
    if most < 1:
        raise InvalidArgument("most", most, fix="give at least 1")
    counted = np.ones((1, len(images))) if weights is None else np.asarray(weights, dtype=float)
    table = np.stack([_of_class(images, kind, thresholds, most, counted) for kind in range(classes)], axis=1)
    return table[0] if weights is None else table


def mean_average_precision(table: np.ndarray) -> np.ndarray:
    """The mean (...) of a table (..., class, threshold) over thresholds and over the classes that have an AP.

    >>> mean_average_precision(np.array([[1.0, 0.5], [np.nan, np.nan]]))
    array(0.75)
    """
    known = np.isfinite(table)
    total = np.where(known, table, 0).sum(axis=(-2, -1))
    return _share(total, known.sum(axis=(-2, -1)), empty=np.nan)


def _of_class(
    images: Sequence[FoundBoxes], kind: int, thresholds: tuple[float, ...], most: int, weights: np.ndarray
) -> np.ndarray:
    """(draw, threshold)."""
    scores, right, left_out, owner = [np.zeros(0)], [np.zeros((len(thresholds), 0), bool)], [], []
    left_out.append(right[0])
    true = np.zeros(len(images))
    for number, image in enumerate(images):
        chosen = np.flatnonzero(image.found_classes == kind)
        chosen = chosen[np.argsort(-image.scores[chosen], kind="stable")][:most]
        here = image.true_classes == kind
        hit = hits(image.iou[np.ix_(chosen, here)], image.scores[chosen], thresholds=thresholds)
        covered = image.covered[np.ix_(chosen, image.ignored_classes == kind)].max(axis=1, initial=0.0)
        scores.append(image.scores[chosen])
        right.append(hit)
        left_out.append(~hit & (covered >= np.array(thresholds)[:, None]))
        owner += [number] * len(chosen)
        true[number] = here.sum()
    score, hit, out = np.concatenate(scores), np.concatenate(right, axis=1), np.concatenate(left_out, axis=1)
    weight, there = weights[:, np.array(owner, dtype=np.int64)], weights @ true
    columns = [
        average_precision(score[~gone], one[None, ~gone], there, weights=weight[:, ~gone])[:, 0]
        for one, gone in zip(hit, out, strict=True)
    ]
    return np.stack(columns, axis=1)


def _share(part: np.ndarray, whole: np.ndarray, *, empty: float = 0.0) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), empty), where=whole > 0)
