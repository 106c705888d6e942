"""Splits built from lineage: k folds, one hold-out, one fold a site. There is no function here that splits windows.

Units (connected components over lineage and near-duplicates, see `units`) go whole to one side of each fold. Test sides
are balanced over labels, sites, batch columns, strata and size (see `balance`), and so are the validation units, which
are taken out of those that remain. One demand stands above balance: every class can be learnt, some unit with it
is on the training side of every fold. A class that one unit alone has can never be both learnt and scored: it is an
error that names the class and the unit.

The seed decides everything that the balance leaves open; the same seed gives the same split.
"""

import re
from collections.abc import Sequence

import numpy as np

from hypercolumn.data.assembly import Labels, assemble, few, require_two_units_a_class, require_units, whole_units
from hypercolumn.data.balance import Traits, deal, traits_of
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Split
from hypercolumn.errors import InvalidArgument, SplitError


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
    """Every unit is tested once; folds differ by at most one unit.

    `labels` gives the classes present in each record, `clusters` the near-duplicates, `validation` the share of the
    units not tested that are watched while learning (at least one, none for 0).

    Raises SplitError for fewer units than folds, and for a class that one unit alone has.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": list("abcdef"), "who": list("112233")})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> split = k_folds(cohort, generalises_to="patient", folds=3)
    >>> sorted([piece.name for piece in fold.test] for fold in split.folds)
    [['a', 'b'], ['c', 'd'], ['e', 'f']]
    """
    if folds < 2:
        raise InvalidArgument("folds", folds, fix="use 2 or more, or a hold-out")
    units, noun = whole_units(cohort, generalises_to=generalises_to, clusters=clusters)
    require_units(cohort, units, folds, generalises_to=generalises_to)
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    rng = np.random.default_rng(seed)
    sizes = [len(units) // folds + (fold < len(units) % folds) for fold in range(folds)]
    others = [[other for other in range(folds) if other != fold] for fold in range(folds)]
    bins = deal(traits, sizes, covers=others, rng=rng)
    if bins is None:
        raise SplitError(
            f"no {folds} folds were found in which every class is on the training side of each",
            where="labels",
            why=f"several rare classes lie in the same few {noun}s",
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
        names=[f"fold-{number + 1}" for number in range(folds)],
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
    """One fold: the share `test` of the units, at least one, is kept for the score.

    Every class is on both sides where that can be had with up to twice as many units kept; a note says otherwise.

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
    require_units(cohort, units, 2, generalises_to=generalises_to, sides="sides")
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    rng = np.random.default_rng(seed)
    wanted = min(max(round(test * len(units)), 1), len(units) - 1)
    bins = _kept(traits, wanted, rng=rng)
    if bins is None:
        raise SplitError(
            "no hold-out was found in which every class can be learnt",
            where="labels",
            why=f"several rare classes lie in the same few {noun}s",
            fix="merge rare classes, leave them out, or use folds",
        )
    kept = int((bins == 0).sum())
    why = f"{kept} {noun}s are kept for the score instead of {wanted}, so that every class is on both sides"
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
        names=["hold-out"],
        notes=[why] if kept != wanted else [],
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
            where="data.columns.site",
            fix="use folds by patient, and set generalises_to: patient",
        )
    _require_sites_apart(cohort, clusters)
    traits = traits_of(cohort, units, labels)
    require_two_units_a_class(units, traits, noun=noun)
    return assemble(
        "leave one site out",
        cohort,
        units,
        np.arange(len(units)),
        traits=traits,
        generalises_to="site",
        seed=seed,
        validation=validation,
        rng=np.random.default_rng(seed),
        names=[f"fold-{number}-{_slug(site)}" for number, site in enumerate(units, start=1)],
    )


def _kept(traits: Traits, wanted: int, *, rng: np.random.Generator) -> np.ndarray | None:
    """Bin 0 for the units kept: `wanted` of them with every class on both sides, else more, else what can be learnt."""
    count = len(traits.counts)
    for kept in range(wanted, min(2 * wanted + 1, count - 1) + 1):
        bins = deal(traits, (kept, count - kept), covers=((0,), (1,)), rng=rng)
        if bins is not None:
            return bins
    return deal(traits, (wanted, count - wanted), covers=((1,),), rng=rng)


def _require_sites_apart(cohort: Cohort, clusters: Sequence[Sequence[str]]) -> None:
    """Nothing below a site may be in two of them."""
    site_of = dict(zip(cohort.records, cohort.level("site"), strict=True))
    found: list[str] = []
    for level in ("patient", "specimen"):
        if level in cohort.levels:
            places: dict[str, dict[str, None]] = {}
            for value, site in zip(cohort.level(level), cohort.level("site"), strict=True):
                places.setdefault(value, {})[site] = None
            found += [f"{level} {value} in {' and '.join(sites)}" for value, sites in places.items() if len(sites) > 1]
    for cluster in clusters:
        inside = [record for record in cluster if record in site_of]
        sites = dict.fromkeys(site_of[record] for record in inside)
        if len(sites) > 1:
            found.append(f"near-duplicates {few(inside, most=3)} in {' and '.join(sites)}")
    if found:
        raise SplitError(
            f"{len(found)} tie{'s' if len(found) > 1 else ''} between sites: {few(found, joint='; ')}",
            where="leave one site out",
            why="a site that shares them with another is not new when it is left out",
            fix="leave those records out, or use site-preserving folds, which keep tied sites together",
        )


def _slug(name: str) -> str:
    """A name that can be a folder's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "site"
