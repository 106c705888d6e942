"""The label image of a record, whether it was stored as one or drawn as outlines.

    image file       the numbers that it holds
    .geojson         outlines as QuPath writes them, one file an image: the first object is 1, each at its pixels

Outlines need the size of their image; where two overlap the smaller lies on top. A class that the study does not
name is a problem and not an object.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hypercolumn.data.readers import LIMIT_BYTES, read_labels
from hypercolumn.data.readers.annotations import read_geojson
from hypercolumn.errors import ShapeMismatch

OUTLINES = {".geojson"}


def label_image(
    path: Path, *, space: Sequence[int], names: Sequence[str] = ("object",), limit_bytes: int = LIMIT_BYTES
) -> np.ndarray:
    """The whole numbers (*space) of a label file; `names` are the classes that outlines may bear.

    Raises LabelError, DataProblems with every outline that is wrong, ShapeMismatch for outlines of a volume.

    >>> import json, tempfile
    >>> ring = [[1, 0], [3, 0], [3, 2], [1, 2], [1, 0]]
    >>> feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cells.geojson"
    ...     _ = path.write_text(json.dumps([feature]))
    ...     label_image(path, space=(2, 4))
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]], dtype=uint32)
    """
    if path.suffix.lower() not in OUTLINES:
        return read_labels(path, limit_bytes=limit_bytes)
    if len(space) != 2:
        raise ShapeMismatch(
            f"outlines for an array of {len(space)} axes",
            where=path.name,
            why="they are drawn in images",
            fix="store object numbers as a label image",
        )
    objects = read_geojson(path, shape=(space[0], space[1]), names=tuple(names), limit_bytes=limit_bytes)
    return objects.to_map(limit_bytes=limit_bytes)
