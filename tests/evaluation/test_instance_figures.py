import numpy as np
import pandas as pd
import pytest

from hypercolumn.errors import ManifestError
from hypercolumn.evaluation.average_precision import average_precision, detection_row, hits
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.instance_figures import (
    DETECTION_COLUMNS,
    detection_figures,
    instance_figures,
)
from hypercolumn.evaluation.instances import INSTANCE_COLUMNS, instance_row, matches, pooled
from hypercolumn.evaluation.intervals import interval
from hypercolumn.evaluation.score import Better


def images(seed: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        truth = np.repeat(chance.integers(0, 6, 20), 4)
        drawn.append((truth, np.where(chance.random(80) < 0.85, truth, np.repeat(chance.integers(0, 6, 20), 4))))
    return drawn


def table(rows: list[dict[str, object]], units: list[str]) -> pd.DataFrame:
    who = pd.DataFrame({"unit": units, "record": [str(number) for number in range(len(units))]})
    return who.join(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def twelve() -> tuple[list[tuple[np.ndarray, np.ndarray]], pd.DataFrame]:
    drawn = images(0, 12)
    return drawn, table([instance_row(*one) for one in drawn], [f"p{number // 3}" for number in range(12)])


def figures(rows: pd.DataFrame) -> dict[str, float]:
    return {one.metric: float(one.statistic(np.ones((1, one.units)))[0]) for one in instance_figures(rows)}


def test_a_row_has_the_columns_that_the_figures_need(twelve) -> None:
    drawn, _ = twelve
    assert tuple(instance_row(*drawn[0])) == INSTANCE_COLUMNS
    assert tuple(detection_row(np.zeros((1, 1)), np.ones(1))) == DETECTION_COLUMNS


def test_figures_of_all_units_are_those_of_the_images(twelve) -> None:
    drawn, rows = twelve
    found = [matches(contingency(*one)) for one in drawn]
    value, all_of_them = figures(rows), pooled(found)
    assert value["AP, mean over images"] == pytest.approx(np.mean([one.average_precision for one in found]))
    assert value["AP, all objects"] == pytest.approx(all_of_them.average_precision)
    assert value["F1 at IoU 0.5"] == pytest.approx(all_of_them.f1[0])
    assert value["F1 at IoU 0.75"] == pytest.approx(all_of_them.f1[5])
    assert value["panoptic quality"] == pytest.approx(all_of_them.panoptic_quality)
    assert value["aggregated Jaccard"] == pytest.approx(all_of_them.aggregated_jaccard)
    assert value["missed objects"] == pytest.approx(rows["missed_objects"].sum() / rows["true_objects"].sum())
    assert value["false objects"] == pytest.approx(rows["false_objects"].sum() / rows["predicted_objects"].sum())


def test_a_unit_left_out_takes_all_its_images_with_it(twelve) -> None:
    _, rows = twelve
    without = figures(rows[rows["unit"] != "p1"].reset_index(drop=True))
    for figure in instance_figures(rows):
        assert float(figure.statistic(np.array([[1.0, 0.0, 1.0, 1.0]]))[0]) == pytest.approx(without[figure.metric])
        found = interval(figure.statistic, figure.units, scale=figure.scale)
        assert found.low is None or found.low <= found.value <= found.high


def test_errors_are_better_when_low(twelve) -> None:
    kinds = {figure.metric: figure.better for figure in instance_figures(twelve[1])}
    assert {metric for metric, better in kinds.items() if better is Better.LOWER} == {
        f"{name} objects" for name in ("missed", "false", "split", "merged")
    }


def test_images_without_objects_are_not_counted() -> None:
    one, nothing = images(1, 1)[0], (np.zeros(9, dtype=int), np.zeros(9, dtype=int))
    rows = table([instance_row(*one), instance_row(*nothing)], ["a", "b"])
    first = next(iter(instance_figures(rows)))
    assert (first.units, first.records) == (1, 1)
    assert first.statistic(np.ones((1, 1)))[0] == pytest.approx(matches(contingency(*one)).average_precision)


def test_no_object_anywhere_is_undefined_and_says_why() -> None:
    rows = table([instance_row(np.zeros(9, dtype=int), np.zeros(9, dtype=int))], ["a"])
    for figure in instance_figures(rows):
        assert figure.units == 0
        assert figure.reason


def test_cocos_ap_by_unit() -> None:
    chance = np.random.default_rng(3)
    drawn = [(chance.random((7, 5)), chance.random(7).round(4)) for _ in range(6)]
    rows = table([detection_row(*one) for one in drawn], ["a", "a", "b", "b", "c", "c"])
    score = np.concatenate([one for _, one in drawn])
    hit = np.concatenate([hits(*one) for one in drawn], axis=1)
    found = {figure.metric: figure for figure in detection_figures(rows, of="box")}
    ones = np.ones((1, 3))
    assert found["box AP"].statistic(ones)[0] == pytest.approx(average_precision(score, hit, 30).mean())
    assert found["box AP50"].statistic(ones)[0] == pytest.approx(average_precision(score, hit, 30)[0])
    without_b = np.r_[0:14, 28:42]
    expected = average_precision(score[without_b], hit[:, without_b], 20)[5]
    assert found["box AP75"].statistic(np.array([[1.0, 0.0, 1.0]]))[0] == pytest.approx(expected)


@pytest.mark.parametrize(("scores", "bits"), [("[0.5", "[1]"), ("[0.5]", "[1, 2]"), (None, "[1]")])
def test_scores_that_cannot_be_read_are_an_error_with_a_place(scores: str | None, bits: str) -> None:
    row = {"true_objects": 1, "detection_scores": scores, "detection_hits": bits}
    with pytest.raises(ManifestError, match="found objects"):
        list(detection_figures(table([row], ["a"])))
