"""A split of one specimen by region, for a study that has one big image or one stack of slices.

The image (or the stack, along its slices) is cut into as many blocks as folds. Fold i tests block i; every sample is
tested once. Around the test block and around the validation block a gap is left out of training, so that no training
sample lies nearer than `gap` to a sample that is scored:

    |  training  |  gap  |  test  |  gap  |  training  |  gap  |  validation  |

Two boxes are apart when on some axis at least `gap` samples lie between them. The gap must cover what a network sees
beyond its window (its receptive field) and the distance over which the tissue resembles itself (`correlation_length`);
the same gap stands between validation and test. A score from such a split speaks of other regions of the same specimen,
and of nothing else.

Blocks are cut into cells no shorter than the gap (at most four along an axis): cells are the units that validation is
made of and that intervals resample. Windows are not cut here and never split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import prod

import numpy as np
import pandas as pd

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Box, Fold, Piece, Split
from hypercolumn.errors import InvalidArgument, SplitError

CELLS_A_BLOCK = 4
"""Cells along one axis of a block, where the gap leaves room for so many."""


def by_region(
    cohort: Cohort,
    *,
    gap: Mapping[str, int],
    folds: int = 5,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    axes: Sequence[str] = (),
    least: Mapping[str, int] | None = None,
    clusters: Sequence[Sequence[str]] = (),
    seed: int = 0,
    validation: float = 0.2,
) -> Split:
    """Folds of regions with a gap between what is learnt and what is scored.

    Where the cohort has a position column its specimens are stacks and are cut along their slices: give `gap` for "z".
    Otherwise every record is cut by itself: give the spatial `shapes` of the records, the names of their `axes` and a
    gap for each. A record is cut along its longest axis, or along its two longest where the folds do not fit on one.
    `least` is the smallest training piece worth having along each axis (the window that will be cut from it), 1 by
    default. Slices in one of the `clusters` with a slice that is scored are left out of training as well.

    Raises SplitError where gap and folds do not fit, with the largest gap that does.

    >>> table = pd.DataFrame({"image": ["big.tif"]})
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(table, Columns(input="image"), folder=".")
    >>> split = by_region(
    ...     cohort, gap={"y": 8, "x": 8}, folds=2, shapes={"big.tif": (64, 100)}, axes=("y", "x"), validation=0
    ... )
    >>> for fold in sorted(split.folds, key=lambda fold: fold.test):
    ...     print(*(piece.name for piece in fold.test), "| learnt from", *(piece.name for piece in fold.training))
    big.tif[0:64,0:12] big.tif[0:64,12:25] big.tif[0:64,25:38] big.tif[0:64,38:50] | learnt from big.tif[0:64,58:100]
    big.tif[0:64,50:62] big.tif[0:64,62:75] big.tif[0:64,75:88] big.tif[0:64,88:100] | learnt from big.tif[0:64,0:42]
    """
    if folds < 2:
        raise InvalidArgument("folds", folds, fix="use 2 or more")
    if not 0 <= validation < 1:
        raise InvalidArgument("validation", validation, fix="give a share, 0 or more and below 1")
    if any(width < 0 for width in gap.values()):
        raise InvalidArgument("gap", dict(gap), fix="give whole numbers of samples, 0 or more")
    wish = _Wish(folds, validation, np.random.default_rng(seed))
    if cohort.columns.position is not None:
        return _by_slices(cohort, wish, gap=gap, least=least or {}, clusters=clusters, seed=seed)
    return _by_boxes(
        cohort, wish, gap=gap, shapes=shapes or {}, axes=tuple(axes), least=least or {}, clusters=clusters, seed=seed
    )


def correlation_length(array: np.ndarray, *, axis: int, threshold: float = float(np.exp(-1))) -> int:
    """The smallest lag in samples at which the autocorrelation along `axis` is below `threshold`, 1/e by default.

        r(k) = mean over lines and i of (x_i - m) (x_{i+k} - m) / variance,     m and variance of the whole array

    computed by FFT with zero padding, each lag divided by the number of pairs it has. Where r never falls below the
    threshold, a constant array included, the answer is the length of the axis: no gap inside it is enough. Array: any
    number of axes, at least two samples along `axis`; finite numbers. Along z of a stack of slices give (z, y, x) and
    0.

    >>> waves = np.tile(np.repeat([0.0, 1.0], 8), 10)
    >>> correlation_length(waves, axis=0)
    3
    """
    lines = np.moveaxis(np.asarray(array), axis, -1)
    length = lines.shape[-1]
    if length < 2:
        raise InvalidArgument("array.shape", np.shape(array), why=f"axis {axis} has fewer than two samples")
    lines = lines.reshape(-1, length)
    mean = float(lines.mean(dtype=np.float64))
    if not np.isfinite(mean):
        raise InvalidArgument("array", "holds infinite or missing numbers", fix="fill or crop them first")
    sums = np.zeros(length)
    chunk = max(1, 2**22 // length)
    for start in range(0, len(lines), chunk):
        centred = lines[start : start + chunk].astype(np.float64) - mean
        power = (np.abs(np.fft.rfft(centred, 2 * length)) ** 2).sum(axis=0)
        sums += np.fft.irfft(power, 2 * length)[:length]
    covariance = sums / (len(lines) * (length - np.arange(length)))
    if covariance[0] <= np.finfo(np.float64).eps * max(mean * mean, 1e-300):
        return length
    below = np.flatnonzero(covariance / covariance[0] < threshold)
    return int(below[0]) if len(below) else length


@dataclass(frozen=True)
class _Wish:
    folds: int
    validation: float
    rng: np.random.Generator


@dataclass(frozen=True)
class _Cut:
    """One fold of one grid: boxes of cells tested and watched, and the boxes left to learn from."""

    test: tuple[Box, ...]
    validation: tuple[Box, ...]
    training: tuple[Box, ...]


def _by_slices(
    cohort: Cohort,
    wish: _Wish,
    *,
    gap: Mapping[str, int],
    least: Mapping[str, int],
    clusters: Sequence[Sequence[str]],
    seed: int,
) -> Split:
    """Contiguous blocks of slices of each stack; slices that share a position stay together."""
    if "z" not in gap:
        raise InvalidArgument(
            "gap", dict(gap), why="the cohort is a stack of slices", fix='give the gap in slices, as "z"'
        )
    width = gap["z"]
    units: dict[str, tuple[Piece, ...]] = {}
    sides: list[dict[str, list[str]]] = [{"training": [], "validation": [], "test": []} for _ in range(wish.folds)]
    for specimen, places in _stacks(cohort):
        if len(places) < wish.folds:
            raise SplitError(
                f"{specimen} has {len(places)} slices and cannot fill {wish.folds} folds",
                fix=f"use {max(len(places), 2)} folds or fewer, or cut the image itself into boxes",
            )
        plan = _plan((len(places),), (width,), (least.get("z", 1),), wish)
        if plan is None:
            raise _no_room(
                specimen, (len(places),), ("z",), (width,), (least.get("z", 1),), wish.folds, samples="slices"
            )
        cells, cuts = plan
        for ((start, stop),) in cells:
            name = f"{specimen}[z {start}:{stop}]"
            units[name] = tuple(Piece(record) for place in places[start:stop] for record in place)
        for fold, cut in zip(wish.rng.permutation(wish.folds), cuts, strict=True):
            for side in ("training", "validation", "test"):
                for ((start, stop),) in sorted(getattr(cut, side)):
                    sides[fold][side] += [record for place in places[start:stop] for record in place]
    for side in sides:
        _leave_out_duplicates(side, clusters)
    folds = [
        Fold(f"fold-{number}", *(tuple(map(Piece, side[name])) for name in ("training", "validation", "test")))
        for number, side in enumerate(sides, start=1)
    ]
    return _finish(cohort, units, folds, gap={"z": width}, seed=seed, validation=wish.validation, samples="slices")


def _by_boxes(
    cohort: Cohort,
    wish: _Wish,
    *,
    gap: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    axes: tuple[str, ...],
    least: Mapping[str, int],
    clusters: Sequence[Sequence[str]],
    seed: int,
) -> Split:
    """Every record cut by itself into boxes along its longest axis or axes."""
    if set(gap) != set(axes) or not axes:
        raise InvalidArgument("gap", dict(gap), fix=f"give one for each of the axes {axes}, and name the axes")
    unknown = [record for record in cohort.records if len(shapes.get(record, ())) != len(axes)]
    if unknown:
        raise InvalidArgument(
            "shapes", f"{len(shapes)} shapes", fix=f"give a shape (of {', '.join(axes)}) for {', '.join(unknown[:5])}"
        )
    _refuse_duplicate_records(cohort, clusters)
    widths, smallest = tuple(gap[axis] for axis in axes), tuple(least.get(axis, 1) for axis in axes)
    units: dict[str, tuple[Piece, ...]] = {}
    sides: list[dict[str, list[Piece]]] = [{"training": [], "validation": [], "test": []} for _ in range(wish.folds)]
    for record in cohort.records:
        plan = _plan(shapes[record], widths, smallest, wish)
        if plan is None:
            raise _no_room(record, shapes[record], axes, widths, smallest, wish.folds, samples="samples")
        cells, cuts = plan
        for cell in cells:
            units[Piece(record, cell).name] = (Piece(record, cell),)
        for fold, cut in zip(wish.rng.permutation(wish.folds), cuts, strict=True):
            for side in ("training", "validation", "test"):
                sides[fold][side] += [Piece(record, box) for box in sorted(getattr(cut, side))]
    folds = [
        Fold(f"fold-{number}", *(tuple(side[name]) for name in ("training", "validation", "test")))
        for number, side in enumerate(sides, start=1)
    ]
    ordered = {axis: gap[axis] for axis in axes}
    return _finish(cohort, units, folds, gap=ordered, seed=seed, validation=wish.validation, samples="samples")


def _finish(
    cohort: Cohort,
    units: Mapping[str, tuple[Piece, ...]],
    folds: Sequence[Fold],
    *,
    gap: Mapping[str, int],
    seed: int,
    validation: float,
    samples: str,
) -> Split:
    for fold in folds:
        if not fold.training:
            raise SplitError(
                f"nothing is left to learn from in {fold.name}",
                why="all of it lies in the gap or looks like what is scored",
                fix="use fewer folds, or look at the near-duplicates",
            )
    shown = ", ".join(f"{width} along {axis}" for axis, width in gap.items())
    notes = [f"a gap of {shown} ({samples}) lies between training, validation and test"]
    bare = [fold.name for fold in folds if not fold.validation]
    if bare and validation > 0:
        notes.append(f"no room for a validation region in {', '.join(bare)}: train a fixed number of steps there")
    return Split("regions", "region", units, tuple(folds), seed, gap=gap, notes=tuple(notes))


def _no_room(
    name: str,
    shape: tuple[int, ...],
    axes: tuple[str, ...],
    gap: tuple[int, ...],
    least: tuple[int, ...],
    folds: int,
    *,
    samples: str,
) -> SplitError:
    """The error with the numbers: how large a gap would fit, with as many folds and with fewer."""

    def largest(count: int) -> int:
        """Bisection: a gap that fits still fits when it is made smaller."""
        low, high = -1, max(gap) + 1
        while high - low > 1:
            middle = (low + high) // 2
            smaller = tuple(min(width, middle) for width in gap)
            wish = _Wish(count, 0.0, np.random.default_rng(0))
            low, high = (middle, high) if _plan(shape, smaller, least, wish) else (low, middle)
        return low

    fits = [(count, largest(count)) for count in sorted({2, max(folds - 1, 2), folds, folds + 1})]
    said = ", ".join(f"{room} with {count} folds" for count, room in fits if room >= 0)
    size = " x ".join(map(str, shape))
    wide = ", ".join(f"{width} along {axis}" for width, axis in zip(gap, axes, strict=True))
    return SplitError(
        f"{name} ({size} {samples}) has no room for {folds} folds with a gap of {wide}",
        why="nothing would be left to learn from in some fold",
        fix=(
            f"the largest gap that fits is {said}: choose a network that sees less, or other folds"
            if said
            else "cut it into fewer folds, or use more images"
        ),
    )


def _stacks(cohort: Cohort) -> Iterator[tuple[str, list[list[str]]]]:
    """Each specimen with its slices in order: the records of each position."""
    column = cohort.columns.position
    assert column is not None
    positions = pd.to_numeric(cohort.table[column], errors="coerce").astype(float)
    wrong = [record for record, value in positions.items() if not np.isfinite(value)]
    if wrong:
        raise SplitError(
            f"column {column!r} holds no number for {', '.join(map(str, wrong[:5]))}",
            why="slices cannot be put in order",
            fix="number the slices of each stack in their order",
        )
    # A specimen is known by its whole lineage: slide "1" of two patients is two stacks, and their slices do not interleave.
    lineage = pd.Series([()] * len(cohort), index=positions.index)
    for level in cohort.levels:
        lineage = lineage + cohort.level(level).map(lambda value: (value,))
    finest = [values[-1] if values else "stack" for values in dict.fromkeys(lineage)]
    for values, records in positions.groupby(lineage.to_numpy(), sort=False):
        name = "stack" if not values else values[-1] if finest.count(values[-1]) == 1 else "/".join(values)
        yield str(name), [list(place.index) for _, place in records.groupby(records, sort=True)]


def _leave_out_duplicates(side: dict[str, list[str]], clusters: Sequence[Sequence[str]]) -> None:
    """What looks like a scored slice is neither learnt from nor watched; what looks like a watched one is not learnt from."""
    for nearer, farther in (("test", "validation"), ("test", "training"), ("validation", "training")):
        scored = set(side[nearer])
        alike = {record for cluster in clusters if scored.intersection(cluster) for record in cluster}
        side[farther] = [record for record in side[farther] if record not in alike]


def _refuse_duplicate_records(cohort: Cohort, clusters: Sequence[Sequence[str]]) -> None:
    present = set(cohort.records)
    for cluster in clusters:
        inside = [record for record in cluster if record in present]
        if len(inside) > 1:
            raise SplitError(
                f"{' and '.join(inside[:4])} are near-duplicates, and each would be cut into training and test",
                fix="leave all but one of them out",
            )


