"""GeoJSON polygons of one image, as QuPath and many other programs write them.

    {"type": "FeatureCollection", "features": [{"geometry": {"type": "Polygon", "coordinates": [ring, hole, ...]},
                                               "properties": {"classification": {"name": "nucleus"}}}, ...]}

A list of features and a single feature are read too, and MultiPolygon. Coordinates are x, y in pixels of the image at
full resolution, (0, 0) being the corner of the first pixel and not its centre; the size of the image is not written in
the file. A feature without a class is of the one class where only one is declared, and a problem else. RFC 7946; points
and lines have no pixels and are problems.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypercolumn.data.objects import Objects
from hypercolumn.data.readers.annotations.gathering import Crossing, Gathering
from hypercolumn.data.readers.annotations.text import LIMIT_BYTES, read_json
from hypercolumn.errors import DataProblems, LabelError, Problem, UnreadableFile


def read_geojson(
    path: Path | str,
    *,
    shape: tuple[int, int],
    names: Sequence[str],
    crossing: Crossing = "refuse",
    limit_bytes: int = LIMIT_BYTES,
) -> Objects:
    """The objects of the classes `names` in an image of `shape` (y, x); any other class is a problem.

    Raises DataProblems with all the records that are wrong, UnreadableFile.

    >>> import json, tempfile
    >>> ring = [[2, 1], [5, 1], [5, 3], [2, 3], [2, 1]]
    >>> feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cells.geojson"
    ...     written = path.write_text(json.dumps([feature]))
    ...     objects = read_geojson(path, shape=(4, 4), names=("cell",))
    >>> objects.boxes, objects.notes
    (array([[2., 1., 4., 3.]]), ('cells.geojson, feature 1 left the image and was cut at its border',))
    """
    path = Path(path)
    problems: list[Problem] = []
    gathering = Gathering(shape, names, problems, crossing=crossing)
    for number, feature in enumerate(_features(read_json(path, limit_bytes=limit_bytes), path), start=1):
        where = f"{path.name}, feature {number}"
        try:
            parts, name = _parts(feature), _class(feature, names)
        except LabelError as error:
            gathering.refuse(error.problem, where)
            continue
        gathering.polygon(where, parts, name)
    if problems:
        raise DataProblems(problems, where=path.name)
    return gathering.objects()


def class_names(path: Path | str, *, limit_bytes: int = LIMIT_BYTES) -> tuple[str, ...]:
    """The names of the classes that the features of a file bear, in the order of the alphabet."""
    path = Path(path)
    features = _features(read_json(path, limit_bytes=limit_bytes), path)
    found = {_class(feature, ()) for feature in features if isinstance(feature, dict)}
    return tuple(sorted(name for name in found if isinstance(name, str)))


def _features(document: Any, path: Path) -> list[Any]:
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        document = document.get("features")
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = [document]
    if not isinstance(document, list):
        raise UnreadableFile("the file holds no features", where=path.name, fix="export it as GeoJSON features")
    return document


def _parts(feature: Any) -> list[list[list[object]]]:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise LabelError(
            f"a geometry of type {str(kind)[:40]!r}", why="only polygons have pixels", fix="leave the feature out"
        )
    assert isinstance(geometry, dict)
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not parts:
        raise LabelError("a polygon without coordinates", fix="leave the feature out")
    return [[_flat(ring) for ring in _listed(part)] for part in parts]


def _flat(ring: object) -> list[object]:
    """x, y, x, y, ...; a third coordinate is left out."""
    flat: list[object] = []
    for corner in _listed(ring):
        if len(_listed(corner)) < 2:
            raise LabelError("a corner with less than two coordinates")
        flat += _listed(corner)[:2]
    return flat


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise LabelError(f"{str(value)[:40]!r} where a list of coordinates is needed")
    return value


def _class(feature: dict[str, Any], names: Sequence[str]) -> object:
    properties = feature.get("properties")
    stated = properties.get("classification") if isinstance(properties, dict) else None
    name = stated.get("name") if isinstance(stated, dict) else stated
    if name is None and len(names) == 1:
        return names[0]
    return name
