"""Units dealt into bins of fixed sizes so that each bin looks like the whole.

Every unit brings counts of traits: records with each class, units with each class, records of each scanner, site and
stratum, records at all. For a bin b that holds the share p_b of the units, the imbalance is the chi-square of each
trait,

    sum_b sum_t w_t (count_bt - p_b total_t)^2 / (p_b total_t)

with w_t such that a column of many values weighs no more than a column of few. Units are dealt greedily, the heaviest
and rarest first (after Sechidis, Tsoumakas and Vlahavas 2011, doi 10.1007/978-3-642-23808-6_10, there for records and
here for units), and then swapped in pairs as long as that lowers the imbalance. `covers` are demands that no balance
may break: sets of bins which together must hold every class. The result is a good one, not a proved optimum: see
`site_preserving` for that. Units stay whole throughout; nothing here knows a record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hypercolumn.data.cohort import Cohort
from hypercolumn.errors import InvalidArgument

MOST_VALUES = 50
"""Values of one column that are balanced, the most frequent ones; a date for each patient cannot be balanced at all."""

SWAPS_TRIED = 6_000
"""Units for which a better partner is sought, in one deal; beyond some thousand units greedy dealing is even enough."""

PARTNERS = 512
"""Partners looked at for one unit."""

EVEN_ENOUGH = 0.01
"""An imbalance at which swapping stops: dealing by chance leaves about (bins - 1) for each column."""


@dataclass(frozen=True)
class Traits:
    """What units bring: `counts` (unit, trait) with a weight for each trait, and `presence` (unit, class)."""

    counts: np.ndarray
    weights: np.ndarray
    classes: tuple[str, ...]
    presence: np.ndarray

    def select(self, units: np.ndarray) -> "Traits":
        """The traits of some units alone."""
        return Traits(self.counts[units], self.weights, self.classes, self.presence[units])


def traits_of(
    cohort: Cohort, units: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]] | None = None
) -> Traits:
    """Counts of every trait for every unit: labels weigh double, then batch columns, sites, strata and size.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["1", "2", "3"], "scanner": ["x", "y", "x"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", batch=("scanner",)), folder=".")
    >>> labels = {"1": ("benign",), "2": ("tumour",), "3": ("tumour",)}
    >>> traits = traits_of(cohort, {"A": ("1", "2"), "B": ("3",)}, labels)
    >>> traits.classes, traits.presence.tolist()
    (('benign', 'tumour'), [[True, True], [False, True]])
    """
    row = {record: number for number, records in enumerate(units.values()) for record in records}
    unit = np.array([row[record] for record in cohort.records], dtype=np.int64)
    groups: list[tuple[np.ndarray, float]] = [(np.bincount(unit, minlength=len(units))[:, None].astype(float), 1.0)]
    classes: tuple[str, ...] = ()
    presence = np.zeros((len(units), 0), dtype=bool)
    if labels is not None:
        _check_labels(cohort, labels)
        classes = tuple(sorted({name for record in cohort.records for name in labels[record]}))
        column = {name: number for number, name in enumerate(classes)}
        held = np.zeros((len(units), len(classes)))
        for record in cohort.records:
            for name in set(labels[record]):
                held[row[record], column[name]] += 1
        presence = held > 0
        groups += [(held, 2.0), (presence.astype(float), 2.0)]
    site = (cohort.columns.lineage["site"],) if "site" in cohort.levels else ()
    for name in dict.fromkeys((*site, *cohort.columns.batch, *cohort.columns.strata)):
        groups.append((_counts(cohort.table[name], unit, len(units)), 1.0))
    groups = [(counts, weight) for counts, weight in groups if counts.shape[1]]
    weights = [np.full(counts.shape[1], weight / counts.shape[1]) for counts, weight in groups]
    return Traits(np.hstack([counts for counts, _ in groups]), np.concatenate(weights), classes, presence)


def deal(
    traits: Traits, sizes: Sequence[int], *, covers: Sequence[Sequence[int]] = (), rng: np.random.Generator
) -> np.ndarray | None:
    """The bin of each unit: `sizes[b]` units in bin b, as balanced as found, or None where a cover cannot be kept.

    >>> counts = np.array([[4.0], [3.0], [2.0], [1.0]])
    >>> traits = Traits(counts, np.ones(1), (), np.zeros((4, 0), dtype=bool))
    >>> bins = deal(traits, (2, 2), rng=np.random.default_rng(0))
    >>> sorted(float(counts[bins == b].sum()) for b in (0, 1))
    [5.0, 5.0]
    """
    best: tuple[float, np.ndarray] | None = None
    for _ in range(4 if len(traits.counts) <= 500 else 1):
        table = _Table(traits, sizes, covers, rng)
        table.deal_greedily()
        if table.mend_covers():
            table.swap_while_better()
            cost = table.imbalance()
            if best is None or cost < best[0] - 1e-9:
                best = cost, table.bins
    return None if best is None else best[1]


def imbalance(traits: Traits, bins: np.ndarray, count: int) -> float:
    """The chi-square above for any dealing of the units into `count` bins.

    >>> traits = Traits(np.array([[1.0], [1.0]]), np.ones(1), (), np.zeros((2, 0), dtype=bool))
    >>> imbalance(traits, np.array([0, 1]), 2), imbalance(traits, np.array([0, 0]), 2)
    (0.0, 2.0)
    """
    totals = traits.counts.sum(axis=0)
    used = totals > 0
    expected = totals[used] / count
    held = np.stack([traits.counts[bins == b][:, used].sum(axis=0) for b in range(count)])
    return float((traits.weights[used] * (held - expected) ** 2 / expected).sum())


class _Table:
    """One deal in progress. `excess[b]` is what bin b holds above its share, each trait scaled to unit weight."""

    def __init__(
        self, traits: Traits, sizes: Sequence[int], covers: Sequence[Sequence[int]], rng: np.random.Generator
    ) -> None:
        totals = traits.counts.sum(axis=0)
        used = totals > 0
        self.scaled = traits.counts[:, used] * np.sqrt(traits.weights[used] / totals[used])
        self.sizes = np.asarray(sizes)
        self.share = self.sizes / self.sizes.sum()
        self.excess = -np.outer(self.share, self.scaled.sum(axis=0))
        self.presence = traits.presence
        self.covers = [np.asarray(cover) for cover in covers]
        self.bins = np.full(len(self.scaled), -1)
        self.held = np.zeros((len(sizes), traits.presence.shape[1]), dtype=np.int64)
        self.rng = rng

    def imbalance(self) -> float:
        return float(((self.excess**2).sum(axis=1) / self.share).sum())

    def deal_greedily(self) -> None:
        weight = (self.scaled**2).sum(axis=1) * self.rng.uniform(0.8, 1.25, len(self.scaled))
        room = self.sizes.copy()
        for unit in np.argsort(-weight, kind="stable"):
            rise = (2 * self.excess @ self.scaled[unit] + (self.scaled[unit] ** 2).sum()) / self.share
            rise[room == 0] = np.inf
            lowest = np.flatnonzero(rise <= rise.min() + 1e-12)
            chosen = int(lowest[self.rng.integers(len(lowest))])
            room[chosen] -= 1
            self._put(unit, chosen)

    def mend_covers(self) -> bool:
        """Swap units until every cover holds every class; False where no swap helps any more."""
        broken = self._broken(self.held)
        while broken:
            swap = self._mending_swap(broken)
            if swap is None:
                return False
            self._swap(*swap)
            broken = self._broken(self.held)
        return True

    def swap_while_better(self) -> None:
        tries = 0
        better = self.imbalance() > EVEN_ENOUGH
        while better:
            better = False
            for unit in self.rng.permutation(len(self.bins)):
                tries += 1
                partner = self._best_partner(int(unit))
                if partner is not None:
                    self._swap(int(unit), partner)
                    better = True
                    if self.imbalance() <= EVEN_ENOUGH:
                        return
                if tries >= SWAPS_TRIED:
                    return

    def _best_partner(self, unit: int) -> int | None:
        partners = np.arange(len(self.bins))
        if len(partners) > PARTNERS:
            partners = self.rng.integers(0, len(self.bins), PARTNERS)
        partners = partners[self.bins[partners] != self.bins[unit]]
        change = self._change(unit, partners)
        for place in np.argsort(change, kind="stable")[:8]:
            if change[place] > -1e-9:
                return None
            if not self._broken(self._held_after(unit, int(partners[place]))):
                return int(partners[place])
        return None

    def _mending_swap(self, broken: int) -> tuple[int, int] | None:
        """The swap that mends most, and among those the one that costs the balance least."""
        lost = self._lost_classes()
        holders = np.flatnonzero(self.presence[:, lost].any(axis=1))
        best: tuple[int, float, int, int] | None = None
        for unit in self.rng.permutation(holders)[:64]:
            partners = np.flatnonzero(self.bins != self.bins[unit])
            partners = self.rng.permutation(partners)[:256]
            change = self._change(int(unit), partners)
            for partner, cost in zip(partners, change, strict=True):
                left = self._broken(self._held_after(int(unit), int(partner)))
                if left < broken and (best is None or (left, cost) < best[:2]):
                    best = left, float(cost), int(unit), int(partner)
        return None if best is None else best[2:]

    def _change(self, unit: int, partners: np.ndarray) -> np.ndarray:
        """How the imbalance changes when `unit` changes places with each of `partners`."""
        enters = self.scaled[partners] - self.scaled[unit]
        here, there = self.bins[unit], self.bins[partners]
        square = (enters**2).sum(axis=1) * (1 / self.share[here] + 1 / self.share[there])
        pull = self.excess[here] / self.share[here] - self.excess[there] / self.share[there][:, None]
        return square + 2 * (enters * pull).sum(axis=1)

    def _held_after(self, unit: int, partner: int) -> np.ndarray:
        held = self.held.copy()
        change = self.presence[partner].astype(np.int64) - self.presence[unit]
        held[self.bins[unit]] += change
        held[self.bins[partner]] -= change
        return held

    def _broken(self, held: np.ndarray) -> int:
        return sum(int((held[cover].sum(axis=0) == 0).sum()) for cover in self.covers)

    def _lost_classes(self) -> np.ndarray:
        lost = np.zeros(self.presence.shape[1], dtype=bool)
        for cover in self.covers:
            lost |= self.held[cover].sum(axis=0) == 0
        return lost

    def _swap(self, unit: int, partner: int) -> None:
        here, there = int(self.bins[unit]), int(self.bins[partner])
        for one, old, new in ((unit, here, there), (partner, there, here)):
            self._take(one, old)
            self._put(one, new)

    def _put(self, unit: int, chosen: int) -> None:
        self.bins[unit] = chosen
        self.excess[chosen] += self.scaled[unit]
        self.held[chosen] += self.presence[unit]

    def _take(self, unit: int, chosen: int) -> None:
        self.excess[chosen] -= self.scaled[unit]
        self.held[chosen] -= self.presence[unit]


def _counts(column: pd.Series, unit: np.ndarray, units: int) -> np.ndarray:
    """Records of each frequent value by unit; a value that one unit alone has cannot be balanced and is left out."""
    codes, values = pd.factorize(column)
    frequent = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:MOST_VALUES]
    counts = np.stack([np.bincount(unit[codes == code], minlength=units) for code in frequent], axis=1).astype(float)
    return counts[:, (counts > 0).sum(axis=0) > 1]


def _check_labels(cohort: Cohort, labels: Mapping[str, Sequence[str]]) -> None:
    missing = [record for record in cohort.records if record not in labels]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InvalidArgument(
            "labels",
            f"{len(labels)} records",
            why=f"no labels are given for {shown}",
            fix="give each record its classes, () for none",
        )
