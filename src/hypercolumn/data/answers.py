"""The label image of a record, whether it was stored as one or drawn as outlines.

    image file       the numbers that it holds
    .geojson         outlines as QuPath writes them, one file an image: the first object is 1, each at its pixels
    .json            COCO, one file for many images, each found by the name of its file

Outlines need the size of their image; where two overlap the smaller lies on top. A class that the study does not
name is a problem and not an object; where the study names the class "object", objects of every class are meant. Boxes
alone are no answer here: which pixels are the object's is not known.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from hypercolumn.data.objects import Objects
from hypercolumn.data.readers import LIMIT_BYTES, read_labels
from hypercolumn.data.readers.annotations import class_names, read_coco, read_geojson
from hypercolumn.errors import DataError, LabelError, ShapeMismatch

COCO = ".json"
OUTLINES = {".geojson", COCO}
ANY_CLASS = ("object",)


def label_image(
    path: Path,
    *,
    space: Sequence[int],
    names: Sequence[str] = ANY_CLASS,
    image: str = "",
    limit_bytes: int = LIMIT_BYTES,
) -> np.ndarray:
    """The whole numbers (*space) of a label file; `names` are the classes that outlines may bear.

    `image` is the name of the image's file, for a label file of many images. Raises LabelError, DataProblems with every
    outline that is wrong, ShapeMismatch for outlines of a volume.

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
    kind, names = path.suffix.lower(), tuple(names)
    if kind not in OUTLINES:
        return read_labels(path, limit_bytes=limit_bytes)
    if len(space) != 2:
        raise ShapeMismatch(
            f"outlines for an array of {len(space)} axes",
            where=path.name,
            why="they are drawn in images",
            fix="store object numbers as a label image",
        )
    if kind == COCO:
        return _of_image(path, image, names, limit_bytes).to_map(limit_bytes=limit_bytes)
    if names == ANY_CLASS:
        names = class_names(path, limit_bytes=limit_bytes) or names
    return read_geojson(path, shape=(space[0], space[1]), names=names, limit_bytes=limit_bytes).to_map(
        limit_bytes=limit_bytes
    )


def outline_classes(path: Path) -> tuple[str, ...]:
    """The classes of the outlines in a file, in the order of the alphabet."""
    if path.suffix.lower() != COCO:
        return class_names(path)
    return tuple(sorted({one.names[place] for one in images_of(path).values() for place in one.classes.tolist()}))


def images_of(path: Path, *, names: Sequence[str] = ANY_CLASS, limit_bytes: int = LIMIT_BYTES) -> dict[str, Objects]:
    """The objects of every image of a COCO file, by its name there; the file is read once for all its images."""
    found = _read_once(path, path.stat().st_mtime_ns, tuple(names), limit_bytes)
    if isinstance(found, DataError):
        raise found
    return found


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int, names: tuple[str, ...], limit_bytes: int) -> dict[str, Objects] | DataError:
    """What is wrong with a file is remembered as well: it is asked for once an image."""
    try:
        return read_coco(path, names=None if names == ANY_CLASS else names, limit_bytes=limit_bytes)
    except DataError as error:
        return error


def _of_image(path: Path, image: str, names: tuple[str, ...], limit_bytes: int) -> Objects:
    found = images_of(path, names=names, limit_bytes=limit_bytes)
    named = [one for name, one in found.items() if PurePosixPath(name).name == image]
    if len(named) != 1:
        raise LabelError(
            f"{len(named)} images of the name {image!r}" if named else f"there is no image {image!r} in it",
            where=path.name,
            why=f"it names {len(found)} images, and each is found by the name of its file",
            fix="write the name of the image's file under images, file_name",
        )
    return named[0]
