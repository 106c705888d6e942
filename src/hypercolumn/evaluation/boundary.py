"""How well an outline was drawn: the boundary F1.

    precision   samples of the predicted surface no farther than `tolerance` from the true one / all of them
    recall      samples of the true surface no farther than `tolerance` from the predicted one / all of them
    F1          2 precision recall / (precision + recall)

The Dice of a large region hardly moves where its outline is a few samples off; this does. Surfaces are those of
`surface`; distances are exact, in units of the spacing where it is given. Both empty: undefined (NaN); one empty: 0.

Csurka, Larlus and Perronnin 2013, doi 10.5244/C.27.32.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.surface import surface


def boundary_f1(
    truth: np.ndarray, predicted: np.ndarray, *, tolerance: float = 2.0, spacing: Sequence[float] | None = None
) -> float:
    """The boundary F1 of two boolean regions (*space); tolerance in samples, or in units of the spacing.

    >>> truth, predicted = np.zeros((9, 9), dtype=bool), np.zeros((9, 9), dtype=bool)
    >>> truth[2:7, 2:7], predicted[2:7, 3:8] = True, True
    >>> boundary_f1(truth, predicted, tolerance=1.0), round(boundary_f1(truth, predicted, tolerance=0.0), 3)
    (1.0, 0.5)
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != predicted.shape:
        raise ShapeMismatch(
            f"truth is {truth.shape} and prediction {predicted.shape}", why="they are compared in place"
        )
    if not tolerance >= 0:
        raise InvalidArgument("tolerance", tolerance, fix="give a distance of at least 0")
    true_surface, predicted_surface = surface(truth), surface(predicted)
    if not true_surface.any() or not predicted_surface.any():
        return float("nan") if true_surface.any() == predicted_surface.any() else 0.0
    steps = (1.0,) * truth.ndim if spacing is None else tuple(spacing)
    to_truth = ndimage.distance_transform_edt(~true_surface, sampling=steps)[predicted_surface]
    to_predicted = ndimage.distance_transform_edt(~predicted_surface, sampling=steps)[true_surface]
    precision, recall = np.mean(to_truth <= tolerance), np.mean(to_predicted <= tolerance)
    return float(2 * precision * recall / (precision + recall)) if precision + recall > 0 else 0.0
