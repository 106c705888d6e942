"""The figures of membranes: pixel and warping error over all samples, Rand and information figures a slice.

    pixel error, warping error     wrong samples / samples, pooled over slices
    V Rand, its two parts, V info  each slice's own, then the mean over slices, as in the ISBI 2012 challenge

From what `membrane_row` wrote, slice by slice. Slices of one stack are alike: as long as the stack is the unit, one
stack has no interval, and blocks of slices must say of what they are blocks.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hypercolumn.evaluation.figures import Figure, Rows, additive
from hypercolumn.evaluation.intervals import FEW_UNITS_POOLED
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.score import Better

MEMBRANE_COLUMNS = ("samples", "wrong_samples", "warped_samples", "rand", "rand_split", "rand_merge", "info")
"""What `membrane_row` writes."""


def membrane_figures(table: pd.DataFrame, *, noun: str = "units") -> Iterator[Figure]:
    """All of them from a table with the columns of `membrane_row`, the foreground-restricted V Rand first.

    >>> from hypercolumn.evaluation.membranes import membrane_row
    >>> truth = np.array([[1, 1, 0, 1, 1]] * 3, dtype=bool)
    >>> row = {"unit": "a", "record": "a"} | membrane_row(truth, np.where(truth, 0.2, 0.4), threshold=0.5)
    >>> for figure in membrane_figures(pd.DataFrame([row])):
    ...     print(figure.metric, figure.statistic(np.ones((1, 1))).round(3))
    V Rand after thinning [0.667]
    V Rand, split [1.]
    V Rand, merge [0.5]
    V info [0.]
    pixel error [0.2]
    warping error [0.2]
    """
    rows = Rows.of(table, noun=noun)
    named = {"rand": "V Rand after thinning", "rand_split": "V Rand, split", "rand_merge": "V Rand, merge"}
    for column, metric in (named | {"info": "V info"}).items():
        each = table[column].to_numpy(float)
        defined = ~np.isnan(each)
        sums = np.stack([np.where(defined, each, 0.0), defined], axis=1)
        yield additive(rows, sums, _share, metric, reason="no slice has a true cell")
    for column, metric in (("wrong_samples", "pixel error"), ("warped_samples", "warping error")):
        counts = table[[column, "samples"]].to_numpy(float)
        known = ~np.isnan(counts).any(axis=1, keepdims=True)
        yield additive(
            rows,
            np.where(known, counts, 0.0),
            _share,
            metric,
            reason="no slice has two axes",
            few_units=FEW_UNITS_POOLED,
            better=Better.LOWER,
        )


def _share(totals: np.ndarray) -> np.ndarray:
    return ratio(totals[:, 0], totals[:, 1])
