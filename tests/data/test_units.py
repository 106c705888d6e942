"""Units are the connected components of lineage and near-duplicates: the finest partition that no tie crosses."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.units import joined_values, joining_levels, unit_noun, units_of
from hypercolumn.errors import InvalidArgument, SplitError


def cohort(rows: list[tuple], names: tuple[str, ...]) -> Cohort:
    table = pd.DataFrame([(f"{number}.png", *row) for number, row in enumerate(rows)], columns=["image", *names])
    return Cohort.from_table(table, Columns(input="image", lineage={name: name for name in names}), folder=".")


def test_a_chain_of_ties_makes_one_unit():
    """A and B share slide 2, C is a near-duplicate of B, D stands alone."""
    four = cohort([("A", 1), ("A", 2), ("B", 2), ("C", 3), ("D", 4)], ("patient", "specimen"))
    units = units_of(four, generalises_to="patient", clusters=[("2.png", "3.png")])
    assert units == {"A + B + C": ("0.png", "1.png", "2.png", "3.png"), "D": ("4.png",)}


def test_a_patient_and_a_specimen_of_one_name_are_not_one_thing():
    assert len(units_of(cohort([("1", "2"), ("2", "1")], ("patient", "specimen")), generalises_to="patient")) == 2


def test_site_joins_only_where_the_study_speaks_of_sites():
    three = cohort([("north", "A"), ("north", "B"), ("south", "B"), ("west", "C")], ("site", "patient"))
    assert set(units_of(three, generalises_to="patient")) == {"A", "B", "C"}
    assert set(units_of(three, generalises_to="site")) == {"north + south", "west"}


def test_the_patient_holds_together_even_where_the_study_speaks_of_specimens():
    two = cohort([("A", 1), ("A", 2), ("B", 3)], ("patient", "specimen"))
    assert set(units_of(two, generalises_to="specimen")) == {"A", "B"}


def test_without_a_patient_units_are_specimens_and_without_those_records():
    assert set(units_of(cohort([("s",), ("s",), ("t",)], ("specimen",)), generalises_to="specimen")) == {"s", "t"}
    bare = cohort([(), ()], ())
    assert units_of(bare, generalises_to="specimen") == {"0.png": ("0.png",), "1.png": ("1.png",)}
    assert unit_noun(bare, "specimen") == "record"


def test_a_claim_about_patients_needs_a_patient_column():
    with pytest.raises(SplitError, match="generalises_to: specimen") as caught:
        units_of(cohort([("s",)], ("specimen",)), generalises_to="patient")
    assert caught.value.exit_code == 3
    with pytest.raises(SplitError, match=r"name the column under data\.columns\.site"):
        units_of(cohort([("A",)], ("patient",)), generalises_to="site")
    with pytest.raises(InvalidArgument, match="say one of site, patient, specimen, region"):
        joining_levels(cohort([("A",)], ("patient",)), "window")


def test_many_joined_values_are_counted_in_the_name():
    seven = cohort([(f"P{number}", "left") for number in range(7)], ("patient", "specimen"))
    assert list(units_of(seven, generalises_to="patient")) == ["P0 + P1 + P2 + P3 + 3 more"]
    assert joined_values(seven, generalises_to="patient")["specimen left"] == tuple(f"P{n}" for n in range(7))


def test_names_stay_apart_when_a_patient_is_called_like_a_joined_unit():
    three = cohort([("A", 1), ("B", 1), ("A + B", 2)], ("patient", "specimen"))
    units = units_of(three, generalises_to="patient")
    assert sorted(map(len, units.values())) == [1, 2]


def test_records_that_are_not_in_the_cohort_still_tie_the_others_of_their_cluster():
    units = units_of(
        cohort([("A",), ("B",)], ("patient",)), generalises_to="patient", clusters=[("0.png", "gone", "1.png")]
    )
    assert list(units) == ["A + B"]


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=30),
    clusters=st.lists(st.lists(st.integers(0, 29), max_size=3), max_size=3),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_units_are_what_merging_until_nothing_changes_gives(rows, clusters):
    groups = [{number} for number in range(len(rows))]
    named = [[number for number in cluster if number < len(rows)] for cluster in clusters]
    ties = [{n for n, row in enumerate(rows) if row[level] == value} for level in (0, 1) for value in range(13)]
    for tie in [*ties, *map(set, named)]:
        touched = [group for group in groups if group & tie]
        groups = [group for group in groups if not group & tie] + ([set().union(*touched)] if touched else [])
    found = units_of(
        cohort(rows, ("patient", "specimen")),
        generalises_to="patient",
        clusters=[[f"{number}.png" for number in cluster] for cluster in named],
    )
    assert {frozenset(records) for records in found.values()} == {frozenset(f"{n}.png" for n in g) for g in groups}
