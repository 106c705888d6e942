"""Label TIFF: what is written is read again, by this package and by tifffile; memory stays that of a row of tiles."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hypercolumn.data import opened_image, read_header, read_labels, write_labels
from hypercolumn.errors import InvalidArgument, LabelError, ShapeMismatch

shapes = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(2, 3), st.integers(1, 20), st.integers(1, 40)),
)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), highest=st.sampled_from([1, 255, 256, 65_535, 65_536, 2**32 - 1]))
def test_what_is_written_is_read_again_in_the_smallest_type(
    data: st.DataObject, highest: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    labels = data.draw(arrays(np.int64, shapes, elements=st.integers(0, highest)))
    labels.flat[0] = highest
    path = write_labels(tmp_path_factory.mktemp("a") / "a.tif", labels, tile=16)
    assert read_labels(path).dtype == np.min_scalar_type(highest)
    np.testing.assert_array_equal(read_labels(path), labels)
    np.testing.assert_array_equal(tifffile.imread(path).reshape(labels.shape), labels)


@pytest.mark.parametrize(
    ("shape", "spacing", "unit", "micrometres"),
    [
        ((20, 30), (0.5, 0.25), "um", (0.5, 0.25)),
        ((20, 30), (250.0, 500.0), "nm", (0.25, 0.5)),
        ((4, 20, 30), (2.0, 0.65, 0.65), "um", (2.0, 0.65, 0.65)),
        ((20, 30), (1.5, 1.5), "mm", (1500.0, 1500.0)),
    ],
)
def test_the_spacing_is_known_to_who_reads_it(
    tmp_path: Path, shape: tuple, spacing: tuple, unit: str, micrometres: tuple
) -> None:
    header = read_header(write_labels(tmp_path / "a.tif", np.ones(shape, np.uint8), spacing=spacing, unit=unit))
    assert header.unit == "um"
    assert header.spacing == pytest.approx(micrometres)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        x, y = file.pages.first.get_resolution("MICROMETER")
    assert (1 / y, 1 / x) == pytest.approx(micrometres[-2:], rel=1e-3)


def test_an_unknown_spacing_stays_unknown(tmp_path: Path) -> None:
    assert read_header(write_labels(tmp_path / "a.tif", np.ones((8, 8), bool))).spacing is None


def test_the_file_is_tiled_and_small(tmp_path: Path) -> None:
    labels = np.zeros((1000, 1100), dtype=np.uint32)
    labels[100:900, 100:900] = 70_000
    path = write_labels(tmp_path / "a.tif", labels)
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert (page.is_tiled, page.tilelength, page.compression.name) == (True, 512, "ADOBE_DEFLATE")
    assert path.stat().st_size < labels.nbytes / 100


def test_a_large_map_is_written_and_read_in_the_memory_of_a_row_of_tiles(tmp_path: Path) -> None:
    side, tile = 3072, 128
    stored = np.lib.format.open_memmap(tmp_path / "map.npy", mode="w+", dtype=np.uint32, shape=(side, side))
    for row in range(0, side, tile):
        stored[row : row + tile] = row * side + np.arange(side) // 7
    tracemalloc.start()
    try:
        path = write_labels(tmp_path / "a.tif", stored, tile=tile)
        with opened_image(path, keep_bytes=2 * tile * side * 4) as image:
            for row in range(0, side, tile):
                band = image.read(((row, row + tile), (0, side))).array[0]
                np.testing.assert_array_equal(band, stored[row : row + tile])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * tile * side * 4 < stored.nbytes / 2


def test_a_map_that_cannot_be_read_to_its_end_leaves_no_file_and_the_old_one_stands(tmp_path: Path) -> None:
    class Broken:
        shape, dtype, reads = (64, 16), np.dtype("uint8"), 0

        def __getitem__(self, place: slice) -> np.ndarray:
            self.reads += 1
            if self.reads > 6:
                raise OSError("the disk went away")
            return np.ones((16, 16), np.uint8)

    path = write_labels(tmp_path / "a.tif", np.full((4, 4), 9))
    with pytest.raises(OSError, match="went away"):
        write_labels(path, Broken(), tile=16)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
    assert (read_labels(path) == 9).all()


def test_what_is_no_label_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for labels in (np.full((4, 4), 0.5), np.full((4, 4), -1), np.full((4, 4), 2**32)):
        with pytest.raises(LabelError, match=r"a\.tif"):
            write_labels(path, labels)
    for shape in ((4,), (1, 1, 1, 1), (0, 4)):
        with pytest.raises(ShapeMismatch, match="label image of shape"):
            write_labels(path, np.ones(shape, int))
    for wrong in ({"tile": 100}, {"spacing": (1.0, 1.0)}, {"spacing": (1.0, -1.0), "unit": "um"}):
        with pytest.raises(InvalidArgument):
            write_labels(path, np.ones((4, 4), int), **wrong)
    with pytest.raises(InvalidArgument, match="unit"):
        write_labels(path, np.ones((4, 4), int), spacing=(1.0, 1.0), unit="furlong")
    assert list(tmp_path.iterdir()) == []
