"""Many looks at one study: p-values corrected for how many there were.

    Holm        p_(i) -> max over j <= i of min(1, (m - j + 1) p_(j))        p_(1) <= ... <= p_(m)

Where m true hypotheses are looked at, the chance that any of them is called false stays at or below the level, however
the looks depend on each other. Holm 1979, Scandinavian Journal of Statistics 6:65-70.
"""

from collections.abc import Sequence

import numpy as np

from hypercolumn.errors import InvalidArgument


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Corrected p-values in the order given; what was not looked at (NaN) stays NaN and is not counted.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    given = np.asarray(p, dtype=float)
    if given.ndim != 1 or ((given < 0) | (given > 1)).any():
        raise InvalidArgument("p", given.tolist(), fix="give p-values from 0 to 1 in one row")
    looked = np.flatnonzero(~np.isnan(given))
    order = looked[np.argsort(given[looked], kind="stable")]
    stepped = np.minimum(given[order] * np.arange(len(order), 0, -1), 1)
    corrected = np.full(len(given), np.nan)
    corrected[order] = np.maximum.accumulate(stepped)
    return corrected
