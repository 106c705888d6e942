"""A split of one specimen by region, for a study that has one big image or one stack of slices.

The image (or the stack, along its slices) is cut into as many blocks as folds. Fold i tests block i; every sample is
tested once. Around the test block and around the validation region a gap is left out of training:

    |  training  |  gap  |  test  |  gap  |  training  |  gap  |  validation  |

and the same gap stands between validation and test. It must cover what a network sees (its receptive field) and the
distance over which the tissue resembles itself (`correlation_length`). A score from such a split speaks of other
regions of the same specimen, and of nothing else.

Units are cells, up to four along each block and never shorter than the gap: validation is made of whole cells, and
intervals resample them. Windows are not cut here and never split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hypercolumn.data.boxes import Layout, largest_gap, lay_out
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import SIDES, Fold, Piece, Split
from hypercolumn.errors import InvalidArgument, SplitError


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

    Where the cohort has a position column its specimens are stacks and are cut along their slices: give `gap` for "z",
    in slices; slices are counted in the order of their positions. Otherwise every record is cut by itself: give the
    spatial `shapes` of the records, the names of their `axes` and a gap for each. A record is cut along its longest
    axis, or on a grid over its two longest where that leaves more to learn from. `least` is the shortest training
    piece worth having along an axis (the window that will be cut from it), 1 by default. `validation` is the share of
    what is not tested. A slice in one of the `clusters` with a slice that is scored is left out of training; whole
    images that are near-duplicates of each other are refused.

    Raises SplitError where gap and folds do not fit, with the largest gap that does.

    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["big.tif"]}), Columns(input="image"), folder=".")
    >>> shapes, gap = {"big.tif": (64, 100)}, {"y": 16, "x": 16}
    >>> split = by_region(cohort, gap=gap, folds=2, shapes=shapes, axes=("y", "x"), validation=0)
    >>> for fold in sorted(split.folds, key=lambda fold: fold.test):
    ...     print(*(piece.name for piece in fold.test), "| learnt from", *(piece.name for piece in fold.training))
    big.tif[0:64,0:16] big.tif[0:64,16:33] big.tif[0:64,33:50] | learnt from big.tif[0:64,66:100]
    big.tif[0:64,50:66] big.tif[0:64,66:83] big.tif[0:64,83:100] | learnt from big.tif[0:64,0:34]
    """
    if folds < 2:
        raise InvalidArgument("folds", folds, fix="use 2 or more")
    if not 0 <= validation < 1:
        raise InvalidArgument("validation", validation, fix="give a share, 0 or more and below 1")
    if any(width < 0 for width in gap.values()):
        raise InvalidArgument("gap", dict(gap), fix="give whole numbers of samples, 0 or more")
    rng = np.random.default_rng(seed)
    draft = _Draft([{side: [] for side in SIDES} for _ in range(folds)])
    if cohort.columns.position is not None:
        if "z" not in gap:
            raise InvalidArgument("gap", dict(gap), why="the cohort is a stack of slices", fix='give the gap as "z"')
        layout = Layout((), (gap["z"],), ((least or {}).get("z", 1),), folds, validation)
        _cut_stacks(cohort, layout, draft, rng)
        _leave_out_duplicates(draft, clusters)
        return draft.finish({"z": gap["z"]}, seed=seed, validation=validation)
    if not axes or set(gap) != set(axes):
        raise InvalidArgument("gap", dict(gap), fix=f"name the axes and give a gap for each of {tuple(axes)}")
    widths, short = tuple(gap[axis] for axis in axes), tuple((least or {}).get(axis, 1) for axis in axes)
    _refuse_duplicates(cohort, clusters)
    _cut_images(cohort, shapes or {}, tuple(axes), Layout((), widths, short, folds, validation), draft, rng)
    return draft.finish(dict(zip(axes, widths, strict=True)), seed=seed, validation=validation)


def correlation_length(array: np.ndarray, *, axis: int, threshold: float = float(np.exp(-1))) -> int:
    """The smallest lag in samples at which the autocorrelation along `axis` is below `threshold`, 1/e by default.

        r(k) = mean over lines and i of (x_i - m) (x_{i+k} - m) / variance,     m and variance of the whole array

    computed by FFT with zero padding, each lag divided by the number of pairs it has. Where r never falls below the
    threshold, a constant array included, the answer is the length of the axis: no gap inside it is enough. Array: any
    number of axes, at least two samples along `axis`; finite numbers. For z of a stack give (z, y, x) and axis 0.

    A correlation longer than about a third of the axis is underestimated, for the mean is taken from the same samples.

    >>> correlation_length(np.tile([0.0] * 8 + [1.0] * 8, 10), axis=0)  # r(k) = 1 - k / 4 up to the half period
    3
    """
    lines = np.moveaxis(np.asarray(array), axis, -1)
    length = lines.shape[-1]
    if length < 2:
        raise InvalidArgument("array.shape", np.shape(array), why=f"axis {axis} has fewer than two samples")
    lines = lines.reshape(-1, length)
    mean = float(lines.mean(dtype=np.float64))
    if not np.isfinite(mean):
        raise InvalidArgument(
            "array", f"mean {mean}", why="it holds infinite or missing numbers", fix="fill or crop them"
        )
    sums, squares = np.zeros(length), 0.0
    lines_at_once = max(1, 2**21 // length)
    for start in range(0, len(lines), lines_at_once):
        centred = lines[start : start + lines_at_once].astype(np.float64) - mean
        power = (np.abs(np.fft.rfft(centred, 2 * length)) ** 2).sum(axis=0)
        sums += np.fft.irfft(power, 2 * length)[:length]
        squares = max(squares, float(np.abs(centred).max()))
    if squares <= 1e-12 * abs(mean):
        return length
    covariance = sums / (length - np.arange(length))
    below = np.flatnonzero(covariance < threshold * covariance[0])
    return int(below[0]) if len(below) else length


@dataclass
class _Draft:
    """Folds in the making: the pieces of each side of each fold, and the units."""

    folds: list[dict[str, list[Piece]]]
    units: dict[str, tuple[Piece, ...]] = field(default_factory=dict)

    def finish(self, gap: Mapping[str, int], *, seed: int, validation: float) -> Split:
        folds = tuple(
            Fold(f"fold-{number}", *(tuple(sides[side]) for side in SIDES))
            for number, sides in enumerate(self.folds, start=1)
        )
        for fold in folds:
            if not fold.training:
                raise SplitError(
                    f"nothing is left to learn from in {fold.name}",
                    why="all of it looks like what is scored",
                    fix="use fewer folds, or look at the near-duplicates",
                )
        shown = ", ".join(f"{width} along {axis}" for axis, width in gap.items())
        notes = [f"a gap in samples of {shown} lies between training, validation and test"]
        bare = [fold.name for fold in folds if not fold.validation]
        if bare and validation > 0:
            notes.append(f"no room for a validation region in {', '.join(bare)}: train a fixed number of steps there")
        return Split("regions", "region", self.units, folds, seed, gap=gap, notes=tuple(notes))


def _cut_stacks(cohort: Cohort, layout: Layout, draft: _Draft, rng: np.random.Generator) -> None:
    """Contiguous blocks of slices of each stack; slices that share a position stay together."""
    for specimen, places in _stacks(cohort):
        wanted = replace(layout, shape=(len(places),))
        cuts = lay_out(wanted, rng)
        if cuts is None:
            raise _no_room(f"{specimen} ({len(places)} slices)", wanted, ("z",))
        for ((start, stop),) in sorted(cell for cut in cuts for cell in cut.test):
            records = (record for place in places[start:stop] for record in place)
            draft.units[f"{specimen}[z {start}:{stop}]"] = tuple(map(Piece, records))
        for fold, cut in zip(rng.permutation(layout.folds), cuts, strict=True):
            for side in SIDES:
                for ((start, stop),) in sorted(getattr(cut, side)):
                    draft.folds[fold][side] += [Piece(record) for place in places[start:stop] for record in place]


def _cut_images(
    cohort: Cohort,
    shapes: Mapping[str, tuple[int, ...]],
    axes: tuple[str, ...],
    layout: Layout,
    draft: _Draft,
    rng: np.random.Generator,
) -> None:
    """Every record cut by itself into boxes."""
    unknown = [record for record in cohort.records if len(shapes.get(record, ())) != len(axes)]
    if unknown:
        fix = f"give a shape ({', '.join(axes)}) for {', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}"
        raise InvalidArgument("shapes", f"{len(shapes)} shapes", fix=fix)
    for record in cohort.records:
        wanted = replace(layout, shape=tuple(shapes[record]))
        cuts = lay_out(wanted, rng)
        if cuts is None:
            raise _no_room(f"{record} ({' x '.join(map(str, wanted.shape))} samples)", wanted, axes)
        for cell in sorted(cell for cut in cuts for cell in cut.test):
            draft.units[Piece(record, cell).name] = (Piece(record, cell),)
        for fold, cut in zip(rng.permutation(layout.folds), cuts, strict=True):
            for side in SIDES:
                draft.folds[fold][side] += [Piece(record, box) for box in sorted(getattr(cut, side))]


def _no_room(what: str, layout: Layout, axes: tuple[str, ...]) -> SplitError:
    """The error with the numbers: how large a gap would fit, with as many folds and with others."""
    counts = sorted({2, max(layout.folds - 1, 2), layout.folds, layout.folds + 1})
    fits = [(count, largest_gap(replace(layout, folds=count))) for count in counts]
    said = ", ".join(f"{room} with {count} folds" for count, room in fits if room >= 0)
    wide = ", ".join(f"{width} along {axis}" for width, axis in zip(layout.gap, axes, strict=True))
    return SplitError(
        f"{what} has no room for {layout.folds} folds with a gap of {wide}",
        why="in some fold nothing would be left to learn from",
        fix=f"the largest gap that fits is {said}: choose a network that sees less, or other folds"
        if said
        else "use more slices or a larger image: it cannot be cut by region",
    )


def _stacks(cohort: Cohort) -> Iterator[tuple[str, list[list[str]]]]:
    """Each stack with its slices in order: the records of each position.

    A stack is known by its whole lineage: slide "1" of two patients is two stacks, and their slices do not interleave.
    """
    column = cohort.columns.position
    assert column is not None
    positions = pd.to_numeric(cohort.table[column]).astype(float)
    lineage = list(zip(*(cohort.level(level) for level in cohort.levels), strict=True)) or [("stack",)] * len(cohort)
    stacks: dict[tuple[str, ...], dict[float, list[str]]] = {}
    for record, values, position in zip(cohort.records, lineage, positions, strict=True):
        stacks.setdefault(values, {}).setdefault(position, []).append(record)
    finest = [values[-1] for values in stacks]
    for values, places in stacks.items():
        name = values[-1] if finest.count(values[-1]) == 1 else "/".join(values)
        yield name, [places[position] for position in sorted(places)]


def _leave_out_duplicates(draft: _Draft, clusters: Sequence[Sequence[str]]) -> None:
    """What looks like a scored slice is neither learnt from nor watched, what looks like a watched one not learnt."""
    for sides in draft.folds:
        for nearer, farther in (("test", "validation"), ("test", "training"), ("validation", "training")):
            kept = {piece.record for piece in sides[nearer]}
            alike = {record for cluster in clusters if kept.intersection(cluster) for record in cluster}
            sides[farther] = [piece for piece in sides[farther] if piece.record not in alike]


def _refuse_duplicates(cohort: Cohort, clusters: Sequence[Sequence[str]]) -> None:
    present = set(cohort.records)
    for cluster in clusters:
        inside = [record for record in cluster if record in present]
        if len(inside) > 1:
            raise SplitError(
                f"{' and '.join(inside[:4])} are near-duplicates, and each would be cut into training and test",
                fix="leave all but one of them out",
            )
