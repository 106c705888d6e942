import json

import numpy as np
import pytest

from hypercolumn.audit import Severity, rater_noise
from hypercolumn.data.planted import plant_raters
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.score import Score

CLASSES = ("none", "mild", "severe")


def score(value: float) -> Score:
    return Score("balanced accuracy", value, value - 0.02, min(1.0, value + 0.02), "patients", 300, 300)


@pytest.mark.parametrize(
    ("rates", "code", "severity"),
    [
        ((0.02, 0.02, 0.02), "A-RATERS-AGREE", Severity.PASSED),
        ((0.1, 0.1, 0.1), "A-RATERS-DISAGREE", Severity.NOTE),
        ((0.3, 0.3, 0.3), "A-RATERS-DISAGREE", Severity.WARNING),
    ],
)
def test_agreement_is_judged_by_alpha(rates, code, severity):
    _, said = plant_raters(0, rates=rates, records=1000)
    [finding] = rater_noise(said, classes=CLASSES)
    assert (finding.code, finding.severity) == (code, severity)


def test_a_score_above_what_a_perfect_model_reaches_is_a_warning_and_one_below_is_not():
    _, said = plant_raters(0, rates=(0.1, 0.1, 0.1), records=1000)
    assert [rater_noise(said, classes=CLASSES, score=score(value))[1].code for value in (0.97, 0.9, 0.8)] == [
        "A-RATERS-ABOVE-CEILING",
        "A-RATERS-CEILING-PASSED",
        "A-RATERS-CEILING-PASSED",
    ]


def test_two_raters_have_no_ceiling_for_a_perfect_model():
    _, said = plant_raters(0, rates=(0.1, 0.1))
    [finding] = rater_noise(said, classes=CLASSES, score=score(0.99))
    assert "score of one rater by another" in finding.evidence
    assert "score of a perfect model by one rater" not in finding.evidence


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_what_every_finding_has_in_common(scale):
    _, said = plant_raters(0, rates=(0.1, 0.2, 0.3), missing=0.1)
    for finding in rater_noise(said, classes=CLASSES, scale=scale, score=score(0.9), units=np.arange(300) // 3):
        assert finding.claim.endswith(".")
        assert finding.remedy.endswith(".")
        assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
        assert not finding.spoils


@pytest.mark.parametrize(("said", "why"), [(np.zeros((6, 2)), "one value"), (np.diag([1.0, 1, 1]), None)])
def test_ratings_without_a_difference_or_a_pair_are_not_checked(said, why):
    if why is None:
        said = np.where(said > 0, said, np.nan)
        why = "no record has two ratings"
    [finding] = rater_noise(said, classes=CLASSES)
    assert finding.severity is Severity.NOT_CHECKED
    assert why in finding.claim


def test_one_rater_is_refused():
    with pytest.raises(InvalidArgument, match="agrees with nobody"):
        rater_noise(np.zeros((6, 1)), classes=CLASSES)
