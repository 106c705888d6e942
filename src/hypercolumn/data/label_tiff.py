"""Label images and instance maps as TIFF: tiled, compressed without loss, with their spacing.

    memory     that of one row of tiles, whatever the size of the map: rows are written one after the other
    type       the smallest of uint8, uint16 and uint32 that holds the largest number
    spacing    as OME-XML and as resolution tags, so that other programs and `read_header` know it

A map (z, y, x) has one page a slice; one of a single slice is read again as (y, x). A file of more than 4 GiB before
compression is a BigTIFF. No pyramid is written: numbers cannot be averaged.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tifffile import TiffWriter

from hypercolumn.data.readers.tiff_geometry import MICROMETRES
from hypercolumn.data.writing import replacing
from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch

TILE = 512
"""Rows and columns of a tile."""

_CLASSIC_BYTES = 2**32 - 2**25


class Labels(Protocol):
    """Whole numbers that can be cut: an array, a memory-mapped file."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def __getitem__(self, place: Any, /) -> Any: ...


def write_labels(
    path: Path | str,
    labels: Labels,
    *,
    spacing: Sequence[float] | None = None,
    unit: str | None = None,
    tile: int = TILE,
) -> Path:
    """Write a label image or an instance map, (y, x) or (z, y, x), whole or not at all.

    It is cut twice along its rows: once for the largest number, once to write. Raises LabelError where it holds
    anything but whole numbers from 0 that 32 bits can hold, ShapeMismatch, InvalidArgument, OSError.

    >>> import tempfile
    >>> from hypercolumn.data import read_header, read_labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_labels(Path(folder) / "a.tif", np.array([[0, 300], [7, 0]]), spacing=(0.5, 0.25), unit="um")
    ...     read_header(path).spacing, read_labels(path)
    ((0.5, 0.25), array([[  0, 300],
           [  7,   0]], dtype=uint16))
    """
    path, shape = Path(path), tuple(labels.shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ShapeMismatch(f"a label image of shape {shape}", where=path.name, fix="give (y, x) or (z, y, x)")
    if tile < 16 or tile % 16:
        raise InvalidArgument("tile", tile, fix="give a multiple of 16, as TIFF asks for")
    geometry = _geometry(spacing, unit, len(shape))
    dtype = _smallest_type(labels, shape, tile, path)
    with replacing(path) as unfinished:
        bigtiff = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize >= _CLASSIC_BYTES
        with TiffWriter(unfinished, ome=True, bigtiff=bigtiff) as file:
            file.write(
                _tiles(labels, shape, tile, dtype),
                shape=shape,
                dtype=dtype,
                tile=(tile, tile),
                photometric="minisblack",
                compression="zlib",
                predictor=True,
                maxworkers=1,
                **geometry,
            )
    return path


def _geometry(spacing: Sequence[float] | None, unit: str | None, dims: int) -> dict[str, Any]:
    """The spacing as tifffile takes it."""
    axes = "ZYX"[-dims:]
    if (spacing is None) != (unit is None):
        raise InvalidArgument("unit", unit, why="a spacing has a unit, and an unknown spacing has none")
    if spacing is None:
        return {"metadata": {"axes": axes}}
    if len(spacing) != dims or not all(0 < step < np.inf for step in spacing):
        raise InvalidArgument("spacing", spacing, fix=f"give {dims} positive numbers")
    if unit not in MICROMETRES:
        raise InvalidArgument("unit", unit, fix="give um, nm or mm")
    steps = [float(step) * MICROMETRES[unit] for step in spacing]
    sizes = {f"PhysicalSize{axis}": step for axis, step in zip(axes, steps, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "\u00b5m" for axis in axes}
    return {
        "metadata": {"axes": axes, **sizes, **units},
        "resolution": (1e4 / steps[-1], 1e4 / steps[-2]),
        "resolutionunit": "CENTIMETER",
    }


def _smallest_type(labels: Labels, shape: tuple[int, ...], tile: int, path: Path) -> np.dtype:
    kind, highest = np.dtype(labels.dtype).kind, 0
    for band in _bands(labels, shape, tile):
        if kind not in "bui" or int(band.min()) < 0:
            raise LabelError(
                f"a label image of {labels.dtype} values, the least of them {band.min()}",
                where=path.name,
                fix="give whole numbers from 0: 0 is background",
            )
        highest = max(highest, int(band.max()))
    if highest >= 2**32:
        raise LabelError(f"the number {highest}", where=path.name, fix="number the objects from 1")
    return np.min_scalar_type(highest)


def _bands(labels: Labels, shape: tuple[int, ...], tile: int) -> Iterator[np.ndarray]:
    """Rows of tiles (y, x), page by page."""
    for page in range(shape[0]) if len(shape) == 3 else (None,):
        for top in range(0, shape[-2], tile):
            rows = slice(top, min(top + tile, shape[-2]))
            yield np.asarray(labels[rows] if page is None else labels[page, rows])


def _tiles(labels: Labels, shape: tuple[int, ...], tile: int, dtype: np.dtype) -> Iterator[np.ndarray]:
    """Whole tiles, those at the border filled up with background."""
    for band in _bands(labels, shape, tile):
        for left in range(0, shape[-1], tile):
            part = band[:, left : left + tile]
            whole = np.zeros((tile, tile), dtype=dtype)
            whole[: part.shape[0], : part.shape[1]] = part
            yield whole
