import json

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Finding, Severity, plate
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.embeddings import Embeddings

PLATES = 3
WELLS = [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)] * PLATES
NAMES = [f"{number:03d}" for number in range(len(WELLS))]
EDGE = np.array([well[0] in "AH" or well[1:] in ("01", "12") for well in WELLS])
ROW = np.array(["ABCDEFGH".index(well[0]) for well in WELLS])


def series(values: object) -> pd.Series:
    return pd.Series(values, index=NAMES)


PLATE = series(np.repeat([f"plate {n}" for n in range(PLATES)], 96))


def images(edge: float = 0.0, row: float = 0.0) -> Embeddings:
    chance = np.random.default_rng(0)
    own = 3 * chance.normal(size=(PLATES, 4))[np.repeat(np.arange(PLATES), 96)]
    return Embeddings(NAMES, own + chance.normal(size=(288, 4)) + edge * EDGE[:, None] + row * ROW[:, None])


def codes(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings]


def test_a_random_layout_and_plain_images_pass_though_plates_differ() -> None:
    label = series(np.random.default_rng(1).choice(["control", "drug"], 288))
    assert codes(plate(series(WELLS), PLATE, labels=label, embeddings=images())) == [
        "A-PLATE-LABEL-PASSED",
        "A-PLATE-IMAGES-PASSED",
    ]


def test_controls_in_the_outer_ring_are_found() -> None:
    findings = plate(series(WELLS), PLATE, labels=series(np.where(EDGE, "control", "drug")))
    finding = next(each for each in findings if each.code == "A-PLATE-LABEL-EDGE")
    assert finding.severity is Severity.WARNING
    assert finding.evidence["Cramer's V"] == pytest.approx(1, abs=0.001)
    assert finding.evidence["wells"] == 288


def test_what_the_edge_and_the_rows_do_to_images_is_a_note() -> None:
    findings = plate(series(WELLS), PLATE, embeddings=images(edge=1.0))
    assert "A-PLATE-EDGE" in codes(findings)
    findings = plate(series(WELLS), PLATE, embeddings=images(row=0.4))
    finding = next(each for each in findings if each.code == "A-PLATE-ROW")
    assert finding.severity is Severity.NOTE
    assert finding.evidence["Spearman correlation"] > 0.5
    assert "A-PLATE-COLUMN" not in codes(findings)


def test_fields_of_one_well_count_once() -> None:
    label = np.repeat(np.random.default_rng(2).choice(["control", "drug"], 24), 12)
    wells = np.repeat([f"{row}{column}" for row in "ABCD" for column in range(1, 7)], 12)
    findings = plate(series(wells), series("P1"), labels=series(label))
    assert findings[0].severity is Severity.PASSED
    assert findings[0].evidence["wells"] == 24


def test_wells_of_large_plates_and_other_spellings_are_read() -> None:
    names = [f"{row}{column}" for row in ("AA", "AB", "af", "Z") for column in ("-01", "_2", "48", "007")] * 18
    found = plate(series(names), series([f"P{n // 16}" for n in range(288)]), labels=series(["a", "b"] * 144))
    assert all(each.severity is not Severity.BLOCKING for each in found)


def test_what_cannot_be_asked_says_why() -> None:
    [finding] = plate(series("A01"), series("P1"))
    assert "only 1 well" in finding.claim
    findings = plate(series(WELLS), PLATE, labels=series("drug"), embeddings=Embeddings(NAMES, np.ones((288, 2))))
    assert "one label" in findings[0].claim
    assert "same numbers" in findings[1].claim
    assert [each.severity for each in plate(series(WELLS), PLATE)] == [Severity.NOT_CHECKED] * 2


def test_what_is_no_well_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="well 7"):
        plate(series(["well 7", *WELLS[1:]]), PLATE)
    with pytest.raises(ShapeMismatch, match="other records"):
        plate(series(WELLS), PLATE.iloc[::-1])


def test_what_every_finding_has_in_common() -> None:
    label = series(np.where(EDGE, "control", "drug"))
    for finding in plate(series(WELLS), PLATE, labels=label, embeddings=images(edge=1.0, row=0.4)):
        assert finding.claim.endswith(".")
        assert finding.remedy.endswith(".")
        assert json.loads(json.dumps(dict(finding.evidence))) == finding.evidence
