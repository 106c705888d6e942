"""Pascal VOC: one XML file an image, boxes alone.

    <annotation><size><width/><height/></size><object><name/><difficult/><bndbox><xmin/><ymin/><xmax/><ymax/>...

Pixels are counted from 1 and both ends belong to the box, so that x0 = xmin - 1 and x1 = xmax; many programs count from
0 all the same, which `first_pixel` says. Objects marked as difficult are ignored: neither to be found, nor a mistake.
Everingham et al. 2010, doi:10.1007/s11263-009-0275-4. Parts, poses and segmentations are not read.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from hypercolumn.data.objects import Objects
from hypercolumn.data.readers.annotations.gathering import Gathering, image_shape
from hypercolumn.data.readers.annotations.text import LIMIT_BYTES, read_xml
from hypercolumn.errors import DataProblems, LabelError, Problem, ShapeMismatch, UnreadableFile

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    path: Path | str,
    *,
    names: Sequence[str],
    shape: tuple[int, int] | None = None,
    first_pixel: int = 1,
    limit_bytes: int = LIMIT_BYTES,
) -> Objects:
    """The objects of the classes `names` in one file; any other class is a problem.

    shape: that of the image (y, x), where it is known; it must be the one that the file states, and stands in for it
    where the file states none. Raises DataProblems with all the records that are wrong, ShapeMismatch, UnreadableFile.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "smear.xml"
    ...     box = "<bndbox><xmin>1</xmin><ymin>11</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>"
    ...     size = "<size><width>64</width><height>48</height></size>"
    ...     written = path.write_text(f"<annotation>{size}<object><name>WBC</name>{box}</object></annotation>")
    ...     read_voc(path, names=("WBC",)).boxes
    array([[ 0., 10., 40., 30.]])
    """
    path = Path(path)
    root = read_xml(path, limit_bytes=limit_bytes)
    if root.tag != "annotation":
        raise UnreadableFile(f"its root is <{root.tag}>", where=path.name, why="that of Pascal VOC is <annotation>")
    problems: list[Problem] = []
    gathering = Gathering(_shape(root, shape, path), names, problems)
    for number, record in enumerate(root.iterfind("object"), start=1):
        where = f"{path.name}, object {number}"
        try:
            sides = [_number(record, f"bndbox/{side}") for side in SIDES]
        except LabelError as error:
            gathering.refuse(error.problem, where)
            continue
        box = [side - first_pixel + (place > 1) for place, side in enumerate(sides)]
        difficult = (record.findtext("difficult") or "0").strip() not in ("", "0")
        gathering.box(where, box, (record.findtext("name") or "").strip(), ignored=difficult)
    if problems:
        raise DataProblems(problems, where=path.name)
    return gathering.objects()


def _shape(root: Element, known: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    width, height = (root.findtext(f"size/{side}") or "0" for side in ("width", "height"))
    if known is not None and (not width.strip("0 ") or not height.strip("0 ")):
        return known
    try:
        stated = image_shape(*(int(_number(root, f"size/{side}")) for side in ("height", "width")))
    except LabelError as error:
        raise DataProblems([error.problem], where=path.name) from None
    if known is not None and stated != tuple(known):
        raise ShapeMismatch(
            f"annotated at {stated[1]} x {stated[0]} pixels, but the image has {known[1]} x {known[0]}",
            where=path.name,
            fix="is it the annotation of another image, or of another resolution?",
        )
    return stated


def _number(record: Element, path: str) -> float:
    text = record.findtext(path) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LabelError(f"{path} is {text.strip()[:40] or 'missing'!r}", fix="give a number, in pixels")
    return value
