import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, slices
from hypercolumn.data.planted import plant_slice
from hypercolumn.errors import InvalidArgument, ManifestError
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.predictions import Predictions


def planted(seed: int = 1, *, patients: int = 600, **size: float) -> tuple[Predictions, Embeddings, dict[str, bool]]:
    cohort = plant_slice(seed, patients=patients, **size)
    predictions = Predictions(cohort.table, "class", ("healthy", "diseased"), ("device", "sex"))
    inside = dict(zip(cohort.table["record"], cohort.inside, strict=True))
    return predictions, Embeddings(tuple(cohort.table.index), cohort.embeddings), inside


def test_a_planted_slice_is_found_and_described() -> None:
    predictions, embeddings, inside = planted(share=0.08)
    brightness = Embeddings(
        embeddings.records, np.array([[float(inside[one])] for one in embeddings.records]), names=("brightness",)
    )
    finding = slices(predictions, embeddings, statistics=brightness)[0]
    assert (finding.code, finding.severity) == ("A-SLICES-WORSE", Severity.WARNING)
    assert np.mean([inside[record] for (record,) in finding.groups]) > 0.7
    assert finding.evidence["worse by, low"] < 0.45 < finding.evidence["worse by, high"]
    assert "device = drain" in finding.evidence["shared"]
    assert "brightness higher" in finding.evidence["shared"]
    assert "sex" not in finding.evidence["shared"]
    assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence


def test_metadata_that_no_column_of_the_predictions_holds_describes_too() -> None:
    predictions, embeddings, inside = planted(share=0.08)
    treated = pd.DataFrame({"treated": ["yes" if one else "no" for one in inside.values()]}, index=list(inside))
    assert "treated = yes" in slices(predictions, embeddings, metadata=treated)[0].evidence["shared"]
    with pytest.raises(ManifestError, match="no metadata"):
        slices(predictions, embeddings, metadata=treated.iloc[5:])


def test_the_clean_twin_passes() -> None:
    predictions, embeddings, _ = planted(accuracy=0.95)
    [finding] = slices(predictions, embeddings)
    assert (finding.code, finding.severity) == ("A-SLICES-PASSED", Severity.PASSED)
    assert finding.evidence["candidates judged"] > 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"unit": "one"}, "only 1 unit"),
        ({"truth": 1, "p_0": 0.1, "p_1": 0.9}, "all 160 answers are right"),
        ({"truth": 1, "p_0": 0.9, "p_1": 0.1}, "all 160 answers are wrong"),
    ],
)
def test_what_cannot_be_looked_for_says_why(change: dict[str, object], why: str) -> None:
    predictions, embeddings, _ = planted(patients=80)
    [finding] = slices(replace(predictions, table=predictions.table.assign(**change)), embeddings)
    assert finding.severity is Severity.NOT_CHECKED
    assert why in finding.claim


def test_all_predictions_equal_is_one_class_right_and_the_other_wrong() -> None:
    predictions, embeddings, _ = planted(patients=200)
    [finding] = slices(replace(predictions, table=predictions.table.assign(p_0=0.6, p_1=0.4)), embeddings)
    assert finding.severity is Severity.PASSED


def test_embeddings_that_are_missing_constant_or_of_other_records() -> None:
    predictions, embeddings, _ = planted(patients=80)
    assert "no embeddings" in slices(predictions, None)[0].claim
    constant = replace(embeddings, vectors=np.ones((160, 3)))
    assert "same embedding" in slices(predictions, constant)[0].claim
    stranger = replace(embeddings, records=tuple(f"other {name}" for name in embeddings.records))
    with pytest.raises(ManifestError, match="160 of 160"):
        slices(predictions, stranger)


def test_masks_and_numbers_are_not_looked_at() -> None:
    names = [f"{n}" for n in range(60)]
    table = pd.DataFrame({"record": names, "fold": "1", "unit": names, "truth": 1.0, "answer": 2.0}, index=names)
    assert "not at number" in slices(Predictions(table, "number", ()), None)[0].claim


def test_probabilities_that_do_not_sum_to_one_are_refused_by_name() -> None:
    predictions, embeddings, _ = planted(patients=80)
    table = predictions.table.copy()
    table.loc[table.index[7], "p_0"] = 0.0
    with pytest.raises(InvalidArgument, match=str(table.index[7])):
        slices(replace(predictions, table=table.assign(p_1=0.5)), embeddings)


def test_of_very_many_predictions_whole_units_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["hypercolumn.audit.slices"]
    monkeypatch.setattr(module, "MOST_ROWS", 401)
    predictions, embeddings, _ = planted(patients=400)
    rows = module._drawn(predictions, np.random.default_rng(0))
    assert len(rows) == 400
    assert (predictions.table.iloc[rows].groupby("unit").size() == 2).all()
    assert slices(predictions, embeddings)[0].severity is not Severity.BLOCKING
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    with pytest.raises(ManifestError, match="one unit has more"):
        slices(predictions, embeddings)
