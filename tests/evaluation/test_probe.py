import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import norm
from sklearn.linear_model import Ridge

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.probe import MOST_ROWS, probe

module = sys.modules["hypercolumn.evaluation.probe"]


def asked(vectors: np.ndarray, target: np.ndarray, unit: np.ndarray | None = None, **more: object):
    names = [f"r{n}" for n in range(len(vectors))]
    units = pd.Series(names if unit is None else unit, index=names)
    return probe(Embeddings(names, vectors), pd.Series(target, index=names), units=units, **more)


def test_a_shift_is_told_as_well_as_the_normal_law_allows() -> None:
    """Two normal laws, d deviations apart: the best AUROC there is, is Phi(d / sqrt 2)."""
    chance = np.random.default_rng(0)
    site = np.repeat([0, 1], 1_000)
    found = asked(chance.normal(size=(2_000, 3)) + 1.2 * np.outer(site, [1, 0, 0]), site)
    assert found.figure.value == pytest.approx(norm.cdf(1.2 / np.sqrt(2)), abs=0.03)  # three standard errors
    assert found.accuracy == pytest.approx(norm.cdf(0.6), abs=0.03)
    assert found.figure.low < found.figure.value < found.figure.high
    assert found.p == 1 / 200
    assert found.chance == pytest.approx(0.5, abs=0.02)


def test_out_of_fold_scores_are_those_of_ridge_regression() -> None:
    chance = np.random.default_rng(1)
    x, y = chance.normal(size=(60, 4)), chance.normal(size=(60, 1))
    learnt = np.arange(60) < 45
    for columns in (4, 3):
        part = x[:, :columns]
        centre, spread = part[learnt].mean(axis=0), part[learnt].std(axis=0)
        known = Ridge(alpha=columns).fit((part[learnt] - centre) / spread, y[learnt, 0])
        given = known.predict((part[~learnt] - centre) / spread) - y[learnt].mean()
        assert module._Fit(part[learnt], part[~learnt], learnt).scores(y)[:, 0] == pytest.approx(given)


def test_more_numbers_than_units_is_the_same_regression() -> None:
    chance = np.random.default_rng(2)
    x, y = chance.normal(size=(30, 200)), chance.normal(size=(30, 1))
    learnt = np.arange(30) < 20
    centre, spread = x[learnt].mean(axis=0), x[learnt].std(axis=0)
    known = Ridge(alpha=200).fit((x[learnt] - centre) / spread, y[learnt, 0])
    given = known.predict((x[~learnt] - centre) / spread) - y[learnt].mean()
    assert module._Fit(x[learnt], x[~learnt], learnt).scores(y)[:, 0] == pytest.approx(given)


def test_where_nothing_is_to_be_told_p_is_uniform() -> None:
    ps = []
    for seed in range(100):
        chance = np.random.default_rng(seed)
        ps.append(asked(chance.normal(size=(60, 5)), chance.random(60) < 0.3, deals=59, seed=seed).p)
    assert 0 < np.mean(np.array(ps) <= 0.05) <= 0.12
    assert stats.kstest(ps, "uniform").pvalue > 0.001


def test_windows_of_a_patient_are_no_evidence_of_their_own() -> None:
    """20 patients with 50 windows, each patient a place of its own: told by window, any two halves of patients are."""
    chance = np.random.default_rng(3)
    unit = np.repeat(np.arange(20), 50)
    vectors = chance.normal(size=(20, 8))[unit] + 0.1 * chance.normal(size=(1_000, 8))
    found = asked(vectors, chance.permutation(np.repeat([0, 1], 10))[unit], unit)
    assert found.units == 20
    assert found.p > 0.05


def test_a_patient_of_two_sites_stays_on_one_side() -> None:
    chance = np.random.default_rng(4)
    unit, site = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    found = asked(chance.normal(size=(40, 3))[unit] + site[:, None], site, unit)
    assert found.units == 40
    assert found.p == 1 / 200


def test_an_order_is_told_by_ranks() -> None:
    chance = np.random.default_rng(5)
    day = chance.uniform(0, 1_000, 150)
    found = asked(np.stack([day / 300 + chance.normal(size=150), chance.normal(size=150)], axis=1), day, ordered=True)
    assert found.metric == "Spearman correlation"
    assert 0.5 < found.figure.low < found.figure.value < found.figure.high
    assert found.p == 1 / 200
    shuffled = asked(chance.normal(size=(150, 2)), day, ordered=True)
    assert shuffled.p > 0.05


def test_within_strata_what_tells_the_stratum_tells_nothing() -> None:
    """Wells at the edge lie on every plate alike; plates differ, edges do not."""
    chance = np.random.default_rng(6)
    plate, edge = np.repeat(np.arange(6), 20), np.tile(np.repeat([0, 1], 10), 6)
    vectors = chance.normal(size=(120, 3)) + 5 * plate[:, None]
    strata = pd.Series(plate, index=[f"r{n}" for n in range(120)])
    assert asked(vectors, edge, strata=strata).p > 0.05
    assert asked(vectors + edge[:, None], edge, strata=strata).p == 1 / 200


def test_rare_classes_are_left_out_and_named() -> None:
    chance = np.random.default_rng(7)
    site = np.array(["A"] * 20 + ["B"] * 20 + ["C"] * 3)
    found = asked(chance.normal(size=(43, 2)), site)
    assert found.left_out == ("C",)
    assert set(found.by_class) == {"A", "B"}


@pytest.mark.parametrize(
    ("vectors", "target", "note"),
    [
        (np.ones((40, 3)), np.tile([0, 1], 20), "same numbers"),
        (np.eye(40), np.zeros(40), "fewer than two"),
        (np.eye(8), np.tile([0, 1], 4), "fewer than two values of what is to be told that 5 units have"),
        (np.eye(2), np.array([0, 1]), "fewer than two"),
    ],
)
def test_what_cannot_be_asked_says_why(vectors: np.ndarray, target: np.ndarray, note: str) -> None:
    found = asked(vectors, target)
    assert (found.figure.value, found.p) == (None, None)
    assert note in found.figure.note
    assert note in str(found)


def test_of_very_many_units_some_are_drawn() -> None:
    chance = np.random.default_rng(8)
    many = 2 * MOST_ROWS
    found = asked(chance.normal(size=(many, 2)), chance.integers(0, 2, many), deals=19)
    assert found.units == MOST_ROWS


def test_nonsense_is_refused() -> None:
    names = ["a", "b", "c"]
    embeddings, target = Embeddings(names, np.eye(3)), pd.Series([0, 1, 0], index=names)
    with pytest.raises(ShapeMismatch, match="3 targets of 2 units"):
        probe(embeddings, target, units=pd.Series(["x", "y"]))
    with pytest.raises(InvalidArgument, match="deals"):
        probe(embeddings, target, units=target, deals=0)
    with pytest.raises(InvalidArgument, match="missing"):
        probe(embeddings, pd.Series([0, None, 1], index=names), units=target)
