"""Dealing: sizes are kept, covers are kept, and the bins are as even as the best that can be found by trying all."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from hypercolumn.data.balance import MOST_VALUES, Traits, deal, imbalance, traits_of
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.errors import InvalidArgument


def drawn(units: int, traits: int, seed: int, classes: int = 0) -> Traits:
    rng = np.random.default_rng(seed)
    presence = rng.random((units, classes)) < 0.4
    return Traits(
        rng.poisson(3.0, (units, traits)).astype(float) + 0.5,
        np.ones(traits),
        tuple(map(str, range(classes))),
        presence,
    )


@pytest.mark.parametrize("seed", range(6))
def test_as_even_as_the_best_of_all_dealings(seed):
    """Ten units into two bins: 252 dealings, all tried."""
    traits = drawn(10, 3, seed)
    found = imbalance(traits, deal(traits, (5, 5), rng=np.random.default_rng(seed)), 2)
    every = []
    for chosen in combinations(range(10), 5):
        bins = np.ones(10, dtype=int)
        bins[list(chosen)] = 0
        every.append(imbalance(traits, bins, 2))
    assert found <= np.quantile(every, 0.02)


def test_far_more_even_than_chance():
    traits = drawn(60, 5, 0)
    rng = np.random.default_rng(0)
    found = imbalance(traits, deal(traits, (12,) * 5, rng=rng), 5)
    chance = [imbalance(traits, rng.permutation(np.repeat(np.arange(5), 12)), 5) for _ in range(50)]
    assert found < 0.1 * np.median(chance)


def test_chance_leaves_about_one_less_than_the_bins_for_each_trait():
    """The expectation of chi-square with k - 1 degrees of freedom, for counts that are Poisson and weigh one."""
    rng = np.random.default_rng(1)
    traits = Traits((rng.random((4000, 1)) < 0.05).astype(float), np.ones(1), (), np.zeros((4000, 0), dtype=bool))
    chance = [imbalance(traits, rng.permutation(np.repeat(np.arange(5), 800)), 5) for _ in range(400)]
    assert np.mean(chance) == pytest.approx(4 * 0.95, rel=0.1)


@pytest.mark.parametrize("sizes", [(1, 9), (3, 3, 4), (5, 5), (2, 2, 2, 2, 2)])
def test_sizes_are_kept(sizes):
    bins = deal(drawn(10, 4, 2), sizes, rng=np.random.default_rng(0))
    assert np.bincount(bins, minlength=len(sizes)).tolist() == list(sizes)


def test_covers_hold_every_class_although_balance_would_not():
    """Both holders of the class are small and balance each other; the cover parts them."""
    counts = np.array([[1.0], [1.0], [9.0], [9.0]])
    presence = np.array([[True], [True], [False], [False]])
    traits = Traits(counts, np.ones(1), ("rare",), presence)
    for seed in range(5):
        bins = deal(traits, (2, 2), covers=((0,), (1,)), rng=np.random.default_rng(seed))
        assert set(bins[:2]) == {0, 1}


def test_a_cover_that_cannot_be_kept_is_none():
    """Three classes on the three pairs of three units cannot all be in both of two bins."""
    presence = np.array([[True, False, True], [True, True, False], [False, True, True]])
    traits = Traits(np.ones((3, 1)), np.ones(1), ("a", "b", "c"), presence)
    assert deal(traits, (1, 2), covers=((0,), (1,)), rng=np.random.default_rng(0)) is None


def test_a_column_of_many_values_weighs_no_more_than_one_of_two():
    table = pd.DataFrame(
        {"image": range(240), "date": [n % 60 for n in range(240)], "sex": [n % 2 for n in range(240)]}
    )
    cohort = Cohort.from_table(table, Columns(input="image", batch=("date",), strata=("sex",)), folder=".")
    traits = traits_of(cohort, {record: (record,) for record in cohort.records})
    assert traits.counts.shape == (240, 1 + MOST_VALUES + 2)
    assert traits.weights[1 : 1 + MOST_VALUES].sum() == pytest.approx(traits.weights[1 + MOST_VALUES :].sum())


def test_labels_are_given_for_every_record():
    cohort = Cohort.from_table(pd.DataFrame({"image": ["a", "b"]}), Columns(input="image"), folder=".")
    with pytest.raises(InvalidArgument, match="no labels are given for b"):
        traits_of(cohort, {"a": ("a",), "b": ("b",)}, {"a": ("x",)})
