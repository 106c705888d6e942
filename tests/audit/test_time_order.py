"""Training on the future: 0 for a split by time, a half for one without regard to it."""

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, time_order
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.errors import InvalidArgument, SplitError

DAYS = pd.date_range("2015-01-01", periods=200, freq="9D").strftime("%Y-%m-%d").to_list()


def cohort(dates: list) -> Cohort:
    table = pd.DataFrame({"image": [f"{n:03d}" for n in range(len(dates))], "date": dates})
    table["patient"] = [f"P{n // 2}" for n in range(len(dates))]
    return Cohort.from_table(table, Columns(input="image", lineage={"patient": "patient"}), folder=".")


def split(training, test) -> Split:
    sides = [tuple(Piece(f"{n:03d}") for n in side) for side in (training, test)]
    return Split("by hand", "patient", {}, (Fold("fold 1", sides[0], (), sides[1]),), seed=0)


def test_a_split_by_time_passes() -> None:
    [finding] = time_order(cohort(DAYS), split(range(150), range(150, 200)), column="date")
    assert (finding.code, finding.severity) == ("A-TIME-PASSED", Severity.PASSED)


def test_a_split_backwards_in_time_has_all_of_its_training_in_the_future() -> None:
    [finding] = time_order(cohort(DAYS), split(range(50, 200), range(50)), column="date")
    assert finding.severity is Severity.WARNING
    assert finding.evidence["share of training that is newer"] == 1.0
    assert finding.evidence["test records older than training"] == 50


def test_random_splits_have_a_half_on_average() -> None:
    shares = []
    for seed in range(15):
        order = np.random.default_rng(seed).permutation(100)
        records = np.stack([2 * order, 2 * order + 1], axis=1)
        [finding] = time_order(cohort(DAYS), split(records[:70].ravel(), records[70:].ravel()), column="date")
        shares.append(finding.evidence["share of training that is newer"])
        assert finding.evidence["share, lower end"] < shares[-1] < finding.evidence["share, upper end"]
        assert finding.evidence["test patients"] == 30
    assert np.mean(shares) == pytest.approx(0.5, abs=0.04)


def test_the_same_day_is_not_the_future() -> None:
    [finding] = time_order(cohort(["2020-01-01", "2020-01-02", "2020-01-02"]), split([0, 1], [2]), column="date")
    assert finding.code == "A-TIME-PASSED"


def test_years_as_numbers_are_dates_too() -> None:
    [finding] = time_order(cohort([2010, 2012, 2011, 2013]), split([0, 1], [2, 3]), column="date")
    assert finding.evidence["share of training that is newer"] == 0.25


@pytest.mark.parametrize(
    "dates", [["spring"] * 6, [None] * 6, ["2020-01-01"] * 6, ["2020-01-01", "2020-02-01", *["?"] * 4]]
)
def test_dates_that_cannot_be_read_are_not_checked(dates: list) -> None:
    [finding] = time_order(cohort(dates), split([0, 1, 2], [3, 4, 5]), column="date")
    assert (finding.code, finding.severity) == ("A-TIME-NOT-CHECKED", Severity.NOT_CHECKED)


def test_a_test_side_without_dates_is_not_checked() -> None:
    dates = ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01", None, None]
    [finding] = time_order(cohort(dates), split([0, 1, 2, 3], [4, 5]), column="date")
    assert finding.severity is Severity.NOT_CHECKED


def test_an_unknown_column_and_unknown_records_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="column"):
        time_order(cohort(DAYS), split([0], [1]), column="day")
    with pytest.raises(SplitError, match="does not have"):
        time_order(cohort(DAYS), split([0], [999]), column="date")
