"""Every audit finds the defect planted for it, and stays silent on the clean cohort.

The clean cohort has 8 patients of two hospitals with two images each. A defect is a change of its table, of its images
or of its split; what is common to all findings (words, numbers, plain values) is asked of each.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from hypercolumn import audit
from hypercolumn.audit import Finding, Severity
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import find_duplicates
from hypercolumn.data.split import Fold, Piece, Split

COLUMNS = Columns(
    input="image", target="label", lineage={"site": "hospital", "patient": "patient", "specimen": "slide"}
)


@dataclass(frozen=True, eq=False)
class Study:
    """What an audit is given."""

    table: pd.DataFrame
    images: dict[str, np.ndarray]
    sides: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

    @property
    def cohort(self) -> Cohort:
        return Cohort.from_table(self.table, COLUMNS, folder=".")

    @property
    def split(self) -> Split:
        fold = Fold("fold 1", *(tuple(Piece(record) for record in side) for side in self.sides))
        return Split("hold-out", "patient", {}, (fold,), seed=0)

    def findings(self) -> list[Finding]:
        similarity = find_duplicates(self.cohort, self.images.__getitem__)
        units = {str(name): tuple(rows["image"]) for name, rows in self.table.groupby("patient")}
        found = audit.lineage(self.cohort, self.split)
        return [*found, *audit.duplicates(self.cohort, similarity, self.split, units=units), *audit.not_checked()]

    def change(self, record: str, **cells: object) -> "Study":
        table = self.table.copy()
        for column, value in cells.items():
            table.loc[table["image"] == record, column] = value
        return replace(self, table=table)

    def show(self, record: str, image: np.ndarray) -> "Study":
        return replace(self, images={**self.images, record: image})


def clean() -> Study:
    rng = np.random.default_rng(0)
    rows, images = [], {}
    for patient in range(8):
        for number in (1, 2):
            record = f"P{patient}-{number}"
            rows.append(
                (
                    record,
                    f"P{patient}",
                    f"P{patient}-S",
                    ("north", "south")[patient % 2],
                    ("benign", "malignant")[patient // 4],
                )
            )
            images[record] = rng.integers(40, 200, (1, 48, 48), dtype=np.uint8)
    table = pd.DataFrame(rows, columns=["image", "patient", "slide", "hospital", "label"])
    by_patient = [tuple(f"P{p}-{n}" for p in patients for n in (1, 2)) for patients in ((0, 1, 4, 5), (2, 6), (3, 7))]
    return Study(table, images, (by_patient[0], by_patient[1], by_patient[2]))


def patient_on_both_sides(study: Study) -> Study:
    training, validation, test = study.sides
    return replace(study, sides=(training[:-1], validation, (*test, training[-1])))


def patient_in_validation(study: Study) -> Study:
    training, validation, test = study.sides
    return replace(study, sides=(training[:-1], (*validation, training[-1]), test))


def record_on_both_sides(study: Study) -> Study:
    training, validation, test = study.sides
    return replace(study, sides=(training, validation, (*test, training[0])))


def turned_copy(study: Study) -> Study:
    return study.show("P3-1", np.rot90(study.images["P0-1"], axes=(1, 2)))


def copy_in_validation(study: Study) -> Study:
    return study.show("P2-1", study.images["P0-1"][:, ::-1])


def copy_with_another_label(study: Study) -> Study:
    return study.show("P4-1", study.images["P0-1"])


def one_image_for_many(study: Study) -> Study:
    for patient in (1, 4, 5):
        study = study.show(f"P{patient}-1", study.images["P0-1"])
    return study


DEFECTS: dict[str, tuple[Callable[[Study], Study], str, Severity]] = {
    "a patient on both sides": (patient_on_both_sides, "A-LINEAGE-BOTH-SIDES", Severity.BLOCKING),
    "a record on both sides": (record_on_both_sides, "A-LINEAGE-BOTH-SIDES", Severity.BLOCKING),
    "a patient in validation": (patient_in_validation, "A-LINEAGE-IN-VALIDATION", Severity.WARNING),
    "a patient of two sites": (lambda s: s.change("P0-1", hospital="south"), "A-LINEAGE-TWO-SITES", Severity.WARNING),
    "a slide of two patients": (lambda s: s.change("P0-1", slide="P1-S"), "A-LINEAGE-TWO-PATIENTS", Severity.WARNING),
    "a copy on both sides": (turned_copy, "A-DUPLICATES-BOTH-SIDES", Severity.BLOCKING),
    "a copy in validation": (copy_in_validation, "A-DUPLICATES-IN-VALIDATION", Severity.WARNING),
    "a copy with another label": (copy_with_another_label, "A-DUPLICATES-LABELS", Severity.WARNING),
    "one image for many patients": (one_image_for_many, "A-DUPLICATES-LARGE-CLUSTER", Severity.WARNING),
    "a copy on one side": (lambda s: s.show("P1-2", s.images["P1-1"]), "A-DUPLICATES-WITHIN", Severity.NOTE),
    "one image for two patients": (
        lambda s: s.show("P1-1", s.images["P0-1"]),
        "A-DUPLICATES-TWO-PATIENTS",
        Severity.WARNING,
    ),
}


def test_the_clean_cohort_is_passed_in_silence() -> None:
    findings = clean().findings()
    assert {finding.severity for finding in findings} == {Severity.PASSED, Severity.NOT_CHECKED}
    assert [f.code for f in findings if f.severity is Severity.PASSED] == ["A-LINEAGE-PASSED", "A-DUPLICATES-PASSED"]


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_planted_defect_is_found(defect: str) -> None:
    plant, code, severity = DEFECTS[defect]
    found = [finding for finding in plant(clean()).findings() if finding.code == code]
    assert found, f"{defect} was not found"
    assert all(finding.severity is severity for finding in found)
    assert all(finding.groups for finding in found)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_that_spoils_no_score_blocks_nothing(defect: str) -> None:
    plant, _, severity = DEFECTS[defect]
    findings = plant(clean()).findings()
    blocked = any(finding.blocking for finding in findings)
    assert blocked is (severity is Severity.BLOCKING)


@pytest.mark.parametrize("defect", ["nothing", *DEFECTS])
def test_what_every_finding_has_in_common(defect: str) -> None:
    """A sentence with numbers, a remedy, evidence that JSON holds, groups of records; only what blocks spoils."""
    study = clean() if defect == "nothing" else DEFECTS[defect][0](clean())
    records = set(study.cohort.records)
    for finding in study.findings():
        assert finding.code.startswith("A-")
        assert finding.claim.endswith(".")
        assert "  " not in finding.claim
        assert finding.remedy.endswith(".")
        assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
        assert all(isinstance(value, int | float | str) for value in finding.evidence.values())
        assert finding.severity is Severity.NOT_CHECKED or any(character.isdigit() for character in finding.claim)
        assert {record for group in finding.groups for record in group} <= records
        assert bool(finding.spoils) is finding.blocking
