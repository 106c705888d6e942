"""From units and their bins to a split: the demands on units and classes, validation units, and the notes in words.

Every split of whole records goes through here, however its test sides were chosen: by `splitting` or `site_preserving`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hypercolumn.data.balance import Traits, deal
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.data.units import joined_values, joining_levels, unit_noun, units_of
from hypercolumn.errors import InvalidArgument, SplitError

Units = Mapping[str, tuple[str, ...]]
Labels = Mapping[str, Sequence[str]]


def whole_units(cohort: Cohort, *, generalises_to: str, clusters: Sequence[Sequence[str]]) -> tuple[Units, str]:
    """The units and what one is called; refuses regions, which are pieces of a record."""
    if generalises_to == "region":
        raise SplitError(
            "whole records cannot be split into regions",
            where="generalises_to: region",
            fix="use a split by region, or say specimen, patient or site",
        )
    return units_of(cohort, generalises_to=generalises_to, clusters=clusters), unit_noun(cohort, generalises_to)


def require_units(cohort: Cohort, units: Units, least: int, *, generalises_to: str, sides: str = "folds") -> None:
    """At least `least` units, or an error that says what tied them together."""
    count = len(units)
    if count >= least:
        return
    noun = unit_noun(cohort, generalises_to)
    levels = joining_levels(cohort, generalises_to)
    named = cohort.level(levels[0]).nunique() if levels else len(cohort)
    fix = f"use {count} folds, or gather more {noun}s" if count >= 2 else f"gather more {noun}s"
    if named == count:
        what = f"{count} {noun}{'s' if count > 1 else ''} cannot fill {least} {sides}"
        raise SplitError(what, why="each side needs one of its own", fix=fix)
    why = f"of {named} {noun}s, those tied by what they share count as one"
    shared = joined_values(cohort, generalises_to=generalises_to)
    if shared:
        tie, tied = next(iter(shared.items()))
        finer = tie.split(" ", 1)[0]
        why += f": {tie} is listed under {few(tied, most=4)}"
        fix = f"if a {finer}'s name means something only within its {noun}, write both into that column; else {fix}"
    else:
        why += " (near-duplicates)"
    raise SplitError(
        f"{count} group{'s' if count > 1 else ''} of {noun}s cannot fill {least} {sides}", why=why, fix=fix
    )


def require_two_units_a_class(units: Units, traits: Traits, *, noun: str) -> None:
    """A class that one unit alone has cannot be both learnt and scored."""
    names = list(units)
    alone = [
        f"class {name!r} is present in one {noun} only ({names[int(np.argmax(traits.presence[:, place]))]})"
        for place, name in enumerate(traits.classes)
        if traits.presence[:, place].sum() == 1
    ]
    if alone:
        raise SplitError(
            few(alone, joint="; "),
            where="labels",
            why="it cannot be both learnt and scored",
            fix=f"merge it with another class, leave it out, or gather it from more {noun}s",
        )


def assemble(
    kind: str,
    cohort: Cohort,
    units: Units,
    bins: np.ndarray,
    *,
    traits: Traits,
    generalises_to: str,
    seed: int,
    validation: float,
    rng: np.random.Generator,
    names: Sequence[str],
    notes: Sequence[str] = (),
) -> Split:
    """A split from the bin of each unit: fold `names[b]` tests bin b; a bin without a name is not tested."""
    if not 0 <= validation < 1:
        raise InvalidArgument("validation", validation, fix="give a share of the units, 0 or more and below 1")
    noun = unit_noun(cohort, generalises_to)
    unit_names = np.array(list(units), dtype=object)
    folds: list[Fold] = []
    sides: list[np.ndarray] = []
    for chosen, name in enumerate(names):
        side = np.where(bins == chosen, 2, 0)
        side[validation_units(traits, np.flatnonzero(side == 0), validation, rng=rng)] = 1
        training, watched, test = (_pieces(units, unit_names[side == value]) for value in (0, 1, 2))
        folds.append(Fold(name, training, watched, test))
        sides.append(side)
    written = [*notes, *_joined_notes(cohort, units, generalises_to), *_class_notes(traits, folds, sides, noun=noun)]
    bare = [fold.name for fold in folds if not fold.validation]
    if bare and validation > 0:
        written.append(f"no {noun} could be spared for validation in {few(bare)}: train a fixed number of steps there")
    pieces = {unit: tuple(map(Piece, records)) for unit, records in units.items()}
    return Split(kind, generalises_to, pieces, tuple(folds), seed, notes=tuple(written))


def validation_units(traits: Traits, remaining: np.ndarray, share: float, *, rng: np.random.Generator) -> np.ndarray:
    """Which of the remaining units to watch: about `share` of them, never one that training needs to know a class."""
    left = traits.select(remaining)
    known = left.presence.any(axis=0)
    left = Traits(left.counts, left.weights, left.classes, left.presence[:, known])
    wanted = min(max(round(share * len(remaining)), 1), len(remaining) - 1) if share > 0 else 0
    for count in range(wanted, 0, -1):
        bins = deal(left, (count, len(remaining) - count), covers=((1,),), rng=rng)
        if bins is not None:
            return remaining[bins == 0]
    return remaining[:0]


def few(names: Sequence[str], *, most: int = 10, joint: str = ", ") -> str:
    """The first names of a list, and how many more there are.

    >>> few(["a", "b", "c", "d"], most=2)
    'a, b, and 2 more'
    """
    more = f"{joint}and {len(names) - most} more" if len(names) > most else ""
    return joint.join(names[:most]) + more


def _pieces(units: Units, names: Sequence[str]) -> tuple[Piece, ...]:
    return tuple(Piece(record) for name in names for record in units[name])


def _class_notes(traits: Traits, folds: Sequence[Fold], sides: Sequence[np.ndarray], *, noun: str) -> tuple[str, ...]:
    """Where a class is missing from a test or a validation side, in words."""
    if not traits.classes:
        return ("no labels were given: classes were neither balanced nor checked",)
    notes = []
    for place, name in enumerate(traits.classes):
        holders = traits.presence[:, place]
        missing = []
        for value, doing in ((2, "tested"), (1, "watched")):
            without = [
                fold.name
                for fold, side in zip(folds, sides, strict=True)
                if (side == value).any() and not holders[side == value].any()
            ]
            if without:
                missing.append(f"not {doing} in {few(without)}")
        if missing:
            notes.append(f"class {name!r} is in {int(holders.sum())} {noun}s: {'; '.join(missing)}")
    return tuple(notes)


def _joined_notes(cohort: Cohort, units: Units, generalises_to: str) -> tuple[str, ...]:
    levels = joining_levels(cohort, generalises_to)
    if not levels:
        return ()
    value = dict(zip(cohort.records, cohort.level(levels[0]), strict=True))
    joined = [name for name, records in units.items() if len({value[record] for record in records}) > 1]
    if not joined:
        return ()
    many = f"{len(joined)} unit{'s' if len(joined) > 1 else ''} of several {levels[0]}s"
    return (f"{many}, tied by what they share: {few(joined, joint='; ')}",)
