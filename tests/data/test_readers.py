"""What the contract of the readers does not cover: geometry, channels, labels, and files made to do harm."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from hypercolumn.data import channel_groups, read_header, read_image, read_labels, read_region, within
from hypercolumn.errors import (
    DataError,
    FileTooLarge,
    InvalidArgument,
    LabelError,
    MissingFile,
    PathOutsideFolder,
    ShapeMismatch,
    UnreadableFile,
)

GREY = np.arange(40 * 56, dtype=np.uint16).reshape(40, 56)


def png(width: int, height: int, *, data: bytes = b"", depth: int = 8, colour: int = 0, chunks: tuple = ()) -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    middle = b"".join(chunk(kind, content) for kind, content in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- spacing and channel names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [("µm", 1.0), ("um", 1.0), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4), ("Å", 1e-4), ("inch", 25_400.0)],
)
def test_ome_spacing_in_any_unit_comes_in_micrometres(tmp_path: Path, unit: str, micrometres: float) -> None:
    path = tmp_path / "a.ome.tif"
    spacing = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    tifffile.imwrite(path, np.zeros((3, 8, 9), np.uint8), metadata={"axes": "ZYX", **spacing, **units})
    sample = read_image(path)
    assert sample.axes == ("z", "y", "x")
    assert sample.spacing == pytest.approx((2.0 * micrometres, 0.5 * micrometres, 0.25 * micrometres))
    assert sample.unit == "um"


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"PhysicalSizeX": 0.25},
        {"PhysicalSizeX": 0.0, "PhysicalSizeY": 0.25},
        {"PhysicalSizeX": -1, "PhysicalSizeY": 1},
    ],
)
def test_ome_spacing_that_is_missing_or_senseless_is_not_known(tmp_path: Path, stated: dict) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8), metadata={"axes": "YX", **stated})
    assert read_header(path).spacing is None


def test_ome_spacing_in_pixels_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    units = {"PhysicalSizeXUnit": "pixel", "PhysicalSizeYUnit": "reference frame"}
    tifffile.imwrite(
        path, np.zeros((8, 9), np.uint8), metadata={"axes": "YX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, **units}
    )
    assert read_header(path).spacing is None


def test_a_spacing_known_for_some_axes_is_told_in_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, np.zeros((3, 8, 9), np.uint8), metadata={"axes": "ZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    )
    header = read_header(path)
    assert header.spacing is None
    assert "y 0.5 um, x 0.25 um" in header.notes[0]


def test_ome_channels_have_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    names = {"Channel": {"Name": ["DAPI", "FITC"]}}
    tifffile.imwrite(path, np.zeros((2, 8, 9), np.uint16), photometric="minisblack", metadata={"axes": "CYX", **names})
    sample = read_image(path)
    assert (sample.array.shape, sample.channels) == ((2, 8, 9), ("DAPI", "FITC"))


@pytest.mark.parametrize(
    ("unit", "scale"), [("micron", 1.0), ("um", 1.0), ("\\u00B5m", 1.0), ("nm", 1e-3), ("mm", 1e3)]
)
def test_imagej_spacing(tmp_path: Path, unit: str, scale: float) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((4, 8, 9), np.uint16),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": unit},
    )
    assert read_header(path).spacing == pytest.approx((3.0 * scale, 0.5 * scale, 0.25 * scale))


@pytest.mark.parametrize("unit", ["pixel", "", "furlong"])
def test_imagej_spacing_in_pixels_is_not_known(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.zeros((8, 9), np.uint16), imagej=True, resolution=(1, 1), metadata={"axes": "YX", "unit": unit}
    )
    assert read_header(path).spacing is None


@pytest.mark.parametrize(
    ("resolution", "unit", "spacing"),
    [
        ((40_000, 20_000), "CENTIMETER", (0.5, 0.25)),
        ((101_600, 101_600), "INCH", (0.25, 0.25)),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((28.35, 28.35), "CENTIMETER", None),
        ((1, 1), "CENTIMETER", None),
        ((40_000, 40_000), "NONE", None),
    ],
)
def test_a_resolution_tag_counts_only_if_a_microscope_can_mean_it(
    tmp_path: Path, resolution: tuple, unit: str, spacing: tuple | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, resolution=resolution, resolutionunit=unit, metadata=None)
    sample = read_image(path)
    assert sample.spacing == (None if spacing is None else pytest.approx(spacing))
    assert sample.unit == (None if spacing is None else "um")


@given(st.floats(1e-3, 9.9), st.floats(1e-3, 9.9))
def test_every_spacing_of_a_microscope_survives_the_way_through_a_tag(y: float, x: float) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, np.zeros((2, 2), np.uint8), resolution=(1e4 / x, 1e4 / y), resolutionunit="CENTIMETER", metadata=None
    )
    from hypercolumn.data.readers.tiff_geometry import spacing

    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        assert spacing(file, ("y", "x"))[0] == pytest.approx((y, x), rel=1e-4)


def test_a_png_that_speaks_of_screens_says_nothing_of_the_specimen(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", dpi=(25_400, 25_400))
    assert read_image(tmp_path / "a.png").spacing is None


# --- channels, colours, alpha --------------------------------------------------------------------------------------


def test_colour_of_16_bits_is_not_cut_down_to_8(tmp_path: Path) -> None:
    import imagecodecs

    colour = (np.arange(6 * 5 * 3, dtype=np.uint16) * 701).reshape(6, 5, 3)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(colour))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array, np.moveaxis(colour, -1, 0), strict=True)


def test_one_transparent_colour_becomes_an_alpha_channel(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 9], [9, 200]], np.uint8)).save(tmp_path / "a.png", transparency=9)
    sample = read_image(tmp_path / "a.png")
    assert sample.channels == ("grey", "alpha")
    assert sample.array.tolist() == [[[0, 9], [9, 200]], [[255, 0], [0, 255]]]


def test_one_transparent_colour_that_never_occurs_is_no_channel(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 9], [9, 200]], np.uint8)).save(tmp_path / "a.png", transparency=77)
    assert read_image(tmp_path / "a.png").array.shape == (1, 2, 2)


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png", transparency=bytes([255, 128]))
    sample = read_image(tmp_path / "a.png")
    assert sample.channels == ("red", "green", "blue", "alpha")
    assert sample.array[:, 0].T.tolist() == [[10, 20, 30, 255], [40, 50, 60, 128]]


def test_four_inks_become_colour(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    sample = read_image(tmp_path / "a.jpg")
    assert sample.array.shape == (3, 8, 16)
    assert sample.array[0].min() > 200 > 60 > sample.array[1:].max()


def test_the_exif_orientation_is_noted_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((8, 16), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    header = read_header(tmp_path / "a.jpg")
    assert header.space == (8, 16)
    assert "orientation 6 is not applied" in header.notes[0]


def test_white_is_zero_is_noted_and_not_applied(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    header, sample = read_header(tmp_path / "a.tif"), read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(sample.array[0], GREY)
    assert "white is zero" in header.notes[0]


def test_the_full_resolution_of_a_pyramid_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(GREY, subifds=1, tile=(16, 16))
        file.write(GREY[::2, ::2], subfiletype=1, tile=(16, 16))
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").array[0], GREY)
    np.testing.assert_array_equal(read_region(tmp_path / "a.ome.tif", ((3, 30), (20, 50))).array[0], GREY[3:30, 20:50])


def test_a_second_picture_is_not_hushed_up(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, metadata=None)
        file.write(np.zeros((5, 5, 3), np.uint8), photometric="rgb", metadata=None)
    assert "2 pictures: the first is read" in " ".join(read_header(tmp_path / "a.tif").notes)


def test_files_of_one_channel_each_are_joined_in_the_order_given(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        Image.fromarray(GREY + number).save(tmp_path / f"a_w{number}.png")
    paths = [tmp_path / f"a_w{number}.png" for number in (1, 2, 3)]
    sample = read_image(paths)
    np.testing.assert_array_equal(sample.array, np.stack([GREY + 1, GREY + 2, GREY + 3]))
    assert sample.channels == ("w1", "w2", "w3")
    assert read_header(paths).shape == (3, 40, 56)
    region = read_region(paths, ((1, 5), (2, 9)))
    np.testing.assert_array_equal(region.array, sample.array[:, 1:5, 2:9])


@pytest.mark.parametrize(
    ("other", "what"), [(GREY[1:], "size"), (GREY.astype(np.uint8), "type"), (np.stack([GREY] * 5), "axes")]
)
def test_channels_that_do_not_fit_together_are_refused(tmp_path: Path, other: np.ndarray, what: str) -> None:
    tifffile.imwrite(tmp_path / "a_c0.tif", GREY)
    tifffile.imwrite(tmp_path / "a_c1.tif", other, photometric="minisblack")
    with pytest.raises(ShapeMismatch, match=r"differ in (size|type|axes)") as caught:
        read_image([tmp_path / "a_c0.tif", tmp_path / "a_c1.tif"])
    assert "a_c0.tif, a_c1.tif" in caught.value.problem.where
    assert what in str(caught.value) or what == "axes"


def test_the_limit_is_for_all_channels_together(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GREY)
    with pytest.raises(FileTooLarge):
        read_image([tmp_path / "a.npy"] * 3, limit_bytes=3 * GREY.nbytes - 1)
    assert read_image([tmp_path / "a.npy"] * 3, limit_bytes=3 * GREY.nbytes).array.shape[0] == 3


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["a_w1.tif", "a_w2.tif"], {"a.tif": ("a_w1.tif", "a_w2.tif")}),
        (
            ["x/a_ch00.tif", "x/a_ch01.tif", "y/a_ch00.tif"],
            {"x/a.tif": ("x/a_ch00.tif", "x/a_ch01.tif"), "y/a_ch00.tif": ("y/a_ch00.tif",)},
        ),
        (["a_c2.png", "a_c10.png", "a_c1.png"], {"a.png": ("a_c1.png", "a_c2.png", "a_c10.png")}),
        (
            ["a-ch1_s2.tif", "a-ch2_s2.tif", "a-ch1_s3.tif"],
            {"a_s2.tif": ("a-ch1_s2.tif", "a-ch2_s2.tif"), "a-ch1_s3.tif": ("a-ch1_s3.tif",)},
        ),
        (["a_C0.tif", "a_C1.tif", "a.tif"], {"a_C0.tif": ("a_C0.tif", "a_C1.tif"), "a.tif": ("a.tif",)}),
        (["a_w1.tif", "a_w2.png"], {"a_w1.tif": ("a_w1.tif",), "a_w2.png": ("a_w2.png",)}),
        (["a_ch1.tif", "a_ch01.tif"], {"a_ch1.tif": ("a_ch1.tif",), "a_ch01.tif": ("a_ch01.tif",)}),
        (["a_DAPI.tif", "a_FITC.tif"], {"a_DAPI.tif": ("a_DAPI.tif",), "a_FITC.tif": ("a_FITC.tif",)}),
        (["case_c1a.tif", "case_c2a.tif"], {"case_c1a.tif": ("case_c1a.tif",), "case_c2a.tif": ("case_c2a.tif",)}),
        (
            [
                "p_a01_s1_w1f79b1b32-9a1b-4c55-8d2f-0123456789ab.tif",
                "p_a01_s1_w2aaaaaaaa-9a1b-4c55-8d2f-0123456789ab.tif",
            ],
            {
                "p_a01_s1.tif": (
                    "p_a01_s1_w1f79b1b32-9a1b-4c55-8d2f-0123456789ab.tif",
                    "p_a01_s1_w2aaaaaaaa-9a1b-4c55-8d2f-0123456789ab.tif",
                )
            },
        ),
        ([], {}),
    ],
)
def test_sets_of_channels_are_told_by_their_numbers(names: list, groups: dict) -> None:
    assert channel_groups(names) == groups


@given(st.lists(st.from_regex(r"[ab/_]{0,3}(_w|_ch|-c)?[0-3]{0,2}(_x)?\.tif", fullmatch=True), max_size=12))
def test_every_file_is_in_exactly_one_set(names: list[str]) -> None:
    groups = channel_groups(names)
    assert sorted(name for members in groups.values() for name in members) == sorted(set(names))


# --- labels --------------------------------------------------------------------------------------------------------

LABELS = np.array([[0, 1, 2], [7, 200, 0]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32"])
@pytest.mark.parametrize("suffix", ["png", "tif", "npy"])
def test_labels_keep_their_numbers_and_their_type(tmp_path: Path, suffix: str, dtype: str) -> None:
    path, labels = tmp_path / f"a.{suffix}", LABELS.astype(dtype)
    if suffix == "png":
        if dtype not in ("uint8", "uint16"):
            return
        Image.fromarray(labels).save(path)
    elif suffix == "tif":
        tifffile.imwrite(path, labels, photometric="minisblack")
    else:
        np.save(path, labels)
    np.testing.assert_array_equal(read_labels(path), labels, strict=True)


def test_a_palette_gives_its_indices(tmp_path: Path) -> None:
    image = Image.fromarray((LABELS % 3).astype(np.uint8)).convert("P")
    image.putdata((LABELS % 3).ravel().tolist())
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    for bits in (2, 4, 8):
        image.save(tmp_path / "a.png", bits=bits)
        np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS % 3)
    tifffile.imwrite(
        tmp_path / "a.tif", LABELS.astype(np.uint8), photometric="palette", colormap=np.zeros((3, 256), np.uint16)
    )
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS)


@pytest.mark.parametrize("channels", [3, 4])
def test_grey_stored_as_colour_is_grey(tmp_path: Path, channels: int) -> None:
    stored = np.dstack([LABELS.astype(np.uint8)] * 3 + [np.full(LABELS.shape, 255, np.uint8)] * (channels - 3))
    Image.fromarray(stored).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_one_bit_is_zero_and_one(tmp_path: Path) -> None:
    Image.fromarray(LABELS > 1).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png").tolist() == (LABELS > 1).astype(int).tolist()


def test_labels_of_a_stack_have_three_axes_and_a_lone_channel_axis_goes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 9), np.uint8))
    assert read_labels(tmp_path / "a.npy").shape == (3, 8, 9)
    np.save(tmp_path / "a.npy", np.zeros((1, 8, 9), np.uint8))
    assert read_labels(tmp_path / "a.npy").shape == (8, 9)
    np.save(tmp_path / "a.npy", np.zeros((1, 80), np.uint8))
    assert read_labels(tmp_path / "a.npy").shape == (80,)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 8, 9), np.uint16), photometric="minisblack")
    assert read_labels(tmp_path / "a.tif").shape == (5, 8, 9)


def test_whole_numbers_stored_as_real_ones_are_taken_and_fractions_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.float32))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS.astype(np.int32), strict=True)
    for value in (0.5, np.nan, np.inf, 2.0**24):
        np.save(tmp_path / "a.npy", np.array([[0, value]], np.float32))
        with pytest.raises(LabelError, match="whole numbers"):
            read_labels(tmp_path / "a.npy")


def test_a_coloured_or_see_through_label_image_and_a_jpeg_are_refused_with_a_remedy(tmp_path: Path) -> None:
    colour = np.dstack([LABELS, LABELS[::-1], LABELS]).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    Image.fromarray(np.dstack([LABELS * 0] * 3 + [LABELS]).astype(np.uint8)).save(tmp_path / "alpha.png")
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "labels.jpg")
    for name, says in (("colour.png", "coloured"), ("alpha.png", "transparent"), ("labels.jpg", "JPEG cannot hold")):
        with pytest.raises(LabelError, match=says) as caught:
            read_labels(tmp_path / name)
        assert caught.value.problem.where == name
        assert caught.value.problem.fix


# --- files that do harm --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<html><body>404 Not Found</body></html>", "text, not an image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("größe".encode() * 200, "text, not an image"),
        (b"GIF89a" + bytes(30), "GIF"),
        (b"PK\x03\x04" + bytes(30), "ZIP"),
        (b"\x80\x04\x95", "pickle"),
        (bytes(128) + b"DICM", "DICOM"),
        (bytes(range(255, 0, -1)), "no image in a known format"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"\xff\xd8\xff", "cut off"),
        (b"II*\x00", "cannot be decoded"),
        (b"\x93NUMPY", "cannot be decoded"),
    ],
)
def test_what_is_no_image_says_what_it_seems_to_be(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "slide.png"
    path.write_bytes(content)
    for read in (read_header, read_image, read_labels):
        with pytest.raises(UnreadableFile, match=says) as caught:
            read(path)
        assert caught.value.problem.where == "slide.png", "the name alone: a folder may be called after a patient"
        assert caught.value.problem.fix


def test_missing_files_folders_and_pipes(tmp_path: Path) -> None:
    import os

    with pytest.raises(MissingFile, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(MissingFile, match="forward slashes"):
        read_image(tmp_path / "images\\a.png")
    with pytest.raises(UnreadableFile, match="a folder"):
        read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableFile, match="neither"):
        read_image(tmp_path / "pipe.png")
    for name in ("a" * 5000, "a\0b"):
        with pytest.raises(DataError):
            read_image(tmp_path / name)
    with pytest.raises(InvalidArgument, match="at least one file"):
        read_image([])


BOMBS = {
    "png.png": png(100_000, 100_000, data=zlib.compress(bytes(1000))),
    "largest.png": png(2**31 - 1, 2**31 - 1, depth=16, colour=6),
    "jpeg.jpg": bytes.fromhex("ffd8 ffc0 0011 08 ffff ffff 03 012200 021101 031101 ffda 0008 01 0100 003f00"),
}


def tiff_bomb() -> bytes:
    """A few hundred bytes that claim 100,000 x 100,000 pixels in one compressed strip."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((3, 3), np.uint8), compression="deflate", metadata=None, rowsperstrip=3)
    content = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for code in (256, 257, 278):
            tag = file.pages.first.tags[code]
            content[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, 100_000)
    return bytes(content)


BOMBS["tiff.tif"] = tiff_bomb()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    import tracemalloc

    path = tmp_path / name
    path.write_bytes(BOMBS[name])
    assert read_header(path).nbytes > 4 * 2**30
    tracemalloc.start()
    try:
        for read in (read_image, read_labels):
            with pytest.raises(FileTooLarge, match="GiB") as caught:
                read(path)
            assert caught.value.problem.where == name
        with pytest.raises((FileTooLarge, UnreadableFile)):
            read_region(path, ((0, 65_000), (0, 65_000)))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "shape",
    [
        "(100000, 100000)",
        "(10**18, 10**18)",
        "(-1, 5)",
        "(True, 5)",
        "(1.0, 5)",
        "()",
        "(0, 5)",
        "((1,), 5)",
        "(1, 1, 1, 1, 5, 5, 5)",
    ],
)
def test_an_npy_header_that_claims_more_than_the_file_holds(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(500))
    with pytest.raises(UnreadableFile):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}], dtype=object),
        np.array(["a"]),
        np.zeros(3, dtype=[("a", "u1")]),
        np.zeros((4, 4), complex),
        np.array([0], "M8[s]"),
    ],
)
def test_arrays_that_are_not_numbers_are_never_opened(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnreadableFile, match=r"numbers|pickled"):
        read_image(tmp_path / "a.npy")


def test_a_pickle_in_an_npy_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple:
            return (tmp_path / "harm").touch, ()

    np.save(tmp_path / "a.npy", np.array([Harm()], dtype=object))
    with pytest.raises(UnreadableFile, match="never opened"):
        read_image(tmp_path / "a.npy")
    assert not (tmp_path / "harm").exists()


def test_text_profiles_and_frames_of_a_png_never_reach_a_decoder(tmp_path: Path) -> None:
    """A bomb in a text chunk and a broken animation are passed over, silently, where a decoder warns or fails."""
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 5_000_000, zip=True)
    Image.fromarray(GREY).save(tmp_path / "text.png", pnginfo=info)
    data = zlib.compress(b"\0\x05" * 1)
    (tmp_path / "frames.png").write_bytes(png(1, 1, data=data, chunks=((b"acTL", b"\0\0"), (b"iCCP", b"x\0\0junk"))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "text.png").array.shape == (1, 40, 56)
        assert read_image(tmp_path / "frames.png").array.tolist() == [[[5]]]


def test_a_png_whose_pixels_were_changed_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[content.index(b"IDAT") + 40] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableFile, match="checksum of its IDAT"):
        read_image(tmp_path / "a.png")


def test_a_png_with_fewer_pixels_than_it_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(10, 10, data=zlib.compress((b"\0" + bytes(10)) * 4)))
    with pytest.raises(UnreadableFile):
        read_image(tmp_path / "a.png")


def test_a_png_colour_outside_its_palette_is_refused(tmp_path: Path) -> None:
    content = png(2, 1, data=zlib.compress(b"\0\x00\x07"), colour=3, chunks=((b"PLTE", bytes(6)),))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableFile, match="palette of 2"):
        read_image(tmp_path / "a.png")


def test_a_jpeg_too_short_for_the_pixels_that_it_claims_is_refused(tmp_path: Path) -> None:
    """A decoder fills what is missing with grey, however much that is."""
    Image.fromarray(GREY.astype(np.uint8)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    size = struct.pack(">HH", 40, 56)
    (tmp_path / "a.jpg").write_bytes(content.replace(size, struct.pack(">HH", 40_000, 56_000), 1))
    assert read_header(tmp_path / "a.jpg").space == (40_000, 56_000)
    with pytest.raises(UnreadableFile, match="cut off"):
        read_image(tmp_path / "a.jpg")


def test_a_blank_jpeg_is_not_too_short(tmp_path: Path) -> None:
    Image.new("L", (4096, 4096), 128).save(tmp_path / "a.jpg", quality=5, optimize=True)
    assert read_image(tmp_path / "a.jpg").array.shape == (1, 4096, 4096)
    Image.new("L", (4096, 4096), 128).save(tmp_path / "b.jpg", quality=5, progressive=True)
    assert read_image(tmp_path / "b.jpg").array.shape == (1, 4096, 4096)


def test_a_tiff_that_lists_fewer_blocks_than_it_needs_is_refused(tmp_path: Path) -> None:
    """tifffile fills what is missing with zeros."""
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(16, 16), metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tag = file.pages.first.tags[256]
    content[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, 56 * 8)
    (tmp_path / "a.tif").write_bytes(content)
    for read in (read_image, read_labels, lambda path: read_region(path, ((0, 8), (0, 400)))):
        with pytest.raises(UnreadableFile, match="does not hold all"):
            read(tmp_path / "a.tif")


def test_a_tiff_that_was_never_finished_is_refused(tmp_path: Path) -> None:
    """An empty tile is written as one of zero bytes; tifffile fills it with zeros."""
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(16, 16), compression="deflate", metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tag = file.pages.first.tags["TileByteCounts"]
    content[tag.valueoffset : tag.valueoffset + 2] = b"\0\0"
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UnreadableFile, match="does not hold all"):
        read_image(tmp_path / "a.tif")


def test_a_chain_of_pages_cut_short_is_refused(tmp_path: Path) -> None:
    """The pixels of the first pages are all there; the file says that there were more."""
    for number in range(4):
        tifffile.imwrite(tmp_path / "a.tif", GREY, append=number > 0, metadata=None)
    whole = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 4
        cut = file.pages[2].offset
    (tmp_path / "a.tif").write_bytes(whole[:cut])
    with pytest.raises(UnreadableFile, match="damaged"):
        read_image(tmp_path / "a.tif")


def test_an_ome_file_never_opens_its_neighbours(tmp_path: Path) -> None:
    """OME-XML may name other files, by any path; each file is read by itself."""
    secret = tmp_path / "secret.tif"
    tifffile.imwrite(secret, np.full((8, 9), 99, np.uint8), metadata=None)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8), metadata=None)
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        '<Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="9" SizeY="8" SizeC="2" SizeZ="1" SizeT="1">'
        '<Channel ID="C:0"/><Channel ID="C:1"/>'
        '<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="../secret.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8), description=xml, metadata=None)
    assert 99 not in read_image(path).array
    assert read_header(path).shape == (1, 8, 9)
    assert any("several files" in note for note in read_header(path).notes)


def test_xml_that_defines_entities_is_refused(tmp_path: Path) -> None:
    xml = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaa">]><OME>&a;</OME>'
    tifffile.imwrite(tmp_path / "a.tif", GREY, description=xml, metadata=None)
    with pytest.raises(UnreadableFile, match="entities"):
        read_image(tmp_path / "a.tif")


def test_axes_without_a_meaning_here_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((2, 3, 8, 9), np.uint8), photometric="minisblack", metadata={"axes": "ZIYX"}
    )
    with pytest.raises(UnreadableFile, match="axes ZIYX"):
        read_image(tmp_path / "a.tif")


def test_nothing_is_printed_and_the_log_alone_hears_of_damage(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 40, 56), np.uint8), metadata={"axes": "ZYX"}, ome=True)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content.replace(b'SizeZ="6"', b'SizeZ="9"'))
    with pytest.raises(UnreadableFile):
        read_image(tmp_path / "a.tif")
    assert capsys.readouterr() == ("", "")


def test_a_tile_far_larger_than_its_image_is_refused(tmp_path: Path) -> None:
    """The image takes four kilobytes, but to decode it would take 16 GiB."""
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(16, 16), compression="deflate", metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for name in ("TileWidth", "TileLength"):
            tag = file.pages.first.tags[name]
            content[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, 2**16 + 2**15)
    (tmp_path / "a.tif").write_bytes(content)
    for read in (read_image, read_labels, lambda path: read_region(path, ((0, 2), (0, 2)))):
        with pytest.raises(FileTooLarge):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("box", [((0, 5),), ((0, 41), (0, 5)), ((5, 5), (0, 5)), ((-1, 5), (0, 5)), ((6, 5), (0, 5))])
def test_a_box_outside_the_image_is_refused(tmp_path: Path, box: tuple) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    with pytest.raises(InvalidArgument, match="box"):
        read_region(tmp_path / "a.tif", box)


@pytest.mark.parametrize(
    "settings", [{}, {"tile": (64, 64), "compression": "deflate"}, {"rowsperstrip": 16, "compression": "deflate"}]
)
def test_a_region_of_a_large_tiff_takes_the_memory_of_the_region(tmp_path: Path, settings: dict) -> None:
    import tracemalloc

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2048, 2048), np.uint8), metadata=None, **settings)
    tracemalloc.start()
    try:
        region = read_region(tmp_path / "a.tif", ((1000, 1032), (500, 564)), limit_bytes=2048 * 64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert region.array.shape == (1, 32, 64)
    assert peak < 2048 * 2048 // 4


# --- paths ---------------------------------------------------------------------------------------------------------


def test_links_and_dots_are_followed_before_a_path_is_judged(tmp_path: Path) -> None:
    folder, outside = tmp_path / "data", tmp_path / "secret.png"
    (folder / "images").mkdir(parents=True)
    outside.write_bytes(b"x")
    (folder / "images" / "a.png").write_bytes(b"x")
    (folder / "out.png").symlink_to(outside)
    (folder / "in.png").symlink_to(folder / "images" / "a.png")
    (folder / "up").symlink_to(tmp_path)
    inside = folder.resolve() / "images" / "a.png"
    for path in ("images/a.png", "images/../images/a.png", "in.png", folder / "images" / "a.png", inside):
        assert within(folder, path) == inside
    for path in ("out.png", "../secret.png", "up/secret.png", outside, "/etc/passwd", folder / "out.png"):
        with pytest.raises(PathOutsideFolder, match="leaves the data folder"):
            within(folder, path)
    with pytest.raises(UnreadableFile):
        within(folder, "a\0b")


def test_a_folder_given_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert within("data", "a.png") == within("data", Path("data") / "a.png") == tmp_path.resolve() / "data" / "a.png"
    with pytest.raises(PathOutsideFolder):
        within("data", "data/../../a.png")


def test_a_loop_of_links_is_an_error_and_no_loop(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DataError):
        read_image(within(tmp_path, "a"))


# --- real files ----------------------------------------------------------------------------------------------------

DATA = Path(__file__).parents[2] / "../shared/data"
SETS = {
    "dsb2018_nuclei/images": (128, 3, "uint8"),
    "isbi2012_em/image": (20, 1, "uint8"),
    "bccd_bloodcells/images": (80, 3, "uint8"),
    "stain_norm": (21, 3, "uint8"),
    "nct_crc_he_tiles": (10, 3, "uint8"),
}


@pytest.mark.long
@pytest.mark.parametrize("folder", SETS)
def test_every_real_image_is_read(folder: str) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip("the real data are not here")
    count, channels, dtype = SETS[folder]
    files = [path for path in (DATA / folder).rglob("*") if path.suffix in (".png", ".jpg", ".tif")]
    assert len(files) == count
    for path in files:
        sample, header = read_image(path), read_header(path)
        assert (sample.array.shape[0], sample.array.dtype, sample.spacing) == (channels, dtype, None)
        assert sample.shape == header.space
        with Image.open(path) as image:
            reference = np.asarray(image.convert("RGB") if channels == 3 else image)
        np.testing.assert_array_equal(sample.array, np.moveaxis(np.atleast_3d(reference), -1, 0))
        height, width = sample.shape
        box = (height // 3, height // 2 + 1), (width // 4, width - 1)
        np.testing.assert_array_equal(read_region(path, box).array, sample.array[:, slice(*box[0]), slice(*box[1])])


@pytest.mark.long
def test_the_nuclei_of_every_real_label_map_are_as_many_as_its_index_says() -> None:
    folder = DATA / "dsb2018_nuclei"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    import pandas as pd

    index = pd.read_csv(folder / "index.csv")
    assert len(index) == 128
    counts = [len(np.unique(read_labels(folder / "labels" / f"{name}.png"))) - 1 for name in index["id"]]
    assert counts == index["n_nuclei"].tolist()
    assert sum(counts) == 5134


@pytest.mark.long
def test_a_region_of_a_real_slide_equals_the_whole() -> None:
    path = DATA / "wsi_small" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip("the real data are not here")
    whole = read_image(path)
    assert whole.array.shape == (3, 2967, 2220)
    for box in (((0, 300), (0, 300)), ((2900, 2967), (2100, 2220)), ((700, 1000), (123, 777))):
        np.testing.assert_array_equal(read_region(path, box).array, whole.array[:, slice(*box[0]), slice(*box[1])])
