"""What is known of an image before a single pixel of it is decoded.

    shape (channel, *space)     dtype     axes     spacing, unit     channel names     bytes once decoded

A header is what memory is granted by: a file of a few hundred bytes can claim 100,000 x 100,000 pixels. A spacing that
the file does not state, or states implausibly, is None, never 1; `notes` say in words what was read but not obeyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from hypercolumn.errors import FileTooLarge, ShapeMismatch, UnreadableFile

LIMIT_BYTES = 4 * 2**30
"""How many bytes one decoded image may take, unless the caller says otherwise: 4 GiB."""

ALPHA = "alpha"
"""The name of a channel that says how opaque a pixel is; a reader drops it where it is opaque everywhere."""


@dataclass(frozen=True)
class Header:
    """The shape (channel, *space), the dtype and the geometry of an image that may not be decoded yet.

    >>> header = Header((3, 512, 512), np.dtype("uint16"), ("y", "x"))
    >>> header.nbytes, header.space, header.spacing
    (1572864, (512, 512), None)
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    axes: tuple[str, ...]
    spacing: tuple[float, ...] | None = None
    unit: str | None = None
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """The bytes that the decoded array takes."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def space(self) -> tuple[int, ...]:
        """The spatial shape, without the channel."""
        return self.shape[1:]

    @property
    def has_alpha(self) -> bool:
        return bool(self.channels) and self.channels[-1] == ALPHA


def checked(header: Header, path: Path) -> Header:
    """The same header, if an array of this kind can be an image at all."""
    if header.dtype.kind not in "uif":
        raise UnreadableFile(f"it holds {header.dtype.name} values", where=path.name, fix="store whole or real numbers")
    if not prod(header.shape):
        raise UnreadableFile("it holds no pixels", where=path.name, why=f"its shape is {header.shape}")
    return header


def grant(nbytes: int, limit_bytes: int, *, where: str) -> None:
    """Raise FileTooLarge where more memory is asked for than may be taken.

    >>> grant(10 * 2**30, 4 * 2**30, where="slide.tif")
    Traceback (most recent call last):
    hypercolumn.errors.FileTooLarge: error[E-FILE-TOO-LARGE] decoded, it would take 10.0 GiB
      where  slide.tif
      why    at most 4.0 GiB are allowed for one image
      fix    crop or down-sample it, read it by region, or raise the limit if it is meant to be so large
    """
    if nbytes > limit_bytes:
        raise FileTooLarge(
            f"decoded, it would take {in_words(nbytes)}",
            where=where,
            why=f"at most {in_words(limit_bytes)} are allowed for one image",
            fix="crop or down-sample it, read it by region, or raise the limit if it is meant to be so large",
        )


def joined(headers: Sequence[Header], paths: Sequence[Path], channels: tuple[str, ...]) -> Header:
    """One header for several files that are the channels of one image; `channels` serve where files name none."""
    first = headers[0]
    if len(headers) == 1:
        return first
    for header, path in zip(headers[1:], paths[1:], strict=True):
        for what, mine, other in (
            ("size", first.space, header.space),
            ("axes", first.axes, header.axes),
            ("type", first.dtype.name, header.dtype.name),
        ):
            if mine != other:
                raise ShapeMismatch(
                    f"the channels of one image differ in {what}: {mine} and {other}",
                    where=f"{paths[0].name}, {path.name}",
                    fix="give the files of one image only, all of one size and type",
                )
    known = {(header.spacing, header.unit) for header in headers}
    spacing, unit = known.pop() if len(known) == 1 else (None, None)
    notes = tuple(dict.fromkeys(note for header in headers for note in header.notes))
    if known:
        notes += ("the files of this image state different spacings, so none is believed",)
    count = sum(header.shape[0] for header in headers)
    stated = tuple(name for header in headers for name in header.channels)
    names = next((names for names in (stated, channels) if len(names) == count), ())
    return Header((count, *first.space), first.dtype, first.axes, spacing, unit, names, notes)


def in_words(nbytes: int) -> str:
    """A number of bytes for people.

    >>> in_words(3 * 2**20), in_words(5 * 2**30)
    ('3.0 MiB', '5.0 GiB')
    """
    return f"{nbytes / 2**30:.1f} GiB" if nbytes >= 2**29 else f"{nbytes / 2**20:.1f} MiB"
