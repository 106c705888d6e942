"""PNG: grey, colour or palette, 1 to 16 bits, with or without transparency.

A PNG is a list of chunks, each with a checksum (W3C PNG specification, third edition, section 5). Only the chunks that
pixels come from reach the decoder (libpng), after their checksums: a file that was cut off or damaged is never read in
half, and text, profiles and frames, where decoders have had their accidents, are not looked at. 16-bit colour is kept.

1 bit is 0 and 1; 2 and 4 bits of grey are spread over 0 to 255, as the format means them. Not read: the resolution
chunk (it speaks of screens, not of the specimen), colour profiles, the further frames of an animated PNG.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import imagecodecs
import numpy as np

from hypercolumn.data.readers.header import ALPHA, Header, checked
from hypercolumn.data.split import Box
from hypercolumn.errors import UnreadableFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_NAMES = {
    _GREY: (),
    _RGB: ("red", "green", "blue"),
    _PALETTE: ("red", "green", "blue"),
    _GREY_ALPHA: ("grey", ALPHA),
    _RGB_ALPHA: ("red", "green", "blue", ALPHA),
}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GREY_ALPHA: (8, 16), _RGB_ALPHA: (8, 16)}


class _Form(NamedTuple):
    """The first chunk of every PNG."""

    width: int
    height: int
    depth: int
    colour: int

    @classmethod
    def of(cls, content: bytes, path: Path) -> "_Form":
        width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", content)
        if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
            raise UnreadableFile(
                "its header is not one that PNG knows", where=path.name, fix="copy it again from its source"
            )
        return cls(width, height, depth, colour)


def read_header(path: Path) -> Header:
    with path.open("rb") as file:
        kinds = dict(_chunks(file, path, wanted={b"IHDR", b"tRNS"}, until=b"IDAT"))
    if b"IHDR" not in kinds:
        raise UnreadableFile("it has no header", where=path.name, fix="copy it again from its source")
    form = _Form.of(kinds[b"IHDR"], path)
    names = _NAMES[form.colour]
    if b"tRNS" in kinds and ALPHA not in names:
        names = (*(names or ("grey",)), ALPHA)
    dtype = np.dtype("uint16" if form.depth == 16 else "uint8")
    return checked(Header((len(names) or 1, form.height, form.width), dtype, ("y", "x"), channels=names), path)


def read_pixels(path: Path, header: Header, box: Box | None = None) -> np.ndarray:
    form, content = _verified(path)
    stored = _decoded(form, content)
    if form.colour == _PALETTE:
        stored = _coloured(stored[0], content, path)
    elif b"tRNS" in content:
        stored = np.concatenate([stored, _keyed_alpha(stored, form, content[b"tRNS"])])
    if box is not None:
        stored = stored[(slice(None), *(slice(start, stop) for start, stop in box))]
    return np.ascontiguousarray(stored)


def read_values(path: Path, header: Header) -> np.ndarray:
    return np.ascontiguousarray(_decoded(*_verified(path)))


def _decoded(form: _Form, content: dict[bytes, bytes]) -> np.ndarray:
    """The stored numbers (channel, y, x): indices where there is a palette, which the decoder is told is grey."""
    colour = _GREY if form.colour == _PALETTE else form.colour
    header = content[b"IHDR"][:9] + bytes([colour]) + content[b"IHDR"][10:]
    data = SIGNATURE + _packed(b"IHDR", header) + _packed(b"IDAT", content[b"IDAT"]) + _packed(b"IEND", b"")
    array = np.asarray(imagecodecs.png_decode(data))
    if form.depth == 1 or (form.colour == _PALETTE and form.depth < 8):
        array = array // _spread(form.depth)
    return array.reshape(1, form.height, form.width) if colour == _GREY else np.moveaxis(array, -1, 0)


def _coloured(indices: np.ndarray, content: dict[bytes, bytes], path: Path) -> np.ndarray:
    """A palette image as red, green, blue, and alpha where the palette has one."""
    palette = np.frombuffer(content[b"PLTE"], dtype=np.uint8).reshape(-1, 3)
    if indices.max() >= len(palette):
        raise UnreadableFile(
            f"colour {indices.max()} is not in its palette of {len(palette)}",
            where=path.name,
            fix="save it again as RGB",
        )
    if b"tRNS" in content:
        alpha = np.full((len(palette), 1), 255, dtype=np.uint8)
        opacity = np.frombuffer(content[b"tRNS"], dtype=np.uint8)[: len(palette)]
        alpha[: len(opacity), 0] = opacity
        palette = np.hstack([palette, alpha])
    return np.moveaxis(palette[indices], -1, 0)


def _keyed_alpha(stored: np.ndarray, form: _Form, key: bytes) -> np.ndarray:
    """Transparency by one key colour: alpha is 0 where the pixel has it."""
    colour = np.array(struct.unpack(f">{len(stored)}H", key))
    if form.depth in (2, 4):
        colour = colour * _spread(form.depth)
    opaque = np.iinfo(stored.dtype).max
    transparent = (stored == colour.reshape(-1, 1, 1)).all(axis=0, keepdims=True)
    return np.where(transparent, 0, opaque).astype(stored.dtype)


def _spread(depth: int) -> int:
    """How far apart two neighbouring values of so many bits are once they are spread over 0 to 255."""
    return 255 // (2**depth - 1)


def _verified(path: Path) -> tuple[_Form, dict[bytes, bytes]]:
    """The chunks that pixels come from, each proved by its checksum."""
    content: dict[bytes, bytes] = {}
    data: list[bytes] = []
    with path.open("rb") as file:
        for kind, chunk in _chunks(file, path, wanted={b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}):
            if kind == b"IDAT":
                data.append(chunk)
            elif kind in content:
                raise UnreadableFile(
                    f"it has two {kind.decode()} chunks", where=path.name, fix="copy it again from its source"
                )
            else:
                content[kind] = chunk
    content[b"IDAT"] = b"".join(data)
    return _Form.of(content[b"IHDR"], path), content


def _chunks(file: BinaryIO, path: Path, *, wanted: set[bytes], until: bytes = b"IEND") -> Iterator[tuple[bytes, bytes]]:
    """The wanted chunks in their order, up to and with the last; the others are passed over, not read."""
    length_of_file = path.stat().st_size
    file.seek(len(SIGNATURE))
    while True:
        start = file.read(8)
        length, kind = struct.unpack(">I4s", start) if len(start) == 8 else (0, b"")
        if not kind or file.tell() + length + 4 > length_of_file:
            raise UnreadableFile(
                "the file is cut off",
                where=path.name,
                why=f"it ends after {length_of_file} bytes, before its last chunk",
                fix="copy it again from its source",
            )
        if kind == until and until not in wanted:
            return
        if kind not in wanted:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        chunk = file.read(length)
        if zlib.crc32(kind + chunk) != int.from_bytes(file.read(4), "big"):
            raise UnreadableFile(
                "the file is damaged",
                where=path.name,
                why=f"the checksum of its {kind.decode()} chunk is wrong",
                fix="copy it again from its source",
            )
        yield kind, chunk
        if kind == until:
            return


def _packed(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
