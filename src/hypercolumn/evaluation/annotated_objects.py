"""How an annotated mask and a predicted one disagree, object by object and along the outline.

    annotated(p)  = at least a tenth of predicted object p lies under annotated objects
    chance(p)     = mean probability of being an object, over p                 how sure the network is of p
    found(a)      = at least a tenth of annotated object a lies under predicted ones
    outline       = mean distance between the outlines of all that is annotated and all that is predicted

What is annotated is compared, not whether it is right: an object that the network is sure of and nobody annotated is
forgotten in the annotation or made up by the network. Which of the two is more likely is asked by `audit.mask_noise`,
of the objects of a whole cohort that the network is surest of. Masks are taken apart into pieces that hang together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hypercolumn.data.instance_map import separated
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.surface import surface_distances

TOUCHED = 0.1
"""The share of an object that has to lie under the other side's objects."""


@dataclass(frozen=True, eq=False)
class AnnotatedObjects:
    """One record: the objects predicted with `chance` and whether they are `annotated` (object,); of the objects that
    are annotated, how many there are and how many nothing predicts; the mean distance of the outlines, NaN without two.
    """

    chance: np.ndarray
    annotated: np.ndarray
    annotations: int
    unfound: int
    outline: float


def annotated_objects(
    annotation: np.ndarray, predicted: np.ndarray, chance: np.ndarray, *, spacing: Sequence[float] | None = None
) -> AnnotatedObjects:
    """From annotation and prediction (*space), each a boolean mask or an instance map, and probabilities (*space).

    Raises ShapeMismatch where they differ in shape, InvalidArgument where a probability is none.

    >>> annotation = np.array([1, 1, 0, 0, 0, 0, 0, 1], dtype=bool)
    >>> predicted = np.array([1, 1, 1, 0, 1, 1, 0, 0], dtype=bool)
    >>> found = annotated_objects(annotation, predicted, np.where(predicted, 0.75, 0.25))
    >>> found.annotated, found.chance, found.annotations, found.unfound
    (array([ True, False]), array([0.75, 0.75]), 2, 1)
    """
    annotation, predicted, chance = np.asarray(annotation), np.asarray(predicted), np.asarray(chance, dtype=float)
    if chance.shape != predicted.shape:
        raise ShapeMismatch(
            f"probabilities {chance.shape} for a prediction {predicted.shape}", fix="give one of each a sample"
        )
    wrong = ~((chance >= 0) & (chance <= 1))
    if wrong.any():
        raise InvalidArgument("chance", float(chance[wrong][0]), fix="give probabilities from 0 to 1, none missing")
    drawn, answered = (
        separated(each.astype(np.uint8)) if each.dtype == bool else each for each in (annotation, predicted)
    )
    table = contingency(drawn, answered)
    under = np.bincount(table.pair_predicted, table.pair_samples, minlength=len(table.predicted))
    over = np.bincount(table.pair_truth, table.pair_samples, minlength=len(table.truth))
    means = ndimage.mean(chance, labels=answered, index=table.predicted) if len(table.predicted) else np.zeros(0)
    return AnnotatedObjects(
        np.asarray(means, dtype=float),
        under >= TOUCHED * table.predicted_size,
        len(table.truth),
        int((over < TOUCHED * table.truth_size).sum()),
        surface_distances(drawn > 0, answered > 0, spacing=spacing).mean,
    )
