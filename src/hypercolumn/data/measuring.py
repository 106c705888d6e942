"""A table of the objects of an instance map: where each lies, how large it is, of what shape, and how bright.

    position     mean of the places of its samples, from the image's edge: the middle of the first sample lies at 1/2
    axes         4 sqrt(eigenvalue) of the second moments: the axes of the ellipse that has them
    perimeter    L = sum_k a_k N_k d_k / 2      Cauchy and Crofton, along 4 directions: N_k crossings of the border by
                                                lines of direction k, which lie d_k apart; a_k the angle it stands for

Everything is measured in the unit of the spacing, or in samples where none is known; the column `unit` says which. A
sample is a box, not a point, so that an object of one sample has a length. a_k is pi / 4 on square samples and differs
on others (Lehmann and Legland 2012, https://hal.inrae.fr/hal-02811118). The perimeter is for images; the surface of a
volume is not measured here.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from hypercolumn.data.instance_map import as_instances, separated, with_small_numbers
from hypercolumn.data.sample import Sample
from hypercolumn.errors import InvalidArgument, ShapeMismatch

AXES = {2: ("y", "x"), 3: ("z", "y", "x")}


def measure_objects(
    labels: np.ndarray,
    *,
    image: Sample | None = None,
    spacing: Sequence[float] | None = None,
    unit: str | None = None,
) -> pd.DataFrame:
    """One row an object of an instance map of two or three axes, in ascending order of their numbers.

    Columns: `object` (the number), `samples`, `pieces`, `at_border` (it may go on beyond the image), `unit`, the
    position along each axis, `area` or `volume`, `equivalent_diameter`, `longest_axis`, `shortest_axis`, `elongation`
    (their ratio), in images `perimeter` and `circularity` (4 pi area / perimeter^2, 1 for a disk), the half-open box in
    samples (`first_y`, `stop_y`, ...), and for each channel of `image` `mean_`, `deviation_`, `lowest_`, `highest_`.

    The spacing is that of the image, or what is given with its unit. Raises LabelError where the map is none, and
    ShapeMismatch where the image has another size.

    >>> table = measure_objects(np.array([[0, 4, 4], [0, 4, 4]]), spacing=(0.5, 0.5), unit="um")
    >>> table[["object", "samples", "y", "x", "area", "unit"]].to_dict("records")
    [{'object': 4, 'samples': 4, 'y': 0.5, 'x': 1.0, 'area': 1.0, 'unit': 'um'}]
    """
    labels = as_instances(labels)
    if labels.ndim not in AXES:
        raise ShapeMismatch(f"an instance map of shape {labels.shape}", fix="give (y, x) or (z, y, x)")
    steps, unit = _geometry(labels, image, spacing, unit)
    small = with_small_numbers(labels)
    places = np.flatnonzero(small)
    found, row = np.unique(small.reshape(-1)[places], return_inverse=True)
    at = np.unravel_index(places, labels.shape)
    originals = np.zeros(len(found), dtype=np.uint64)
    originals[row] = labels.reshape(-1)[places]
    samples = np.bincount(row, minlength=len(found))
    columns: dict[str, object] = {"object": originals.astype(np.int64), "samples": samples}
    columns["pieces"] = _pieces(labels)
    boxes = _boxes(small, found)
    columns["at_border"] = ((boxes[:, :, 0] == 0) | (boxes[:, :, 1] == labels.shape)).any(axis=1)
    columns["unit"] = [unit] * len(found)
    columns |= _shape(at, row, samples, steps)
    if labels.ndim == 2:
        around = _perimeter(small, found, (steps[0], steps[1]))
        columns["perimeter"] = around
        columns["circularity"] = 4 * np.pi * samples * np.prod(steps) / np.maximum(around, np.finfo(float).tiny) ** 2
    for number, axis in enumerate(AXES[labels.ndim]):
        columns[f"first_{axis}"], columns[f"stop_{axis}"] = boxes[:, number, 0], boxes[:, number, 1]
    if image is not None:
        names = image.channels or tuple(str(number) for number in range(len(image.array)))
        for name, channel in zip(names, image.array, strict=True):
            columns |= _brightness(channel.reshape(-1)[places], row, samples, name)
    return pd.DataFrame(columns)


def _geometry(
    labels: np.ndarray, image: Sample | None, spacing: Sequence[float] | None, unit: str | None
) -> tuple[tuple[float, ...], str]:
    if image is not None and image.shape != labels.shape:
        raise ShapeMismatch(
            f"an instance map of shape {labels.shape} for an image of shape {image.shape}",
            fix="give the map of this image, at its full size",
        )
    if (spacing is None) != (unit is None):
        raise InvalidArgument("unit", unit, why="a spacing has a unit, and an unknown spacing has none")
    if spacing is None and image is not None:
        spacing, unit = image.spacing, image.unit
    if spacing is None:
        return (1.0,) * labels.ndim, "sample"
    if len(spacing) != labels.ndim or not all(0 < step < np.inf for step in spacing):
        raise InvalidArgument("spacing", spacing, fix=f"give {labels.ndim} positive numbers")
    return tuple(float(step) for step in spacing), str(unit)


def _pieces(labels: np.ndarray) -> np.ndarray:
    """How many pieces each object lies in."""
    pieces = separated(labels)
    number = np.zeros(int(pieces.max(initial=0)) + 1, dtype=labels.dtype)
    number[pieces.reshape(-1)] = labels.reshape(-1)
    return np.unique(number[1:], return_counts=True)[1]


def _boxes(small: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The half-open box of each object: (object, axis, 2)."""
    slices = ndimage.find_objects(small)
    boxes = [[(side.start, side.stop) for side in slices[number - 1]] for number in found.tolist()]
    return np.array(boxes, dtype=np.int64).reshape(-1, small.ndim, 2)


def _shape(
    at: tuple[np.ndarray, ...], row: np.ndarray, samples: np.ndarray, steps: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Position, size, and the axes of the ellipse with the same second moments."""
    dims, count = len(at), len(samples)
    size = samples * np.prod(steps)
    mean = np.stack([np.bincount(row, weights=axis, minlength=count) / samples for axis in at])
    apart = [(axis - mean[number][row]) * steps[number] for number, axis in enumerate(at)]
    moments = np.empty((count, dims, dims))
    for one in range(dims):
        for other in range(one, dims):
            moment = np.bincount(row, weights=apart[one] * apart[other], minlength=count) / samples
            moments[:, one, other] = moments[:, other, one] = moment + (steps[one] ** 2 / 12 if one == other else 0)
    axes = 4 * np.sqrt(np.linalg.eigvalsh(moments)) if count else np.zeros((0, dims))
    position = {name: (mean[number] + 0.5) * steps[number] for number, name in enumerate(AXES[dims])}
    diameter = 2 * np.sqrt(size / np.pi) if dims == 2 else np.cbrt(6 * size / np.pi)
    return {
        **position,
        "area" if dims == 2 else "volume": size,
        "equivalent_diameter": diameter,
        "longest_axis": axes[:, -1],
        "shortest_axis": axes[:, 0],
        "elongation": axes[:, -1] / axes[:, 0],
    }


def _perimeter(small: np.ndarray, found: np.ndarray, steps: tuple[float, float]) -> np.ndarray:
    """By the crossings of lines along both axes and both diagonals; the image's border is crossed too."""
    down, across = steps
    slope = float(np.arctan2(down, across))
    along = (((0, 1), down, slope), ((1, 0), across, np.pi / 2 - slope))
    diagonal = down * across / float(np.hypot(down, across))
    directions = (*along, ((1, 1), diagonal, np.pi / 4), ((1, -1), diagonal, np.pi / 4))
    padded = np.pad(small, 1)
    total = np.zeros(len(found))
    for (rows, columns), distance, angle in directions:
        height, width = padded.shape
        here = padded[: height - rows, max(-columns, 0) : width - max(columns, 0)]
        there = padded[rows:, max(columns, 0) : width + min(columns, 0)]
        differ = here != there
        crossings = np.concatenate((here[differ], there[differ]))
        crossings = np.searchsorted(found, crossings[crossings > 0])
        total += np.bincount(crossings, minlength=len(found)) * distance * angle / 2
    return total


def _brightness(values: np.ndarray, row: np.ndarray, samples: np.ndarray, name: str) -> dict[str, np.ndarray]:
    count = len(samples)
    values = values.astype(np.float64)
    mean = np.bincount(row, weights=values, minlength=count) / samples
    spread = np.bincount(row, weights=(values - mean[row]) ** 2, minlength=count) / samples
    lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(lowest, row, values)
    np.maximum.at(highest, row, values)
    return {
        f"mean_{name}": mean,
        f"deviation_{name}": np.sqrt(spread),
        f"lowest_{name}": lowest,
        f"highest_{name}": highest,
    }
