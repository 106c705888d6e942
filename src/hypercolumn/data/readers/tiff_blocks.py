"""A box of a TIFF without the rest of it: only the strips or tiles that the box touches are decoded.

Uncompressed pixels that lie in one piece are mapped from disk; any other layout (virtual frames, volumetric tiles) is
decoded whole and cut.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from tifffile import TiffFile, TiffPage, TiffPageSeries

Ranges = tuple[slice, ...]
"""One range with both ends for each stored axis of a series."""


def held_bytes(series: TiffPageSeries) -> int:
    """The bytes that decoding any box takes besides the box itself."""
    page = series.keyframe
    if _is_mapped(series):
        return 0
    shape = (page.tiledepth, page.tilelength, page.tilewidth) if page.is_tiled else (1, _strip(page), page.imagewidth)
    block = prod(shape) * page.samplesperpixel * series.dtype.itemsize
    return block if _in_blocks(series) else max(block, prod(series.shape) * series.dtype.itemsize)


def read_box(file: TiffFile, series: TiffPageSeries, wanted: Ranges, *, path: Path) -> np.ndarray:
    """The stored numbers in these ranges of the stored axes."""
    if _is_mapped(series):
        dtype = series.dtype.newbyteorder(file.byteorder)
        return np.memmap(path, dtype, mode="r", offset=series.dataoffset or 0, shape=series.shape)[wanted]
    if _in_blocks(series):
        return _from_blocks(file, series, wanted)
    return series.asarray(maxworkers=1)[wanted]


def _is_mapped(series: TiffPageSeries) -> bool:
    return series.transform is None and series.dataoffset is not None and series.keyframe.is_memmappable


def _in_blocks(series: TiffPageSeries) -> bool:
    """Whether every page is flat and lists all of its strips or tiles."""
    key = series.keyframe
    blocks = prod(key.chunked)
    return (
        series.transform is None
        and key.imagedepth == 1
        and prod(series.shape) == len(series) * key.size
        and series.axes.endswith(key.axes)
        and all(page is not None and len(page.dataoffsets) == len(page.databytecounts) == blocks for page in series)
    )


def _strip(page: TiffPage) -> int:
    return min(page.rowsperstrip, page.imagelength)


def _from_blocks(file: TiffFile, series: TiffPageSeries, wanted: Ranges) -> np.ndarray:
    """Fill (page, separate sample, y, x, sample) block by block, then give it the stored axes back."""
    page = series.keyframe
    outer = len(series.shape) - len(page.axes)
    rows, columns = (wanted[series.axes.index(axis)] for axis in "YX")
    pages = np.arange(len(series)).reshape(series.shape[:outer])[wanted[:outer]]
    together = page.samplesperpixel if page.planarconfig == 1 else 1
    apart = page.samplesperpixel // together
    height, width = rows.stop - rows.start, columns.stop - columns.start
    found = np.empty((pages.size, apart, height, width, together), dtype=series.dtype)
    for place, index in enumerate(pages.ravel().tolist()):
        for sample, top, left, block in _blocks(file, series, index, rows, columns):
            from_row, to_row = max(top, rows.start), min(top + block.shape[0], rows.stop)
            from_column, to_column = max(left, columns.start), min(left + block.shape[1], columns.stop)
            target = found[place, sample, from_row - rows.start : to_row - rows.start]
            target[:, from_column - columns.start : to_column - columns.start] = block[
                from_row - top : to_row - top, from_column - left : to_column - left
            ]
    within_page = [part.stop - part.start for part in wanted[outer:]]
    return found.reshape(*pages.shape, *within_page)


def _blocks(
    file: TiffFile, series: TiffPageSeries, index: int, rows: slice, columns: slice
) -> Iterator[tuple[int, int, int, np.ndarray]]:
    """The decoded strips or tiles of one page that the box touches: separate sample, top, left, and (y, x, sample)."""
    page, key = series[index], series.keyframe
    assert page is not None, "pages are counted before boxes are read"
    height, width = (key.tilelength, key.tilewidth) if key.is_tiled else (_strip(key), key.imagewidth)
    down, across = -(-key.imagelength // height), -(-key.imagewidth // width)
    for number, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        top, left = number // across % down * height, number % across * width
        if top >= rows.stop or top + height <= rows.start or left >= columns.stop or left + width <= columns.start:
            continue
        file.filehandle.seek(offset)
        data = file.filehandle.read(count)
        block, place, shape = key.decode(data, number, jpegtables=page.jpegtables, jpegheader=key.jpegheader)
        assert block is not None, "no block is empty: bytes are counted before boxes are read"
        yield place[0], top, left, block.reshape(shape)[0]
