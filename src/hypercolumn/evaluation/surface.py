"""How far two outlines lie apart, in physical units where the spacing is known.

    surface of a region     its samples with a face neighbour outside; the edge of the array counts as outside
    d(a, B)                 distance from sample a to the nearest sample of B, exact, with the spacing of each axis
    mean                    (sum_{a in A} d(a, B) + sum_{b in B} d(b, A)) / (|A| + |B|)
    95th percentile         the larger of the 95th percentiles of d(a, B) and of d(b, A)

Where one of the surfaces is empty there is nothing to measure from: the distances are undefined (NaN), never 0 and
never the size of the image; that a region was missed altogether is what Dice says. Where both are empty: undefined too.
Between surface samples, not between polygons: a contour drawn half a sample further out is not seen.

Heimann et al. 2009, doi 10.1109/TMI.2009.2013851; the conventions are those of MedPy and MONAI.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hypercolumn.errors import InvalidArgument, ShapeMismatch


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between two surfaces, in units of the spacing that was given, else in samples."""

    mean: float
    percentile_95: float
    to_truth: float
    """Mean distance from the predicted surface to the true one: how far what was drawn lies off."""
    to_predicted: float
    """Mean distance from the true surface to the predicted one: how far what is there was missed."""


def surface(region: np.ndarray) -> np.ndarray:
    """The surface samples of a boolean region (*space).

    >>> surface(np.array([0, 1, 1, 1, 0], dtype=bool)).astype(int)
    array([0, 1, 0, 1, 0])
    """
    region = np.asarray(region, dtype=bool)
    return region & ~ndimage.binary_erosion(region, border_value=0)


def surface_distances(
    truth: np.ndarray, predicted: np.ndarray, *, spacing: Sequence[float] | None = None
) -> SurfaceDistances:
    """Distances between the surfaces of two boolean regions (*space), `spacing` one length for each axis.

    >>> truth = np.array([[1, 0, 0, 0, 0]], dtype=bool)
    >>> predicted = np.array([[0, 0, 0, 1, 1]], dtype=bool)
    >>> surface_distances(truth, predicted, spacing=(1.0, 0.5)).mean  # from truth 1.5; from prediction 1.5 and 2.0
    1.6666666666666667
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != predicted.shape:
        raise ShapeMismatch(
            f"truth is {truth.shape} and prediction {predicted.shape}", why="they are compared in place"
        )
    step = (1.0,) * truth.ndim if spacing is None else tuple(float(length) for length in spacing)
    if len(step) != truth.ndim or min(step) <= 0:
        raise InvalidArgument("spacing", spacing, fix=f"give a length above 0 for each of {truth.ndim} axes")
    true_surface, predicted_surface = surface(truth), surface(predicted)
    if not true_surface.any() or not predicted_surface.any():
        return SurfaceDistances(np.nan, np.nan, np.nan, np.nan)
    box = ndimage.find_objects((true_surface | predicted_surface).astype(np.uint8))[0]
    true_surface, predicted_surface = true_surface[box], predicted_surface[box]
    to_truth = ndimage.distance_transform_edt(~true_surface, sampling=step)[predicted_surface]
    to_predicted = ndimage.distance_transform_edt(~predicted_surface, sampling=step)[true_surface]
    return SurfaceDistances(
        mean=float(np.concatenate([to_truth, to_predicted]).mean()),
        percentile_95=float(max(np.percentile(to_truth, 95), np.percentile(to_predicted, 95))),
        to_truth=float(to_truth.mean()),
        to_predicted=float(to_predicted.mean()),
    )
