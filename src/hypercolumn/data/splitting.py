"""Splits built from lineage: k folds, one hold-out, one fold a site. There is no function here that splits windows.

Units (connected components over lineage and near-duplicates, see `units`) go whole to one side of each fold. Test sides
are balanced over labels, sites, batch columns, strata and size (see `balance`), and so are the validation units, which
are taken out of those that remain. Two demands stand above balance: every class can be learnt, that is some unit with
it is on the training side of every fold, and in a hold-out every class can be scored. A class that one unit alone has
can never be both, and is an error that names the class and the unit.

The seed decides everything that the balance leaves open; the same seed gives the same split.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from hypercolumn.data.balance import Traits, deal, traits_of
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.data.units import joined_values, joining_levels, unit_noun, units_of
from hypercolumn.errors import InvalidArgument, SplitError

Units = Mapping[str, tuple[str, ...]]
Labels = Mapping[str, Sequence[str]]


def k_folds(
    cohort: Cohort,
    *,
    generalises_to: str,
    folds: int = 5,
    labels: Labels | None = None,
    clusters: Sequence[Sequence[str]] = (),
    seed: int = 0,
    validation: float = 0.2,
) -> Split:
    """Every unit is tested once; fold sizes differ by at most one unit.

    `labels` gives the classes present in each record, `clusters` the near-duplicates, `validation` the share of the
    units not tested that are watched while learning (at least one, none for 0).

    Raises SplitError for fewer units than folds, and for a class that one unit alone has.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdef"), "who": list("112233")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> split = k_folds(cohort, generalises_to="patient", folds=3)
    >>> [[piece.name for piece in fold.test] for fold in split.folds]
    [['a', 'b'], ['e', 'f'], ['c', 'd']]
    """
    _check_folds(folds)
    units, noun = whole_units(cohort, generalises_to=generalises_to, clusters=clusters)
    require_units(cohort, units, folds, generalises_to=generalises_to)
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    rng = np.random.default_rng(seed)
    sizes = rng.permutation([len(units) // folds + (fold < len(units) % folds) for fold in range(folds)])
    others = [[other for other in range(folds) if other != fold] for fold in range(folds)]
    bins = deal(traits, sizes.tolist(), covers=others, rng=rng)
    if bins is None:
        raise SplitError(
            f"no {folds} folds were found in which every class is on the training side of each",
            why=f"too few {noun}s have the rare classes",
            fix="use more folds, merge rare classes, or leave them out",
        )
    return assemble(
        "k folds",
        cohort,
        units,
        bins,
        traits=traits,
        generalises_to=generalises_to,
        seed=seed,
        validation=validation,
        rng=rng,
    )


def hold_out(
    cohort: Cohort,
    *,
    generalises_to: str,
    test: float = 0.25,
    labels: Labels | None = None,
    clusters: Sequence[Sequence[str]] = (),
    seed: int = 0,
    validation: float = 0.2,
) -> Split:
    """One fold: the share `test` of the units is kept for the score, and every class is on both sides.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdefgh"), "who": list("11223344")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> split = hold_out(cohort, generalises_to="patient", validation=0)
    >>> len(split.folds[0].training), len(split.folds[0].validation), len(split.folds[0].test)
    (6, 0, 2)
    """
    if not 0 < test < 1:
        raise InvalidArgument("test", test, fix="give the share of the units to keep, between 0 and 1")
    units, noun = whole_units(cohort, generalises_to=generalises_to, clusters=clusters)
    require_units(cohort, units, 2, generalises_to=generalises_to)
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    rng = np.random.default_rng(seed)
    fewest, most = 1, len(units) - 1
    wanted = min(max(round(test * len(units)), fewest), most)
    for kept in sorted(range(fewest, most + 1), key=lambda number: abs(number - wanted)):
        bins = deal(traits, (kept, len(units) - kept), covers=((0,), (1,)), rng=rng)
        if bins is not None:
            break
    else:
        raise SplitError(
            "no hold-out was found in which every class is on both sides",
            why=f"too few {noun}s have the rare classes",
            fix="merge rare classes, leave them out, or use folds",
        )
    note = (
        ()
        if kept == wanted
        else (f"{kept} {noun}s are kept for the score instead of {wanted}, so that every class is on both sides",)
    )
    return assemble(
        "hold-out",
        cohort,
        units,
        bins,
        traits=traits,
        generalises_to=generalises_to,
        seed=seed,
        validation=validation,
        rng=rng,
        tested=(0,),
        notes=note,
    )


def leave_one_site_out(
    cohort: Cohort,
    *,
    labels: Labels | None = None,
    clusters: Sequence[Sequence[str]] = (),
    seed: int = 0,
    validation: float = 0.2,
) -> Split:
    """One fold a site: learn from all the others, score on this one. Validation takes whole sites too.

    Raises SplitError for fewer than two sites, and where a patient, a specimen or a near-duplicate is in two sites, for
    then there is no fold in which a site is new.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abc"), "where": ["north", "south", "west"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"site": "where"}), folder=".")
    >>> [fold.name for fold in leave_one_site_out(cohort).folds]
    ['fold-1-north', 'fold-2-south', 'fold-3-west']
    """
    units, noun = whole_units(cohort, generalises_to="site", clusters=clusters)
    sites = tuple(dict.fromkeys(cohort.level("site")))
    if len(sites) < 2:
        raise SplitError(
            f"there is one site only ({sites[0]}), and none to learn from when it is left out",
            fix="use folds by patient, and set generalises_to: patient",
        )
    _require_sites_apart(cohort, clusters)
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    rng = np.random.default_rng(seed)
    return assemble(
        "leave one site out",
        cohort,
        units,
        np.arange(len(units)),
        traits=traits,
        generalises_to="site",
        seed=seed,
        validation=validation,
        rng=rng,
        names=[f"fold-{number}-{_slug(site)}" for number, site in enumerate(units, start=1)],
    )


def whole_units(cohort: Cohort, *, generalises_to: str, clusters: Sequence[Sequence[str]]) -> tuple[Units, str]:
    """The units and what one is called; refuses regions, which are pieces of a record."""
    if generalises_to == "region":
        raise SplitError(
            "whole records cannot be split into regions",
            where="generalises_to: region",
            fix="use a split by region, or say specimen, patient or site",
        )
    return units_of(cohort, generalises_to=generalises_to, clusters=clusters), unit_noun(cohort, generalises_to)


def require_units(cohort: Cohort, units: Units, least: int, *, generalises_to: str) -> None:
    """At least as many units as folds, or an error that says what tied them together."""
    if len(units) >= least:
        return
    noun = unit_noun(cohort, generalises_to)
    coarse = joining_levels(cohort, generalises_to)
    values = cohort.level(coarse[0]).nunique() if coarse else len(cohort)
    shared = joined_values(cohort, generalises_to=generalises_to)
    why, fix = "", f"use {len(units)} folds or fewer, or gather more {noun}s"
    if len(units) < 2:
        fix = f"gather more {noun}s" + (
            "" if noun in {"record", "specimen"} else "; a score from one says nothing about others"
        )
    if values > len(units):
        tie, tied = next(iter(shared.items()), ("near-duplicates", ()))
        why = f"{values} {noun}s are named, but ties make one unit of several"
        if tied:
            why += f": {tie} is given for {len(tied)} {noun}s ({', '.join(tied[:4])}{', ...' if len(tied) > 4 else ''})"
            fix += f"; if {tie.split(' ', 1)[0]} names mean something only within a {noun}, write both into that column"
    raise SplitError(
        f"{len(units)} unit{'s' if len(units) != 1 else ''} ({noun}) cannot fill {least} folds", why=why, fix=fix
    )


def require_two_units_a_class(units: Units, traits: Traits, *, noun: str) -> None:
    """A class that one unit alone has cannot be both learnt and scored."""
    names = list(units)
    holders = traits.presence.sum(axis=0)
    alone = [
        f"class {name!r} is present in one {noun} only ({names[int(np.argmax(traits.presence[:, place]))]})"
        for place, name in enumerate(traits.classes)
        if holders[place] == 1
    ]
    if alone:
        raise SplitError(
            "; ".join(alone[:10]) + (f"; and {len(alone) - 10} more classes" if len(alone) > 10 else ""),
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
    tested: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Split:
    """A split from the bin of each unit: one fold for each bin that is tested (all of them by default)."""
    if not 0 <= validation < 1:
        raise InvalidArgument("validation", validation, fix="give a share of the units, 0 or more and below 1")
    noun = unit_noun(cohort, generalises_to)
    tested = range(int(bins.max()) + 1) if tested is None else tested
    unit_names = np.array(list(units), dtype=object)
    folds: list[Fold] = []
    short: list[str] = []
    sides_of: list[np.ndarray] = []
    for number, chosen in enumerate(tested):
        name = names[number] if names is not None else ("hold-out" if len(tested) == 1 else f"fold-{number + 1}")
        side = np.where(bins == chosen, 2, 0)
        side[validation_units(traits, np.flatnonzero(side == 0), validation, rng=rng)] = 1
        if validation > 0 and not (side == 1).any():
            short.append(name)
        sides_of.append(side)
        training, watched, test = (_pieces(units, unit_names[side == value]) for value in (0, 1, 2))
        folds.append(Fold(name, training, watched, test))
    written = (*notes, *_joined_notes(cohort, units, generalises_to), *_class_notes(traits, folds, sides_of, noun=noun))
    if short:
        written += (
            f"no {noun} could be spared for validation in {', '.join(short)}: train a fixed number of steps there",
        )
    pieces = {unit: tuple(Piece(record) for record in records) for unit, records in units.items()}
    return Split(kind, generalises_to, pieces, tuple(folds), seed, notes=written)


def validation_units(traits: Traits, remaining: np.ndarray, share: float, *, rng: np.random.Generator) -> np.ndarray:
    """Which of the remaining units to watch: about `share` of them, never one that training needs to know a class."""
    if share == 0 or len(remaining) < 2:
        return remaining[:0]
    most = len(remaining) - 1
    wanted = min(max(round(share * len(remaining)), 1), most)
    left = traits.select(remaining)
    known = left.presence.any(axis=0)
    left = Traits(left.counts, left.weights, left.classes, left.presence[:, known])
    for count in range(wanted, 0, -1):
        bins = deal(left, (count, len(remaining) - count), covers=((1,),), rng=rng)
        if bins is not None:
            return remaining[bins == 0]
    return remaining[:0]


def _pieces(units: Units, names: Sequence[str]) -> tuple[Piece, ...]:
    return tuple(Piece(record) for name in names for record in units[name])


def _class_notes(traits: Traits, folds: Sequence[Fold], sides: Sequence[np.ndarray], *, noun: str) -> tuple[str, ...]:
    """Where a class is missing from a test or a validation side, in words."""
    if not traits.classes:
        return ("no labels were given: classes were neither balanced nor checked",)
    notes = []
    for value, doing in ((2, "test"), (1, "watch")):
        for place, name in enumerate(traits.classes):
            holders = traits.presence[:, place]
            without = [
                fold.name
                for fold, side in zip(folds, sides, strict=True)
                if (side == value).any() and not holders[side == value].any()
            ]
            if without:
                notes.append(
                    f"class {name!r} is in {int(holders.sum())} {noun}s: {', '.join(without)} {doing}{'' if len(without) > 1 else 's' if doing == 'test' else 'es'} without it"
                )
    return tuple(notes)


def _joined_notes(cohort: Cohort, units: Units, generalises_to: str) -> tuple[str, ...]:
    levels = joining_levels(cohort, generalises_to)
    if not levels:
        return ()
    value = dict(zip(cohort.records, cohort.level(levels[0]), strict=True))
    joined = [name for name, records in units.items() if len({value[record] for record in records}) > 1]
    if not joined:
        return ()
    shown = "; ".join(joined[:5]) + (f"; and {len(joined) - 5} more" if len(joined) > 5 else "")
    return (
        f"{len(joined)} unit{'s' if len(joined) > 1 else ''} of several {levels[0]}s, tied by what they share: {shown}",
    )


def _require_sites_apart(cohort: Cohort, clusters: Sequence[Sequence[str]]) -> None:
    """Nothing below a site may be in two of them."""
    sites = cohort.level("site")
    found: list[str] = []
    for level in ("patient", "specimen"):
        if level in cohort.levels:
            counts = sites.groupby(cohort.level(level).to_numpy(), sort=False).unique()
            found += [
                f"{level} {value} in {' and '.join(places)}" for value, places in counts.items() if len(places) > 1
            ]
    for cluster in clusters:
        inside = [record for record in cluster if record in sites.index]
        places = tuple(dict.fromkeys(sites.loc[inside]))
        if len(places) > 1:
            found.append(f"near-duplicates {', '.join(inside[:3])} in {' and '.join(places)}")
    if found:
        shown = "; ".join(found[:10]) + (f"; and {len(found) - 10} more" if len(found) > 10 else "")
        raise SplitError(
            f"{len(found)} tie{'s' if len(found) > 1 else ''} between sites: {shown}",
            where="leave one site out",
            why="a site that shares them with another is not new when it is left out",
            fix="leave those records out, or use site-preserving folds, which keep tied sites together",
        )


def _check_folds(folds: int) -> None:
    if folds < 2:
        raise InvalidArgument("folds", folds, fix="use 2 or more, or a hold-out")


def _slug(name: str) -> str:
    """A name that can be a folder's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "site"
