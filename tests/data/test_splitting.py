"""k folds, hold-out and leave-one-site-out: sizes, balance, and every refusal with its way out."""

import numpy as np
import pandas as pd
import pytest

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.splitting import hold_out, k_folds, leave_one_site_out
from hypercolumn.errors import InvalidArgument, SplitError


def cohort(rows: list[dict], *, batch: tuple[str, ...] = (), strata: tuple[str, ...] = ()) -> Cohort:
    table = pd.DataFrame([{"image": f"{number}.png", **row} for number, row in enumerate(rows)])
    lineage = {level: level for level in ("site", "patient", "specimen") if level in table}
    return Cohort.from_table(table, Columns(input="image", lineage=lineage, batch=batch, strata=strata), folder=".")


def patients(count: int, images: int = 2) -> Cohort:
    return cohort([{"patient": f"P{number}"} for number in range(count) for _ in range(images)])


def classes(of: Cohort, holders: dict[str, set[str]]) -> dict[str, tuple[str, ...]]:
    """The classes of each record by patient."""
    patient = of.level("patient")
    return {record: tuple(name for name, who in holders.items() if patient[record] in who) for record in of.records}


def test_fold_sizes_differ_by_at_most_one_patient():
    of = patients(23)
    split = k_folds(of, generalises_to="patient", folds=5)
    tested = [{split.unit_of()[piece.name] for piece in fold.test} for fold in split.folds]
    assert sorted(map(len, tested)) == [4, 4, 5, 5, 5]
    assert set().union(*tested) == set(split.units)
    watched = [{split.unit_of()[piece.name] for piece in fold.validation} for fold in split.folds]
    assert {len(units) for units in watched} == {4}, "a fifth of 18 or 19"


def test_no_validation_where_none_is_asked_for_and_one_unit_at_least_otherwise():
    assert not k_folds(patients(6), generalises_to="patient", folds=3, validation=0).folds[0].validation
    assert len(k_folds(patients(6, 1), generalises_to="patient", folds=3, validation=0.01).folds[0].validation) == 1


def test_two_patients_leave_none_to_watch_and_the_note_says_so():
    split = k_folds(patients(2), generalises_to="patient", folds=2)
    assert all(fold.training and fold.test and not fold.validation for fold in split.folds)
    assert "no patient could be spared for validation in fold-1, fold-2" in " ".join(split.notes)


def test_folds_are_even_over_labels_scanner_and_sex():
    rng = np.random.default_rng(0)
    rows = [
        {"patient": number, "scanner": rng.integers(3), "sex": rng.integers(2)}
        for number in range(60)
        for _ in range(int(rng.integers(1, 6)))
    ]
    of = cohort(rows, batch=("scanner",), strata=("sex",))
    ill = {str(number) for number in range(0, 60, 5)}
    labels = classes(of, {"tumour": ill, "benign": {str(number) for number in range(60)} - ill})
    split = k_folds(of, generalises_to="patient", folds=5, labels=labels)
    for value in ("tumour", "benign"):
        tested = [sum(value in labels[piece.record] for piece in fold.test) for fold in split.folds]
        assert max(tested) - min(tested) <= 2 + 0.1 * np.mean(tested)
    for column in ("scanner", "sex"):
        counts = pd.DataFrame(
            [of.table.loc[[p.record for p in fold.test], column].value_counts() for fold in split.folds]
        )
        assert (counts.max() - counts.min()).max() <= 0.35 * counts.to_numpy().mean()


def test_every_fold_tests_a_class_that_has_as_many_patients_as_folds():
    of = patients(40)
    labels = classes(of, {"rare": {f"P{number}" for number in (3, 4, 5, 6, 7)}})
    split = k_folds(of, generalises_to="patient", folds=5, labels=labels)
    assert all(any(labels[piece.record] for piece in fold.test) for fold in split.folds)
    assert not [note for note in split.notes if "not tested" in note]


def test_a_class_in_fewer_patients_than_folds_is_noted_with_the_folds_without_it():
    of = patients(20)
    split = k_folds(of, generalises_to="patient", labels=classes(of, {"rare": {"P1", "P2"}}))
    (note,) = [note for note in split.notes if "rare" in note]
    assert note.startswith("class 'rare' is in 2 patients: not tested in fold-")


@pytest.mark.parametrize("make", [k_folds, hold_out])
def test_a_class_in_one_patient_alone_names_class_patient_and_what_to_do(make):
    of = patients(12)
    labels = classes(of, {"all": {f"P{number}" for number in range(12)}, "rare": {"P7"}, "odd": {"P2"}})
    with pytest.raises(SplitError) as caught:
        make(of, generalises_to="patient", labels=labels)
    text = str(caught.value)
    assert "class 'odd' is present in one patient only (P2); class 'rare' is present in one patient only (P7)" in text
    assert "merge" in caught.value.problem.fix
    assert "leave it out" in caught.value.problem.fix


def test_fewer_units_than_folds():
    with pytest.raises(SplitError, match="3 patients cannot fill 5 folds") as caught:
        k_folds(patients(3), generalises_to="patient", folds=5)
    assert caught.value.problem.fix == "use 3 folds, or gather more patients"
    with pytest.raises(SplitError, match="1 patient cannot fill 2 sides"):
        hold_out(patients(1), generalises_to="patient")


def test_names_that_mean_something_only_within_a_patient_are_suspected():
    """Eyes called left and right tie all patients together: the error says which column to mend."""
    of = cohort([{"patient": number, "specimen": eye} for number in range(6) for eye in ("left", "right")])
    with pytest.raises(SplitError, match="1 group of patients cannot fill 3 folds") as caught:
        k_folds(of, generalises_to="patient", folds=3)
    assert "specimen left is listed under 0, 1, 2, 3, and 2 more" in caught.value.problem.why
    assert "write both into that column" in caught.value.problem.fix


def test_joined_patients_are_noted():
    of = cohort([{"patient": number, "specimen": max(number, 1)} for number in range(8)])
    split = k_folds(of, generalises_to="patient", folds=3)
    assert "1 unit of several patients, tied by what they share: 0 + 1" in split.notes


def test_a_hold_out_keeps_its_share_and_every_class_on_both_sides():
    of = patients(20)
    labels = classes(of, {"rare": {"P4", "P5"}, "other": {f"P{number}" for number in range(20)}})
    for seed in range(5):
        split = hold_out(of, generalises_to="patient", test=0.3, labels=labels, seed=seed)
        (fold,) = split.folds
        assert len(fold.test) == 12
        for side in (fold.training, fold.test):
            assert {name for piece in side for name in labels[piece.record]} == {"rare", "other"}


def test_a_hold_out_that_cannot_test_every_class_says_so():
    """Three classes on the three pairs of three patients: two can be on both sides, never three."""
    of = patients(3, images=1)
    labels = classes(of, {"a": {"P0", "P1"}, "b": {"P1", "P2"}, "c": {"P0", "P2"}})
    split = hold_out(of, generalises_to="patient", labels=labels, validation=0)
    assert len([note for note in split.notes if "not tested in hold-out" in note]) == 1


def test_leave_one_site_out_tests_each_site_alone_and_watches_whole_sites():
    of = cohort([{"site": f"S {number % 4}", "patient": number} for number in range(24)])
    split = leave_one_site_out(of)
    assert [fold.name for fold in split.folds] == ["fold-1-S-0", "fold-2-S-1", "fold-3-S-2", "fold-4-S-3"]
    site = of.level("site")
    for number, fold in enumerate(split.folds):
        assert {site[piece.record] for piece in fold.test} == {f"S {number}"}
        assert len({site[piece.record] for piece in fold.validation}) == 1
    assert split.generalises_to == "site"


def test_a_patient_in_two_sites_is_refused_by_leave_one_site_out_alone():
    rows = [{"site": number % 4, "patient": number} for number in range(24)] + [{"site": 1, "patient": 0}]
    with pytest.raises(SplitError, match="1 tie between sites: patient 0 in 0 and 1") as caught:
        leave_one_site_out(cohort(rows))
    assert "site-preserving folds" in caught.value.problem.fix
    assert "0 + 1" in k_folds(cohort(rows), generalises_to="site", folds=3).units


def test_near_duplicates_in_two_sites_are_refused_by_leave_one_site_out():
    of = cohort([{"site": number % 3, "patient": number} for number in range(9)])
    with pytest.raises(SplitError, match=r"near-duplicates 0.png, 1.png in 0 and 1"):
        leave_one_site_out(of, clusters=[("0.png", "1.png")])


def test_one_site_cannot_be_left_out():
    with pytest.raises(SplitError, match="one site only"):
        leave_one_site_out(cohort([{"site": "A", "patient": number} for number in range(9)]))


def test_regions_are_not_made_of_whole_records():
    with pytest.raises(SplitError, match="split by region"):
        k_folds(patients(6), generalises_to="region")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"folds": 1}, "folds"), ({"validation": 1.0}, "validation"), ({"validation": -0.1}, "validation")],
)
def test_arguments_that_make_no_sense(arguments, name):
    with pytest.raises(InvalidArgument, match=name):
        k_folds(patients(8), generalises_to="patient", **arguments)
    with pytest.raises(InvalidArgument, match="test"):
        hold_out(patients(8), generalises_to="patient", test=1.0)


def test_four_thousand_patients_are_dealt_evenly():
    of = cohort([{"patient": number, "site": number % 7} for number in range(4_000)])
    labels = {record: ("ill",) if number % 97 == 0 else ("well",) for number, record in enumerate(of.records)}
    split = k_folds(of, generalises_to="patient", labels=labels, validation=0)
    tested = [sum(labels[piece.record] == ("ill",) for piece in fold.test) for fold in split.folds]
    assert max(tested) - min(tested) <= 2
