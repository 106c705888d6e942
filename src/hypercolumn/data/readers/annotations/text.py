"""Text files that somebody else wrote: size first, then bytes, then JSON or XML, and nothing of them is carried out.

JSON may hold no NaN and no Infinity, which are not JSON; XML may declare no document type and so no entity, since a few
hundred bytes of entities can ask for gigabytes, or for a file of this machine.
"""

import json
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hypercolumn.data.readers.paths import regular_file
from hypercolumn.errors import FileTooLarge, UnreadableFile

LIMIT_BYTES = 1 << 29
"""How large a file may be, unless the caller says otherwise: 512 MiB; parsed, it takes several times that."""


def read_json(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Any:
    """The value in a JSON file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "boxes.json"
    ...     written = path.write_text('{"images": []}')
    ...     read_json(path)
    {'images': []}
    """

    def refused(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number of JSON")

    try:
        return json.loads(_content(path, limit_bytes), parse_constant=refused)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "JSON", error) from None


def read_xml(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Element:
    """The root of an XML file that declares no document type.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cell.xml"
    ...     written = path.write_text("<annotation><folder>a</folder></annotation>")
    ...     read_xml(path).findtext("folder")
    'a'
    """
    tree = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = _no_document_type
    try:
        parser.Parse(_content(path, limit_bytes), True)
        return tree.close()
    except (ValueError, expat.ExpatError, AssertionError) as error:
        raise _unreadable(path, "XML", error) from None


def _content(path: Path, limit_bytes: int) -> bytes:
    size = regular_file(path).stat().st_size
    if size > limit_bytes:
        raise FileTooLarge(
            f"the file of annotations has {size / 2**20:.0f} MiB",
            where=path.name,
            why=f"at most {limit_bytes / 2**20:.0f} MiB are read",
            fix="split it, or raise the limit if it is meant to be so large",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile("the file cannot be opened", where=path.name, why=error.strerror or str(error)) from None


def _no_document_type(*_: object) -> NoReturn:
    raise ValueError("it declares a document type, which annotations do not need and which can hide entities")


def _unreadable(path: Path, kind: str, error: Exception) -> UnreadableFile:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]
    return UnreadableFile(
        f"the file cannot be read as {kind}", where=path.name, why=reason, fix="export the annotations again"
    )
