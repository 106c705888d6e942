"""Readers: one file a family of formats, and one way to ask them all."""

from hypercolumn.data.readers.header import LIMIT_BYTES, Header
from hypercolumn.data.readers.opened import OpenedImage, opened_image
from hypercolumn.data.readers.paths import channel_groups, channel_tag, within
from hypercolumn.data.readers.reading import read_header, read_image, read_labels, read_region

__all__ = [
    "LIMIT_BYTES",
    "Header",
    "OpenedImage",
    "channel_groups",
    "channel_tag",
    "opened_image",
    "read_header",
    "read_image",
    "read_labels",
    "read_region",
    "within",
]
