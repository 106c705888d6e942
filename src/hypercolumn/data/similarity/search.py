"""Go through a cohort for records that show the same thing: each file is read once, then forms are compared."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.appearance import Appearance, appearance
from hypercolumn.data.similarity.identity import identical_pairs, pixel_digest
from hypercolumn.data.similarity.matching import matches
from hypercolumn.data.similarity.pairs import Pair, Similarity
from hypercolumn.errors import InvalidArgument

LOWEST = 0.85
"""The lowest correlation that is ever taken for a copy; most records ask for more, see `matching`."""


def find_duplicates(
    cohort: Cohort, read: Callable[[str], np.ndarray], *, workers: int = 2, threshold: float = LOWEST
) -> Similarity:
    """Every pair of records that show the same thing.

    `read(record)` gives an array (channel, *space) of any number type; it is called once a record, from `workers`
    threads. Images and volumes of any two sizes are compared, signals only with others of their own length and as they
    lie: for windows of one recording see `find_overlaps`, for both `find_copies`. `threshold` is the lowest correlation
    that is taken for a copy; a record that loses little by compression needs more, as `matching` says.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["a", "b", "c"]}), Columns(input="image"), folder=".")
    >>> a, c = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64), dtype=np.uint8)
    >>> images = {"a": a, "b": np.rot90(a, axes=(1, 2)), "c": c}
    >>> [pair] = find_duplicates(cohort, images.__getitem__).pairs
    >>> pair.first, pair.second, pair.kind, pair.transform
    ('a', 'b', 'near-duplicate', 'turned by 270 degrees')
    """
    if workers < 1:
        raise InvalidArgument("workers", workers, fix="give 1 or more")
    if not 0 < threshold <= 1:
        raise InvalidArgument("threshold", threshold, fix="give a correlation above 0 and up to 1")
    with ThreadPoolExecutor(workers) as pool:
        looked = dict(zip(cohort.records, pool.map(lambda record: look(read(record)), cohort.records), strict=True))
    identical = identical_pairs(cohort, {record: seen.pixels for record, seen in looked.items()})
    among = "signals" if looked and all(len(seen.shape) == 1 for seen in looked.values()) else "images"
    return Similarity((*identical, *near_duplicates(looked, threshold=threshold, workers=workers)), among)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is kept of a record after one look: a digest of its pixels, its shape, its appearance."""

    pixels: str
    shape: tuple[int, ...]
    appearance: Appearance | None


def look(array: np.ndarray) -> Seen:
    """One look at an array (channel, *space)."""
    array = np.asarray(array)
    return Seen(pixel_digest(array), array.shape[1:], appearance(array))


def near_duplicates(looked: Mapping[str, Seen], *, threshold: float, workers: int) -> list[Pair]:
    """The near-duplicates among records of which no two are identical."""
    groups: dict[tuple[int, ...], dict[str, Appearance]] = defaultdict(dict)
    met: set[str] = set()
    for record, seen in looked.items():
        if seen.appearance is not None and seen.pixels not in met:
            comparable = (1, *seen.shape) if len(seen.shape) == 1 else (len(seen.shape),)
            groups[comparable][record] = seen.appearance
            met.add(seen.pixels)
    pairs = []
    for (dims, *_), group in groups.items():
        records = list(group)
        for match in matches(list(group.values()), dims=dims, lowest=threshold, workers=workers):
            first, second = records[match.first], records[match.second]
            pairs.append(Pair(first, second, "near-duplicate", match.transform, round(match.score, 4)))
    return pairs
