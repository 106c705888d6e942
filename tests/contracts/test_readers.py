"""The contract of every reader: what was written comes back, and what was not written is not believed.

Files are written by Pillow, tifffile and numpy, which are the oracles. For every format, layout and type: the header
is that of the array, the array is the one that was written, a region is a cut of the whole, and a file that lost its
end is never read in half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tifffile
from PIL import Image

from hypercolumn.data import opened_image, read_header, read_image, read_labels, read_region
from hypercolumn.errors import DataError


def pattern(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values all over the range of a type, different in every place of a line."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.linspace(-3.5, 9.25, int(np.prod(shape))).reshape(shape).astype(kind)
    values = np.arange(np.prod(shape), dtype=np.int64) * 2_654_435_761 % (1 << min(8 * kind.itemsize, 62))
    return values.reshape(shape).astype(kind)


@dataclass(frozen=True, eq=False)
class Case:
    """How a file is written and what it must be read as, (channel, *space)."""

    name: str
    suffix: str
    write: Callable[[Path], None]
    expected: np.ndarray
    axes: tuple[str, ...] = ("y", "x")


def cases() -> list[Case]:
    found = [*png_cases(), *jpeg_cases(), *tiff_cases(), *npy_cases()]
    assert len({case.name for case in found}) == len(found)
    return found


def png_cases() -> list[Case]:
    grey, deep = pattern((19, 23), "uint8"), pattern((19, 23), "uint16")
    colour, half = pattern((19, 23, 3), "uint8"), pattern((19, 23, 4), "uint8")
    bits = pattern((19, 23), "uint8") > 100
    palette = Image.fromarray(grey % 7).convert("P")
    palette.putdata((grey % 7).ravel().tolist())
    colours = pattern((7, 3), "uint8")
    palette.putpalette(colours.ravel().tolist())

    def image(name: str, picture: Image.Image, expected: np.ndarray, **settings: object) -> Case:
        return Case(f"png {name}", ".png", lambda path: picture.save(path, **settings), expected)

    opaque = np.dstack([colour, np.full((19, 23), 255, np.uint8)])
    return [
        image("grey", Image.fromarray(grey), grey[None]),
        image("grey 16 bit", Image.fromarray(deep), deep[None]),
        image("1 bit", Image.fromarray(bits), bits[None].astype(np.uint8)),
        image("colour", Image.fromarray(colour), np.moveaxis(colour, -1, 0)),
        image("colour with opaque alpha", Image.fromarray(opaque), np.moveaxis(colour, -1, 0)),
        image("colour with alpha", Image.fromarray(half), np.moveaxis(half, -1, 0)),
        image("palette", palette, np.moveaxis(colours[grey % 7], -1, 0)),
        image("palette of 4 bits", palette, np.moveaxis(colours[grey % 7], -1, 0), bits=4),
        image("one pixel", Image.fromarray(grey[:1, :1]), grey[None, :1, :1]),
    ]


def jpeg_cases() -> list[Case]:
    smooth = np.add.outer(np.arange(40), 2 * np.arange(56)).astype(np.uint8)
    colour = np.dstack([smooth, smooth[::-1], smooth[:, ::-1]])
    found = []
    for name, array, settings in (
        ("grey", smooth, {}),
        ("colour", colour, {"quality": 90}),
        ("progressive", colour, {"progressive": True}),
    ):
        picture = Image.fromarray(array)

        def write(path: Path, picture: Image.Image = picture, settings: dict = settings) -> None:
            picture.save(path, **settings)

        found.append(Case(f"jpeg {name}", ".jpg", write, decoded_by_pillow(write, grey=array.ndim == 2)))
    return found


def decoded_by_pillow(write: Callable[[Path], None], *, grey: bool) -> np.ndarray:
    """JPEG is not lossless: its oracle is another way into the same decoder."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        write(path)
        with Image.open(path) as image:
            array = np.asarray(image)
    return array[None] if grey else np.moveaxis(array, -1, 0)


def tiff_cases() -> list[Case]:
    found = []

    def add(
        name: str, stored: np.ndarray, expected: np.ndarray, axes: tuple[str, ...] = ("y", "x"), **settings: object
    ) -> None:
        def write(path: Path) -> None:
            tifffile.imwrite(path, stored, **settings)

        found.append(Case(f"tiff {name}", ".tif", write, expected, axes))

    for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"):
        plane = pattern((40, 56), dtype)
        add(f"strips {dtype}", plane, plane[None], photometric="minisblack", rowsperstrip=16)
        add(f"tiles {dtype}", plane, plane[None], photometric="minisblack", tile=(16, 32))
    plane, colour = pattern((40, 56), "uint16"), pattern((40, 56, 3), "uint8")
    for compression in ("deflate", "lzw", "zstd", "packbits", "lzma"):
        add(compression, plane, plane[None], photometric="minisblack", compression=compression, rowsperstrip=7)
    add(
        "predictor in tiles",
        plane,
        plane[None],
        photometric="minisblack",
        compression="deflate",
        predictor=True,
        tile=(16, 16),
    )
    real = pattern((40, 56), "float32")
    add("real predictor", real, real[None], photometric="minisblack", compression="deflate", predictor=3)
    add("big-endian", plane, plane[None], photometric="minisblack", byteorder=">")
    add("big-endian in tiles", plane, plane[None], photometric="minisblack", byteorder=">", tile=(16, 16))
    add("BigTIFF", plane, plane[None], photometric="minisblack", bigtiff=True)
    bits = plane % 3 == 0
    add("1 bit", bits, bits[None].astype(np.uint8), photometric="minisblack")
    first = np.moveaxis(colour, -1, 0)
    add("colour", colour, first, photometric="rgb")
    add("colour in tiles", colour, first, photometric="rgb", tile=(16, 16), compression="deflate")
    add("colour by planes", first, first, photometric="rgb", planarconfig="separate")
    add(
        "colour by planes in tiles",
        first,
        first,
        photometric="rgb",
        planarconfig="separate",
        tile=(16, 32),
        compression="lzw",
    )
    opaque = np.dstack([colour, np.full((40, 56), 255, np.uint8)])
    add("opaque alpha", opaque, first, photometric="rgb", extrasamples=["unassalpha"])
    half = np.dstack([colour, colour[..., 0]])
    add("alpha", half, np.moveaxis(half, -1, 0), photometric="rgb", extrasamples=["unassalpha"])
    stack = pattern((5, 40, 56), "uint16")
    add("pages", stack, stack[None], ("z", "y", "x"), photometric="minisblack")
    add("pages without a description", stack, stack[None], ("z", "y", "x"), photometric="minisblack", metadata=None)
    add(
        "pages in tiles",
        stack,
        stack[None],
        ("z", "y", "x"),
        photometric="minisblack",
        tile=(16, 16),
        compression="deflate",
    )
    time = {"axes": "TYX"}
    add("times", stack, stack[None], ("t", "y", "x"), photometric="minisblack", metadata=time)
    many = pattern((3, 2, 40, 56), "uint16")
    add("ImageJ z and channels", many, many.swapaxes(0, 1), ("z", "y", "x"), imagej=True, metadata={"axes": "ZCYX"})
    add(
        "OME channels and z", many, many, ("z", "y", "x"), ome=True, photometric="minisblack", metadata={"axes": "CZYX"}
    )
    films = pattern((4, 3, 2, 40, 56), "uint8")
    add(
        "OME times, channels and z in tiles",
        films,
        films.swapaxes(0, 1),
        ("t", "z", "y", "x"),
        ome=True,
        photometric="minisblack",
        metadata={"axes": "TCZYX"},
        tile=(16, 32),
        compression="deflate",
    )
    palette = pattern((3, 256), "uint16")
    index = pattern((40, 56), "uint8")
    add("palette", index, (palette >> 8).astype(np.uint8)[:, index], photometric="palette", colormap=palette)
    return found


def npy_cases() -> list[Case]:
    def case(name: str, stored: np.ndarray, expected: np.ndarray, axes: tuple[str, ...] = ("y", "x")) -> Case:
        return Case(f"npy {name}", ".npy", lambda path: np.save(path, stored), expected, axes)

    plane, stack, leads = pattern((20, 30), "float32"), pattern((6, 20, 30), "uint16"), pattern((2, 64), "float32")
    channels, volume = pattern((3, 20, 30), "uint8"), pattern((2, 6, 20, 30), "float32")
    return [
        case("plane", plane, plane[None]),
        case("line", plane[0], plane[:1], ("x",)),
        case("line of one channel", leads[:1], leads[:1], ("x",)),
        case("line, channels first", leads, leads, ("x",)),
        case("line, channels last", leads.T, leads, ("x",)),
        case("narrow plane", leads[:, :63], leads[None, :, :63]),
        case("stack", stack, stack[None], ("z", "y", "x")),
        case("channels first", channels, channels),
        case("channels last", np.moveaxis(channels, 0, -1), channels),
        case("volume, channels first", volume, volume, ("z", "y", "x")),
        case("volume, channels last", np.moveaxis(volume, 0, -1), volume, ("z", "y", "x")),
        case("Fortran order", np.asfortranarray(stack), stack[None], ("z", "y", "x")),
        case("big-endian", plane.astype(">f4"), plane[None]),
        case("truth values", plane > 0, (plane > 0)[None].astype(np.uint8)),
    ]


CASES = cases()
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])


@cache
def content(case: Case) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"image{case.suffix}"
        case.write(path)
        return path.read_bytes()


@pytest.fixture
def written(case: Case, tmp_path: Path) -> Path:
    path = tmp_path / f"image{case.suffix}"
    path.write_bytes(content(case))
    return path


@every_case
def test_what_was_written_comes_back(case: Case, written: Path) -> None:
    sample = read_image(written)
    np.testing.assert_array_equal(sample.array, case.expected, strict=True)
    assert sample.axes == case.axes
    assert sample.array.flags.c_contiguous
    assert sample.array.dtype.isnative


@every_case
def test_the_header_is_that_of_the_array(case: Case, written: Path) -> None:
    header, sample = read_header(written), read_image(written)
    assert (header.space, header.dtype, header.axes) == (sample.shape, sample.array.dtype, sample.axes)
    assert header.shape[0] - sample.array.shape[0] == int(header.has_alpha and "alpha" not in sample.channels)
    assert (header.spacing, header.unit) == (sample.spacing, sample.unit)
    assert header.nbytes >= sample.array.nbytes
    assert header.spacing is None, "no case here writes one"


@every_case
def test_a_region_is_a_cut_of_the_whole(case: Case, written: Path) -> None:
    whole = read_image(written).array
    rng = np.random.default_rng(5)
    for _ in range(4):
        box = tuple(tuple(sorted(rng.choice(length + 1, 2, replace=False).tolist())) for length in whole.shape[1:])
        cut = whole[(slice(None), *(slice(start, stop) for start, stop in box))]
        region = read_region(written, box)
        np.testing.assert_array_equal(region.array, cut, strict=True)
        assert type(region.array) is np.ndarray, "a copy in memory, not a map of the file"
        with opened_image(written) as image:
            assert image.header.shape == whole.shape
            np.testing.assert_array_equal(image.read(box).array, cut, strict=True)


@every_case
def test_a_file_that_lost_its_end_is_never_read_in_half(case: Case, written: Path) -> None:
    """Cut anywhere, a file is refused; a cut that spared every pixel may be read, and then gives them all."""
    whole = written.read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for keep in sorted({0, 1, 8, 20, len(whole) // 2, len(whole) * 9 // 10, *rng.integers(0, len(whole), 6).tolist()}):
        written.write_bytes(whole[:keep])
        try:
            found = read_image(written)
        except DataError:
            refused += 1
        else:
            np.testing.assert_array_equal(found.array, case.expected)
    assert refused >= 6


@every_case
def test_a_file_with_bytes_changed_is_refused_or_read_in_its_shape(case: Case, written: Path) -> None:
    """Nothing but DataError is ever raised, and no warning leaks, whatever the bytes."""
    whole = content(case)
    rng = np.random.default_rng(11)
    for _ in range(8):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 600), 3):
            damaged[place] = rng.integers(256)
        written.write_bytes(damaged)
        for read in (read_header, read_image, read_labels):
            try:
                read(written)
            except DataError:
                continue


@every_case
def test_a_limit_of_one_byte_less_is_refused(case: Case, written: Path) -> None:
    header = read_header(written)
    with pytest.raises(DataError, match="E-FILE-TOO-LARGE"):
        read_image(written, limit_bytes=header.nbytes - 1)


@every_case
def test_the_extension_does_not_matter(case: Case, written: Path) -> None:
    other = written.rename(written.with_name("image.dat"))
    np.testing.assert_array_equal(read_image(other).array, case.expected)
