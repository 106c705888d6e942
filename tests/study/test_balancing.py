"""Groups of a number: whole units, as many groups as every side of every fold can hold."""

from pathlib import Path

import pandas as pd
import pytest

from hypercolumn.data import ClassTarget, Cohort, Columns, NumberTarget
from hypercolumn.errors import LabelError
from hypercolumn.study.balancing import balanced_labels, require_differences
from hypercolumn.study.material import Material
from hypercolumn.study.study_file import StudyFile, parse_study_file


def asked(kind: str = "folds", folds: int = 3) -> StudyFile:
    level = "site" if "site" in kind else "patient"
    return parse_study_file(
        f"""
data: {{manifest: m.csv, columns: {{target: number, patient: patient, site: site}}}}
target: {{kind: number, unit: mm}}
generalises_to: {level}
split: {{kind: {kind}, folds: {folds}}}
"""
    )


def material(patients: int, *, numbers: list[float] | None = None) -> Material:
    """Two records a patient, one a little above and one a little below the patient's own number."""
    own = numbers or [10.0 * ((7 * patient) % patients) for patient in range(patients)]
    rows = [
        (f"p{patient:02d}-{record}.png", own[patient] + shift, f"p{patient:02d}", f"s{patient % 4}")
        for patient in range(patients)
        for record, shift in enumerate((-1.0, 1.0))
    ]
    table = pd.DataFrame(rows, columns=["image", "number", "patient", "site"])
    columns = Columns(input="image", target="number", lineage={"patient": "patient", "site": "site"})
    return Material(Cohort.from_table(table, columns, folder=Path(".")), NumberTarget("mm"), {})


@pytest.mark.parametrize("patients", [3, 6, 12, 24, 25])
@pytest.mark.parametrize("folds", [2, 3])
def test_each_group_is_whole_patients_enough_for_every_fold_and_in_the_order_of_their_number(
    patients: int, folds: int
) -> None:
    given = material(patients)
    labels = balanced_labels(given, asked(folds=folds))
    table = given.cohort.table.assign(group=[labels[record][0] for record in given.cohort.records])
    assert (table.groupby("patient")["group"].nunique() == 1).all()
    held = table.groupby("group")["patient"].nunique()
    assert 1 <= len(held) <= 4
    assert held.min() >= min(folds, patients)
    assert held.max() - held.min() <= 1
    means = table.groupby("patient").agg(number=("number", "mean"), group=("group", "first")).sort_values("number")
    changes = (means["group"] != means["group"].shift()).sum()
    assert changes == len(held), "groups follow each other along the number"


def test_patients_that_are_one_unit_are_one_unit_here_too() -> None:
    given = material(12)
    labels = balanced_labels(given, asked(), clusters=[("p00-0.png", "p05-1.png")])
    assert len({labels[f"p{patient}-{record}.png"] for patient in ("00", "05") for record in (0, 1)}) == 1


@pytest.mark.parametrize(("kind", "groups"), [("hold-out", 3), ("leave-one-site-out", 1), ("site-preserving", 2)])
def test_every_kind_of_split_gets_groups_that_it_can_keep(kind: str, groups: int) -> None:
    labels = balanced_labels(material(12), asked(kind, folds=2))
    assert len(set(labels.values())) == groups
    assert all(name.endswith(" mm") for (name,) in labels.values())


def test_classes_are_balanced_as_they_are() -> None:
    given = material(4)
    table = given.cohort.table.assign(number=["low", "high"] * 4)
    cohort = Cohort.from_table(table, given.cohort.columns, folder=Path("."))
    classes = Material(cohort, ClassTarget(("low", "high")), {})
    assert balanced_labels(classes, asked())["p00-0.png"] == ("low",)
    require_differences(classes, cohort.records[:1], where="anywhere")


def test_numbers_that_are_all_alike_are_refused_with_the_place() -> None:
    given = material(3, numbers=[5.0, 5.0, 5.0])
    require_differences(given, given.cohort.records, where="column")
    with pytest.raises(LabelError, match=r"number of every record is 4 mm(.|\n)*column 'number'"):
        require_differences(given, given.cohort.records[::2], where="column 'number'")
