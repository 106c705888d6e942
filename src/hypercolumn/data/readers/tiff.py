"""TIFF: 1 to 64-bit whole and real numbers, strips or tiles, compressed or not, many pages, OME and ImageJ.

    stored axis                         here
    S, C (samples, channels)            channel, channels outside samples
    Y, X                                y, x
    Z, and pages without a name (I, Q)  z
    T                                   t

The first picture (series) of a file is read at its full resolution; pyramid levels and further pictures are not.
Values come as stored: a palette is turned into colour, but "white is zero" and the orientation are only noted. A file
is opened with nothing from beside it: an OME-TIFF set of many files is read one file at a time. tifffile reports damage
in its log and goes on with zeros; here such a report is an error, and so is a strip or tile that the file lacks.

Not read: uncompressed YCbCr, CMYK and CIELab colour, complex numbers, the geometry of slide scanners.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFrame, TiffPage, TiffPageSeries

from hypercolumn.data.readers.header import ALPHA, Header, checked
from hypercolumn.data.readers.tiff_blocks import Blocks, held_bytes, row_bytes
from hypercolumn.data.readers.tiff_geometry import channel_names, spacing
from hypercolumn.data.split import Box
from hypercolumn.errors import UnreadableFile

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

_AXES = {"Y": "y", "X": "x", "Z": "z", "I": "z", "Q": "z", "T": "t", "S": "channel", "C": "channel"}
_ORDER = ("channel", "t", "z", "y", "x")
_UNREAD_COLOURS = {PHOTOMETRIC.SEPARATED, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB}
_TURNED_INTO_RGB = {COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.JPEG_LOSSY, COMPRESSION.ALT_JPEG}
_ALPHA_SAMPLES = {1, 2}
_ORIENTATION = 274


class _Picture(NamedTuple):
    """An open file and the picture in it that is read."""

    file: TiffFile
    series: TiffPageSeries
    path: Path

    @property
    def page(self) -> TiffPage:
        """The page that speaks for all of the picture's pages."""
        return self.series.keyframe

    @property
    def axes(self) -> list[str]:
        """Our names of the stored axes."""
        return [_AXES.get(axis, axis) for axis in self.series.axes]

    @property
    def palette(self) -> np.ndarray | None:
        """Red, green and blue (3, index), 8 bits, where values are indices of colours."""
        if self.page.photometric != PHOTOMETRIC.PALETTE or self.page.colormap is None:
            return None
        colours = np.asarray(self.page.colormap)
        return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)


def read_header(path: Path) -> Header:
    with _opened(path) as picture:
        return _header(picture)


def read_pixels(path: Path, header: Header, box: Box | None = None) -> np.ndarray:
    with _opened(path) as picture:
        return _coloured(_stored(picture, box), picture.palette, header.dtype)


@contextmanager
def opened_boxes(path: Path, header: Header, *, keep_bytes: int) -> Iterator[Callable[[Box], np.ndarray]]:
    """A function that reads boxes of one file, held open.

    Two rows of strips or tiles across the picture are kept decoded, but no more than `keep_bytes`.
    """
    with TiffFile(path, _multifile=False) as file:
        with _undamaged(path):
            picture = _first_picture(file, path)
            _check_all_there(picture)
            keep_bytes = min(keep_bytes, 2 * len(picture.series) * row_bytes(picture.page))
            blocks, palette = Blocks(file, picture.series, path=path, keep_bytes=keep_bytes), picture.palette

        def read(box: Box) -> np.ndarray:
            with _undamaged(path):
                return _coloured(_arranged(picture, blocks.read(_ranges(picture, box))), palette, header.dtype)

        yield read


def read_values(path: Path, header: Header) -> np.ndarray:
    with _opened(path) as picture:
        stored = _stored(picture, None)
        return np.array(stored, dtype=_plain(stored.dtype), order="C")


def held(path: Path) -> int:
    """The bytes of the largest strip or tile, or of the whole where blocks cannot be decoded one by one."""
    with _opened(path) as picture:
        return held_bytes(picture.series)


def _header(picture: _Picture) -> Header:
    page, shape, names = picture.page, picture.series.shape, picture.axes
    _check_meaning(picture)
    axes = tuple(name for name in _ORDER[1:] if name in names)
    space = tuple(shape[names.index(axis)] for axis in axes)
    channels = prod(length for name, length in zip(names, shape, strict=True) if name == "channel")
    dtype, called = _plain(page.dtype or np.dtype("O")), _channel_names(picture, channels)
    if picture.palette is not None:
        channels, called, dtype = 3, ("red", "green", "blue"), np.dtype("uint8")
    steps, unit, notes = spacing(picture.file, axes)
    return checked(Header((channels, *space), dtype, axes, steps, unit, called, notes + _notes(picture)), picture.path)


def _check_meaning(picture: _Picture) -> None:
    """Raise where axes or colours have a meaning that would be lost."""
    page, where = picture.page, picture.path.name
    photometric = page.photometric
    if photometric in _UNREAD_COLOURS or (
        photometric == PHOTOMETRIC.YCBCR and page.compression not in _TURNED_INTO_RGB
    ):
        raise UnreadableFile(
            f"its colours are stored as {PHOTOMETRIC(photometric).name}", where=where, fix="save as RGB"
        )
    space = [name for name in picture.axes if name != "channel"]
    if not set(picture.axes) <= set(_ORDER) or len(set(space)) < len(space):
        raise UnreadableFile(
            f"its axes {picture.series.axes} have no place here",
            where=where,
            fix="save it as an OME-TIFF with its axes named, out of T, C, Z, Y and X",
        )


def _notes(picture: _Picture) -> tuple[str, ...]:
    notes = []
    if picture.page.photometric == PHOTOMETRIC.MINISWHITE:
        notes.append("the file says that white is zero: values come as they are stored")
    orientation = int(picture.page.tags.valueof(_ORIENTATION, default=1))
    if orientation != 1:
        notes.append(f"the orientation {orientation} is not applied: pixels come as they are stored")
    if len(picture.file.series) > 1:
        notes.append(f"the file holds {len(picture.file.series)} pictures: the first is read")
    if picture.file.is_ome and picture.series.kind != "ome":
        notes.append("its OME-XML describes a set of several files or does not fit: the pages of this file are read")
    return tuple(notes)


def _channel_names(picture: _Picture, channels: int) -> tuple[str, ...]:
    page = picture.page
    samples = page.samplesperpixel
    if samples == channels and samples > 1:
        in_colour = page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)
        colours = ("red", "green", "blue") if in_colour else ("grey",)
        if samples == len(colours):
            return colours
        extra = page.extrasamples
        if samples == len(colours) + 1 and len(extra) == 1 and extra[0] in _ALPHA_SAMPLES:
            return (*colours, ALPHA)
    names = channel_names(picture.file)
    return names if len(names) == channels and ALPHA not in names else ()


def _stored(picture: _Picture, box: Box | None) -> np.ndarray:
    """Stored numbers, all or in a box of the spatial axes, as (channel, *space)."""
    _check_all_there(picture)
    if box is None:
        return _arranged(picture, picture.series.asarray(maxworkers=1))
    return _arranged(picture, Blocks(picture.file, picture.series, path=picture.path).read(_ranges(picture, box)))


def _ranges(picture: _Picture, box: Box) -> tuple[slice, ...]:
    """A box of the spatial axes as ranges of the stored axes."""
    names = picture.axes
    ranges = dict(zip([name for name in _ORDER[1:] if name in names], box, strict=True))
    return tuple(
        slice(*ranges[name]) if name in ranges else slice(0, length)
        for name, length in zip(names, picture.series.shape, strict=True)
    )


def _arranged(picture: _Picture, stored: np.ndarray) -> np.ndarray:
    """Stored axes as (channel, *space)."""
    names = picture.axes
    order = sorted(range(len(names)), key=lambda axis: _ORDER.index(names[axis]))
    space = [stored.shape[axis] for axis in order if names[axis] != "channel"]
    return stored.transpose(order).reshape(-1, *space)


def _coloured(stored: np.ndarray, palette: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """Stored numbers as pixels: a copy in this machine's byte order."""
    return np.array(stored if palette is None else palette[:, stored[0]], dtype=dtype, order="C")


def _check_all_there(picture: _Picture) -> None:
    """Raise where the file does not hold all the strips or tiles that its pictures are made of."""
    series, key, length = picture.series, picture.page, picture.file.filehandle.size
    if series.dataoffset is not None and key.is_contiguous:
        missing = series.dataoffset + prod(series.shape) * series.dtype.itemsize > length
    else:
        missing = any(page is None or _lacks(page, key, length) for page in series)
    if missing:
        raise UnreadableFile(
            "the file does not hold all of its pixels",
            where=picture.path.name,
            why="it was cut off, or never written to its end",
            fix="copy it again from its source",
        )


def _lacks(page: TiffPage | TiffFrame, key: TiffPage, length: int) -> bool:
    """Whether a page has fewer blocks than it needs, empty ones, or some beyond the end of the file."""
    blocks = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(blocks) == 1 and key.is_contiguous:
        return blocks[0][0] + key.nbytes > length
    return len(blocks) < prod(key.chunked) or any(not count or offset + count > length for offset, count in blocks)


def _plain(dtype: np.dtype) -> np.dtype:
    """In this machine's byte order, and truth values as 0 and 1."""
    return np.dtype("uint8") if dtype.kind == "b" else dtype.newbyteorder("=")


@contextmanager
def _opened(path: Path) -> Iterator[_Picture]:
    """The file and its first picture; damage that tifffile only logs is raised."""
    with _undamaged(path), TiffFile(path, _multifile=False) as file:
        yield _first_picture(file, path)


def _first_picture(file: TiffFile, path: Path) -> _Picture:
    file.is_mmstack = file.is_ndtiff = False
    description = file.pages.first.description
    if "<!ENTITY" in description or "<!DOCTYPE" in description:
        raise UnreadableFile("its description is no OME-XML", where=path.name, why="it defines entities")
    return _Picture(file, file.series[0], path)


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Raise what tifffile only logs of damage in here."""
    with _DAMAGE.listening() as heard:
        yield
        if heard:
            reason = heard[0].splitlines()[0][:200]
            raise UnreadableFile(
                "the file is damaged", where=path.name, why=reason, fix="copy it again from its source"
            )


class _Damage(logging.Handler):
    """What tifffile logs in one thread about pixels that it could not find."""

    words = ("zeroed", "out of range", "incompletely", "corrupted")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        grave = record.levelno >= logging.ERROR and "<TiffTag.fromfile>" not in message
        if grave or any(word in message for word in self.words):
            getattr(self.local, "heard", []).append(message)

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        self.local.heard = []
        try:
            yield self.local.heard
        finally:
            self.local.heard = []


_DAMAGE = _Damage()
logging.getLogger("tifffile").addHandler(_DAMAGE)
