"""The laws that every split function meets, on cohorts drawn at random.

Patients may share specimens, specimens may lie in two sites, near-duplicates may join anything: whatever the cohort, a
split either says clearly why it cannot be made or keeps every law of `verification`, gives each unit one test in all
folds, and is the same for the same seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypercolumn.data.certificate import split_from_dict, split_to_dict
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.regions import by_region
from hypercolumn.data.site_preserving import site_preserving
from hypercolumn.data.split import Split
from hypercolumn.data.splitting import hold_out, k_folds, leave_one_site_out
from hypercolumn.data.verification import verify_split
from hypercolumn.errors import Problem, SplitError

Clusters = Sequence[Sequence[str]]
Make = Callable[[Cohort, dict[str, tuple[str, ...]], Clusters, int], Split]

SPLITS: dict[str, Make] = {
    "k folds by patient": lambda cohort, labels, clusters, seed: k_folds(
        cohort, generalises_to="patient", folds=3, labels=labels, clusters=clusters, seed=seed
    ),
    "k folds by specimen": lambda cohort, labels, clusters, seed: k_folds(
        cohort, generalises_to="specimen", folds=2, labels=labels, clusters=clusters, seed=seed
    ),
    "k folds by site": lambda cohort, labels, clusters, seed: k_folds(
        cohort, generalises_to="site", folds=2, labels=labels, clusters=clusters, seed=seed
    ),
    "hold-out": lambda cohort, labels, clusters, seed: hold_out(
        cohort, generalises_to="patient", labels=labels, clusters=clusters, seed=seed
    ),
    "leave one site out": lambda cohort, labels, clusters, seed: leave_one_site_out(
        cohort, labels=labels, clusters=clusters, seed=seed
    ),
    "site-preserving": lambda cohort, labels, clusters, seed: site_preserving(
        cohort, folds=2, labels=labels, clusters=clusters, seed=seed
    ),
    "stacks by region": lambda cohort, labels, clusters, seed: by_region(
        stacked(cohort), gap={"z": 1}, folds=2, clusters=clusters, seed=seed
    ),
}


def stacked(cohort: Cohort) -> Cohort:
    """The same records, one stack a site."""
    lineage = {"specimen": cohort.columns.lineage["site"]}
    return Cohort(cohort.table, replace(cohort.columns, lineage=lineage), cohort.folder)


by_name = pytest.mark.parametrize("make", SPLITS.values(), ids=SPLITS.keys())
few_examples = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Cohort, dict[str, tuple[str, ...]], list[list[str]]]:
    """A cohort, the classes of each record and clusters of near-duplicates; ties of every kind are likely."""
    count = draw(st.integers(8, 48))
    tidy = draw(st.integers(0, 3)) > 0
    numbers = lambda most: draw(st.lists(st.integers(0, most), min_size=count, max_size=count))  # noqa: E731
    patients = numbers(draw(st.integers(1, 24)))
    sites = [patient % 4 for patient in patients] if tidy else numbers(5)
    specimens = [f"{patient}-{number}" for patient, number in zip(patients, numbers(2), strict=True)]
    table = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(count)],
            "patient": patients,
            "specimen": specimens if tidy else numbers(25),
            "site": sites,
            "scanner": numbers(2),
            "z": range(count) if tidy else numbers(30),
        }
    )
    columns = Columns(
        input="image",
        lineage={"patient": "patient", "specimen": "specimen", "site": "site"},
        position="z",
        batch=("scanner",),
    )
    classes = draw(st.lists(st.lists(st.sampled_from("abc"), max_size=2, unique=True), min_size=count, max_size=count))
    labels = {f"{number}.png": tuple(found) for number, found in enumerate(classes)}
    clusters = draw(
        st.lists(st.lists(st.sampled_from(sorted(labels)), min_size=2, max_size=3, unique=True), max_size=3)
    )
    return Cohort.from_table(table, columns, folder="."), labels, clusters


def attempt(make: Callable[[], Split]) -> tuple[Split | None, Problem]:
    """A split, or why there is none."""
    try:
        return make(), Problem("", "")
    except SplitError as error:
        return None, error.problem


def easy() -> tuple[Cohort, dict[str, tuple[str, ...]]]:
    """48 patients of one record, six sites, two classes: every function can split it, in many ways."""
    table = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(48)],
            "patient": range(48),
            "site": [number % 6 for number in range(48)],
            "z": range(48),
        }
    )
    columns = Columns(input="image", lineage={"patient": "patient", "site": "site"}, position="z")
    cohort = Cohort.from_table(table, columns, folder=".")
    return cohort, {record: (str(number // 6 % 2),) for number, record in enumerate(cohort.records)}


@by_name
@given(case=drawn())
@few_examples
def test_a_split_keeps_every_law_or_says_why_it_cannot_be_made(make, case):
    cohort, labels, clusters = case
    split, refusal = attempt(lambda: make(cohort, labels, clusters, 3))
    if split is None:
        assert refusal.fix, "an error without a way out"
        return
    region = split.generalises_to == "region"
    assert verify_split(split, stacked(cohort) if region else cohort, clusters) == []
    assert split_from_dict(split_to_dict(split)) == split
    if not region:
        for fold in split.folds:
            sides = [{piece.record for piece in pieces} for _, pieces in fold.sides()]
            assert sum(map(len, sides)) == len(set().union(*sides)) == len(cohort), "a record is on no side or on two"
            learnt = {name for piece in fold.training for name in labels[piece.record]}
            assert learnt == {name for found in labels.values() for name in found}, "a class cannot be learnt"


@by_name
def test_the_same_seed_gives_the_same_split_and_another_seed_another(make):
    cohort, labels = easy()
    splits = [make(cohort, labels, (), seed) for seed in (0, 0, 1, 2, 3, 4)]
    assert splits[0] == splits[1]
    assert any(split.folds != splits[0].folds for split in splits[2:]), "the seed changes nothing"


@by_name
def test_the_order_of_rows_ties_no_units(make):
    """Shuffled rows may give other folds, and never a leak."""
    cohort, labels = easy()
    shuffled = cohort.select(np.random.default_rng(0).permutation(list(cohort.records)))
    split = make(shuffled, labels, (), 0)
    assert verify_split(split, stacked(cohort) if split.generalises_to == "region" else cohort) == []


@given(case=drawn())
@few_examples
def test_site_preserving_folds_never_divide_a_site(case):
    cohort, labels, clusters = case
    split, _ = attempt(lambda: site_preserving(cohort, folds=3, labels=labels, clusters=clusters))
    site = cohort.level("site")
    for fold in split.folds if split else ():
        named = [{site[piece.record] for piece in pieces} for _, pieces in fold.sides()]
        assert sum(map(len, named)) == len(set().union(*named)) == site.nunique()


@given(
    shapes=st.lists(st.tuples(st.integers(8, 90), st.integers(8, 90)), min_size=1, max_size=2),
    gaps=st.tuples(st.integers(0, 14), st.integers(0, 14)),
    folds=st.integers(2, 6),
    share=st.sampled_from([0.0, 0.2, 0.4]),
    seed=st.integers(0, 3),
)
@few_examples
def test_boxes_cover_each_image_once_and_training_keeps_its_distance(shapes, gaps, folds, share, seed):
    """Every sample is painted: tested once over the folds, and no learnt sample within the gap of a scored one."""
    table = pd.DataFrame({"image": [f"{number}.tif" for number in range(len(shapes))]})
    cohort = Cohort.from_table(table, Columns(input="image"), folder=".")
    sizes = dict(zip(cohort.records, shapes, strict=True))
    gap = dict(zip("yx", gaps, strict=True))
    split, refusal = attempt(
        lambda: by_region(cohort, gap=gap, folds=folds, shapes=sizes, axes=("y", "x"), validation=share, seed=seed)
    )
    if split is None:
        assert "largest gap that fits" in refusal.fix or "larger image" in refusal.fix
        return
    assert verify_split(split, cohort) == []
    assert split_from_dict(split_to_dict(split)) == split
    for record, shape in sizes.items():
        times = np.zeros(shape, dtype=int)
        for fold in split.folds:
            painted = {side: np.zeros(shape, dtype=bool) for side in ("training", "validation", "test")}
            for side, pieces in fold.sides():
                for piece in pieces:
                    if piece.record == record:
                        (top, bottom), (left, right) = piece.box
                        assert not painted[side][top:bottom, left:right].any(), "two pieces of one side overlap"
                        painted[side][top:bottom, left:right] = True
            times += painted["test"]
            for one, other in (("training", "test"), ("training", "validation"), ("validation", "test")):
                assert not (grown(painted[other], gaps) & painted[one]).any()
        assert (times == 1).all()


def grown(area: np.ndarray, gap: tuple[int, int]) -> np.ndarray:
    """Every sample nearer than the gap on both axes to one in the area; fewer than `gap` samples lie between them."""
    near = area.copy()
    for rows in range(-gap[0], gap[0] + 1):
        for columns in range(-gap[1], gap[1] + 1):
            moved = np.zeros_like(area)
            source = area[
                max(-rows, 0) : area.shape[0] - max(rows, 0), max(-columns, 0) : area.shape[1] - max(columns, 0)
            ]
            moved[
                max(rows, 0) : max(rows, 0) + source.shape[0], max(columns, 0) : max(columns, 0) + source.shape[1]
            ] = source
            near |= moved
    return near
