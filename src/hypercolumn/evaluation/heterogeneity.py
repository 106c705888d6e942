"""Whether a score differs between groups (sites, scanners) by more than chance.

    w_g = 1 / error_g^2        mean = sum w_g x_g / sum w_g        Q = sum w_g (x_g - mean)^2
    I^2 = max(0, (Q - (k - 1)) / Q)        the share of the variation between groups that is not chance

x_g is each group's score on the scale of its interval, error_g its standard error over units. Q is judged by Welch's F,
which allows for how few units stand behind each error; with many it is Cochran's chi-squared. Groups must not share
units: where a patient stands in two, their errors are not independent, and the note says so. It tests that groups
differ, not why, and a large p is no proof that they are alike.

Cochran 1954, doi 10.2307/3001666; Higgins and Thompson 2002, doi 10.1002/sim.1186; Welch 1951,
doi 10.1093/biomet/38.3-4.330.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Heterogeneity:
    """`q`, `i_squared` and `p` are None where fewer than two groups can be compared; `note` says why."""

    groups: int
    q: float | None
    i_squared: float | None
    p: float | None
    note: str = ""

    def __str__(self) -> str:
        if self.q is None or self.p is None or self.i_squared is None:
            return f"heterogeneity undefined ({self.note})"
        share = f"I^2 = {100 * self.i_squared:.0f} %"
        return f"heterogeneity: {share}, Q = {self.q:.1f} over {self.groups} groups, p = {self.p:.2g}"


def heterogeneity(
    places: Sequence[float], errors: Sequence[float], degrees: Sequence[float], *, note: str = ""
) -> Heterogeneity:
    """Compare groups by their place on a scale, the standard error of it and its degrees of freedom.

    >>> str(heterogeneity([0.0, 0.0, 3.0], [1.0, 1.0, 1.0], [1e6, 1e6, 1e6]))  # mean 1, Q = 1 + 1 + 4
    'heterogeneity: I^2 = 67 %, Q = 6.0 over 3 groups, p = 0.05'
    """
    place, error, freedom = (np.asarray(values, dtype=float) for values in (places, errors, degrees))
    usable = np.isfinite(place) & np.isfinite(error) & (error > 0) & (freedom > 0)
    place, error, freedom = place[usable], error[usable], freedom[usable]
    count = len(place)
    if count < 2:
        return Heterogeneity(count, None, None, None, note or "fewer than two groups have a score with an error")
    weight = 1 / np.square(error)
    share = weight / weight.sum()
    q = float((weight * np.square(place - (share * place).sum())).sum())
    unevenness = float((np.square(1 - share) / freedom).sum())
    statistic = q / (count - 1) / (1 + 2 * (count - 2) / (count**2 - 1) * unevenness)
    below = (count**2 - 1) / (3 * unevenness)
    i_squared = max(0.0, (q - (count - 1)) / q) if q > 0 else 0.0
    return Heterogeneity(count, q, i_squared, float(stats.f.sf(statistic, count - 1, below)), note)
