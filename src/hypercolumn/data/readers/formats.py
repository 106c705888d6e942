"""Which format a file is, told by its first bytes and never by its extension.

Read are PNG, JPEG, TIFF and NPY. A JPEG named .png is read as what it is; a text file named .png, a broken download or
a format that is not read here is an error that says what the file seems to be.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hypercolumn.data.readers import jpeg, npy, png, tiff
from hypercolumn.data.readers.header import Header
from hypercolumn.data.readers.paths import regular_file
from hypercolumn.data.split import Box
from hypercolumn.errors import UnreadableFile

ReadBox = Callable[[Box], np.ndarray]
"""Reads a box of the spatial axes as (channel, *space)."""


@dataclass(frozen=True)
class Format:
    """A family of files: how to know its header, its pixels (or a box of them), and the values of a label image.

    `pixels` and `values` return (channel, *space); `values` are stored numbers, so indices where there is a palette.
    `held` are bytes that decoding takes besides its result: the file itself, or the largest block of it. `boxes` opens
    a file to read boxes of it without decoding all the rest, for formats in which that can be done.
    """

    name: str
    signatures: tuple[bytes, ...]
    header: Callable[[Path], Header]
    pixels: Callable[[Path, Header, Box | None], np.ndarray]
    values: Callable[[Path, Header], np.ndarray]
    held: Callable[[Path], int]
    boxes: Callable[..., AbstractContextManager[ReadBox]] | None = None

    @property
    def by_region(self) -> bool:
        """Whether a box is read without decoding all the rest."""
        return self.boxes is not None


def _size(path: Path) -> int:
    return path.stat().st_size


FORMATS = (
    Format("PNG", (png.SIGNATURE,), png.read_header, png.read_pixels, png.read_values, _size),
    Format("JPEG", (jpeg.SIGNATURE,), jpeg.read_header, jpeg.read_pixels, jpeg.read_values, _size),
    Format("TIFF", tiff.SIGNATURES, tiff.read_header, tiff.read_pixels, tiff.read_values, tiff.held, tiff.opened_boxes),
    Format(
        "NPY", (npy.SIGNATURE,), npy.read_header, npy.read_pixels, npy.read_values, lambda path: 0, npy.opened_boxes
    ),
)

_NOT_READ = {
    b"GIF8": "a GIF",
    b"BM": "a Windows bitmap",
    b"RIFF": "a WebP or other RIFF file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000",
    b"\x89HDF": "an HDF5 file",
    b"PK\x03\x04": "a ZIP archive, an .npz or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"\x80\x04": "a Python pickle, which is never opened",
    b"\x80\x02": "a Python pickle, which is never opened",
}


def format_of(path: Path) -> Format:
    """The format of a file by its content; raises MissingFile or UnreadableFile."""
    regular_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise UnreadableFile("the file cannot be opened", where=path.name, why=error.strerror or str(error)) from None
    for candidate in FORMATS:
        if start.startswith(candidate.signatures):
            return candidate
    raise UnreadableFile(
        f"this is {_seems(start)}", where=path.name, why="read are PNG, JPEG, TIFF and NPY", fix=_remedy(start)
    )


def _seems(start: bytes) -> str:
    for signature, name in _NOT_READ.items():
        if start.startswith(signature):
            return name
    if start[128:132] == b"DICM":
        return "a DICOM file"
    if _is_text(start):
        return "text, not an image"
    return "no image in a known format"


def _remedy(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer: fetch the file itself with 'git lfs pull'"
    if _is_text(start):
        return "copy the image again from its source; a download may have stored an error page in its place"
    return "convert it to PNG or TIFF without loss, or copy it again from its source"


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\r\n\t\f" for character in text)
