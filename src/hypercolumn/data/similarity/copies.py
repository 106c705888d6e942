"""All copies in a cohort of arrays: records that show the same thing, and signals that share a stretch of time.

    images, volumes     `find_duplicates`
    signals             `find_duplicates` and `find_overlaps`, joined; of more than MOST_SIGNALS the first alone

What was not looked for stands in the answer (`Similarity.left_out`), and `audit.duplicates` says it aloud.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.overlaps import find_overlaps
from hypercolumn.data.similarity.pairs import Similarity
from hypercolumn.data.similarity.search import find_duplicates

MOST_SIGNALS = 2_000
"""The time grows with the square of their number: of one core, 500 windows of 5,000 samples of noise took 8.5 s, 660
windows of ten seconds of real ECG 10.3 s, so this many take two minutes.
"""


def find_copies(cohort: Cohort, read: Callable[[str], np.ndarray], *, workers: int = 2) -> Similarity:
    """Every pair that `find_duplicates` finds and, where all records are signals (channel, time), `find_overlaps`.

    `read(record)` gives an array (channel, *space) of any number type, and is called twice where records are signals.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"signal": ["a", "b", "c"]}), Columns(input="signal"), folder=".")
    >>> long = np.cumsum(np.random.default_rng(0).standard_normal((2, 1400)), axis=1)
    >>> signals = {"a": long[:1, :1000], "b": long[:1, 400:], "c": long[1:, :1000]}
    >>> found = find_copies(cohort, signals.__getitem__)
    >>> [(pair.first, pair.second, pair.kind, pair.transform) for pair in found.pairs], found.left_out
    ([('a', 'b', 'overlap', 'shifted by 400 samples')], ())
    """
    similarity = find_duplicates(cohort, read, workers=workers)
    if similarity.among != "signals":
        return similarity
    if len(cohort) > MOST_SIGNALS:
        return replace(similarity, left_out=("overlap",))
    return similarity.joined(find_overlaps(cohort, read))
