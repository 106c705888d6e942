"""Site-preserving folds against the best of all assignments, and what the solver says of itself."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.site_preserving import Assignment, assign_sites, site_preserving
from hypercolumn.data.splitting import k_folds
from hypercolumn.errors import InvalidArgument, SplitError


def counts(sites: int, classes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = rng.integers(4, 30, sites)
    return np.column_stack([total, *(rng.binomial(total, rng.uniform(0.1, 0.9, sites)) for _ in range(classes))])


def objective(table: np.ndarray, folds: np.ndarray, count: int) -> float:
    """Howard's demand in words: each fold's number of each class is near its share, classes weighing alike."""
    total = table.sum(axis=0)
    held = np.stack([table[folds == fold].sum(axis=0) for fold in range(count)])
    weight = np.array([0.5, *np.ones(table.shape[1] - 1)]) / total
    return float((np.abs(held - total / count) * weight).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("break_symmetry", [True, False])
def test_the_optimum_is_the_best_of_all_assignments(seed, break_symmetry):
    """Seven sites into three folds: 3^7 assignments, all tried."""
    table = counts(7, 2, seed)
    best = np.inf
    for choice in product(range(3), repeat=7):
        folds = np.array(choice)
        learnable = all(len(set(folds[table[:, kind] > 0])) > 1 for kind in (1, 2))
        if len(set(choice)) == 3 and learnable:
            best = min(best, objective(table, folds, 3))
    found = assign_sites(table, folds=3, break_symmetry=break_symmetry)
    assert found.proved
    assert found.imbalance == pytest.approx(best, abs=1e-9)
    assert found.imbalance == pytest.approx(objective(table, np.array(found.folds), 3), abs=1e-12)


def test_a_time_limit_is_told_with_the_gap():
    found = assign_sites(counts(60, 3, 0), folds=5, time_limit=0.3)
    assert not found.proved
    assert found.gap is None or 0 < found.gap <= 1
    assert set(found.folds) == set(range(5))


def cohort(of: np.ndarray) -> tuple[Cohort, dict[str, tuple[str, ...]]]:
    """One record a patient, `of` (site, 1 + class) of them."""
    rows, labels = [], {}
    for site, row in enumerate(of):
        for number in range(row[0]):
            record = f"{site}-{number}.png"
            rows.append({"image": record, "patient": record, "site": f"S{site}"})
            labels[record] = tuple(f"c{kind}" for kind, many in enumerate(row[1:]) if number < many)
    columns = Columns(input="image", lineage={"site": "site", "patient": "patient"})
    return Cohort.from_table(pd.DataFrame(rows), columns, folder="."), labels


def test_the_split_has_the_folds_of_the_optimum_and_says_that_it_is_proved():
    table = counts(8, 2, 1)
    of, labels = cohort(table)
    split = site_preserving(of, folds=3, labels=labels)
    assert split.notes[0] == "site-preserving folds: proved optimal"
    place = {f"S{number}": number for number in range(8)}
    folds = np.empty(8, dtype=int)
    for number, fold in enumerate(split.folds):
        for piece in fold.test:
            folds[place[of.level("site")[piece.record]]] = number
    assert objective(table, folds, 3) == pytest.approx(assign_sites(table, folds=3).imbalance)


def test_never_worse_than_sites_dealt_one_by_one():
    table = counts(10, 2, 5)
    of, labels = cohort(table)
    dealt = k_folds(of, generalises_to="site", folds=3, labels=labels)
    place = {f"S{number}": number for number in range(10)}
    folds = np.empty(10, dtype=int)
    for number, fold in enumerate(dealt.folds):
        for piece in fold.test:
            folds[place[of.level("site")[piece.record]]] = number
    assert assign_sites(table, folds=3).imbalance <= objective(table, folds, 3) + 1e-9


def test_notes_for_a_solver_that_was_cut_off():
    assert (
        str(Assignment((), 1.0, 0.0314, 10.0)) == "site-preserving folds: stopped at the time limit with a gap of 3.1 %"
    )
    assert "no bound" in str(Assignment((), 1.0, None, 10.0))


def test_a_class_of_one_site_and_too_few_sites_are_refused():
    of, labels = cohort(np.array([[4, 2], [4, 0], [4, 0]]))
    with pytest.raises(SplitError, match=r"class 'c0' is present in one site only \(S0\)"):
        site_preserving(of, folds=2, labels=labels)
    of, labels = cohort(np.array([[4, 2], [4, 2], [4, 2]]))
    with pytest.raises(SplitError, match="3 sites cannot fill 5 folds"):
        site_preserving(of, folds=5, labels=labels)
    with pytest.raises(InvalidArgument, match="time_limit"):
        site_preserving(of, folds=2, labels=labels, time_limit=0)


def test_classes_that_no_folds_can_all_keep_learnable_are_refused():
    """Three classes on the three pairs of three sites, two folds: whichever two sites lie together lose one."""
    of, labels = cohort(np.array([[4, 2, 2, 0], [4, 2, 0, 2], [4, 0, 2, 2]]))
    with pytest.raises(SplitError, match="no 2 folds of whole sites") as caught:
        site_preserving(of, folds=2, labels=labels)
    assert "merge rare classes" in caught.value.problem.fix
