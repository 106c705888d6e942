"""How much worse a group fares than its mix of classes explains.

    gap(w) = mean loss inside - sum_c share of class c inside * mean loss of class c outside    w, weights over units

A group of difficult classes has more errors without being a hidden stratum, so each class is held against itself. The
interval is over units. p is one-sided: how often the group's flag, dealt anew within each class among the blocks (the
records of one unit in one class, inside or outside), finds blocks that fare as badly. Blocks weigh the same. Where p is
large, dealing stops early (Besag and Clifford 1991, doi 10.1093/biomet/78.2.301).

A loss is a number a record, larger where worse: wrong or right, 1 - Dice, an error in millimetres. Unlike an AUROC it
is defined in a group of one class. Romano 1990, doi 10.1080/01621459.1990.10474928.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.intervals import DIFFERENCE, PROPORTION, Interval, Scale, interval
from hypercolumn.evaluation.overlap import ratio

ENOUGH = 20
"""Dealing stops once so many deals were as extreme as what was seen: the p-value is then known well enough."""

_AT_ONCE, _STEP = 4_000_000, 200
"""Dealt flags looked at in one go: 4 MB; and deals at most."""


@dataclass(frozen=True)
class Gap:
    """The mean loss inside with its interval, that of the same classes outside, their difference, and p of no worse."""

    inside: Interval
    expected: float
    difference: Interval
    p: float
    units: int
    records: int


def group_gap(
    loss: np.ndarray,
    inside: np.ndarray,
    *,
    units: np.ndarray,
    classes: np.ndarray | None = None,
    scale: Scale = PROPORTION,
    deals: int = 1999,
    seed: int = 0,
) -> Gap:
    """Losses (record,), which records are inside, the unit and the class of each; NaN losses are left out.

    `scale` holds the bounds of the loss. Classes that stand inside alone cannot be held against anything and are left
    out; raises InvalidArgument where no record is left on one side.

    >>> chance = np.random.default_rng(0)
    >>> inside = np.arange(200) < 40
    >>> wrong = chance.random(200) < np.where(inside, 0.5, 0.1)
    >>> found = group_gap(wrong, inside, units=np.arange(200))
    >>> round(found.inside.value, 3), round(found.expected, 3), found.p
    (0.4, 0.1, 0.0005)
    """
    lost, flag = np.asarray(loss, dtype=float), np.asarray(inside, dtype=bool)
    kind = np.zeros(len(lost), dtype=int) if classes is None else pd.factorize(np.asarray(classes))[0]
    if not lost.shape == flag.shape == np.shape(units) == kind.shape or lost.ndim != 1:
        raise ShapeMismatch(
            f"{lost.shape} losses, {flag.shape} flags, {np.shape(units)} units", fix="give one a record"
        )
    if deals < 1:
        raise InvalidArgument("deals", deals, fix="deal at least once; 1999 is usual")
    outside_too = np.bincount(kind[~flag & ~np.isnan(lost)], minlength=int(kind.max(initial=0)) + 1) > 0
    kept = ~np.isnan(lost) & outside_too[kind]
    lost, flag, kind = lost[kept], flag[kept], kind[kept]
    if flag.all() or not flag.any():
        raise InvalidArgument(
            "inside", "all or none", why="there is nothing to compare", fix="give records of both kinds"
        )
    unit, names = pd.factorize(np.asarray(units)[kept])
    count, kinds = len(names), int(kind.max()) + 1
    sums = _sums(unit, kind, flag, lost, (count, kinds))

    def figures(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss inside, and that expected there; (draw,) each."""
        totals = np.tensordot(weights, sums, axes=1)  # (draw, class, side, [loss, records])
        within, without = totals[:, :, 1], totals[:, :, 0]
        held = within[..., 1].sum(axis=1)
        outside = np.where(within[..., 1] > 0, ratio(without[..., 0], without[..., 1]), 0)
        return ratio(within[..., 0].sum(axis=1), held), ratio((within[..., 1] * outside).sum(axis=1), held)

    expected = float(figures(np.ones((1, count)))[1][0])
    members = np.unique(unit[flag])

    def within_members(weights: np.ndarray) -> np.ndarray:
        full = np.ones((len(weights), count))
        full[:, members] = weights
        return figures(full)[0]

    difference = interval(lambda weights: np.subtract(*figures(weights)), count, scale=DIFFERENCE, seed=seed)
    p = _dealt(unit, kind, flag, lost, deals=deals, seed=seed)
    own = interval(within_members, len(members), scale=scale, seed=seed)
    return Gap(own, expected, difference, p, len(members), int(flag.sum()))


def _sums(unit: np.ndarray, kind: np.ndarray, flag: np.ndarray, lost: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Loss and records by unit, class and side: (unit, class, side, 2)."""
    place = (unit * shape[1] + kind) * 2 + flag
    size = shape[0] * shape[1] * 2
    both = np.stack([np.bincount(place, lost, minlength=size), np.bincount(place, minlength=size)], axis=-1)
    return both.reshape(*shape, 2, 2)


def _dealt(unit: np.ndarray, kind: np.ndarray, flag: np.ndarray, lost: np.ndarray, *, deals: int, seed: int) -> float:
    place, block = np.unique(np.stack([unit, kind, flag]), axis=1, return_inverse=True)
    mean = np.bincount(block.reshape(-1), lost) / np.bincount(block.reshape(-1))
    strata = [(mean[place[1] == one], place[2][place[1] == one].astype(bool)) for one in np.unique(place[1])]
    seen = sum(float(values[chosen].sum()) for values, chosen in strata)
    chance = np.random.default_rng(seed)
    dealt, extreme = 0, 0
    while dealt < deals and extreme < ENOUGH:
        step = min(deals - dealt, max(1, min(_STEP, _AT_ONCE // len(mean))))
        found = np.zeros(step)
        for values, chosen in strata:
            found += chance.permuted(np.tile(chosen, (step, 1)), axis=1) @ values
        dealt, extreme = dealt + step, extreme + int((found >= seen - 1e-9).sum())
    return (1 + extreme) / (1 + dealt)
