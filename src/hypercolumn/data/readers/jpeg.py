"""JPEG: grey, colour, or four inks turned into colour; 8 bits.

A JPEG is a list of segments before its scans (ITU-T T.81, annex B). Only those that pixels come from reach the decoder;
of the rest only the Exif orientation is looked at. It is not applied: pixels come as they are stored, and a note says
so, since a mask that was drawn on the turned view would not lie on them.

Not read: resolution (it speaks of paper and screens), colour profiles, 12-bit and lossless JPEG. JPEG has no checksums,
so a file that was cut off is found but a byte changed within it may not be.
"""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from hypercolumn.data.readers.header import Header, checked
from hypercolumn.data.split import Box
from hypercolumn.errors import LabelError, UnreadableFile

SIGNATURE = b"\xff\xd8\xff"

_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = {0xC4, 0xDB, 0xDD, 0xE0, 0xEE}
"""Huffman and quantization tables, restart interval, JFIF, and Adobe's mark for the colour transform."""
_EXIF, _SCAN, _END = 0xE1, 0xDA, 0xD9
_PIXELS_A_BIT = 64
"""A Huffman code takes one bit or more for each block of 8 x 8 pixels."""
_COLOURS = {1: (), 3: ("red", "green", "blue"), 4: ("red", "green", "blue")}


class _Segment(NamedTuple):
    marker: int
    content: bytes


def read_header(path: Path) -> Header:
    with path.open("rb") as file:
        segments = list(_segments(file, path))
    frame = next((segment.content for segment in segments if segment.marker in _FRAMES), b"")
    if len(frame) < 6:
        raise UnreadableFile(
            "the file is cut off", where=path.name, why="it ends before its header", fix="copy it again from its source"
        )
    precision, height, width, components = struct.unpack(">BHHB", frame[:6])
    if precision != 8 or components not in _COLOURS:
        raise UnreadableFile(
            f"a JPEG of {precision} bits and {components} components is not read",
            where=path.name,
            fix="save it as PNG or TIFF",
        )
    turned = next(filter(None, (_orientation(segment.content) for segment in segments if segment.marker == _EXIF)), 1)
    notes = (f"the Exif orientation {turned} is not applied: pixels come as they are stored",) if turned != 1 else ()
    names = _COLOURS[components]
    return checked(
        Header((len(names) or 1, height, width), np.dtype("uint8"), ("y", "x"), channels=names, notes=notes), path
    )


def read_pixels(path: Path, header: Header, box: Box | None = None) -> np.ndarray:
    with path.open("rb") as file:
        segments = list(_segments(file, path))
        scans = file.read()
    if 8 * len(scans) * _PIXELS_A_BIT < header.shape[1] * header.shape[2] and _is_huffman(segments):
        raise _cut_off(path)
    kept = [
        segment
        for segment in segments
        if segment.marker in _TABLES or segment.marker in _FRAMES or segment.marker == _SCAN
    ]
    data = b"\xff\xd8" + b"".join(_packed(segment) for segment in kept) + scans
    with JpegImageFile(io.BytesIO(data)) as image:
        array = np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)
    array = array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    if box is not None:
        array = array[(slice(None), *(slice(start, stop) for start, stop in box))]
    return np.ascontiguousarray(array)


def read_values(path: Path, header: Header) -> np.ndarray:
    raise LabelError(
        "a JPEG cannot hold labels",
        where=path.name,
        why="it changes pixel values near edges, where labels matter most",
        fix="save the labels as PNG or TIFF; if only the JPEG is left, threshold it once and look at the result",
    )


def _segments(file: BinaryIO, path: Path) -> Iterator[_Segment]:
    """The segments up to and with the first scan's header; the file then stands at the compressed data."""
    file.seek(2)
    while True:
        byte = mark = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if mark != b"\xff" or not byte or byte[0] == _END:
            raise _cut_off(path)
        marker = byte[0]
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        length = int.from_bytes(file.read(2), "big")
        content = file.read(max(length - 2, 0))
        if length < 2 or len(content) < length - 2:
            raise _cut_off(path)
        yield _Segment(marker, content)
        if marker == _SCAN:
            return


def _is_huffman(segments: list[_Segment]) -> bool:
    """Whether no frame is coded arithmetically, where many blocks may share a bit."""
    return not any(segment.marker in _FRAMES and segment.marker >= 0xC9 for segment in segments)


def _cut_off(path: Path) -> UnreadableFile:
    return UnreadableFile(
        "the file is cut off", where=path.name, why="it ends before its pixels", fix="copy it again from its source"
    )


def _packed(segment: _Segment) -> bytes:
    return struct.pack(">BBH", 0xFF, segment.marker, len(segment.content) + 2) + segment.content


def _orientation(exif: bytes) -> int:
    """The orientation that Exif states, 1 to 8, or 0 where it states none."""
    body = exif[6:]
    if not exif.startswith(b"Exif\x00\x00") or body[:2] not in (b"II", b"MM") or len(body) < 10:
        return 0
    order = "<" if body[:2] == b"II" else ">"
    (first,) = struct.unpack(order + "I", body[4:8])
    count = int.from_bytes(body[first : first + 2], "little" if order == "<" else "big")
    for place in range(first + 2, min(first + 2 + 12 * count, len(body) - 11), 12):
        tag, _, _, value = struct.unpack(order + "HHIH", body[place : place + 10])
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 0
    return 0
