"""An instance map as objects: one number a pixel, 0 is background, one number an object."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumn.data.objects import Objects
from hypercolumn.data.readers.header import LIMIT_BYTES
from hypercolumn.data.readers.reading import read_labels
from hypercolumn.errors import HypercolumnError, ShapeMismatch


def read_objects(
    path: Path | str,
    *,
    names: Sequence[str] = ("object",),
    shape: tuple[int, int] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Objects:
    """The objects of an instance map in a file that `read_labels` reads; all are of the first of `names`.

    shape: that of the image (y, x), where it is known; the map must have it.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "map.npy", np.array([[0, 0, 3], [9, 9, 0]], dtype=np.uint16))
    ...     read_objects(Path(folder) / "map.npy", names=("nucleus",)).boxes
    array([[2., 0., 3., 1.],
           [0., 1., 2., 2.]])
    """
    path = Path(path)
    labels = read_labels(path, limit_bytes=limit_bytes)
    if shape is not None and labels.shape != tuple(shape):
        raise ShapeMismatch(
            f"an instance map of shape {labels.shape} for an image of shape {tuple(shape)}",
            where=path.name,
            fix="give the map of this image, at its full size",
        )
    try:
        return Objects.from_map(labels, names=names)
    except HypercolumnError as error:
        raise type(error)(error.problem.what, where=path.name, why=error.problem.why, fix=error.problem.fix) from None
