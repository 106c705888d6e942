"""What the findings of all leakage audits have in common: words with numbers, a remedy, evidence that JSON holds."""

import json

import numpy as np
import pandas as pd
import pytest

from hypercolumn import audit
from hypercolumn.audit import Finding, Fitted
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.split import Fold, Piece, Split

N = 80


def cohort(*, planted: bool, labels: bool = True) -> Cohort:
    rng = np.random.default_rng(0)
    ill = np.arange(N) % 2 if labels else np.zeros(N, dtype=int)
    table = pd.DataFrame({"image": [f"{number:04d}.png" for number in rng.permutation(N)]})
    table["label"] = np.where(ill, "ill", "well")
    table["scanner"] = np.where(ill, "A", "B") if planted else rng.choice(["A", "B"], N)
    table["date"] = [f"20{10 + place // 8:02d}-01-{1 + place % 8:02d}" for place in range(N)]
    return Cohort.from_table(table, Columns(input="image", target="label", batch=("scanner", "date")), folder=".")


def findings(*, planted: bool, labels: bool = True) -> list[Finding]:
    rng = np.random.default_rng(1)
    study = cohort(planted=planted, labels=labels)
    records = study.records
    numbers = {record: rng.normal(size=4) + 3 * planted * (study.target(record) == "ill") for record in records}
    letters = {record: np.array([5.0 * (planted and study.target(record) == "ill")]) for record in records}
    old, new = records[: N // 2], records[N // 2 :]
    training, test = (new, old) if planted else (old, new)
    fold = Fold("fold 1", tuple(map(Piece, training)), (), tuple(map(Piece, test)))
    split = Split("by hand", "specimen", {}, (fold,), seed=0)
    fitted = [Fitted("normalization", "fold 1", tuple(records if planted else training))]
    return [
        *audit.metadata_shortcut(study, permutations=99),
        *audit.background(study, numbers, permutations=99),
        *audit.burnt_in_text(study, letters, permutations=99),
        *audit.time_order(study, split, column="date"),
        *audit.fitting(study, split, fitted),
    ]


def test_the_clean_cohort_is_passed() -> None:
    assert {finding.severity for finding in findings(planted=False)} == {audit.Severity.PASSED}


def test_each_planted_defect_is_found() -> None:
    found = {finding.code for finding in findings(planted=True)}
    assert found == {
        "A-METADATA-READABLE",
        "A-BACKGROUND-READABLE",
        "A-TEXT-READABLE",
        "A-TIME-FUTURE",
        "A-FITTING-TEST",
    }


@pytest.mark.parametrize(("planted", "labels"), [(False, True), (True, True), (True, False)])
def test_what_every_finding_has_in_common(planted: bool, labels: bool) -> None:
    records = set(cohort(planted=planted).records)
    for finding in findings(planted=planted, labels=labels):
        assert finding.code.startswith("A-")
        assert finding.claim.endswith(".")
        assert "  " not in finding.claim
        assert finding.remedy.endswith(".")
        assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
        assert all(isinstance(value, int | float | str) for value in finding.evidence.values())
        assert {record for group in finding.groups for record in group} <= records
        assert bool(finding.spoils) is finding.blocking
        if finding.severity in {audit.Severity.WARNING, audit.Severity.BLOCKING}:
            assert any("lower end" in name for name in finding.evidence), "an effect has an interval"
