"""COCO: one JSON file for many images, with boxes, polygons and run lengths.

    images         id, file_name, width, height
    categories     id, name
    annotations    image_id, category_id, bbox [x, y, width, height], iscrowd, segmentation:
                   polygons    [[x, y, x, y, ...], ...]: the parts of one object
                   runs        {"size": [height, width], "counts": [...]}, down the columns, outside first
                   runs, text  the counts in characters of six bits, as written below

Lin et al. 2014, doi:10.1007/978-3-319-10602-1_48. Crowds (iscrowd 1) are ignored: neither to be found, nor a mistake.
Where an object has an outline its box is taken from that, and `bbox` else. Keypoints and panoptic files are not read.

A count in text: characters c with value v = ord(c) - 48, five bits each, the lowest first; bit 5 says that another
follows, bit 4 of the last is the sign. From the fourth count on, the difference to the count two before is written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypercolumn.data.objects import Objects
from hypercolumn.data.outlines import RunLength
from hypercolumn.data.readers.annotations.gathering import Crossing, Gathering, image_shape, numbers
from hypercolumn.data.readers.annotations.text import LIMIT_BYTES, read_json
from hypercolumn.errors import DataProblems, LabelError, Problem, UnreadableFile

TABLES = ("images", "annotations", "categories")


def read_coco(
    path: Path | str,
    *,
    names: Sequence[str] | None = None,
    crossing: Crossing = "refuse",
    limit_bytes: int = LIMIT_BYTES,
) -> dict[str, Objects]:
    """The objects of every image by its file's name; an image without annotations has none.

    names: the classes; without them those of the file, in order of their ids. Raises DataProblems with all the records
    that are wrong, UnreadableFile.

    >>> import json, tempfile
    >>> image = {"id": 1, "file_name": "a.png", "width": 8, "height": 6}
    >>> square = {"image_id": 1, "category_id": 3, "bbox": [1, 1, 3, 2], "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]}
    >>> document = {"images": [image], "categories": [{"id": 3, "name": "cell"}], "annotations": [square]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "instances.json"
    ...     written = path.write_text(json.dumps(document))
    ...     read_coco(path)["a.png"].boxes
    array([[1., 1., 4., 3.]])
    """
    path = Path(path)
    document = read_json(path, limit_bytes=limit_bytes)
    if not isinstance(document, dict) or any(not isinstance(document.get(table), list) for table in TABLES):
        raise UnreadableFile(
            "this is no COCO file", where=path.name, why="it needs the lists images, annotations and categories"
        )
    problems: list[Problem] = []
    categories = _categories(document["categories"], problems)
    declared = tuple(names) if names is not None else tuple(categories[key] for key in sorted(categories, key=_by_kind))
    files, gatherings = _images(document["images"], declared, crossing, problems)
    for place, record in enumerate(document["annotations"]):
        if not isinstance(record, dict):
            problems.append(Problem("E-LABEL", "an annotation that is no object", where=f"annotations[{place}]"))
            continue
        where = f"{path.name}, annotation {record.get('id', place)}"
        gathering = gatherings.get(_key(record.get("image_id")))
        if gathering is None:
            problems.append(Problem("E-LABEL", f"there is no image {str(record.get('image_id'))[:40]}", where=where))
            continue
        _gather(gathering, record, categories.get(_key(record.get("category_id"))), where)
    if problems:
        raise DataProblems(problems, where=path.name)
    return {files[key]: gathering.objects() for key, gathering in gatherings.items()}


def decode_counts(text: str, *, largest: int) -> list[int]:
    """The run lengths in a text of counts; each lies between 0 and `largest`, or LabelError is raised.

    >>> decode_counts("52203", largest=20)
    [5, 2, 2, 2, 5]
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise LabelError(f"run lengths with the character {character!r}", fix="export the annotations again")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        if not 0 <= counts[-1] <= largest:
            raise LabelError(f"a run of {counts[-1]} pixels in an image of {largest}")
        value, shift = 0, 0
    if shift:
        raise LabelError("run lengths that break off", fix="export the annotations again")
    return counts


def _categories(records: list[Any], problems: list[Problem]) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for place, record in enumerate(records):
        key = _key(record.get("id")) if isinstance(record, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        if key is None or key in found or not isinstance(name, str) or name in found.values():
            problems.append(
                Problem("E-LABEL", "a category without an id and a name of its own", where=f"categories[{place}]")
            )
            continue
        found[key] = name
    return found


def _images(
    records: list[Any], names: tuple[str, ...], crossing: Crossing, problems: list[Problem]
) -> tuple[dict[Any, str], dict[Any, Gathering]]:
    files: dict[Any, str] = {}
    gatherings: dict[Any, Gathering] = {}
    for place, record in enumerate(records):
        key = _key(record.get("id")) if isinstance(record, dict) else None
        file = record.get("file_name") if isinstance(record, dict) else None
        where = f"images[{place}]"
        if key is None or key in files or not isinstance(file, str) or file in files.values():
            problems.append(Problem("E-LABEL", "an image without an id and a file of its own", where=where))
            continue
        try:
            shape = image_shape(record.get("height"), record.get("width"))
        except LabelError as error:
            problems.append(Problem("E-LABEL", error.problem.what, where=where, fix=error.problem.fix))
            continue
        files[key], gatherings[key] = file, Gathering(shape, names, problems, crossing=crossing)
    return files, gatherings


def _gather(gathering: Gathering, record: dict[str, Any], name: str | None, where: str) -> None:
    crowd, outline = record.get("iscrowd") in (1, True), record.get("segmentation")
    try:
        if name is None:
            raise LabelError(f"there is no category {str(record.get('category_id'))[:40]}")
        if isinstance(outline, dict):
            gathering.runs(where, _runs(outline, gathering.shape), name, ignored=crowd)
        elif isinstance(outline, list) and outline:
            if not all(isinstance(ring, list) for ring in outline):
                raise LabelError("a segmentation that is no list of polygons")
            gathering.polygon(where, [[ring] for ring in outline], name, ignored=crowd)
        else:
            box = record.get("bbox")
            if not isinstance(box, list) or len(box) != 4:
                raise LabelError("neither a box of four numbers nor a segmentation")
            x, y, width, height = numbers(box)
            gathering.box(where, (x, y, x + width, y + height), name, ignored=crowd)
    except LabelError as error:
        gathering.refuse(error.problem, where)


def _runs(outline: dict[str, Any], shape: tuple[int, int]) -> RunLength:
    size, counts = outline.get("size"), outline.get("counts")
    if size != list(shape):
        raise LabelError(
            f"a mask of size {str(size)[:40]} for an image of {list(shape)}",
            why="sizes are [height, width]",
            fix="is it the annotation of another image, or of another resolution?",
        )
    pixels = shape[0] * shape[1]
    if isinstance(counts, str):
        counts = decode_counts(counts, largest=pixels)
    if not isinstance(counts, list) or not all(type(count) is int and 0 <= count <= pixels for count in counts):
        raise LabelError("run lengths that are no whole numbers of pixels")
    if sum(counts) != pixels:
        raise LabelError(f"run lengths of {sum(counts)} pixels together for an image of {pixels}")
    return RunLength.from_counts(shape, counts)


def _by_kind(key: int | str) -> tuple[bool, int | str]:
    return isinstance(key, str), key


def _key(value: object) -> Any:
    """An id: a whole number or a text; anything else is none."""
    return value if type(value) in (int, str) else None
