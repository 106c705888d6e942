"""Read images and label maps: PNG, JPEG, TIFF and NPY, or one file a channel.

    read_header   what is known before decoding          Header
    read_image    all pixels                             Sample (channel, *space), in the dtype of the file
    read_region   a box of the spatial axes              Sample; equals read_image cut to that box
    read_labels   a label image or an instance map       integers (*space)

Grey is one channel, a palette is turned into red, green and blue, an alpha that is opaque everywhere is dropped and any
other is kept as a last channel of that name (a header cannot know, and counts it). Size is checked against a limit
before memory is taken. A file that was cut off raises, always, and no warning of a decoder reaches the caller.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from hypercolumn.data.readers.formats import Format, format_of
from hypercolumn.data.readers.header import LIMIT_BYTES, Header, grant, joined
from hypercolumn.data.readers.paths import channel_tag
from hypercolumn.data.sample import Sample
from hypercolumn.data.split import Box
from hypercolumn.errors import FileTooLarge, HypercolumnError, InvalidArgument, LabelError, UnreadableFile

_EXACT_IN_FLOAT = 2**24


def read_header(paths: Path | str | Sequence[Path | str]) -> Header:
    """The header of an image, or of several files that are its channels, without decoding a pixel.

    Raises MissingFile, UnreadableFile, and ShapeMismatch where the channels differ in size, axes or type.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "volume.npy"
    ...     np.save(path, np.zeros((20, 64, 48), dtype=np.float32))
    ...     header = read_header(path)
    >>> header.shape, header.axes, header.dtype.name, header.spacing
    ((1, 20, 64, 48), ('z', 'y', 'x'), 'float32', None)
    """
    paths = listed(paths)
    return joined_header([header_of(path)[1] for path in paths], paths)


def read_image(paths: Path | str | Sequence[Path | str], *, limit_bytes: int = LIMIT_BYTES) -> Sample:
    """All the pixels of an image, or of several files that are its channels, as (channel, *space).

    Raises MissingFile, UnreadableFile, FileTooLarge and ShapeMismatch.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cell.png"
    ...     Image.new("RGB", (60, 40), "red").save(path)
    ...     sample = read_image(path)
    >>> sample.array.shape, sample.channels, sample.array[:, 0, 0].tolist()
    ((3, 40, 60), ('red', 'green', 'blue'), [255, 0, 0])
    """
    paths = listed(paths)
    found = [header_of(path) for path in paths]
    whole = joined_header([header for _, header in found], paths)
    grant(whole.nbytes, limit_bytes, where=paths[0].name)
    arrays, headers = [], []
    for path, (form, header) in zip(paths, found, strict=True):
        grant(held_bytes(path, form), limit_bytes, where=path.name)
        array, header = without_opaque_alpha(_pixels(path, form, header, None), header)
        arrays.append(array)
        headers.append(header)
    return _sample(arrays, joined_header(headers, paths))


def read_region(paths: Path | str | Sequence[Path | str], box: Box, *, limit_bytes: int = LIMIT_BYTES) -> Sample:
    """A box of an image, ((start, stop), ...) in samples along its spatial axes: `read_image` cut to that box.

    Of TIFF and NPY only the strips, tiles or bytes that the box touches are read, so that memory is that of the box;
    PNG, JPEG, and a TIFF with an alpha channel (dropped only where opaque everywhere) are decoded whole and cut.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "image.npy"
    ...     np.save(path, np.arange(24).reshape(4, 6))
    ...     region = read_region(path, ((1, 3), (2, 5)))
    >>> region.array[0]
    array([[ 8,  9, 10],
           [14, 15, 16]])
    """
    paths = listed(paths)
    found = [header_of(path) for path in paths]
    whole = joined_header([header for _, header in found], paths)
    if len(box) != len(whole.space) or any(
        not 0 <= start < stop <= length for (start, stop), length in zip(box, whole.space, strict=True)
    ):
        raise InvalidArgument(
            "box", box, fix=f"give (start, stop) within {dict(zip(whole.axes, whole.space, strict=True))}"
        )
    sides = tuple(stop - start for start, stop in box)
    arrays, headers = [], []
    for path, (form, header) in zip(paths, found, strict=True):
        cut = replace(header, shape=(header.shape[0], *sides))
        if form.by_region and not header.has_alpha:
            grant(cut.nbytes + held_bytes(path, form), limit_bytes, where=path.name)
            array = _pixels(path, form, cut, box)
        else:
            grant(max(header.nbytes, held_bytes(path, form)), limit_bytes, where=path.name)
            array, cut = without_opaque_alpha(_pixels(path, form, header, None), header)
            array = array[(slice(None), *(slice(start, stop) for start, stop in box))].copy()
            cut = replace(cut, shape=array.shape)
        arrays.append(array)
        headers.append(cut)
    return _sample(arrays, joined_header(headers, paths))


def read_labels(path: Path | str, *, limit_bytes: int = LIMIT_BYTES) -> np.ndarray:
    """A label image as integers (*space), in the type of the file: class values, or object numbers up to 32 bits.

    A palette PNG gives its indices; grey stored as RGB(A) is grey. Real numbers are taken where all are whole. Raises
    LabelError for a coloured picture, for one with transparency and for a JPEG, which changes values.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.png"
    ...     Image.fromarray(np.array([[0, 300], [7, 0]], dtype=np.uint16)).save(path)
    ...     labels = read_labels(path)
    >>> labels
    array([[  0, 300],
           [  7,   0]], dtype=uint16)
    """
    path = Path(path)
    form, header = header_of(path)
    grant(max(header.nbytes, held_bytes(path, form)), limit_bytes, where=path.name)
    with decoding(path):
        values = form.values(path, header)
    if header.has_alpha and len(values) == header.shape[0] and len(values) > 1:
        values = _opaque(values, path)
    if any((channel != values[0]).any() for channel in values[1:]):
        raise LabelError(
            "this label image is coloured",
            where=path.name,
            why=f"its {len(values)} channels differ, and which colour means which class is not written in it",
            fix="save one number a pixel: an 8- or 16-bit grey image, or a palette PNG",
        )
    return _whole_numbers(np.ascontiguousarray(values[0]), path)


def listed(paths: Path | str | Sequence[Path | str]) -> tuple[Path, ...]:
    listed = (Path(paths),) if isinstance(paths, str | Path) else tuple(Path(path) for path in paths)
    if not listed:
        raise InvalidArgument("paths", paths, fix="give at least one file")
    return listed


def header_of(path: Path) -> tuple[Format, Header]:
    form = format_of(path)
    with decoding(path):
        return form, form.header(path)


def joined_header(headers: Sequence[Header], paths: tuple[Path, ...]) -> Header:
    tags = tuple(channel_tag(path.name) or "" for path in paths)
    return joined(headers, paths, tags if all(tags) else ())


def _pixels(path: Path, form: Format, header: Header, box: Box | None) -> np.ndarray:
    with decoding(path):
        array = form.pixels(path, header, box)
    if array.shape != header.shape or array.dtype != header.dtype:
        raise UnreadableFile(
            "its header and its pixels disagree",
            where=path.name,
            why=f"{header.shape} {header.dtype} was announced and {array.shape} {array.dtype} found",
            fix="copy it again from its source",
        )
    return array


def held_bytes(path: Path, form: Format) -> int:
    with decoding(path):
        return form.held(path)


def without_opaque_alpha(array: np.ndarray, header: Header) -> tuple[np.ndarray, Header]:
    if not header.has_alpha or (array[-1] != opaque_value(array.dtype)).any():
        return array, header
    names = header.channels[:-1] if len(header.channels) > 2 else ()
    return array[:-1], replace(header, shape=(header.shape[0] - 1, *header.space), channels=names)


def opaque_value(dtype: np.dtype) -> int:
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _sample(arrays: Sequence[np.ndarray], header: Header) -> Sample:
    array = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return Sample(array, header.axes, header.spacing, header.unit, header.channels)


def _opaque(values: np.ndarray, path: Path) -> np.ndarray:
    if (values[-1] != opaque_value(values.dtype)).any():
        raise LabelError(
            "this label image is partly transparent",
            where=path.name,
            why="colour and transparency could each be the label",
            fix="save one number a pixel, without transparency",
        )
    return values[:-1]


def _whole_numbers(labels: np.ndarray, path: Path) -> np.ndarray:
    if labels.dtype.kind in "ui":
        return labels
    if (
        not np.isfinite(labels).all()
        or float(np.abs(labels).max()) >= _EXACT_IN_FLOAT
        or (labels != np.rint(labels)).any()
    ):
        raise LabelError(
            "a label image holds whole numbers",
            where=path.name,
            why=f"this holds {labels.dtype.name} values with fractions",
            fix="save it as 8- or 16-bit integers",
        )
    return labels.astype(np.int32)


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Whatever a decoder raises on a bad file, said in one way."""
    try:
        yield
    except HypercolumnError:
        raise
    except MemoryError:
        raise FileTooLarge(
            "there is not enough memory to decode it", where=path.name, fix="crop or down-sample it"
        ) from None
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnreadableFile(
            "the file cannot be decoded",
            where=path.name,
            why=reason,
            fix="it may be cut off or damaged: copy it again from its source",
        ) from None
