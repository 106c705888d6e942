"""Whether the test set was used in fitting anything: by record, by patient, by region."""

import pandas as pd
import pytest

from hypercolumn.audit import Fitted, Severity, fitting
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.errors import InvalidArgument

TABLE = pd.DataFrame({"image": list("abcdef"), "patient": list("112233")})
COHORT = Cohort.from_table(TABLE, Columns(input="image", lineage={"patient": "patient"}), folder=".")


def fold(name: str, training: str, test: str, validation: str = "") -> Fold:
    return Fold(name, *(tuple(Piece(record) for record in side) for side in (training, validation, test)))


SPLIT = Split("by hand", "patient", {}, (fold("one", "abcd", "ef"), fold("two", "cdef", "ab")), seed=0)


def test_steps_fitted_on_the_training_side_pass() -> None:
    [finding] = fitting(COHORT, SPLIT, [Fitted("stain", "one", tuple("abcd")), Fitted("stain", "two", tuple("cdef"))])
    assert (finding.code, finding.severity) == ("A-FITTING-PASSED", Severity.PASSED)


def test_a_step_fitted_on_all_records_blocks_in_every_fold() -> None:
    [finding] = fitting(COHORT, SPLIT, [Fitted("stain", name, tuple("abcdef")) for name in ("one", "two")])
    assert (finding.code, finding.severity, finding.spoils) == ("A-FITTING-TEST", Severity.BLOCKING, ("*",))
    assert finding.evidence["test records used"] == finding.evidence["test records"] == 4
    assert finding.evidence["share"] == 1.0


def test_another_record_of_a_tested_patient_is_enough() -> None:
    split = Split("by hand", "patient", {}, (fold("one", "abc", "ef", validation="d"),), seed=0)
    moved = Cohort.from_table(
        TABLE.assign(patient=list("112322")), Columns(input="image", lineage={"patient": "patient"}), folder="."
    )
    [finding] = fitting(moved, split, [Fitted("threshold", "one", ("a", "c"))])
    assert finding.groups == (("e",), ("f",))


def test_one_step_that_is_right_does_not_hide_one_that_is_wrong() -> None:
    steps = [Fitted("plan", name, records) for name, records in (("one", tuple("abcd")), ("two", tuple("cdef")))]
    findings = fitting(COHORT, SPLIT, [*steps, Fitted("threshold", "two", ("a",))])
    assert [finding.code for finding in findings] == ["A-FITTING-TEST"]
    assert "threshold" in findings[0].claim


def test_in_a_split_by_region_pieces_are_asked_for_and_not_records() -> None:
    left, right = Piece("a", ((0, 8), (0, 4))), Piece("a", ((0, 8), (6, 9)))
    split = Split("regions", "region", {}, (Fold("one", (left,), (), (right,)),), seed=0)
    assert fitting(COHORT, split, [Fitted("plan", "one", (left.name,))])[0].code == "A-FITTING-PASSED"
    assert fitting(COHORT, split, [Fitted("plan", "one", (right.name,))])[0].code == "A-FITTING-TEST"
    [finding] = fitting(COHORT, split, [Fitted("plan", "one", ("a",))])
    assert finding.groups == (("a",),)


def test_what_nobody_wrote_down_is_not_checked() -> None:
    [finding] = fitting(COHORT, SPLIT, [])
    assert (finding.code, finding.severity) == ("A-FITTING-NOT-CHECKED", Severity.NOT_CHECKED)
    [finding] = fitting(COHORT, SPLIT, [Fitted("plan", "one", ("a",))])
    assert "two" in finding.claim


@pytest.mark.parametrize(
    ("step", "words"),
    [(Fitted("plan", "three", ("a",)), "folds of the split"), (Fitted("plan", "one", ("zebra",)), "zebra")],
)
def test_unknown_folds_and_records_are_refused(step: Fitted, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        fitting(COHORT, SPLIT, [step])
