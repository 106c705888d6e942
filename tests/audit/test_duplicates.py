import pandas as pd
import pytest

from hypercolumn.audit import Finding, Severity, duplicates
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Pair, Similarity
from hypercolumn.data.split import Fold, Piece, Split

RECORDS = "abcdefgh"


def cohort_of(labels: dict[str, object] | None = None, patients: dict[str, str] | None = None) -> Cohort:
    table = pd.DataFrame({"image": list(RECORDS)})
    table["label"] = [(labels or {}).get(record, "benign") for record in RECORDS]
    table["patient"] = [(patients or {}).get(record, record.upper()) for record in RECORDS]
    return Cohort.from_table(table, Columns(input="image", target="label", lineage={"patient": "patient"}), folder=".")


def similarity_of(*pairs: str) -> Similarity:
    """ "ab" is a pair of a and b."""
    return Similarity(tuple(Pair(first, second, "near-duplicate", "flipped", 0.99) for first, second in pairs))


def split_of(*folds: tuple[str, str, str]) -> Split:
    made = (
        Fold(f"fold {n}", *(tuple(Piece(record) for record in side) for side in sides))
        for n, sides in enumerate(folds, start=1)
    )
    return Split("by hand", "patient", {}, tuple(made), seed=0)


def only(code: str, findings: list[Finding]) -> Finding:
    [finding] = [finding for finding in findings if finding.code == code]
    return finding


def test_no_pairs_pass_with_the_number_of_records() -> None:
    [finding] = duplicates(cohort_of(), Similarity(), split_of(("abcd", "", "efgh")))
    assert (finding.code, finding.severity) == ("A-DUPLICATES-PASSED", Severity.PASSED)
    assert "8 records" in finding.claim


def test_a_copy_in_the_test_set_spoils_every_score_and_is_shown() -> None:
    [finding] = duplicates(cohort_of(), similarity_of("ae", "bf"), split_of(("abcd", "", "efgh")))
    assert (finding.code, finding.severity) == ("A-DUPLICATES-BOTH-SIDES", Severity.BLOCKING)
    assert finding.spoils == ("*",)
    assert finding.groups == (("a", "e"), ("b", "f"))
    assert finding.evidence["pairs, near-duplicate"] == 2
    assert "Copies of 2 of 4 test records (50 %)" in finding.claim


def test_copies_joined_through_a_third_are_on_both_sides_too() -> None:
    """a is b and b is c; a is learnt from and c tested, b is in no side."""
    finding = only(
        "A-DUPLICATES-BOTH-SIDES", duplicates(cohort_of(), similarity_of("ab", "bc"), split_of(("ad", "", "ce")))
    )
    assert finding.evidence["test records with a copy"] == 1
    assert finding.groups == (("a", "b"), ("b", "c"))


def test_copies_in_training_and_validation_leave_the_test_honest() -> None:
    [finding] = duplicates(cohort_of(), similarity_of("ab"), split_of(("acd", "b", "efgh")))
    assert (finding.code, finding.severity) == ("A-DUPLICATES-IN-VALIDATION", Severity.WARNING)
    assert finding.spoils == ()


def test_copies_on_one_side_of_every_fold_are_a_note() -> None:
    split = split_of(("abcd", "", "efgh"), ("efgh", "", "abcd"))
    [finding] = duplicates(cohort_of(patients={"a": "A", "b": "A"}), similarity_of("ab"), split)
    assert (finding.code, finding.severity) == ("A-DUPLICATES-WITHIN", Severity.NOTE)


def test_one_image_under_two_patients_is_said() -> None:
    [finding] = duplicates(cohort_of(), similarity_of("ab", "cd"))
    assert (finding.code, finding.severity) == ("A-DUPLICATES-TWO-PATIENTS", Severity.WARNING)
    assert finding.evidence["pairs of patients"] == 2
    assert "2 pairs of patients share an image" in finding.claim
    assert "under two names" in finding.claim


def test_copies_of_one_patient_are_told_apart_from_those_of_two() -> None:
    found = duplicates(cohort_of(patients={"a": "A", "b": "A"}), similarity_of("ab", "cd"))
    assert {one.code: one.groups for one in found} == {
        "A-DUPLICATES-TWO-PATIENTS": (("c", "d"),),
        "A-DUPLICATES-WITHIN": (("a", "b"),),
    }


def test_one_bad_fold_is_enough() -> None:
    split = split_of(("ab", "", "ef"), ("bf", "", "ae"))
    finding = only("A-DUPLICATES-BOTH-SIDES", duplicates(cohort_of(), similarity_of("ab"), split))
    assert "in 1 of 2 folds" in finding.claim
    assert finding.evidence["test records with a copy in fold 2"] == 1


@pytest.mark.parametrize(
    ("label", "conflict"), [("malignant", True), ("benign", False), ("masks/a.png", False), (3.5, True)]
)
def test_copies_with_two_labels_are_a_conflict_and_label_images_are_not_compared(label: object, conflict: bool) -> None:
    findings = duplicates(cohort_of(labels={"a": label}), similarity_of("ab", "bc"))
    found = [finding for finding in findings if finding.code == "A-DUPLICATES-LABELS"]
    assert bool(found) is conflict
    if conflict:
        assert found[0].severity is Severity.WARNING
        assert found[0].groups == (("a", "b", "c"),)
        assert str(label) in found[0].claim


def test_a_cluster_that_would_join_many_units_is_shown_before_it_is_obeyed() -> None:
    units = {record.upper(): (record,) for record in RECORDS}
    findings = duplicates(cohort_of(), similarity_of("ab", "bc", "cd"), units=units)
    finding = only("A-DUPLICATES-LARGE-CLUSTER", findings)
    assert finding.severity is Severity.WARNING
    assert finding.groups == (("a", "b", "c", "d"),)
    assert "4 of 8 units (50 %)" in finding.claim
    assert finding.evidence["lowest correlation"] == 0.99


def test_a_cluster_inside_one_unit_joins_nothing() -> None:
    findings = duplicates(cohort_of(), similarity_of("ab", "bc", "cd"), units={"A": tuple("abcd"), "E": ("e",)})
    assert "A-DUPLICATES-LARGE-CLUSTER" not in {finding.code for finding in findings}


def test_pairs_of_records_that_the_cohort_does_not_have_are_passed_over() -> None:
    assert duplicates(cohort_of(), similarity_of("az"))[0].severity is Severity.PASSED


def test_more_pairs_than_can_be_shown_are_counted() -> None:
    records = [f"{n:03d}" for n in range(200)]
    cohort = Cohort.from_table(pd.DataFrame({"image": records}), Columns(input="image"), folder=".")
    pairs = tuple(Pair(records[n], records[n + 100], "identical bytes") for n in range(100))
    sides = tuple(tuple(Piece(record) for record in side) for side in (records[:100], [], records[100:]))
    [finding] = duplicates(cohort, Similarity(pairs), Split("by hand", "specimen", {}, (Fold("fold 1", *sides),), 0))
    assert finding.evidence["pairs"] == 100
    assert len(finding.groups) == 32


def overlapping(*pairs: str, left_out: tuple[str, ...] = ()) -> Similarity:
    found = (Pair(first, second, "overlap", "shifted by 400 samples", 0.99) for first, second in pairs)
    return Similarity(tuple(found), "signals", left_out)


def test_signals_share_a_stretch_of_time_and_are_not_called_images() -> None:
    found = [
        *duplicates(cohort_of(), overlapping("ae"), split_of(("abcd", "", "efgh"))),
        *duplicates(cohort_of(), overlapping("ab"), split_of(("acd", "b", "efgh"))),
        *duplicates(cohort_of(), overlapping("ab")),
        *duplicates(cohort_of(patients={"a": "A", "b": "A"}), overlapping("ab")),
        *duplicates(cohort_of(), overlapping("ab", "bc"), units={record.upper(): (record,) for record in RECORDS}),
        *duplicates(cohort_of(), overlapping()),
    ]
    assert {finding.code.removeprefix("A-DUPLICATES-") for finding in found} == {
        *("BOTH-SIDES", "IN-VALIDATION", "TWO-PATIENTS", "WITHIN", "LARGE-CLUSTER", "PASSED")
    }
    for finding in found:
        assert "image" not in finding.claim + finding.remedy
        assert "flipped" not in finding.claim
    assert "1 of 4 test records (25 %)" in only("A-DUPLICATES-BOTH-SIDES", found).claim
    assert "share a stretch of time" in only("A-DUPLICATES-PASSED", found).claim


def test_a_stretch_shared_with_another_patient_warns_and_with_oneself_does_not() -> None:
    found = duplicates(cohort_of(patients={"a": "A", "b": "A"}), overlapping("ab", "cd"))
    assert {one.code: one.severity for one in found} == {
        "A-DUPLICATES-TWO-PATIENTS": Severity.WARNING,
        "A-DUPLICATES-WITHIN": Severity.NOTE,
    }


def test_windows_that_overlap_may_have_two_labels() -> None:
    """What the label of a window speaks of may lie where the other window does not reach; of a whole copy it cannot."""
    cohort = cohort_of(labels={"a": "malignant"}, patients={"b": "A"})
    assert [one.code for one in duplicates(cohort, overlapping("ab"))] == ["A-DUPLICATES-WITHIN"]
    whole = Similarity((Pair("a", "b", "identical pixels"),), "signals")
    assert "A-DUPLICATES-LABELS" in {one.code for one in duplicates(cohort, whole)}


@pytest.mark.parametrize("pairs", [(), ("ab",)])
def test_stretches_that_were_not_looked_for_are_said_and_not_passed(pairs: tuple[str, ...]) -> None:
    found = duplicates(cohort_of(), overlapping(*pairs, left_out=("overlap",)))
    missing = only("A-DUPLICATES-OVERLAPS-NOT-CHECKED", found)
    assert missing.severity is Severity.NOT_CHECKED
    assert missing.evidence["signals"] == 8
    assert "find_overlaps" in missing.remedy
    assert not any("stretch" in one.claim for one in found if one.severity is Severity.PASSED)


def test_sequences_of_one_origin_are_kin() -> None:
    kin = Similarity((Pair("a", "e", "homologous", "reverse complement", 0.97),), "sequences")
    [finding] = duplicates(cohort_of(), kin, split_of(("abcd", "", "efgh")))
    assert finding.claim.startswith("Kin of 1 of 4 test records")
    assert "other strand" in finding.claim
