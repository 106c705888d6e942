import pandas as pd
import pytest

from hypercolumn.audit.sides import check_records, crossings
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.errors import SplitError


def fold(training: str, validation: str, test: str, name: str = "fold 1") -> Fold:
    """One letter a record."""
    return Fold(name, *(tuple(Piece(record) for record in side) for side in (training, validation, test)))


def split(*folds: Fold) -> Split:
    return Split("by hand", "patient", {}, folds, seed=0)


PATIENTS = {"a": "1", "b": "1", "c": "2", "d": "2", "e": "3", "f": "4"}


def test_a_whole_group_on_one_side_crosses_nothing() -> None:
    [found] = crossings(split(fold("ab", "e", "cd")), PATIENTS)
    assert (found.tested, found.watched, found.exposed, found.test_records) == ({}, {}, 0, 2)


@pytest.mark.parametrize(("training", "validation"), [("a", "e"), ("e", "a")])
def test_a_group_in_the_test_and_learnt_from_in_any_way_is_tested(training: str, validation: str) -> None:
    [found] = crossings(split(fold(training, validation, "bcd")), PATIENTS)
    assert found.tested == {"1": ("a", "b")}
    assert (found.exposed, found.test_records) == (1, 3)


def test_a_group_in_training_and_validation_alone_is_watched() -> None:
    [found] = crossings(split(fold("a", "b", "cd")), PATIENTS)
    assert (found.tested, found.watched, found.exposed) == ({}, {"1": ("a", "b")}, 0)


def test_a_group_on_all_three_sides_counts_once() -> None:
    patients = dict.fromkeys("abc", "1")
    [found] = crossings(split(fold("a", "b", "c")), patients)
    assert (found.tested, found.watched) == ({"1": ("a", "b", "c")}, {})


def test_folds_are_judged_one_by_one() -> None:
    first, second = crossings(split(fold("ab", "", "cd", "fold 1"), fold("cd", "", "ab", "fold 2")), PATIENTS)
    assert not first.tested
    assert not second.tested


def test_a_record_without_a_group_is_in_none() -> None:
    [found] = crossings(split(fold("a", "", "z")), PATIENTS)
    assert (found.tested, found.test_records) == ({}, 1)


def test_a_split_of_another_cohort_is_refused() -> None:
    cohort = Cohort.from_table(pd.DataFrame({"image": ["a"]}), Columns(input="image"), folder=".")
    with pytest.raises(SplitError, match="2 records that the cohort does not have"):
        check_records(cohort, split(fold("a", "b", "c")))
