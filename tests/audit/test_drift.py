import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hypercolumn.audit import Finding, Severity, drift
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.predictions import Predictions

NAMES = [f"P{n:03d}" for n in range(150)]
DAY = np.random.default_rng(0).permutation(150)


def study(label: float = 0.0, error: float = 0.0, image: float = 0.0) -> tuple[Predictions, Embeddings]:
    """Two classes; each figure is how strongly it goes with the day."""
    chance, late = np.random.default_rng(2), DAY / 150 - 0.5
    truth = (chance.random(150) < 0.5 + label * late).astype(int)
    right = chance.random(150) < 0.75 - error * late
    answer = np.where(right == (truth == 1), 0.9, 0.1)
    numbers = {"truth": truth, "p_0": 1 - answer, "p_1": answer}
    table = pd.DataFrame({"record": NAMES, "fold": "1", "unit": NAMES, **numbers}, index=NAMES)
    vectors = chance.normal(size=(150, 4)) + image * late[:, None]
    return Predictions(table, "class", ("no", "yes")), Embeddings(NAMES, vectors)


def codes(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings]


def test_what_does_not_change_passes() -> None:
    predictions, embeddings = study()
    findings = drift(predictions, DAY, embeddings=embeddings, statistics=embeddings)
    assert {each.severity for each in findings} == {Severity.PASSED}
    assert len(findings) == 4


def test_labels_that_change_are_found_with_spearmans_correlation() -> None:
    predictions, _ = study(label=0.9)
    finding = drift(predictions, DAY)[0]
    assert (finding.code, finding.severity) == ("A-DRIFT-LABEL", Severity.WARNING)
    known = stats.spearmanr(predictions.table["truth"], DAY).statistic
    assert finding.evidence["correlation with time"] == pytest.approx(known, abs=1e-4)
    assert finding.evidence["correlation with time, low"] < known < finding.evidence["correlation with time, high"]


def test_errors_that_grow_are_found() -> None:
    predictions, _ = study(error=0.5)
    assert "A-DRIFT-ERROR" in codes(drift(predictions, DAY))


def test_images_that_change_are_a_note_until_labels_change_too() -> None:
    predictions, embeddings = study(image=4.0)
    finding = next(
        each for each in drift(predictions, DAY, embeddings=embeddings) if each.code == "A-DRIFT-IN-EMBEDDINGS"
    )
    assert finding.severity is Severity.NOTE
    predictions, embeddings = study(image=4.0, label=0.9)
    finding = next(
        each for each in drift(predictions, DAY, embeddings=embeddings) if each.code == "A-DRIFT-IN-EMBEDDINGS"
    )
    assert finding.severity is Severity.WARNING


def test_dates_are_the_same_as_days() -> None:
    predictions, _ = study(label=0.9)
    dates = pd.Series(pd.Timestamp("2021-03-01") + pd.to_timedelta(DAY, unit="D"))
    for given in (dates, dates.dt.strftime("%Y-%m-%d")):
        assert drift(predictions, given)[0].evidence == drift(predictions, DAY)[0].evidence


def test_what_cannot_be_asked_says_why() -> None:
    predictions, _ = study()
    assert "same time" in drift(predictions, np.zeros(150))[0].claim
    few = predictions.select(NAMES[:5])
    assert "only 5 units" in drift(few, DAY[:5])[0].claim
    one = Predictions(predictions.table.assign(truth=1), "class", ("no", "yes"))
    assert drift(one, DAY)[0].severity is Severity.NOT_CHECKED


def test_bad_times_are_refused() -> None:
    predictions, _ = study()
    with pytest.raises(ShapeMismatch, match="149 times"):
        drift(predictions, DAY[1:])
    with pytest.raises(InvalidArgument, match="yesterday"):
        drift(predictions, pd.Series(["2021-03-01"] * 149 + ["yesterday"]))
    with pytest.raises(InvalidArgument, match="row 3"):
        drift(predictions, np.where(np.arange(150) == 3, np.nan, DAY))


def test_what_every_finding_has_in_common() -> None:
    for size in (0.0, 0.9):
        predictions, embeddings = study(label=size, error=size / 2, image=4 * size)
        for finding in drift(predictions, DAY, embeddings=embeddings):
            assert finding.claim.endswith(".")
            assert finding.remedy.endswith(".")
            assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
