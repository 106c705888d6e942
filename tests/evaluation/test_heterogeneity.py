import numpy as np
import pytest
from scipy import stats

from hypercolumn.evaluation.heterogeneity import heterogeneity

MANY = 1e9


def test_with_many_units_it_is_cochrans_chi_squared():
    places, errors = [0.1, 0.5, -0.2, 0.3], [0.1, 0.2, 0.15, 0.3]
    found = heterogeneity(places, errors, [MANY] * 4)
    weights = 1 / np.square(errors)
    q = (weights * np.square(places - np.average(places, weights=weights))).sum()
    assert found.q == pytest.approx(q)
    assert found.p == pytest.approx(stats.chi2.sf(q, 3), rel=1e-4)
    assert found.i_squared == pytest.approx(1 - 3 / q)


def test_two_groups_are_welchs_t_test():
    chance = np.random.default_rng(0)
    one, other = chance.normal(0, 1, 8), chance.normal(0.8, 2, 12)
    found = heterogeneity([one.mean(), other.mean()], [stats.sem(one), stats.sem(other)], [7, 11])
    assert found.p == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)


def test_alike_groups_are_not_heterogeneous():
    found = heterogeneity([0.4, 0.4, 0.4], [0.1, 0.2, 0.3], [9, 9, 9])
    assert (found.q, found.i_squared, found.p) == pytest.approx((0, 0, 1))


def test_one_group_cannot_be_compared():
    found = heterogeneity([0.4, 0.5], [0.1, 0.0], [9, 9])
    assert (found.q, found.p, found.groups) == (None, None, 1)
    assert str(found) == "heterogeneity undefined (fewer than two groups have a score with an error)"
