import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Finding, Severity, site
from hypercolumn.data.planted import plant_site
from hypercolumn.errors import InvalidArgument, ManifestError
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.ranking import auroc, auroc_within

CLASSES = ("healthy", "diseased")


def planted(seed: int = 0, **size: float) -> tuple[Predictions, Embeddings]:
    cohort = plant_site(seed, **size)
    predictions = Predictions(cohort.table, "class", CLASSES, ("site",))
    return predictions, Embeddings(tuple(cohort.table.index), cohort.embeddings)


def found_by(code: str, findings: list[Finding]) -> Finding:
    [finding] = [each for each in findings if each.code == code]
    return finding


def loud(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings if each.severity in {Severity.WARNING, Severity.BLOCKING}]


def test_a_confounded_scanner_is_found_with_its_size() -> None:
    predictions, embeddings = planted(strength=0.5, patients=1_000)
    findings = site(predictions, embeddings=embeddings)
    assert loud(findings) == ["A-SITE-LABEL", "A-SITE-RANKED", "A-SITE-IN-EMBEDDINGS"]
    evidence = found_by("A-SITE-LABEL", findings).evidence
    assert evidence["low"] < 0.5 < evidence["high"]
    assert evidence["units"] == 1_000
    alone = plant_site(0, strength=0.5).site_only_auroc
    assert evidence["AUROC of knowing the site alone"] == pytest.approx(alone, abs=0.04)
    table, numbers = predictions.table, found_by("A-SITE-RANKED", findings).evidence
    within = auroc_within(table["truth"].to_numpy(), table["p_1"].to_numpy(), table["site"].to_numpy())
    assert numbers["AUROC of all pairs"] == pytest.approx(auroc(table["truth"], table["p_1"]), abs=1e-4)
    assert numbers["AUROC within a site"] == pytest.approx(within, abs=1e-4)


def test_the_clean_twin_raises_nothing_though_its_scanner_can_be_told() -> None:
    predictions, embeddings = planted(strength=0.0)
    findings = site(predictions, embeddings=embeddings)
    assert loud(findings) == []
    told = found_by("A-SITE-IN-EMBEDDINGS", findings)
    assert told.severity is Severity.NOTE
    assert told.evidence["AUROC"] > 0.75


def test_embeddings_without_a_signature_pass() -> None:
    predictions, embeddings = planted(strength=0.0, signature=0.0)
    assert found_by("A-SITE-IN-EMBEDDINGS-PASSED", site(predictions, embeddings=embeddings)).severity is Severity.PASSED


def test_image_statistics_are_asked_like_embeddings() -> None:
    predictions, embeddings = planted(strength=0.0)
    brightness = Embeddings(embeddings.records, embeddings.vectors[:, [1]], names=("mean",))
    findings = site(predictions, statistics=brightness)
    assert found_by("A-SITE-IN-STATISTICS", findings).severity is Severity.NOTE
    assert found_by("A-SITE-IN-EMBEDDINGS-NOT-CHECKED", findings).severity is Severity.NOT_CHECKED


def test_a_network_that_has_learnt_the_hospital_alone_is_blocked() -> None:
    predictions, _ = planted(strength=0.6)
    lean = np.where(predictions.table["site"] == "scanner B", 0.7, 0.3)
    lean = np.clip(lean + 0.05 * np.random.default_rng(1).normal(size=len(lean)), 0, 1)
    blind = replace(predictions, table=predictions.table.assign(p_1=lean, p_0=1 - lean))
    finding = found_by("A-SITE-RANKED", site(blind))
    assert finding.blocking
    assert finding.spoils == ("*",)
    assert "nothing shows" in finding.claim


def test_where_no_site_has_two_labels_the_score_is_blocked() -> None:
    predictions, _ = planted(strength=0.3)
    names = np.where(predictions.table["truth"] == 1, "clinic", "screening")
    findings = site(replace(predictions, table=predictions.table.assign(site=names)))
    assert found_by("A-SITE-LABEL", findings).blocking
    assert found_by("A-SITE-RANKED-NOT-CHECKED", findings).severity is Severity.NOT_CHECKED


def test_a_site_with_a_worse_score_is_found() -> None:
    predictions, _ = planted(strength=0.0)
    table = predictions.table.copy()
    noise = np.random.default_rng(2).random(len(table))
    table["p_1"] = np.where(table["site"] == "scanner A", noise, table["p_1"])
    table["p_0"] = 1 - table["p_1"]
    finding = found_by("A-SITE-SCORE-DIFFERS", site(replace(predictions, table=table)))
    assert "scanner A" in finding.claim
    assert finding.evidence["AUROC at scanner A"].startswith("0.5")


def test_a_fall_at_a_site_left_out_is_found_and_a_rise_is_not() -> None:
    predictions, _ = planted(strength=0.0)
    table = predictions.table
    worse = 0.5 * table["p_1"] + 0.5 * np.random.default_rng(3).random(len(table))
    other = replace(predictions, table=table.assign(p_1=worse, p_0=1 - worse))
    fallen = found_by("A-SITE-LEFT-OUT", site(predictions, left_out=other))
    assert fallen.evidence["change of AUROC, high"] < 0
    assert found_by("A-SITE-LEFT-OUT-PASSED", site(other, left_out=predictions)).severity is Severity.PASSED


def test_numbers_and_several_labels_are_held_against_sites_too() -> None:
    predictions, _ = planted(strength=0.6)
    table = predictions.table
    number = table[["record", "fold", "unit", "site"]].assign(
        truth=3.0 * table["truth"] + np.random.default_rng(4).random(len(table)), answer=1.0
    )
    assert "A-SITE-LABEL" in loud(site(Predictions(number, "number", (), ("site",), "mm")))
    several = table[["record", "fold", "unit", "site"]].assign(
        truth_0=0, truth_1=table["truth"], p_0=0.1, p_1=table["p_1"]
    )
    several.loc[several.index[:40], "truth_0"] = 1
    finding = found_by("A-SITE-LABEL", site(Predictions(several, "labels", ("effusion", "pneumonia"), ("site",))))
    assert "pneumonia and the site" in finding.claim


def test_masks_have_no_label_to_compare() -> None:
    rows = pd.DataFrame(
        {"record": list("abcd"), "fold": "1", "unit": list("abcd"), "site": list("xxyy"), "distance_unit": "mm"},
        index=list("abcd"),
    )
    for index in (0, 1):
        rows = rows.assign(**{f"{kind}_{index}": [5, 6, 7, 8] for kind in ("tp", "fp", "fn", "tn")})
    findings = site(Predictions(rows, "mask", ("background", "nucleus"), ("site",)))
    assert "masks" in found_by("A-SITE-LABEL-NOT-CHECKED", findings).claim


def test_one_site_is_not_checked_with_the_reason() -> None:
    predictions, _ = planted(strength=0.0, patients=20)
    [finding] = site(replace(predictions, table=predictions.table.assign(site="Bern")))
    assert (finding.code, finding.severity) == ("A-SITE-NOT-CHECKED", Severity.NOT_CHECKED)
    assert "Bern" in finding.claim
    [finding] = site(replace(predictions, table=predictions.table.assign(site=["", *["Bern"] * 39])))
    assert "1 prediction of 40 name no site" in finding.claim


@pytest.mark.parametrize(
    "change", [{"unit": "one"}, {"truth": 1}, {"p_0": 0.5, "p_1": 0.5}, {"truth": 0, "p_0": 1.0, "p_1": 0.0}]
)
def test_one_patient_one_class_or_one_answer_for_all_is_answered_in_words(change: dict[str, object]) -> None:
    predictions, embeddings = planted(strength=0.0, patients=40)
    findings = site(replace(predictions, table=predictions.table.assign(**change)), embeddings=embeddings)
    assert len(findings) == 6
    assert any(each.severity is Severity.NOT_CHECKED for each in findings)
    assert loud(findings) == []


def test_constant_embeddings_are_not_checked() -> None:
    predictions, embeddings = planted(strength=0.0, patients=40)
    findings = site(predictions, embeddings=replace(embeddings, vectors=np.ones((80, 4))))
    assert "same numbers" in found_by("A-SITE-IN-EMBEDDINGS-NOT-CHECKED", findings).claim


def test_predictions_of_unknown_records_and_an_unknown_column_are_refused() -> None:
    predictions, embeddings = planted(patients=40)
    stranger = replace(embeddings, records=tuple(f"other {name}" for name in embeddings.records))
    with pytest.raises(ManifestError, match="80 of 80 predicted records have no embedding"):
        site(predictions, embeddings=stranger)
    with pytest.raises(InvalidArgument, match="scanner"):
        site(predictions, "scanner")


def test_what_every_finding_has_in_common() -> None:
    for strength in (0.0, 0.6):
        predictions, embeddings = planted(strength=strength)
        for finding in site(predictions, embeddings=embeddings, statistics=embeddings, left_out=predictions):
            assert finding.code.startswith("A-SITE")
            assert finding.claim.endswith(".")
            assert "  " not in finding.claim
            assert finding.remedy.endswith(".")
            assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
            assert bool(finding.spoils) is finding.blocking
