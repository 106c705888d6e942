"""Search a cohort for records that show the same thing: one pass over the files, then matrix products."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.identity import identical_pairs, pixel_digest
from hypercolumn.data.similarity.pairs import Similarity
from hypercolumn.errors import InvalidArgument

THRESHOLD = 0.9


def find_duplicates(
    cohort: Cohort, read: Callable[[str], np.ndarray], *, workers: int = 2, threshold: float = THRESHOLD
) -> Similarity:
    """Every pair of records that show the same thing; `read(record)` gives an array (channel, *space)."""
    if workers < 1:
        raise InvalidArgument("workers", workers, fix="give 1 or more")
    with ThreadPoolExecutor(workers) as pool:
        pixels = list(pool.map(lambda record: pixel_digest(read(record)), cohort.records))
    return Similarity(tuple(identical_pairs(cohort, dict(zip(cohort.records, pixels, strict=True)))))
