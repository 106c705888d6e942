"""The laws of a split, checked on the split itself and not on how it was made.

    1. every record of the cohort belongs to one unit (a region: its cells cover it once)
    2. every fold has something to learn from and something to score
    3. no piece and no unit is on two sides of a fold
    4. no patient, no specimen (and no site, where that is the claim) is on two sides of a fold
    5. near-duplicates are on one side
    6. every unit is tested once over the folds (in a hold-out: at most once)
    7. between the sides of a region split lies the gap

The lineage is read from the cohort again, so a split that came from a file is judged like one that was just made. Which
records are near-duplicates is for the caller to say; no image is opened here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import pandas as pd

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Box, Fold, Piece, Split
from hypercolumn.errors import Problem

MOST_SHOWN = 20
"""Violations written out for one law; their number is always said."""


@dataclass(frozen=True)
class Check:
    """One law, whether it holds (None: it does not apply to such a split), and what was looked at, in words."""

    name: str
    passed: bool | None
    detail: str


def verify_split(split: Split, cohort: Cohort, clusters: Sequence[Sequence[str]] = ()) -> list[Problem]:
    """Every violation of the laws above; an empty list says that the split cannot leak by lineage.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["1", "2", "3"], "who": ["A", "A", "B"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> one, two, three = Piece("1"), Piece("2"), Piece("3")
    >>> units, fold = {"1": (one,), "2": (two,), "3": (three,)}, Fold("f", (one, three), (), (two,))
    >>> leaky = Split("hold-out", "specimen", units, (fold,), 0)
    >>> [problem.what for problem in verify_split(leaky, cohort)]
    ['patient A is on the training and the test side of f']
    """
    return [problem for _, problems in judge_split(split, cohort, clusters) for problem in problems]


def judge_split(
    split: Split, cohort: Cohort, clusters: Sequence[Sequence[str]] = ()
) -> list[tuple[Check, list[Problem]]]:
    """Each law with its violations.

    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["1", "2"]}), Columns(input="image"), folder=".")
    >>> one, two = Piece("1"), Piece("2")
    >>> split = Split("hold-out", "specimen", {"1": (one,), "2": (two,)}, (Fold("f", (one,), (), (two,)),), 0)
    >>> [check.passed for check, _ in judge_split(split, cohort)]
    [True, True, True, None, None, True, None]
    """
    region = split.generalises_to == "region"
    levels = [level for level in cohort.levels if level != "site" or split.generalises_to == "site"]
    folds = f"{len(split.folds)} folds" if len(split.folds) != 1 else "one fold"
    pieces = sum(map(len, split.units.values()))
    laws = (
        ("every record belongs to one unit", f"{len(cohort)} records, {len(split.units)} units", _whole(split, cohort)),
        ("every fold learns and scores", folds, _no_side_empty(split)),
        ("no unit is on two sides", f"{pieces} pieces, {folds}", _one_side(split)),
        (
            "no lineage is on two sides",
            "a region split shares its specimen" if region else ", ".join(levels) or "no lineage is named",
            None if region or not levels else _lineage_apart(split, cohort, levels),
        ),
        (
            "near-duplicates stay on one side",
            f"{len(clusters)} clusters" if clusters else "none were given",
            _clusters_whole(split, clusters) if clusters else None,
        ),
        ("every unit is tested once", folds, _tested_once(split)),
        (
            "the gap is kept",
            ", ".join(f"{width} along {axis}" for axis, width in split.gap.items())
            or "whole records, no gap is needed",
            _gap_kept(split, cohort) if region else None,
        ),
    )
    judged = []
    for name, detail, found in laws:
        problems = [] if found is None else list(_shortened(found))
        judged.append((Check(name, None if found is None else not problems, detail), problems))
    claim = _claim(split, cohort)
    if claim:
        judged.append((Check("the claim can be made", False, split.generalises_to), claim))
    return judged


def _claim(split: Split, cohort: Cohort) -> list[Problem]:
    if split.generalises_to in {"site", "patient"} and split.generalises_to not in cohort.levels:
        return [_problem(f"the split speaks of {split.generalises_to}s, and the cohort names none", "data.columns")]
    return []


def _whole(split: Split, cohort: Cohort) -> Iterator[Problem]:
    held: dict[str, list[Piece]] = defaultdict(list)
    for pieces in split.units.values():
        for piece in pieces:
            held[piece.record].append(piece)
    known = set(cohort.records)
    for record in held:
        if record not in known:
            yield _problem(f"record {record} is in the split and not in the cohort", fix="split again")
    for record in cohort.records:
        pieces_here = held.get(record, [])
        boxes = [piece.box for piece in pieces_here if piece.box is not None]
        if not pieces_here:
            yield _problem(f"record {record} is in the cohort and in no unit", fix="split again")
        elif len(boxes) != len(pieces_here):
            if len(pieces_here) > 1:
                yield _problem(f"record {record} is in {len(pieces_here)} units")
        elif not _tiles(boxes):
            yield _problem(f"the cells of {record} do not cover it once")
    for fold in split.folds:
        for side, pieces in fold.sides():
            for piece in pieces:
                if piece.record not in held:
                    yield _problem(f"{piece.name} is learnt from or scored and in no unit", f"{fold.name}, {side}")


def _no_side_empty(split: Split) -> Iterator[Problem]:
    if not split.folds:
        yield _problem("the split has no folds")
    for fold in split.folds:
        if not fold.training:
            yield _problem("nothing to learn from", fold.name)
        if not fold.test:
            yield _problem("nothing to score", fold.name)


def _one_side(split: Split) -> Iterator[Problem]:
    unit_of = split.unit_of()
    for fold in split.folds:
        counts = Counter(piece.name for _, pieces in fold.sides() for piece in pieces)
        for name, times in counts.items():
            if times > 1:
                yield _problem(f"{name} is listed {times} times", fold.name)
        named = {
            side: {unit_of[piece.name] for piece in pieces if piece.name in unit_of} for side, pieces in fold.sides()
        }
        yield from _on_two_sides(named, "unit", fold)
        yield from _overlaps(fold)


def _overlaps(fold: Fold) -> Iterator[Problem]:
    """Boxes of one record on two sides may not share a sample; nor may a whole record stand beside its boxes."""
    for record, listed in _by_record(fold).items():
        whole = any(piece.box is None for _, piece in listed)
        if whole and len(listed) > 1:
            yield _problem(f"{record} is listed more than once", fold.name)
        if not whole:
            for (side, one), (other_side, other) in combinations(listed, 2):
                if side != other_side and one.box and other.box and _distance(one.box, other.box) is None:
                    yield _problem(f"{one.name} and {other.name} overlap", f"{fold.name}, {side} and {other_side}")


def _lineage_apart(split: Split, cohort: Cohort, levels: Sequence[str]) -> Iterator[Problem]:
    for level in levels:
        value = dict(zip(cohort.records, cohort.level(level), strict=True))
        for fold in split.folds:
            named = {
                side: {value[piece.record] for piece in pieces if piece.record in value}
                for side, pieces in fold.sides()
            }
            yield from _on_two_sides(named, level, fold)


def _clusters_whole(split: Split, clusters: Sequence[Sequence[str]]) -> Iterator[Problem]:
    for fold in split.folds:
        side_of = {piece.record: side for side, pieces in fold.sides() for piece in pieces if piece.box is None}
        boxed = {piece.record for _, pieces in fold.sides() for piece in pieces if piece.box is not None}
        for cluster in clusters:
            sides = {side_of[record] for record in cluster if record in side_of}
            cut = [record for record in dict.fromkeys(cluster) if record in boxed]
            if len(sides) > 1 or len(cut) > 1 or (cut and sides):
                shown = ", ".join(list(cluster)[:4])
                where = " and ".join(sorted(sides)) if len(sides) > 1 else "several"
                yield _problem(
                    f"near-duplicates {shown} are on {where} sides", fold.name, fix="give the clusters to the split"
                )


def _tested_once(split: Split) -> Iterator[Problem]:
    times = Counter(piece.name for fold in split.folds for piece in fold.test)
    at_least = 0 if split.kind == "hold-out" else 1
    for unit, pieces in split.units.items():
        counts = {times[piece.name] for piece in pieces}
        if len(counts) > 1:
            yield _problem(f"unit {unit} is tested in part")
        elif counts and not at_least <= max(counts) <= 1:
            yield _problem(f"unit {unit} is tested {max(counts)} times")
    known = split.unit_of()
    for name in times:
        if name not in known:
            yield _problem(f"{name} is tested and is no piece of a unit")


def _gap_kept(split: Split, cohort: Cohort) -> Iterator[Problem]:
    if not split.gap:
        yield _problem("a split by region states no gap")
        return
    gap = tuple(split.gap.values())
    rank = _ranks(cohort) if cohort.columns.position is not None else {}
    for fold in split.folds:
        places: dict[object, list[tuple[str, str, Box]]] = defaultdict(list)
        for side, pieces in fold.sides():
            for piece in pieces:
                if piece.box is not None:
                    places[piece.record].append((side, piece.name, piece.box))
                elif piece.record in rank:
                    stack, place = rank[piece.record]
                    places[stack].append((side, piece.name, ((place, place + 1),)))
                else:
                    yield _problem(f"{piece.name} is a whole record, and no position says where it lies", fold.name)
        for listed in places.values():
            yield from _too_near(listed, gap, fold)


def _too_near(listed: Sequence[tuple[str, str, Box]], gap: tuple[int, ...], fold: Fold) -> Iterator[Problem]:
    for (side, name, one), (other_side, other_name, other) in combinations(listed, 2):
        if side == other_side:
            continue
        if len(one) != len(gap) or len(other) != len(gap):
            yield _problem(f"{name} and {other_name} do not have the axes of the gap", fold.name)
            continue
        between = [max(a[0], b[0]) - min(a[1], b[1]) for a, b in zip(one, other, strict=True)]
        if not any(free >= max(width, 0) for free, width in zip(between, gap, strict=True)):
            yield _problem(
                f"{name} and {other_name} lie {max(0, *between)} samples apart, and the gap is {max(gap)}",
                f"{fold.name}, {side} and {other_side}",
            )


def _ranks(cohort: Cohort) -> dict[str, tuple[object, int]]:
    """The stack of each slice and its rank in it; slices at one position share a rank."""
    table = pd.DataFrame({"position": pd.to_numeric(cohort.table[cohort.columns.position], errors="coerce")})
    levels = [cohort.level(level).to_numpy() for level in cohort.levels]
    stack = list(zip(*levels, strict=True)) if levels else [()] * len(table)
    table["stack"] = pd.factorize(pd.Series(stack, dtype=object))[0]
    rank = table.groupby("stack")["position"].rank(method="dense")
    return {
        record: (number, int(place))
        for record, number, place in zip(cohort.records, table["stack"], rank, strict=True)
        if pd.notna(place)
    }


def _on_two_sides(named: Mapping[str, set[str]], what: str, fold: Fold) -> Iterator[Problem]:
    for one, other in combinations(named, 2):
        for value in sorted(named[one] & named[other]):
            yield _problem(f"{what} {value} is on the {one} and the {other} side of {fold.name}", fold.name)


def _by_record(fold: Fold) -> dict[str, list[tuple[str, Piece]]]:
    listed: dict[str, list[tuple[str, Piece]]] = defaultdict(list)
    for side, pieces in fold.sides():
        for piece in pieces:
            listed[piece.record].append((side, piece))
    return listed


def _distance(one: Box, other: Box) -> int | None:
    """The samples between two boxes on the axis where they are farthest apart; None where they overlap."""
    if len(one) != len(other):
        return None
    between = max(max(a[0], b[0]) - min(a[1], b[1]) for a, b in zip(one, other, strict=True))
    return between if between >= 0 else None


def _tiles(boxes: Sequence[Box]) -> bool:
    """Disjoint, and together the box from 0 to the farthest edge."""
    if len({len(box) for box in boxes}) != 1 or any(start >= stop or start < 0 for box in boxes for start, stop in box):
        return False
    extent = prod(max(stop for _, stop in axis) for axis in zip(*boxes, strict=True))
    filled = sum(prod(stop - start for start, stop in box) for box in boxes)
    return filled == extent and all(_distance(a, b) is not None for a, b in combinations(boxes, 2))


def _shortened(problems: Iterator[Problem]) -> Iterator[Problem]:
    left = 0
    for number, problem in enumerate(problems):
        if number < MOST_SHOWN:
            yield problem
        else:
            left += 1
    if left:
        yield _problem(f"and {left} more of the same kind")


def _problem(what: str, where: str = "", *, fix: str = "") -> Problem:
    return Problem("E-SPLIT", what, where=where, fix=fix)
