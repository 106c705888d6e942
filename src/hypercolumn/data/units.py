"""Units: the smallest groups of records that may be put on different sides of a split.

Two records belong to one unit when they share a patient, share a specimen, or lie in one cluster of near-duplicates,
and so on along any chain of such ties: a unit is a connected component of the graph

    record --- its patient        record --- its specimen        record --- record of the same cluster

and, where the study says that it generalises to sites, also `record --- its site`. A patient with two slides is one
unit; two patients who share one slide are one unit too, for a split between them would put that slide on both sides.

Names are taken as the manifest writes them: slide "1" of patient A and slide "1" of patient B count as one slide. That
is the safe reading; a manifest that means two slides has to name them apart. Nothing here looks into a file: clusters
of near-duplicates are found by `similarity`.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import GENERALISES_TO
from hypercolumn.errors import InvalidArgument, SplitError


def units_of(
    cohort: Cohort, *, generalises_to: str, clusters: Sequence[Sequence[str]] = ()
) -> dict[str, tuple[str, ...]]:
    """The records of each unit, in the order of the manifest.

    `clusters` are groups of records that are near-duplicates of each other; records that the cohort does not hold are
    passed over, the others of their cluster stay joined. A unit is named after its coarsest lineage value, several
    joined ones "A + B". Without a patient column units are specimens, without a specimen column single records.

    Raises SplitError where the study generalises to patients or sites and no column names them.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["1.png", "2.png", "3.png", "4.png"], "who": ["A", "A", "B", "C"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "who"}), folder=".")
    >>> units_of(cohort, generalises_to="patient")
    {'A': ('1.png', '2.png'), 'B': ('3.png',), 'C': ('4.png',)}
    >>> units_of(cohort, generalises_to="patient", clusters=[("2.png", "4.png")])
    {'A + C': ('1.png', '2.png', '4.png'), 'B': ('3.png',)}
    """
    levels = joining_levels(cohort, generalises_to)
    component = _components(cohort, levels, clusters)
    records = cohort.records
    names = cohort.level(levels[0]).to_numpy() if levels else np.asarray(records, dtype=object)
    members: dict[int, list[int]] = {}
    for row, number in enumerate(component):
        members.setdefault(int(number), []).append(row)
    units: dict[str, tuple[str, ...]] = {}
    for rows in members.values():
        name = _unique(_name(list(dict.fromkeys(names[rows]))), units)
        units[name] = tuple(records[row] for row in rows)
    return units


def joining_levels(cohort: Cohort, generalises_to: str) -> tuple[str, ...]:
    """The lineage levels that tie records together, coarse to fine: all given, site only where it is the claim.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["1.png"], "who": ["A"], "where": ["north"]})
    >>> columns = Columns(input="image", lineage={"patient": "who", "site": "where"})
    >>> cohort = Cohort.from_table(table, columns, folder=".")
    >>> joining_levels(cohort, "patient"), joining_levels(cohort, "site")
    (('patient',), ('site', 'patient'))
    """
    if generalises_to not in GENERALISES_TO:
        raise InvalidArgument("generalises_to", generalises_to, fix=f"say one of {', '.join(GENERALISES_TO)}")
    if generalises_to in {"site", "patient"} and generalises_to not in cohort.levels:
        nearest = next((level for level in ("patient", "specimen") if level in cohort.levels), "specimen")
        raise SplitError(
            f"the study says that it generalises to {generalises_to}s, and no column names the {generalises_to}",
            where="data.columns",
            why=f"records of one {generalises_to} could not be kept on one side",
            fix=f"name the column under data.columns.{generalises_to}, or set generalises_to: {nearest}",
        )
    return tuple(level for level in cohort.levels if level != "site" or generalises_to == "site")


def unit_noun(cohort: Cohort, generalises_to: str) -> str:
    """What one unit is called: its coarsest lineage level, or "record" where no column names one.

    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"image": ["1.png"]}), Columns(input="image"), folder=".")
    >>> unit_noun(cohort, "specimen")
    'record'
    """
    levels = joining_levels(cohort, generalises_to)
    return levels[0] if levels else "record"


def joined_values(cohort: Cohort, *, generalises_to: str) -> Mapping[str, tuple[str, ...]]:
    """Finer values that tie several coarser ones together ("specimen 1": the patients that share it), most tied first.

    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["1.png", "2.png"], "who": ["A", "B"], "eye": ["left", "left"]})
    >>> columns = Columns(input="image", lineage={"patient": "who", "specimen": "eye"})
    >>> cohort = Cohort.from_table(table, columns, folder=".")
    >>> joined_values(cohort, generalises_to="patient")
    {'specimen left': ('A', 'B')}
    """
    levels = joining_levels(cohort, generalises_to)
    shared: dict[str, tuple[str, ...]] = {}
    for coarse, fine in itertools.pairwise(levels):
        table = pd.DataFrame({"coarse": cohort.level(coarse).to_numpy(), "fine": cohort.level(fine).to_numpy()})
        for value, group in table.drop_duplicates().groupby("fine", sort=False):
            if len(group) > 1:
                shared[f"{fine} {value}"] = tuple(group["coarse"])
    return dict(sorted(shared.items(), key=lambda item: -len(item[1])))


def _components(cohort: Cohort, levels: Sequence[str], clusters: Sequence[Sequence[str]]) -> np.ndarray:
    """The number of the connected component of each record; nodes are records first, then the values of each level."""
    count = len(cohort)
    rows = np.arange(count)
    starts, ends, nodes = [rows], [rows], count
    for level in levels:
        codes, values = pd.factorize(cohort.level(level))
        starts.append(rows)
        ends.append(nodes + codes)
        nodes += len(values)
    place = {record: row for row, record in enumerate(cohort.records)}
    for cluster in clusters:
        inside = [place[record] for record in cluster if record in place]
        starts.append(np.asarray(inside[:-1], dtype=np.int64))
        ends.append(np.asarray(inside[1:], dtype=np.int64))
    start, end = np.concatenate(starts), np.concatenate(ends)
    graph = sparse.coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][:count]


def _name(values: list[str]) -> str:
    shown = " + ".join(str(value) for value in values[:4])
    return shown if len(values) <= 4 else f"{shown} + {len(values) - 4} more"


def _unique(name: str, taken: Mapping[str, object]) -> str:
    """A manifest may hold a patient whose name is "A + B"."""
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name} ({number})", number + 1
    return unique
