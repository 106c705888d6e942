import json

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, label_noise
from hypercolumn.data.planted import PlantedNoise, plant_noise
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.predictions import Predictions

NAMES = ("benign", "malignant", "other")


def predicted(planted: PlantedNoise, kind: str = "class") -> Predictions:
    count = planted.probabilities.shape[1]
    names = pd.Index([f"{number:05d}" for number in range(len(planted.given))], name="piece", dtype="object")
    table = pd.DataFrame({"record": names, "fold": "1", "unit": planted.units, "truth": planted.given}, index=names)
    table[[f"p_{index}" for index in range(count)]] = planted.probabilities
    return Predictions(table, kind, NAMES[:count])


def of_labels(wrong: float, seed: int = 0) -> Predictions:
    """Two labels: the first with right labels, of the second so many are wrong."""
    first, second = (plant_noise(seed + n, rate=r, classes=2, units=200) for n, r in ((0, 0.0), (1, wrong)))
    table = predicted(first).table.drop(columns=["truth", "p_0"]).rename(columns={"p_1": "p_0"})
    table = table.assign(p_1=second.probabilities[:, 1], truth_0=first.given, truth_1=second.given)
    return Predictions(table, "labels", ("oedema", "nodule"))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["class", "grade"])
def test_wrong_labels_are_a_warning_whose_suspects_are_mostly_wrong(classes: int, kind: str):
    planted = plant_noise(0, rate=0.15, classes=classes, units=200)
    [finding] = label_noise(predicted(planted, kind), unit="patients")
    assert (finding.code, finding.severity) == ("A-LABEL-NOISE", Severity.WARNING)
    assert finding.evidence["patients"] == 200
    low, high = (float(end) for end in str(finding.evidence["95 % interval"]).split(" to "))
    assert low < 0.15 < high
    places = [int(group[0]) for group in finding.groups]
    assert planted.wrong[places].mean() > 0.9


def test_right_labels_pass_with_the_interval_that_they_could_still_have():
    [finding] = label_noise(predicted(plant_noise(0, rate=0.0, units=200)), unit="patients")
    assert (finding.code, finding.severity, finding.groups) == ("A-LABEL-NOISE-PASSED", Severity.PASSED, ())
    assert "95 % interval 0.0 % to" in finding.claim


def test_each_label_of_several_is_judged_and_the_interval_is_widened_for_how_many():
    findings = label_noise(of_labels(0.2))
    assert [finding.code for finding in findings] == ["A-LABEL-NOISE", "A-LABEL-NOISE-PASSED"]
    assert "of nodule" in findings[0].claim
    assert "of oedema" in findings[1].claim
    assert "97.5 % interval" in findings[0].evidence


def test_a_joint_names_the_class_that_is_given_for_another():
    matrix = np.array([[1.0, 0.3, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 1.0]])
    [finding] = label_noise(predicted(plant_noise(0, matrix=matrix, units=300)))
    named = [name for name in finding.evidence if name.startswith("given")]
    assert named[0] == "given benign, more likely malignant"
    assert finding.evidence[named[0]] == pytest.approx(0.1, abs=0.03)


def few(predictions: Predictions, patients: int) -> Predictions:
    kept = predictions.table["unit"].astype(int) < patients
    return predictions.select(predictions.table.index[kept])


@pytest.mark.parametrize(
    ("predictions", "why"),
    [
        (predicted(plant_noise(0, rate=0.45, classes=2)), "agree too little"),
        (predicted(plant_noise(0, rate=0.0, classes=2, accuracy=0.6)), "agree too little"),
        (few(predicted(plant_noise(0)), 5), "5 patients, and at least 10"),
    ],
)
def test_what_cannot_be_judged_is_said_with_the_reason(predictions: Predictions, why: str):
    [finding] = label_noise(predictions, unit="patients")
    assert (finding.code, finding.severity) == ("A-LABEL-NOISE-NOT-CHECKED", Severity.NOT_CHECKED)
    assert why in finding.claim


def test_one_class_alone_and_one_answer_for_all_are_not_checked():
    one = predicted(plant_noise(0))
    table = one.table.assign(truth=0)
    assert "one label" in label_noise(Predictions(table, "class", NAMES))[0].claim
    table = one.table.assign(p_0=0.5, p_1=0.25, p_2=0.25)
    assert "the same of every record" in label_noise(Predictions(table, "class", NAMES))[0].claim


def test_probabilities_that_do_not_sum_to_one_and_numbers_are_refused():
    table = predicted(plant_noise(0)).table.assign(p_0=0.9)
    with pytest.raises(InvalidArgument, match="sum to"):
        label_noise(Predictions(table, "class", NAMES))
    numbers = table[["record", "fold", "unit"]].assign(truth=1.0, answer=2.0)
    with pytest.raises(InvalidArgument, match="classes, grades or labels"):
        label_noise(Predictions(numbers, "number", ()))


@pytest.mark.parametrize(
    "predictions",
    [predicted(plant_noise(0, rate=r, units=200)) for r in (0.0, 0.2)]
    + [of_labels(0.2), few(predicted(plant_noise(0)), 3)],
)
def test_what_every_finding_has_in_common(predictions: Predictions):
    for finding in label_noise(predictions, unit="patients"):
        assert finding.claim.endswith(".")
        assert finding.remedy.endswith(".")
        assert any(character.isdigit() for character in finding.claim)
        assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
        assert all(isinstance(value, int | float | str) for value in finding.evidence.values())
        assert not finding.spoils
        assert {record for group in finding.groups for record in group} <= set(predictions.table["record"])
