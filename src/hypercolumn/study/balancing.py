"""What a split balances: the classes that each record holds, or groups of units by their number.

    groups     units in the order of their mean number, cut into at most four groups of about equally many units

A number is grouped by unit and not by record, and into few enough groups that each side of every fold can have units of
each: a split never fails for want of a group that we made ourselves. Nothing of this reaches the training.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from hypercolumn.data import units_of
from hypercolumn.errors import LabelError
from hypercolumn.study.material import Material
from hypercolumn.study.study_file import StudyFile

MOST_GROUPS = 4


def require_differences(material: Material, records: Iterable[str], *, where: str) -> None:
    """Raise LabelError where these records all have the same number: there is nothing to learn from them."""
    if material.target.kind != "number":
        return
    numbers = {float(material.label(record)) for record in records}
    if len(numbers) == 1:
        value = f"{numbers.pop():g} {material.measured_in}".strip()
        raise LabelError(
            f"the number of every record is {value}",
            where=where,
            why="where all are alike there is nothing to learn",
            fix="name another column in data.columns.target, or add records whose numbers differ",
        )


def balanced_labels(
    material: Material, asked: StudyFile, *, clusters: Sequence[Sequence[str]] = ()
) -> dict[str, tuple[str, ...]]:
    """The names that a split balances and a certificate counts, for each record."""
    if material.target.kind != "number" or asked.split.kind == "regions":
        return material.labels
    numbers = {record: float(material.label(record)) for record in material.cohort.records}
    units = units_of(material.cohort, generalises_to=asked.generalises_to, clusters=clusters)
    means = {unit: float(np.mean([numbers[record] for record in records])) for unit, records in units.items()}
    ordered = sorted(means, key=lambda unit: (means[unit], unit))
    named: dict[str, tuple[str, ...]] = {}
    for group in np.array_split(np.array(ordered, dtype=object), _groups(len(units), asked)):
        words = f"{means[group[0]]:.4g} to {means[group[-1]]:.4g} {material.measured_in}".strip()
        named |= {record: (words,) for unit in group for record in units[unit]}
    return named


def _groups(units: int, asked: StudyFile) -> int:
    """How many groups there can be so that each has a unit for either side of every fold."""
    section = asked.split
    if section.kind == "hold-out":
        kept = min(max(round(section.test * units), 1), units - 1)
        room = min(kept, units - kept)
    elif section.kind == "leave-one-site-out":
        room = 1
    else:
        room = units // section.folds
    return max(1, min(MOST_GROUPS, room))
