"""Digests that are equal where two records are the same: of what is stored, and of what is seen.

SHA-256 of the file's bytes, and of the decoded array with its shape and type. Records are compared by what is seen
first: one file may hold several records (a stack of slices), and then equal bytes say nothing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.pairs import Pair


def pixel_digest(array: np.ndarray) -> str:
    """The digest of an array: its type, its shape and its values in C order.

    >>> image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    >>> pixel_digest(image) == pixel_digest(image.copy()), pixel_digest(image) == pixel_digest(image[:, ::-1])
    (True, False)
    """
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def byte_digest(paths: tuple[Path, ...]) -> str | None:
    """The digest of a record's files one after the other, or None where one cannot be opened.

    >>> byte_digest((Path("no such file"),)) is None
    True
    """
    digest = hashlib.sha256()
    try:
        for path in paths:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return None
    return digest.hexdigest()


def identical_pairs(cohort: Cohort, pixels: Mapping[str, str]) -> list[Pair]:
    """Enough pairs to join every group of equal pixel digests, through equal bytes where there are any."""
    groups: dict[str, list[str]] = defaultdict(list)
    for record, digest in pixels.items():
        groups[digest].append(record)
    pairs = []
    for group in groups.values():
        if len(group) == 1:
            continue
        chain = sorted((byte_digest(cohort.inputs(record)) or "", record) for record in group)
        for (stored, first), (next_stored, second) in pairwise(chain):
            pairs.append(
                Pair(first, second, "identical bytes" if stored and stored == next_stored else "identical pixels")
            )
    return pairs
