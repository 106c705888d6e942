import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, strata
from hypercolumn.data.planted import plant_slice
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.predictions import Predictions

NAMES = [f"P{n:03d}" for n in range(200)]


def planted(**size: float) -> Predictions:
    cohort = plant_slice(0, patients=400, share=0.2, **size)
    table = cohort.table.assign(subtype=np.where(cohort.inside, "rare", "usual"))
    return Predictions(table, "class", ("healthy", "diseased"), ("subtype", "sex"))


def numbers(error: np.ndarray, **groups: object) -> Predictions:
    columns = {"record": NAMES, "fold": "1", "unit": NAMES, **groups, "truth": 50.0, "answer": 50 + error}
    return Predictions(pd.DataFrame(columns, index=NAMES), "number", (), tuple(groups), "mm")


def test_a_subtype_that_fails_is_found_with_its_size_and_what_hides_in_it() -> None:
    predictions = planted(accuracy=0.6)
    finding, *rest = strata(predictions)
    assert (finding.code, finding.severity) == ("A-STRATA-WORSE", Severity.WARNING)
    assert "subtype = rare" in finding.claim
    assert finding.evidence["worse by, low"] < 0.35 < finding.evidence["worse by, high"]
    assert {each.code for each in rest} <= {"A-STRATA-WORSE"}
    wrong = dict(zip(predictions.table["record"], predictions.table["p_1"] < 0.5, strict=True))
    assert all(wrong[record] for (record,) in finding.groups)


def test_the_clean_twin_passes_with_the_score_of_each_group() -> None:
    [finding] = strata(planted(accuracy=0.95))
    assert (finding.code, finding.severity) == ("A-STRATA-PASSED", Severity.PASSED)
    assert finding.evidence["groups looked at"] == 8
    assert "AUROC in sex = female" in finding.evidence


def test_a_crossing_that_neither_column_shows_is_found() -> None:
    chance = np.random.default_rng(1)
    sex, device = chance.choice(["female", "male"], 200), chance.choice(["old", "new"], 200)
    error = np.abs(chance.normal(size=200)) * np.where((sex == "male") == (device == "old"), 1, 3)
    findings = strata(numbers(error, sex=sex, device=device))
    assert {each.code for each in findings} == {"A-STRATA-WORSE"}
    assert {tuple(sorted(each.claim.split(" (")[0].removeprefix("In ").split(", "))) for each in findings} == {
        ("device = old", "sex = female"),
        ("device = new", "sex = male"),
    }
    assert "mean absolute error (mm) in sex = male, device = new" in findings[0].evidence
    assert strata(numbers(error, sex=sex, device=device), crossed=False)[0].severity is Severity.PASSED


def test_how_many_were_looked_at_is_paid_for() -> None:
    chance = np.random.default_rng(2)
    error = chance.exponential(size=200)
    many = {f"column {n}": chance.integers(0, 2, 200) for n in range(6)}
    one = strata(numbers(error, **many), ["column 0"])
    assert one[0].evidence["groups looked at"] == 2
    everything = strata(numbers(error, **many))
    assert everything[0].evidence["groups looked at"] == 12 + 4 * 15
    assert everything[0].severity is Severity.PASSED


def test_a_small_difference_of_many_patients_is_a_note() -> None:
    names = [f"{n}" for n in range(20_000)]
    sex = np.tile(["female", "male"], 10_000)
    answer = np.where(np.arange(20_000) % 100 < np.where(sex == "male", 88, 91), 0.9, 0.1)
    table = pd.DataFrame(
        {"record": names, "fold": "1", "unit": names, "sex": sex, "truth": 1, "p_1": answer}, index=names
    )
    table["p_0"] = 1 - table["p_1"]
    [finding] = strata(Predictions(table, "class", ("no", "yes"), ("sex",)), deals=199)
    assert (finding.code, finding.severity) == ("A-STRATA-WORSE", Severity.NOTE)


@pytest.mark.parametrize(
    ("groups", "why"),
    [
        ({}, "name no group"),
        ({"sex": "male"}, "none has 10 units"),
        ({"sex": ["male"] * 195 + ["female"] * 5}, "none has 10 units"),
        ({name: [f"{name} {n}" for n in range(200)] for name in ("note", "age", "date")}, "more than 500"),
    ],
)
def test_what_cannot_be_judged_says_why(groups: dict[str, object], why: str) -> None:
    [finding] = strata(numbers(np.ones(200), **groups))
    assert finding.severity is Severity.NOT_CHECKED
    assert why in finding.claim


def test_an_empty_cell_is_no_group_and_equal_answers_are_no_difference() -> None:
    sex = np.array(["male", "female", "", None] * 50, dtype=object)
    [finding] = strata(numbers(np.ones(200), sex=sex))
    assert finding.severity is Severity.PASSED
    assert finding.evidence["groups looked at"] == 2


def test_one_patient_and_an_unknown_column() -> None:
    one = numbers(np.ones(200), sex=["male", "female"] * 100)
    [finding] = strata(replace(one, table=one.table.assign(unit="P1")))
    assert finding.severity is Severity.NOT_CHECKED
    with pytest.raises(InvalidArgument, match="age"):
        strata(one, ["age"])


def test_what_every_finding_has_in_common() -> None:
    for predictions in (planted(accuracy=0.6), planted(accuracy=0.95), numbers(np.ones(200))):
        for finding in strata(predictions):
            assert finding.claim.endswith(".")
            assert finding.remedy.endswith(".")
            assert "  " not in finding.claim
            assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
