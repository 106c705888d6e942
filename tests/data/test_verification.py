"""Every law finds the defect that is planted against it, and stays silent on a split that was made well."""

from dataclasses import replace

import pandas as pd
import pytest

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.regions import by_region
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.data.splitting import hold_out, k_folds
from hypercolumn.data.verification import judge_split, verify_split

LINEAGE = {"patient": "patient", "site": "site"}


@pytest.fixture
def cohort() -> Cohort:
    table = pd.DataFrame({"image": [f"{n}" for n in range(24)], "patient": [n // 2 for n in range(24)]})
    table["site"] = table["patient"] % 4
    return Cohort.from_table(table, Columns(input="image", lineage=LINEAGE), folder=".")


@pytest.fixture
def split(cohort) -> Split:
    return k_folds(cohort, generalises_to="patient", folds=3)


def broken(split: Split, **sides: tuple[Piece, ...]) -> Split:
    return replace(split, folds=(replace(split.folds[0], **sides), *split.folds[1:]))


def said(split: Split, cohort: Cohort, clusters=()) -> str:
    return "\n".join(problem.what for problem in verify_split(split, cohort, clusters))


def failed(split: Split, cohort: Cohort, clusters=()) -> set[str]:
    return {check.name for check, _ in judge_split(split, cohort, clusters) if check.passed is False}


def test_a_good_split_passes_every_law_that_applies(split, cohort):
    assert verify_split(split, cohort) == []
    assert [check.passed for check, _ in judge_split(split, cohort, [("0", "1")])] == [True] * 6 + [None]
    assert [check.passed for check, _ in judge_split(split, cohort)].count(None) == 2, "no near-duplicates were given"


def test_a_record_moved_across_splits_its_patient(split, cohort):
    fold = split.folds[0]
    moved = broken(split, training=fold.training[1:], test=(*fold.test, fold.training[0]))
    patient = cohort.level("patient")[fold.training[0].record]
    assert f"patient {patient} is on the training and the test side of fold-1" in said(moved, cohort)
    assert f"unit {patient} is on the training and the test side of fold-1" in said(moved, cohort)


def test_a_record_on_two_sides(split, cohort):
    fold = split.folds[0]
    twice = broken(split, validation=(*fold.validation, fold.test[0]))
    assert f"{fold.test[0].name} is listed 2 times" in said(twice, cohort)


def test_the_lineage_of_the_cohort_counts_and_not_the_units_of_the_split(split, cohort):
    """The same split, and a manifest in which two patients turn out to be one."""
    table = cohort.table.copy()
    other = split.folds[0].training[0].record
    table.loc[split.folds[0].test[0].record, "patient"] = table.loc[other, "patient"]
    assert "no lineage is on two sides" in failed(split, Cohort(table, cohort.columns, cohort.folder))


def test_a_claim_about_sites_is_judged_by_site(split, cohort):
    assert "no lineage is on two sides" in failed(replace(split, generalises_to="site"), cohort)
    bare = Cohort(cohort.table, Columns(input="image", lineage={"site": "site"}), cohort.folder)
    assert "the split speaks of patients, and the cohort names none" in said(split, bare)


def test_near_duplicates_on_two_sides(split, cohort):
    fold = split.folds[0]
    pair = (fold.training[0].record, fold.test[0].record)
    assert failed(split, cohort, [pair]) == {"near-duplicates stay on one side"}
    assert verify_split(split, cohort, [(fold.test[0].record, fold.test[1].record)]) == []


def test_units_tested_never_twice_or_in_part(split, cohort):
    assert "is tested 0 times" in said(replace(split, folds=split.folds[:2]), cohort)
    assert "is tested 2 times" in said(replace(split, folds=(*split.folds, split.folds[0])), cohort)
    fold = split.folds[0]
    assert "is tested in part" in said(broken(split, test=fold.test[1:]), cohort)


def test_a_hold_out_need_not_test_every_unit(cohort):
    assert verify_split(hold_out(cohort, generalises_to="patient"), cohort) == []


def test_nothing_to_learn_from_or_to_score(split, cohort):
    assert "nothing to learn from" in said(broken(split, training=()), cohort)
    assert "nothing to score" in said(broken(split, test=()), cohort)
    assert "the split has no folds" in said(replace(split, folds=()), cohort)


def test_records_that_one_has_and_the_other_has_not(split, cohort):
    assert "record 23 is in the split and not in the cohort" in said(split, cohort.select(cohort.records[:-1]))
    fewer = k_folds(cohort.select(cohort.records[:-2]), generalises_to="patient", folds=3)
    assert "record 23 is in the cohort and in no unit" in said(fewer, cohort)


def test_many_violations_of_one_law_are_counted(cohort):
    pieces = tuple(map(Piece, cohort.records))
    everywhere = Split("hold-out", "specimen", {}, (Fold("f", pieces, (), pieces),), 0)
    assert said(everywhere, cohort).count("is listed 2 times") == 20
    assert "and 4 more of the same kind" in said(everywhere, cohort)


@pytest.fixture
def stack() -> Cohort:
    table = pd.DataFrame({"image": [f"{n}" for n in range(30)], "z": range(30)})
    return Cohort.from_table(table, Columns(input="image", position="z"), folder=".")


def test_a_slice_in_the_gap(stack):
    split = by_region(stack, gap={"z": 2}, folds=3, validation=0)
    assert verify_split(split, stack) == []
    (fold,) = [fold for fold in split.folds if Piece("0") in fold.test]
    nearest = max(int(piece.record) for piece in fold.test)
    leaky = replace(split, folds=(replace(fold, training=(*fold.training, Piece(f"{nearest + 2}"))),))
    assert f"{nearest + 2} and {nearest} lie 1 samples apart, and the gap is 2" in said(leaky, stack)
    assert "the gap is kept" in failed(replace(split, gap={"z": 3}), stack)
    assert "states no gap" in said(replace(split, gap={}), stack)


def test_boxes_too_near_overlapping_or_not_covering():
    of = Cohort.from_table(pd.DataFrame({"image": ["a"]}), Columns(input="image"), folder=".")
    gap, shapes = {"y": 4, "x": 4}, {"a": (20, 60)}
    split = by_region(of, gap=gap, folds=2, shapes=shapes, axes=("y", "x"), validation=0)
    assert verify_split(split, of) == []
    near = broken(split, training=(Piece("a", ((0, 20), (27, 28))), Piece("a", ((0, 20), (32, 33)))))
    assert "the gap is kept" in failed(near, of)
    whole = broken(split, training=(Piece("a", ((0, 20), (0, 60))),))
    assert "no unit is on two sides" in failed(whole, of)
    holes = replace(split, units=dict(list(split.units.items())[1:]))
    assert "every record belongs to one unit" in failed(holes, of)
    other_axes = broken(split, training=(Piece("a", ((0, 20),)),))
    assert "do not have the axes of the gap" in said(other_axes, of)


def test_a_stack_split_without_positions_cannot_be_judged_kept(stack):
    split = by_region(stack, gap={"z": 2}, folds=3)
    bare = Cohort(stack.table, Columns(input="image"), stack.folder)
    assert "no position says where it lies" in said(split, bare)
