from collections.abc import Mapping

import pandas as pd
import pytest

from hypercolumn.audit import Finding, Severity, leakage, lineage
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Pair, Similarity
from hypercolumn.data.split import Box, Fold, Piece, Split
from hypercolumn.errors import SplitError

TABLE = pd.DataFrame(
    [
        ("a1", "A", "A-1", "north"),
        ("a2", "A", "A-1", "north"),
        ("a3", "A", "A-2", "north"),
        ("b1", "B", "B-1", "north"),
        ("c1", "C", "C-1", "south"),
        ("d1", "D", "D-1", "south"),
    ],
    columns=["image", "patient", "slide", "hospital"],
)
LINEAGE = {"site": "hospital", "patient": "patient", "specimen": "slide"}


def cohort_of(table: pd.DataFrame = TABLE, lineage: Mapping[str, str] = LINEAGE) -> Cohort:
    return Cohort.from_table(table, Columns(input="image", lineage=lineage), folder=".")


def split_of(training: str, validation: str, test: str, *, generalises_to: str = "patient") -> Split:
    sides = [tuple(Piece(record) for record in side.split()) for side in (training, validation, test)]
    return Split("by hand", generalises_to, {}, (Fold("fold 1", *sides),), seed=0)


def found_by(code: str, findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


def test_a_split_by_patient_passes_with_its_numbers() -> None:
    [finding] = lineage(cohort_of(), split_of("a1 a2 a3", "b1", "c1 d1"))
    assert (finding.code, finding.severity) == ("A-LINEAGE-PASSED", Severity.PASSED)
    assert finding.evidence["patients"] == 4
    assert finding.evidence["specimens"] == 5
    assert "4 patients" in finding.claim


def test_a_patient_on_both_sides_spoils_every_score() -> None:
    """Slide A-2 of patient A is tested, slide A-1 is learnt from: the patient crosses, no slide does."""
    [finding] = lineage(cohort_of(), split_of("a1 a2 b1", "c1", "a3 d1"))
    assert (finding.code, finding.severity) == ("A-LINEAGE-BOTH-SIDES", Severity.BLOCKING)
    assert finding.spoils == ("*",)
    assert finding.groups == (("a1", "a2", "a3"),)
    assert finding.evidence["patients on both sides"] == 1
    assert finding.evidence["test records exposed"] == 1
    assert finding.evidence["names"] == "A"
    assert "1 of 4 patients" in finding.claim
    assert "Of 2 test records, 1 (50 %)" in finding.claim


def test_a_slide_on_both_sides_is_told_with_its_patient() -> None:
    [finding] = found_by("A-LINEAGE-BOTH-SIDES", lineage(cohort_of(), split_of("a1 b1", "c1", "a2 d1")))
    assert finding.evidence["patients on both sides"] == 1
    assert finding.evidence["specimens on both sides"] == 1


def test_a_slide_of_two_patients_on_both_sides_is_told_though_no_patient_is() -> None:
    table = TABLE.assign(slide=TABLE["slide"].replace({"B-1": "C-1"}))
    [finding] = found_by("A-LINEAGE-BOTH-SIDES", lineage(cohort_of(table), split_of("b1 a1 a2 a3", "", "c1 d1")))
    assert finding.evidence["specimens on both sides"] == 1
    assert "patients on both sides" not in finding.evidence


def test_a_patient_in_validation_and_test_was_learnt_from_too() -> None:
    assert lineage(cohort_of(), split_of("b1", "a1 a2", "a3"))[0].blocking


def test_a_patient_in_training_and_validation_leaves_the_test_honest() -> None:
    findings = lineage(cohort_of(), split_of("a1 a2", "a3", "c1 d1"))
    [finding] = found_by("A-LINEAGE-IN-VALIDATION", findings)
    assert finding.severity is Severity.WARNING
    assert finding.spoils == ()
    assert not any(each.blocking for each in findings)


@pytest.mark.parametrize(("generalises_to", "blocked"), [("patient", False), ("site", True)])
def test_a_site_may_be_on_both_sides_unless_the_score_speaks_of_new_sites(generalises_to: str, blocked: bool) -> None:
    findings = lineage(cohort_of(), split_of("a1 a2 a3", "c1", "b1 d1", generalises_to=generalises_to))
    assert any(finding.blocking for finding in findings) is blocked


def test_the_same_record_on_both_sides_is_found_without_any_lineage() -> None:
    findings = lineage(cohort_of(lineage={}), split_of("a1 a2", "", "a2 b1", generalises_to="specimen"))
    [finding] = found_by("A-LINEAGE-BOTH-SIDES", findings)
    assert finding.groups == (("a2",),)
    assert finding.spoils == ("*",)


def by_region(training: Box, test: Box) -> Split:
    fold = Fold("fold 1", (Piece("a1", training),), (), (Piece("a1", test),))
    return Split("by region", "region", {}, (fold,), seed=0, gap={"y": 10, "x": 10})


def test_regions_of_one_specimen_may_be_on_both_sides() -> None:
    findings = lineage(cohort_of(), by_region(((0, 90), (0, 200)), ((100, 200), (0, 200))))
    assert [finding.severity for finding in findings] == [Severity.PASSED]
    assert "same specimens" in findings[0].claim


@pytest.mark.parametrize("test", [((80, 200), (0, 200)), ((0, 90), (0, 200)), ((89, 91), (199, 300))])
def test_regions_that_share_a_sample_are_found(test: Box) -> None:
    assert lineage(cohort_of(), by_region(((0, 90), (0, 200)), test))[0].blocking


def test_regions_that_touch_share_nothing() -> None:
    assert not any(f.blocking for f in lineage(cohort_of(), by_region(((0, 90), (0, 9)), ((90, 99), (0, 9)))))


def test_a_patient_in_two_sites_is_a_finding_and_a_join() -> None:
    table = pd.concat([TABLE, pd.DataFrame([("a4", "A", "A-3", "south")], columns=TABLE.columns)])
    [finding] = found_by("A-LINEAGE-TWO-SITES", lineage(cohort_of(table), split_of("a1 a2 a3 a4", "", "b1")))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["names"] == "A (north and south)"
    assert finding.groups == (("a1", "a2", "a3", "a4"),)
    assert "1 of 4 patients" in finding.claim


def test_a_slide_of_two_patients_is_a_finding() -> None:
    table = TABLE.assign(slide=TABLE["slide"].replace({"B-1": "C-1"}))
    [finding] = found_by("A-LINEAGE-TWO-PATIENTS", lineage(cohort_of(table), split_of("a1 a2 a3", "", "d1")))
    assert finding.groups == (("b1", "c1"),)


@pytest.mark.parametrize(
    ("generalises_to", "severity"),
    [("specimen", Severity.WARNING), ("region", Severity.NOTE), ("site", Severity.WARNING)],
)
def test_a_table_without_patients_is_told_what_that_costs(generalises_to: str, severity: Severity) -> None:
    split = split_of("a1 a2", "", "b1 c1", generalises_to=generalises_to)
    [finding] = found_by("A-LINEAGE-NO-PATIENT", lineage(cohort_of(lineage={"specimen": "slide"}), split))
    assert finding.severity is severity
    assert "same patients" in finding.claim
    assert "too narrow" in finding.claim
    assert ("generalises to a new site" in finding.claim) is (generalises_to == "site")


def test_many_names_are_counted_and_ten_shown() -> None:
    table = pd.DataFrame({"image": [f"{n:02d}" for n in range(60)], "patient": [f"P{n // 2:02d}" for n in range(60)]})
    split = split_of(" ".join(f"{n:02d}" for n in range(0, 60, 2)), "", " ".join(f"{n:02d}" for n in range(1, 60, 2)))
    [finding] = lineage(cohort_of(table, {"patient": "patient"}), split)
    assert finding.evidence["patients on both sides"] == 30
    assert len(finding.groups) == 10
    assert "and 20 more" in str(finding.evidence["names"])
    assert "Of 30 test records, 30 (100 %)" in finding.claim


def test_a_split_of_other_records_is_refused() -> None:
    with pytest.raises(SplitError):
        lineage(cohort_of(), split_of("a1", "", "z9"))


def test_leakage_is_lineage_and_duplicates() -> None:
    split = split_of("a1 a2 a3", "b1", "c1 d1")
    copies = Similarity((Pair("a1", "c1", "near-duplicate", "flipped", 0.99),))
    codes = [finding.code for finding in leakage(cohort_of(), split, copies)]
    assert codes == ["A-LINEAGE-PASSED", "A-DUPLICATES-BOTH-SIDES"]


def test_leakage_without_a_comparison_says_that_copies_were_not_checked() -> None:
    findings = leakage(cohort_of(), split_of("a1 a2 a3", "b1", "c1 d1"))
    [finding] = found_by("A-DUPLICATES-NOT-CHECKED", findings)
    assert finding.severity is Severity.NOT_CHECKED
