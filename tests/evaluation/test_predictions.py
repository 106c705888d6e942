import json

import numpy as np
import pandas as pd
import pytest

from hypercolumn.errors import InvalidArgument, ManifestError, ShapeMismatch
from hypercolumn.evaluation.predictions import (
    Predictions,
    classification_row,
    group_column,
    regression_row,
    segmentation_row,
)
from hypercolumn.evaluation.scores import scores

CLASSES = ("background", "nucleus")


def who(name, *, unit="anna", **groups):
    return {"record": name, "fold": "1", "unit": unit, **groups}


def segmented():
    chance = np.random.default_rng(0)
    rows = {}
    for name in ("a", "b[0:4,0:9]", "c"):
        truth, predicted = chance.integers(0, 2, (2, 9, 9))
        probabilities = np.stack([1 - 0.8 * predicted, 0.8 * predicted])
        numbers = segmentation_row(truth, predicted, probabilities, classes=CLASSES, spacing=(1, 2), spacing_unit="um")
        rows[name] = who(name[0], site="007", scanner=None) | numbers
    return Predictions.from_rows(rows, target_kind="mask", classes=CLASSES, groups=("site", "scanner"))


def classified(**changed):
    rows = {"a": who("a") | classification_row(1, [0.25, 0.75]) | changed}
    return Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"))


def test_what_is_written_is_read_again_to_the_last_bit(tmp_path):
    predictions = segmented()
    table, sheet, _ = predictions.write(tmp_path / "fold.1")
    assert (table.name, sheet.name) == ("fold.1.parquet", "fold.1.csv")
    read = Predictions.read(tmp_path / "fold.1")
    pd.testing.assert_frame_equal(read.table, predictions.table)
    assert (read.target_kind, read.classes, read.groups) == ("mask", CLASSES, ("site", "scanner"))


def test_the_csv_alone_is_enough_and_leading_zeros_survive(tmp_path):
    predictions = segmented()
    predictions.write(tmp_path / "predictions")[0].unlink()
    read = Predictions.read(tmp_path / "predictions")
    pd.testing.assert_frame_equal(read.table, predictions.table)
    assert read.table["site"].unique().tolist() == ["007"]


@pytest.mark.parametrize("damage", ["", "{", '{"classes": []}', "[1]"])
def test_a_damaged_description_is_an_error_that_names_the_table(tmp_path, damage):
    segmented().write(tmp_path / "predictions")
    (tmp_path / "predictions.json").write_text(damage)
    with pytest.raises(ManifestError, match="predictions cannot be read"):
        Predictions.read(tmp_path / "predictions")


def test_a_table_cut_off_is_an_error(tmp_path):
    table, *_ = segmented().write(tmp_path / "predictions")
    table.write_bytes(table.read_bytes()[:200])
    with pytest.raises(ManifestError, match="predictions cannot be read"):
        Predictions.read(tmp_path / "predictions")


def test_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ManifestError, match="cannot be read"):
        Predictions.read(tmp_path / "predictions")


@pytest.mark.parametrize(
    "name", ["record", "unit", "truth", "answer", "truth_3", "p_0", "tp_12", "surface_95_1", "reliability_1"]
)
def test_a_cohort_column_never_takes_the_place_of_one_of_our_own(name):
    assert group_column(name) == f"cohort.{name}"


@pytest.mark.parametrize("name", ["site", "tp", "p_value", "unit_of_care", "Fold", "samples_taken"])
def test_other_columns_keep_their_names(name):
    assert group_column(name) == name


def test_a_table_names_who_and_holds_the_numbers_of_its_kind():
    with pytest.raises(ManifestError, match="no column 'unit'"):
        Predictions.from_rows({"a": {"record": "a", "fold": "1"}}, target_kind="class", classes=("no", "yes"))
    with pytest.raises(ManifestError, match="'truth', 'p_0', 'p_1'"):
        Predictions.from_rows({"a": who("a")}, target_kind="class", classes=("no", "yes"))
    with pytest.raises(ManifestError, match="no rows"):
        Predictions(classified().table.iloc[:0], "class", ("no", "yes"))
    with pytest.raises(InvalidArgument, match="target_kind"):
        Predictions(classified().table, "numbers", ("no", "yes"))


def test_a_piece_predicted_twice_and_a_prediction_that_is_missing_are_named():
    table = classified().table
    with pytest.raises(ManifestError, match="predicted twice"):
        Predictions(pd.concat([table, table]), "class", ("no", "yes"))
    with pytest.raises(ManifestError, match="missing: 'p_1'"):
        classified(p_1=np.nan)


@pytest.mark.parametrize(
    "wrong", [{"truth": 2}, {"truth": -1}, {"truth": 0.5}, {"p_0": 1.5}, {"p_1": -0.1}, {"p_1": "high"}]
)
def test_numbers_that_no_prediction_can_have_are_refused_with_the_piece(wrong):
    with pytest.raises(ManifestError, match=next(iter(wrong))) as caught:
        classified(**wrong)
    assert caught.value.problem.where == "a"


def answered(**changed):
    rows = {name: who(name) | regression_row(1 / 3, -2.5e9) for name in ("a", "b")}
    rows["b"] |= changed
    return Predictions.from_rows(rows, target_kind="number", classes=(), measured_in="µmol/l")


def test_numbers_come_back_to_the_last_bit_with_their_unit(tmp_path):
    predictions = answered()
    table, *_ = predictions.write(tmp_path / "predictions")
    assert predictions.kind == "regression"
    for gone in (False, True):
        if gone:
            table.unlink()
        read = Predictions.read(tmp_path / "predictions")
        pd.testing.assert_frame_equal(read.table, predictions.table)
        assert (read.target_kind, read.classes, read.measured_in) == ("number", (), "µmol/l")
    assert predictions.select(["a"]).measured_in == "µmol/l"


def test_predictions_of_an_earlier_version_have_no_unit(tmp_path):
    *_, meaning = classified().write(tmp_path / "predictions")
    described = json.loads(meaning.read_text())
    del described["measured_in"]
    meaning.write_text(json.dumps(described))
    assert Predictions.read(tmp_path / "predictions").measured_in == ""


@pytest.mark.parametrize("wrong", [{"truth": np.inf}, {"answer": -np.inf}, {"answer": "12,5"}, {"truth": "large"}])
def test_what_is_no_finite_number_is_refused_with_the_piece(wrong):
    with pytest.raises(ManifestError, match=f"{next(iter(wrong))} = .* cannot be") as caught:
        answered(**wrong)
    assert caught.value.problem.where == "b"


def test_a_number_that_is_missing_is_named():
    with pytest.raises(ManifestError, match="missing: 'answer'"):
        answered(answer=np.nan)
    with pytest.raises(InvalidArgument, match="answer"):
        regression_row(1.0, np.nan)
    with pytest.raises(InvalidArgument, match="truth"):
        regression_row(np.inf, 1.0)


def test_damaged_reliability_counts_are_an_error_that_names_the_column():
    predictions = segmented()
    predictions.table["reliability_1"] = ["[]", "{", None]
    with pytest.raises(ManifestError, match="reliability_1"):
        scores(predictions)


def test_selected_pieces_come_in_the_order_asked_for():
    assert segmented().select(["c", "a"]).table.index.to_list() == ["c", "a"]


def test_a_segmentation_row_by_hand():
    truth, predicted = np.array([[0, 1, 1], [0, 0, 1]]), np.array([[0, 1, 0], [1, 0, 1]])
    likely = np.array([[0.0, 1.0, 0.4], [0.6, 0.1, 0.9]])
    row = segmentation_row(truth, predicted, np.stack([1 - likely, likely]), classes=CLASSES)
    assert [row[f"{kind}_1"] for kind in ("tp", "fp", "fn", "tn")] == [2, 1, 1, 2]
    assert [row[f"{kind}_0"] for kind in ("tp", "fp", "fn", "tn")] == [2, 1, 1, 2]
    assert row["distance_unit"] == "samples"
    assert row["samples"] == 6
    assert row["brier_sum"] == pytest.approx(0.6**2 + 0.6**2 + 0.1**2 + 0.1**2)
    number, summed, true = json.loads(row["reliability_1"])
    assert (sum(number), sum(summed), sum(true)) == pytest.approx((6, likely.sum(), 3))


def test_distances_are_in_the_unit_of_the_spacing():
    truth, predicted = np.array([1, 0, 0, 0]), np.array([0, 0, 1, 0])
    row = segmentation_row(truth, predicted, classes=CLASSES, spacing=(0.5,), spacing_unit="um")
    assert (row["surface_mean_1"], row["surface_95_1"], row["distance_unit"]) == (1.0, 1.0, "um")
    assert "reliability_1" not in row


def test_rows_refuse_what_does_not_fit():
    with pytest.raises(ShapeMismatch, match="probabilities are"):
        segmentation_row(np.zeros(4, int), np.zeros(4, int), np.zeros((2, 5)), classes=CLASSES)
    with pytest.raises(InvalidArgument, match="probabilities"):
        classification_row(0, [0.5, np.nan])
    with pytest.raises(InvalidArgument, match="truth"):
        classification_row(2, [0.5, 0.5])
    with pytest.raises(ShapeMismatch):
        classification_row([1, 0, 1], [0.5, 0.5])
