"""How strongly two names of a record go together: the label and the hospital, the label and the row of a plate.

    chi^2 = n sum (observed - expected)^2 / expected        of the table of shares, n = units
    V     = sqrt(phi^2 / min(r - 1, c - 1))                 Cramer's V; phi^2 = chi^2 / n, here without its bias:
            phi^2 -> max(0, phi^2 - (r - 1)(c - 1) / (n - 1)),  r -> r - (r - 1)^2 / (n - 1),  c likewise

A unit (a patient) weighs one, however many records it has. Where all records of a unit have one group, the groups are
dealt anew among the units; where a patient was seen in two hospitals, each stay is dealt for itself. p is the share of
dealt tables that are as far from independence as the one seen. The interval holds every V whose non-central chi^2 does
not find the table strange; with V above 0.5 it is wider than it need be, and V = 0 can lie inside. It says that the two
go together, not why.

Cramer 1946, Mathematical Methods of Statistics; Bergsma 2013, doi 10.1016/j.jkss.2012.10.002; Smithson 2003,
doi 10.4135/9781412983761.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from hypercolumn.errors import InvalidArgument, ShapeMismatch

DEALT_BELOW = 20_000
"""With more blocks than this the p-value is that of the chi-squared law, which is then exact enough."""


@dataclass(frozen=True)
class Association:
    """Cramer's V with its 95 % interval over units and its p-value; None where it is undefined, and `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    units: int = 0
    names: tuple[int, int] = (0, 0)
    note: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined ({self.note})"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}], p = {self.p:.2g}, n = {self.units}"


def association(
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: np.ndarray | None = None,
    deals: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Association:
    """Cramer's V of two names (record,); `units` (record,) says which records belong to one patient.

    >>> label, hospital = np.repeat([0, 0, 1, 1], [30, 10, 10, 30]), np.repeat(["A", "B", "A", "B"], [30, 10, 10, 30])
    >>> print(association(label, hospital))  # phi^2 = 1/4
    0.49 [0.28, 0.72], p = 0.001, n = 80
    """
    labels, groups, members = (np.asarray(each) for each in (first, second, first if units is None else units))
    if not labels.shape == groups.shape == members.shape or labels.ndim != 1:
        raise ShapeMismatch(
            f"names are {labels.shape} and {groups.shape}, units {members.shape}", fix="give one of each a record"
        )
    if deals < 1:
        raise InvalidArgument("deals", deals, fix="deal at least once; 999 is usual")
    unit = np.arange(len(labels)) if units is None else pd.factorize(members)[0]
    label, label_names = pd.factorize(labels)
    group, group_names = pd.factorize(groups)
    if len(labels) and min(label.min(), group.min(), unit.min()) < 0:
        raise InvalidArgument("names", "missing", fix="leave out the records without a name, or name them")
    shape = (len(label_names), len(group_names))
    count = int(unit.max()) + 1 if len(unit) else 0
    if min(shape) < 2:
        note = "only one value of the first name" if shape[0] < 2 else "only one value of the second name"
        return Association(None, units=count, names=shape, note=note)
    shares, dealt = _blocks(unit, label, group, shape)
    table = _tables(shares, dealt[None], shape[1])
    seen = float(_chi_squared(table)[0])
    rows, columns = shape
    freedom = (rows - 1) * (columns - 1)
    if len(dealt) > DEALT_BELOW:
        p = float(stats.chi2.sf(seen, freedom))
    else:
        extreme = sum(int((by_chance >= seen - 1e-9).sum()) for by_chance in _dealt(shares, dealt, shape, deals, seed))
        p = (1 + extreme) / (1 + deals)
    most = count * (min(shape) - 1)
    ends = [
        np.sqrt(min(1.0, _noncentrality(seen, freedom, part) / most)) for part in (0.5 + level / 2, 0.5 - level / 2)
    ]
    value = _without_bias(seen / count, count, shape)
    return Association(float(np.clip(value, *ends)), float(ends[0]), float(ends[1]), p, count, shape)


def _blocks(unit: np.ndarray, label: np.ndarray, group: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Each stay (unit and group): its share of the unit, spread over the labels (block, label), and its group."""
    stay, block = np.unique(unit * shape[1] + group, return_inverse=True)
    shares = np.zeros((len(stay), shape[0]))
    np.add.at(shares, (block, label), 1 / np.bincount(unit)[unit])
    return shares, stay % shape[1]


def _tables(shares: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Tables (deal, label, group) of groups (deal, block)."""
    return np.stack([(groups == group).astype(float) @ shares for group in range(count)], axis=-1)


def _dealt(shares: np.ndarray, groups: np.ndarray, shape: tuple[int, int], deals: int, seed: int) -> list[np.ndarray]:
    """chi^2 of each table with the groups dealt anew among the blocks."""
    chance = np.random.default_rng(seed)
    if np.array_equal(shares, shares.astype(bool)):  # whole units: tables with these margins can be drawn directly
        margins = shares.sum(axis=0).astype(int), np.bincount(groups, minlength=shape[1])
        drawn = stats.random_table(*margins, seed=chance)
        return [_chi_squared(drawn.rvs(size=min(100, deals - start))) for start in range(0, deals, 100)]
    found = []
    for start in range(0, deals, 100):
        order = chance.permuted(np.tile(groups, (min(100, deals - start), 1)), axis=1)
        found.append(_chi_squared(_tables(shares, order, shape[1])))
    return found


def _chi_squared(tables: np.ndarray) -> np.ndarray:
    tables = tables.reshape(-1, *tables.shape[-2:]).astype(float)
    total = tables.sum(axis=(1, 2), keepdims=True)
    expected = tables.sum(axis=2, keepdims=True) * tables.sum(axis=1, keepdims=True) / total
    return (np.square(tables - expected) / np.where(expected > 0, expected, 1)).sum(axis=(1, 2))


def _without_bias(phi_squared: float, count: int, shape: tuple[int, int]) -> float:
    if count < 2:
        return 0.0
    rows, columns = shape
    corrected = max(0.0, phi_squared - (rows - 1) * (columns - 1) / (count - 1))
    narrowed = min(side - (side - 1) ** 2 / (count - 1) for side in shape)
    return float(np.sqrt(corrected / (narrowed - 1))) if narrowed > 1 else 0.0


def _noncentrality(seen: float, freedom: int, part: float) -> float:
    """The non-centrality under which so large a part of all tables lies below the one seen; 0 where none does."""

    def below(noncentrality: float) -> float:
        return float(stats.ncx2.cdf(seen, freedom, noncentrality)) - part

    if stats.chi2.cdf(seen, freedom) <= part:
        return 0.0
    upper = seen + 10 * np.sqrt(seen + freedom) + 10
    return float(optimize.brentq(below, 1e-12, upper))
