import numpy as np
import pandas as pd
import pytest

from hypercolumn.data.planted import PlantedNoise, plant_noise
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.scores import headline_score
from hypercolumn.evaluation.suspects import relabelling_curve, suspects

NAMES = ("benign", "malignant", "other")


def predicted(planted: PlantedNoise) -> Predictions:
    count = planted.probabilities.shape[1]
    names = pd.Index([f"{number:05d}" for number in range(len(planted.given))], name="piece", dtype="object")
    table = pd.DataFrame({"record": names, "fold": "1", "unit": planted.units, "truth": planted.given}, index=names)
    table[[f"p_{index}" for index in range(count)]] = planted.probabilities
    return Predictions(table, "class", NAMES[:count])


def of_labels(wrong: float) -> Predictions:
    """Two labels: the first with right labels, of the second so many are wrong."""
    first, second = (plant_noise(n, rate=r, classes=2, units=100) for n, r in ((0, 0.0), (1, wrong)))
    table = predicted(first).table.drop(columns=["truth", "p_0"]).rename(columns={"p_1": "p_0"})
    table = table.assign(p_1=second.probabilities[:, 1], truth_0=first.given, truth_1=second.given)
    return Predictions(table, "labels", ("oedema", "nodule"))


def test_suspects_are_ranked_and_each_record_stands_once():
    listed = suspects(predicted(plant_noise(0, rate=0.1)))
    assert [one.rank for one in listed] == list(range(1, len(listed) + 1))
    assert len({one.record for one in listed}) == len(listed)
    assert all(one.given != one.suggested for one in listed)


def test_a_suspect_among_several_labels_keeps_the_labels_that_are_not_in_doubt():
    predictions = of_labels(0.2)
    for one in suspects(predictions)[:20]:
        given, suggested = (set(cell.split(";")) - {""} for cell in (one.given, one.suggested))
        assert given ^ suggested == {one.label}


def test_of_separable_classes_the_curve_ends_at_a_perfect_score_and_begins_at_the_score_as_it_stands():
    predictions = predicted(plant_noise(0, rate=0.1, accuracy=0.9999))
    ranked = suspects(predictions)
    curve = relabelling_curve(predictions, ranked, unit="patients")
    assert [step.suspects for step in curve] == [0, *(round(len(ranked) * part) for part in (0.25, 0.5, 1))]
    assert curve[0].replaced == curve[0].dropped == headline_score(predictions, unit="patients")
    assert curve[-1].replaced.value == curve[-1].dropped.value == 1
    assert [step.replaced.value for step in curve] == sorted(step.replaced.value for step in curve)
    assert all(step.replaced.low <= step.replaced.value <= step.replaced.high for step in curve)


def test_only_the_label_in_doubt_is_replaced_and_every_piece_of_the_record():
    predictions = of_labels(0.2)
    ranked = suspects(predictions)
    [step] = relabelling_curve(predictions, ranked, steps=[len(ranked)])
    before = headline_score(predictions)
    assert step.replaced.value > before.value
    assert step.replaced.records == before.records
    assert step.dropped.records == before.records - len(ranked)


def test_a_curve_without_suspects_is_the_score_as_it_stands():
    predictions = predicted(plant_noise(0, rate=0.0, accuracy=0.9999))
    [step] = relabelling_curve(predictions, [])
    assert (step.suspects, step.replaced) == (0, headline_score(predictions))


def test_more_suspects_than_there_are_and_nothing_left_are_refused():
    predictions = predicted(plant_noise(0, rate=0.1, units=4))
    ranked = suspects(predictions)
    with pytest.raises(InvalidArgument, match="the suspects that there are"):
        relabelling_curve(predictions, ranked, steps=[len(ranked) + 1])
    with pytest.raises(InvalidArgument, match="steps"):
        relabelling_curve(predictions, ranked, steps=[-1])
    table = predictions.table.iloc[:1].assign(truth=int(np.argmin(predictions.table.iloc[0][["p_0", "p_1", "p_2"]])))
    one = Predictions(table, "class", NAMES)
    doubted = [type(ranked[0])(1, str(table["record"].iloc[0]), "benign", "malignant", 0.9)]
    with pytest.raises(InvalidArgument, match="no record is left"):
        relabelling_curve(one, doubted, steps=[1])


def test_numbers_have_no_suspects():
    numbers = pd.DataFrame({"record": ["a"], "fold": "1", "unit": "a", "truth": 1.0, "answer": 2.0}, index=["a"])
    with pytest.raises(InvalidArgument, match="classes, grades or labels"):
        relabelling_curve(Predictions(numbers, "number", ()), [])
