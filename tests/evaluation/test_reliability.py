"""The reliability curve: hand-counted bins, Wilson's interval against its closed form."""

import numpy as np
import pytest

from hypercolumn.evaluation import (
    Predictions,
    classification_row,
    regression_row,
    reliability_curves,
    segmentation_row,
)


def predictions(truths: list[int], chances: list[float]) -> Predictions:
    rows = {}
    for index, (truth, chance) in enumerate(zip(truths, chances, strict=True)):
        who = {"record": str(index), "fold": "1", "unit": str(index)}
        rows[str(index)] = who | classification_row(truth, [1 - chance, chance])
    return Predictions.from_rows(rows, target_kind="class", classes=("benign", "malignant"))


def test_each_bin_holds_what_falls_in_it() -> None:
    [curve] = reliability_curves(predictions([0, 0, 1, 1, 1, 0], [0.05, 0.05, 0.05, 0.95, 0.95, 0.95]))
    assert curve.label == "malignant"
    assert curve.counts == (3, 3)
    np.testing.assert_allclose(curve.predicted, [0.05, 0.95])
    np.testing.assert_allclose(curve.observed, [1 / 3, 2 / 3])


def test_the_interval_is_wilsons() -> None:
    [curve] = reliability_curves(predictions([0, 1, 1, 1], [0.9] * 4))
    z, n, p = 1.959964, 4, 0.75
    middle, half = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5,
    )
    assert (curve.low[0], curve.high[0]) == (
        pytest.approx(middle - half, abs=1e-6),
        pytest.approx(middle + half, abs=1e-6),
    )


def test_samples_of_an_image_are_not_independent_and_get_no_interval() -> None:
    truth = np.array([[0, 1], [1, 1]])
    chances = np.array([[[0.9, 0.1], [0.2, 0.1]], [[0.1, 0.9], [0.8, 0.9]]])
    row = segmentation_row(truth, chances.argmax(0), chances, classes=("background", "nucleus"))
    table = Predictions.from_rows(
        {"a": {"record": "a", "fold": "1", "unit": "a"} | row}, target_kind="mask", classes=("background", "nucleus")
    )
    [curve] = reliability_curves(table)
    assert sum(curve.counts) == 4
    assert set(curve.low) == set(curve.high) == {None}


def test_a_number_has_no_curve() -> None:
    rows = {"a": {"record": "a", "fold": "1", "unit": "anna"} | regression_row(1.0, 2.0)}
    assert reliability_curves(Predictions.from_rows(rows, target_kind="number", classes=())) == []
