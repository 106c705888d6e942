"""An image held open: the boxes of `read_region`, each tile decoded once, in bounded memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hypercolumn.data import opened_image, read_image
from hypercolumn.data.readers.tiff_blocks import Blocks
from hypercolumn.errors import FileTooLarge, InvalidArgument, ShapeMismatch, UnreadableFile

GREY = np.arange(200 * 300, dtype=np.uint16).reshape(200, 300)
TILED = {"tile": (64, 64), "compression": "zlib", "metadata": None}


def boxes_by_rows(shape: tuple[int, int], side: int) -> list[tuple]:
    return [
        ((y, min(y + side, shape[0])), (x, min(x + side, shape[1])))
        for y in range(0, shape[0], side)
        for x in range(0, shape[1], side)
    ]


def test_boxes_taken_row_by_row_decode_each_tile_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    decoded: list[tuple[int, int]] = []
    honest = Blocks._block

    def counted(self: Blocks, index: int, number: int) -> tuple[int, np.ndarray]:
        if (index, number) not in self._kept:
            decoded.append((index, number))
        return honest(self, index, number)

    monkeypatch.setattr(Blocks, "_block", counted)
    with opened_image(tmp_path / "a.tif") as image:
        for box in boxes_by_rows(GREY.shape, 50):
            np.testing.assert_array_equal(image.read(box).array[0], GREY[slice(*box[0]), slice(*box[1])])
    assert len(decoded) == len(set(decoded)) == 4 * 5


def test_nothing_is_kept_where_nothing_may_be(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2048, 2048), np.uint8), **TILED)
    tracemalloc.start()
    try:
        with opened_image(tmp_path / "a.tif", keep_bytes=0) as image:
            for box in boxes_by_rows((2048, 2048), 256):
                image.read(box)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2048 * 2048 // 4


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("opaque", [True, False])
def test_an_alpha_is_dropped_where_it_is_opaque_everywhere(tmp_path: Path, name: str, opaque: bool) -> None:
    colour = np.dstack([*[GREY.astype(np.uint8)] * 3, np.full(GREY.shape, 255, np.uint8)])
    colour[-1, -1, 3] = 255 if opaque else 0
    if name == "a.png":
        Image.fromarray(colour).save(tmp_path / name)
    else:
        tifffile.imwrite(tmp_path / name, colour, extrasamples=["unassalpha"], photometric="rgb", **TILED)
    whole = read_image(tmp_path / name)
    with opened_image(tmp_path / name) as image:
        assert image.header.shape == whole.array.shape == (3 if opaque else 4, *GREY.shape)
        assert image.header.channels == whole.channels
        np.testing.assert_array_equal(image.read(((3, 50), (7, 9))).array, whole.array[:, 3:50, 7:9])


def test_one_file_a_channel(tmp_path: Path) -> None:
    for place, name in enumerate(("cell_dapi.tif", "cell_actin.tif")):
        tifffile.imwrite(tmp_path / name, GREY + place, **TILED)
    paths = [tmp_path / "cell_dapi.tif", tmp_path / "cell_actin.tif"]
    with opened_image(paths) as image:
        found = image.read(((0, 5), (0, 6)))
    np.testing.assert_array_equal(found.array, np.stack([GREY, GREY + 1])[:, :5, :6])
    tifffile.imwrite(tmp_path / "cell_actin.tif", GREY[1:], **TILED)
    with pytest.raises(ShapeMismatch), opened_image(paths):
        pass


def test_a_box_that_leaves_the_image_or_the_memory_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    with opened_image(tmp_path / "a.tif", limit_bytes=100 * 100 * 2) as image:
        assert image.read(((0, 100), (0, 100))).shape == (100, 100)
        with pytest.raises(FileTooLarge):
            image.read(((0, 101), (0, 100)))
        for box in (((0, 5),), ((0, 201), (0, 5)), ((5, 5), (0, 5)), ((-1, 5), (0, 5))):
            with pytest.raises(InvalidArgument, match="box"):
                image.read(box)
    Image.fromarray(GREY.astype(np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(FileTooLarge), opened_image(tmp_path / "a.png", limit_bytes=1000):
        pass


def test_a_damaged_tile_is_told_when_it_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages.first.dataoffsets[7]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place : place + 20] = b"\xff" * 20
    (tmp_path / "a.tif").write_bytes(content)
    with opened_image(tmp_path / "a.tif") as image:
        image.read(((0, 64), (0, 64)))
        with pytest.raises(UnreadableFile, match=r"a\.tif"):
            image.read(((64, 128), (128, 192)))
