"""What a network, or anything else, says of each record in numbers: one row a record, with the record's name beside it.

Embeddings come from the last layer before the answer; image statistics (mean, contrast, sharpness, size) stand in the
same kind of table. Arrays may be memory maps: they are read in pieces, and what is asked of them is a mean over units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from hypercolumn.errors import FileTooLarge, InvalidArgument, ManifestError, ShapeMismatch, UnreadableFile

LARGEST_FILE = 64 * 1024**3
"""Bytes of numbers beyond which a file of embeddings is refused."""

_AT_ONCE = 1 << 22
"""Numbers looked at in one go: 32 MB."""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """`vectors` (record, number), finite, in the order of `records`; `names` of the numbers, where they have any.

    >>> found = Embeddings(("a", "b", "c"), np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]]))
    >>> found.means(["a", "b", "c"], np.array([0, 0, 1]))
    array([[2., 1.],
           [5., 5.]])
    """

    records: tuple[str, ...]
    vectors: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", tuple(self.records))
        if self.vectors.ndim != 2 or self.vectors.shape[1] == 0:
            raise ShapeMismatch(f"embeddings are {self.vectors.shape}", fix="give (record, number)")
        if len(self.records) != len(self.vectors):
            raise ShapeMismatch(
                f"{len(self.records):,} records and {len(self.vectors):,} rows of embeddings",
                why="each row belongs to one record, by its place",
                fix="give one row a record, in the order of the manifest",
            )
        if self.names and len(self.names) != self.vectors.shape[1]:
            raise ShapeMismatch(f"{len(self.names)} names of {self.vectors.shape[1]} numbers", fix="name each number")
        if self.vectors.dtype.kind not in "fiub":
            raise InvalidArgument("embeddings", str(self.vectors.dtype), fix="give real numbers")
        if not self._places.is_unique:
            raise ManifestError(
                "a record has two rows of embeddings",
                where=str(self._places[self._places.duplicated()][0]),
                fix="keep one row a record",
            )
        for rows in _parts(self.vectors.shape):
            wrong = ~np.isfinite(self.vectors[rows])
            if wrong.any():
                place = rows.start + int(np.flatnonzero(wrong.any(axis=1))[0])
                raise InvalidArgument(
                    "embeddings", "NaN or infinite", why=f"record {self.records[place]!r}", fix="give finite numbers"
                )

    @classmethod
    def read(cls, path: Path | str, records: Sequence[str]) -> "Embeddings":
        """From a .npy file whose rows stand in the order of `records`; it is mapped, not loaded.

        Raises UnreadableFile where it is no such file, FileTooLarge beyond LARGEST_FILE, ShapeMismatch where it has
        another number of rows.
        """
        try:
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UnreadableFile(
                "the embeddings cannot be read", where=str(path), why=str(error), fix="write them with numpy.save"
            ) from None
        if not isinstance(vectors, np.ndarray):
            raise UnreadableFile("the embeddings are an archive", where=str(path), fix="write one array, as .npy")
        if vectors.nbytes > LARGEST_FILE:
            raise FileTooLarge(
                f"the embeddings hold {vectors.nbytes / 1024**3:,.0f} GiB",
                where=str(path),
                fix="give one vector a record, or fewer numbers (the first principal components)",
            )
        return cls(tuple(records), vectors)

    @cached_property
    def _places(self) -> pd.Index:
        return pd.Index(self.records)

    @property
    def constant(self) -> bool:
        """Whether every record has the same numbers, so that they tell nothing."""
        return all(bool((self.vectors[rows] == self.vectors[:1]).all()) for rows in _parts(self.vectors.shape))

    def rows(self, records: Sequence[str]) -> np.ndarray:
        """The row of each record; raises ManifestError where one has none."""
        found = self._places.get_indexer(pd.Index(records))
        if (found < 0).any():
            lacking = [str(records[place]) for place in np.flatnonzero(found < 0)[:5]]
            raise ManifestError(
                f"{int((found < 0).sum()):,} of {len(records):,} predicted records have no embedding",
                where=", ".join(lacking),
                why="the two tables do not speak of the same records",
                fix="embed the records that were predicted, under the same names",
            )
        return found

    def means(self, records: Sequence[str], groups: np.ndarray) -> np.ndarray:
        """The mean over the records of each group, groups numbered from 0: (group, number)."""
        rows, size = self.rows(records), self.vectors.shape[1]
        count = int(groups.max()) + 1
        total = np.zeros((count, size))
        for part in _parts((len(rows), size)):
            chosen = np.asarray(self.vectors[rows[part]], dtype=float)
            ones, held = np.ones(len(chosen)), groups[part]
            total += sparse.csr_array((ones, (held, np.arange(len(chosen)))), shape=(count, len(chosen))) @ chosen
        return total / np.bincount(groups, minlength=count)[:, None]


def _parts(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _AT_ONCE // shape[1])
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
