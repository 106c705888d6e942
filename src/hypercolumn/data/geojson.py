"""Objects of an instance map as GeoJSON polygons, which QuPath (0.4 and later) opens as detections.

    {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring, hole, ...]},
     "properties": {"objectType": "detection", "name": "7", "classification": {"name": "nucleus"},
                    "measurements": {"area": 31.0, ...}}}

One feature an object, in the order of their numbers; `name` is the number. Coordinates are x, y in pixels of the image,
(0, 0) being the corner of the first, and run along the edges of pixels: read again, the polygons cover the same pixels
(`tracing`). An object in several parts is a MultiPolygon. No spacing is written: QuPath takes that of the image.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hypercolumn.data.outlines import Polygon
from hypercolumn.data.tracing import traced
from hypercolumn.data.writing import write_whole
from hypercolumn.errors import InvalidArgument, LabelError


def write_geojson(
    path: Path | str,
    labels: np.ndarray,
    *,
    names: Sequence[str] = ("object",),
    classes: Sequence[int] | np.ndarray | None = None,
    measurements: pd.DataFrame | None = None,
) -> Path:
    """Write the objects of an instance map (y, x), whole or not at all.

    classes: the class of each number as an index of `names`, in ascending order of the numbers; without it all are of
    the first. measurements: a table with a column `object` for the number (`measure_objects`); its other columns of
    numbers are written with the object of their row. Raises LabelError where there is no instance map, a class is not
    declared, or an object has no row; OSError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_geojson(Path(folder) / "nuclei.geojson", np.array([[0, 4, 4]]), names=("nucleus",))
    ...     json.loads(path.read_text())["features"][0]["geometry"]["coordinates"]
    [[[1, 0], [3, 0], [3, 1], [1, 1], [1, 0]]]
    """
    each = object_features(labels, names=names, classes=classes, measurements=measurements)
    return write_features(Path(path), each)


def write_features(path: Path, features: Iterable[str]) -> Path:
    """Write features as one collection, whole or not at all, without keeping them."""

    def lines() -> Iterator[str]:
        yield '{"type": "FeatureCollection", "features": ['
        for place, feature in enumerate(features):
            yield (",\n" if place else "\n") + feature
        yield "\n]}\n"

    return write_whole(path, lines())


def object_features(
    labels: np.ndarray,
    *,
    names: Sequence[str] = ("object",),
    classes: Sequence[int] | np.ndarray | None = None,
    measurements: pd.DataFrame | None = None,
    offset: tuple[int, int] = (0, 0),
) -> Iterator[str]:
    """The feature of each object as `write_geojson` says; `offset` (y, x) is where the map lies in a larger one."""
    numbers, outlines = traced(labels)
    indices = np.zeros(len(numbers), dtype=np.int64) if classes is None else np.asarray(classes)
    if len(indices) != len(numbers):
        raise InvalidArgument("classes", f"{len(indices)} of them", fix=f"give one for each of {len(numbers)} objects")
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(names):
        raise LabelError(
            f"classes from {indices.min()} to {indices.max()} of {len(names)} names", fix="name every class in `names`"
        )
    measured = _measured(measurements, numbers.tolist())

    for place, (number, outline) in enumerate(zip(numbers.tolist(), outlines, strict=True)):
        properties: dict[str, Any] = {
            "objectType": "detection",
            "name": str(number),
            "classification": {"name": names[int(indices[place])]},
        }
        if measured:
            properties["measurements"] = measured[number]
        feature = {"type": "Feature", "geometry": _geometry(outline, offset), "properties": properties}
        yield json.dumps(feature, ensure_ascii=False, allow_nan=False)


def _geometry(outline: Polygon, offset: tuple[int, int]) -> dict[str, Any]:
    parts = [[_closed(ring, offset) for ring in part] for part in outline.parts]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _closed(ring: np.ndarray, offset: tuple[int, int]) -> list[list[int]]:
    return (np.concatenate((ring, ring[:1])).astype(np.int64) + offset[::-1]).tolist()


def _measured(table: pd.DataFrame | None, numbers: list[int]) -> dict[int, dict[str, float]]:
    """The numbers of each object that are finite, by column."""
    if table is None:
        return {}
    if "object" not in table.columns:
        raise InvalidArgument("measurements", list(table.columns), fix="give a column `object` with the numbers")
    missing = sorted(set(numbers) - set(table["object"].tolist()))
    if missing:
        raise LabelError(
            f"{len(missing)} objects have no measurements, number {missing[0]} for example",
            fix="measure the same instance map",
        )
    columns = table.drop(columns="object").select_dtypes("number")
    rows = zip(table["object"].tolist(), columns.itertuples(index=False, name=None), strict=True)
    return {
        number: {
            str(name): float(value) for name, value in zip(columns.columns, row, strict=True) if math.isfinite(value)
        }
        for number, row in rows
    }
