from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hypercolumn.errors import ManifestError
from hypercolumn.evaluation.comparison import difference, two_sided
from hypercolumn.evaluation.intervals import Interval
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.scores import headline_score

CHANCE = np.random.default_rng(0)
NAMES = [f"p{n}" for n in range(60)]
KNOWN = CHANCE.normal(50, 10, 60)


def numbers(error: np.ndarray) -> Predictions:
    columns = {"record": NAMES, "fold": "1", "unit": NAMES, "truth": KNOWN, "answer": KNOWN + error}
    return Predictions(pd.DataFrame(columns, index=NAMES), "number", ())


def test_of_a_mean_it_is_the_paired_t_test() -> None:
    first, second = np.abs(CHANCE.normal(0, 2, 60)), np.abs(CHANCE.normal(0.4, 2, 60))
    found = difference(numbers(first), numbers(second))
    known = stats.ttest_rel(second, first)
    assert found.value == pytest.approx((second - first).mean())
    assert found.value / found.error == pytest.approx(known.statistic)
    assert two_sided(found) == pytest.approx(known.pvalue, rel=0.2)  # the degrees of freedom are Satterthwaite's


def test_it_is_the_difference_of_the_two_headlines_whatever_the_order_of_the_rows() -> None:
    first, second = numbers(CHANCE.normal(size=60)), numbers(CHANCE.normal(size=60))
    turned = replace(second, table=second.table.iloc[::-1])
    known = headline_score(second).value - headline_score(first).value
    assert difference(first, turned).value == pytest.approx(known)
    assert difference(second, first).value == pytest.approx(-known)


def test_no_change_is_no_difference() -> None:
    same = numbers(CHANCE.normal(size=60))
    assert difference(same, same).value == 0
    assert two_sided(difference(same, same)) == 1


def test_what_is_undefined_has_no_p() -> None:
    assert np.isnan(two_sided(Interval(None)))


def test_predictions_of_something_else_are_refused() -> None:
    one = numbers(CHANCE.normal(size=60))
    elsewhere = replace(one, table=one.table.rename(index=lambda name: f"other {name}"))
    with pytest.raises(ManifestError, match="no piece"):
        difference(one, elsewhere)
    moved = replace(one, table=one.table.assign(truth=KNOWN + 1))
    with pytest.raises(ManifestError, match="truth"):
        difference(one, moved)
    with pytest.raises(ManifestError, match="unit"):
        difference(one, replace(one, table=one.table.assign(unit="all")))
