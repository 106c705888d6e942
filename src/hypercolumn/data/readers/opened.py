"""A large image held open and read box by box, in the memory of a box.

    with opened_image("slide.tif") as image:
        for window in grid:
            sample = image.read(window.box)

What `read_region` gives for each box, without opening the file anew. Two rows of strips or tiles across the picture
stay decoded, as far as they fit in `keep_bytes`: boxes taken row by row decode each tile once. PNG and JPEG cannot be
decoded in part: they are decoded whole at the first box, within the limit, and stay.

Whether an alpha channel is opaque everywhere, and so dropped, nobody knows before all of it was read: it is looked
through once, band by band, when the file is opened.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from hypercolumn.data.readers.formats import ReadBox
from hypercolumn.data.readers.header import LIMIT_BYTES, Header, grant
from hypercolumn.data.readers.reading import (
    decoding,
    header_of,
    held_bytes,
    joined_header,
    listed,
    opaque_value,
    read_image,
)
from hypercolumn.data.sample import Sample
from hypercolumn.data.split import Box
from hypercolumn.errors import InvalidArgument, ShapeMismatch

KEEP_BYTES = 1 << 28
"""How much of what was decoded last is kept for the next box: 256 MiB."""

_BAND_BYTES = 1 << 26


class OpenedImage:
    """An image whose boxes can be read. `header` is that of the whole, without an alpha that is opaque everywhere."""

    def __init__(self, header: Header, readers: Sequence[ReadBox], *, limit_bytes: int) -> None:
        self.header, self._readers, self._limit_bytes = header, readers, limit_bytes

    def read(self, box: Box) -> Sample:
        """The samples in a box, ((start, stop), ...) along the spatial axes, as (channel, *space).

        Raises InvalidArgument where the box leaves the image, FileTooLarge and UnreadableFile.
        """
        header = self.header
        if len(box) != len(header.space) or any(
            not 0 <= start < stop <= length for (start, stop), length in zip(box, header.space, strict=True)
        ):
            raise InvalidArgument(
                "box", box, fix=f"give (start, stop) within {dict(zip(header.axes, header.space, strict=True))}"
            )
        sides = tuple(stop - start for start, stop in box)
        grant(replace(header, shape=(header.shape[0], *sides)).nbytes, self._limit_bytes, where=f"box {box}")
        arrays = [read(box) for read in self._readers]
        array = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return Sample(array, header.axes, header.spacing, header.unit, header.channels)


@contextmanager
def opened_image(
    paths: Path | str | Sequence[Path | str], *, keep_bytes: int = KEEP_BYTES, limit_bytes: int = LIMIT_BYTES
) -> Iterator[OpenedImage]:
    """An image, or several files that are its channels, open until the block ends.

    Raises MissingFile, UnreadableFile, FileTooLarge and ShapeMismatch.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "image.npy"
    ...     np.save(path, np.arange(24).reshape(4, 6))
    ...     with opened_image(path) as image:
    ...         image.header.shape, image.read(((1, 3), (2, 5))).array.tolist()
    ((1, 4, 6), [[[8, 9, 10], [14, 15, 16]]])
    """
    files = listed(paths)
    with ExitStack() as stack:
        parts = [_opened(path, stack, keep_bytes // len(files), limit_bytes) for path in files]
        header = joined_header([header for header, _ in parts], files)
        yield OpenedImage(header, [read for _, read in parts], limit_bytes=limit_bytes)


def _opened(path: Path, stack: ExitStack, keep_bytes: int, limit_bytes: int) -> tuple[Header, ReadBox]:
    form, header = header_of(path)
    grant(held_bytes(path, form), limit_bytes, where=path.name)
    if form.boxes is None:
        return _whole(path, header, limit_bytes)
    with decoding(path):
        read = stack.enter_context(form.boxes(path, header, keep_bytes=keep_bytes))
    return _checked(path, header, read)


def _whole(path: Path, header: Header, limit_bytes: int) -> tuple[Header, ReadBox]:
    """A file that is decoded whole: at once where its header depends on it."""
    grant(header.nbytes, limit_bytes, where=path.name)
    held: list[np.ndarray] = []
    if header.has_alpha:
        sample = read_image(path, limit_bytes=limit_bytes)
        held.append(sample.array)
        header = replace(header, shape=sample.array.shape, channels=sample.channels)

    def read(box: Box) -> np.ndarray:
        if not held:
            held.append(read_image(path, limit_bytes=limit_bytes).array)
        return held[0][(slice(None), *(slice(start, stop) for start, stop in box))].copy()

    return header, read


def _checked(path: Path, header: Header, read: ReadBox) -> tuple[Header, ReadBox]:
    """The reader with its errors said in one way, and without an alpha that is opaque everywhere."""

    def checked(box: Box) -> np.ndarray:
        with decoding(path):
            array = read(box)
        expected = (header.shape[0], *(stop - start for start, stop in box))
        if array.shape != expected or array.dtype != header.dtype:
            raise ShapeMismatch(
                f"a box of shape {expected} {header.dtype} came out as {array.shape} {array.dtype}", where=path.name
            )
        return array

    if not header.has_alpha or not _opaque(header, checked):
        return header, checked
    names = header.channels[:-1] if len(header.channels) > 2 else ()
    return replace(header, shape=(header.shape[0] - 1, *header.space), channels=names), lambda box: checked(box)[:-1]


def _opaque(header: Header, read: ReadBox) -> bool:
    """Whether the last channel is opaque everywhere, band by band along the first axis."""
    length = header.space[0]
    rows = max(1, min(length, _BAND_BYTES * length // max(header.nbytes, 1)))
    rest = tuple((0, side) for side in header.space[1:])
    return all(
        bool((read(((start, min(start + rows, length)), *rest))[-1] == opaque_value(header.dtype)).all())
        for start in range(0, length, rows)
    )
