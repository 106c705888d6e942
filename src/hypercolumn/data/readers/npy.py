"""NPY: one numpy array, never a pickled object.

    (y, x)                      one channel
    (n, y, x), n <= 4           the first axis is the channel
    (y, x, n), n <= 4           the last axis is the channel
    (z, y, x)                   otherwise: one channel of a volume
    (n, z, y, x), (z, y, x, n)  n <= 4: the same with a volume
    (x,)                        a signal of one channel
    (n, x), (x, n)              n <= 4 and x >= 64: a signal of n channels, for no image is so narrow

A signal of more channels is stored as one file a channel; one array of them is taken for an image. A label array has no
channel, so all its axes are space (a first or last axis of 1 is dropped). The file states no spacing. The header is
parsed here, before numpy maps the file, so that a shape that the file cannot hold is refused.
"""

import ast
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hypercolumn.data.readers.header import Header, checked
from hypercolumn.data.split import Box
from hypercolumn.errors import UnreadableFile

SIGNATURE = b"\x93NUMPY"
LARGEST_HEADER = 10_000
MOST_CHANNELS = 4
SHORTEST_SIGNAL = 64
"""An array of two axes is a signal of a few channels from so many samples on."""


class _Layout(NamedTuple):
    dtype: np.dtype
    order: str
    shape: tuple[int, ...]
    offset: int


def read_header(path: Path) -> Header:
    layout = _layout(path)
    channel_axis = _channel_axis(layout.shape)
    space = tuple(length for axis, length in enumerate(layout.shape) if axis != channel_axis)
    channels = 1 if channel_axis is None else layout.shape[channel_axis]
    if not 1 <= len(space) <= 4:
        raise UnreadableFile(
            f"an array of shape {layout.shape} is no image",
            where=path.name,
            fix="store (y, x), (channel, y, x) or (z, y, x)",
        )
    return checked(Header((channels, *space), _plain(layout.dtype), ("t", "z", "y", "x")[-len(space) :]), path)


def read_pixels(path: Path, header: Header, box: Box | None = None) -> np.ndarray:
    layout = _layout(path)
    channel_axis = _channel_axis(layout.shape)
    stored = _mapped(path, layout)
    array = stored[np.newaxis] if channel_axis is None else np.moveaxis(stored, channel_axis, 0)
    if box is not None:
        array = array[(slice(None), *(slice(start, stop) for start, stop in box))]
    return np.array(array, dtype=header.dtype, order="C")


@contextmanager
def opened_boxes(path: Path, header: Header, *, keep_bytes: int) -> Iterator[Callable[[Box], np.ndarray]]:
    """A function that reads boxes of one file. Nothing is kept: the file is mapped anew for each."""

    def read(box: Box) -> np.ndarray:
        return read_pixels(path, header, box)

    yield read


def read_values(path: Path, header: Header) -> np.ndarray:
    layout = _layout(path)
    stored = _mapped(path, layout)
    if stored.ndim > 2 or _channel_axis(stored.shape) is not None:
        stored = stored.reshape(
            tuple(n for axis, n in enumerate(stored.shape) if n > 1 or axis not in (0, stored.ndim - 1))
        )
    return np.array(stored[np.newaxis], dtype=header.dtype, order="C")


def _mapped(path: Path, layout: _Layout) -> np.ndarray:
    order = "F" if layout.order == "F" else "C"
    return np.memmap(path, dtype=layout.dtype, mode="r", offset=layout.offset, shape=layout.shape, order=order)  # type: ignore[call-overload]


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    if len(shape) < 2 or (len(shape) == 2 and max(shape) < SHORTEST_SIGNAL):
        return None
    return 0 if shape[0] <= MOST_CHANNELS else len(shape) - 1 if shape[-1] <= MOST_CHANNELS else None


def _layout(path: Path) -> _Layout:
    """What the header says, if the file is long enough to hold it."""
    with path.open("rb") as file:
        magic = file.read(8)
        form = "<H" if magic[6:7] == b"\x01" else "<I"
        (length,) = struct.unpack(form, file.read(struct.calcsize(form)))
        if length > LARGEST_HEADER:
            raise UnreadableFile("its header is too long", where=path.name, why=f"it claims {length} bytes")
        fields = ast.literal_eval(file.read(length).decode("latin-1").strip())
        offset = file.tell()
    dtype = np.lib.format.descr_to_dtype(fields["descr"])
    shape = tuple(fields["shape"])
    if dtype.hasobject:
        raise UnreadableFile(
            "it holds pickled Python objects, which are never opened",
            where=path.name,
            fix="save a plain array of numbers",
        )
    if dtype.kind not in "buif":
        raise UnreadableFile(
            f"it holds {dtype} values, not numbers", where=path.name, fix="save a plain array of numbers"
        )
    if any(type(length) is not int or length < 0 for length in shape):
        raise UnreadableFile(f"its shape {shape} is no shape", where=path.name)
    if prod(shape) * dtype.itemsize > path.stat().st_size - offset:
        raise UnreadableFile(
            "the file is shorter than its header says",
            where=path.name,
            why="it was cut off, or its header is wrong",
            fix="copy it again from its source",
        )
    return _Layout(dtype, "F" if fields["fortran_order"] else "C", shape, offset)


def _plain(dtype: np.dtype) -> np.dtype:
    """In this machine's byte order, and truth values as 0 and 1."""
    return np.dtype("uint8") if dtype.kind == "b" else dtype.newbyteorder("=")
