"""A box of a TIFF without the rest of it: only the strips or tiles that the box touches are decoded.

Uncompressed pixels that lie in one piece are mapped from disk; any other layout (virtual frames, volumetric tiles) is
decoded whole and cut. Who reads many boxes (`Blocks`) may keep the blocks decoded last: boxes that lie side by side in
a row of tiles then decode each of them once.
"""

from collections import OrderedDict
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
    height, width = _block_size(page)
    block = (page.tiledepth if page.is_tiled else 1) * height * width * page.samplesperpixel * series.dtype.itemsize
    return block if _in_blocks(series) else max(block, prod(series.shape) * series.dtype.itemsize)


def row_bytes(page: TiffPage) -> int:
    """The bytes of a row of strips or tiles across a page, decoded."""
    height, width = _block_size(page)
    across = -(-page.imagewidth // width) * width
    return height * across * page.samplesperpixel * (page.dtype or np.dtype("uint8")).itemsize


class Blocks:
    """Boxes of one open series. `keep_bytes`: how much of what was decoded last may be kept for the next box."""

    def __init__(self, file: TiffFile, series: TiffPageSeries, *, path: Path, keep_bytes: int = 0) -> None:
        self.file, self.series, self.path, self.keep_bytes = file, series, path, keep_bytes
        self._mapped, self._in_blocks = _is_mapped(series), _in_blocks(series)
        self._whole: np.ndarray | None = None
        self._kept: OrderedDict[tuple[int, int], tuple[int, np.ndarray]] = OrderedDict()
        self._kept_bytes = 0

    def read(self, wanted: Ranges) -> np.ndarray:
        """The stored numbers in these ranges of the stored axes."""
        if self._mapped:
            dtype, offset = self.series.dtype.newbyteorder(self.file.byteorder), self.series.dataoffset or 0
            return np.memmap(self.path, dtype, mode="r", offset=offset, shape=self.series.shape)[wanted]
        if self._in_blocks:
            return self._from_blocks(wanted)
        if self._whole is None:
            self._whole = self.series.asarray(maxworkers=1)
        return self._whole[wanted]

    def _from_blocks(self, wanted: Ranges) -> np.ndarray:
        """Fill (page, separate sample, y, x, sample) block by block, then give it the stored axes back."""
        series, page = self.series, self.series.keyframe
        outer = len(series.shape) - len(page.axes)
        rows, columns = (wanted[series.axes.index(axis)] for axis in "YX")
        pages = np.arange(len(series)).reshape(series.shape[:outer])[wanted[:outer]]
        together = page.samplesperpixel if page.planarconfig == 1 else 1
        apart = page.samplesperpixel // together
        height, width = rows.stop - rows.start, columns.stop - columns.start
        found = np.empty((pages.size, apart, height, width, together), dtype=series.dtype)
        for place, index in enumerate(pages.ravel().tolist()):
            for sample, top, left, block in self._blocks(index, rows, columns):
                from_row, to_row = max(top, rows.start), min(top + block.shape[0], rows.stop)
                from_column, to_column = max(left, columns.start), min(left + block.shape[1], columns.stop)
                target = found[place, sample, from_row - rows.start : to_row - rows.start]
                target[:, from_column - columns.start : to_column - columns.start] = block[
                    from_row - top : to_row - top, from_column - left : to_column - left
                ]
        within_page = [part.stop - part.start for part in wanted[outer:]]
        return found.reshape(*pages.shape, *within_page)

    def _blocks(self, index: int, rows: slice, columns: slice) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """The strips or tiles of one page that the box touches: separate sample, top, left, and (y, x, sample)."""
        key = self.series.keyframe
        height, width = _block_size(key)
        down, across = -(-key.imagelength // height), -(-key.imagewidth // width)
        for apart in range(prod(key.chunked) // (down * across)):
            for row in range(rows.start // height, -(-rows.stop // height)):
                for column in range(columns.start // width, -(-columns.stop // width)):
                    number = (apart * down + row) * across + column
                    sample, block = self._block(index, number)
                    yield sample, row * height, column * width, block

    def _block(self, index: int, number: int) -> tuple[int, np.ndarray]:
        """One decoded strip or tile: its separate sample, and (y, x, sample)."""
        if (index, number) in self._kept:
            self._kept.move_to_end((index, number))
            return self._kept[index, number]
        page, key = self.series[index], self.series.keyframe
        assert page is not None, "pages are counted before boxes are read"
        self.file.filehandle.seek(page.dataoffsets[number])
        data = self.file.filehandle.read(page.databytecounts[number])
        block, place, shape = key.decode(data, number, jpegtables=page.jpegtables, jpegheader=key.jpegheader)
        assert block is not None, "no block is empty: bytes are counted before boxes are read"
        found = place[0], block.reshape(shape)[0]
        if block.nbytes <= self.keep_bytes:
            self._kept[index, number] = found
            self._kept_bytes += block.nbytes
            while self._kept_bytes > self.keep_bytes:
                self._kept_bytes -= self._kept.popitem(last=False)[1][1].nbytes
        return found


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


def _block_size(page: TiffPage) -> tuple[int, int]:
    """The rows and columns of a tile, or of a strip."""
    return (page.tilelength, page.tilewidth) if page.is_tiled else (_strip(page), page.imagewidth)


def _strip(page: TiffPage) -> int:
    return min(page.rowsperstrip, page.imagelength)
