import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, site_labels
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.errors import InvalidArgument

CHANCE = np.random.default_rng(0)
HOSPITAL = np.repeat(["north", "south"], 80)


def cohort(label: object, *, target: str | None = "label", patient: object = None) -> Cohort:
    names = [f"{n:03d}" for n in range(160)]
    table = pd.DataFrame({"image": names, "patient": names if patient is None else patient, "hospital": HOSPITAL})
    table["label"] = label
    columns = Columns(input="image", target=target, lineage={"site": "hospital", "patient": "patient"})
    return Cohort.from_table(table, columns, folder=".")


def test_labels_that_follow_the_hospital_are_found_before_training() -> None:
    label = np.where(CHANCE.random(160) < np.where(HOSPITAL == "north", 0.7, 0.2), "ill", "well")
    [finding] = site_labels(cohort(label), "hospital")
    assert (finding.code, finding.severity) == ("A-SITE-LABEL", Severity.WARNING)
    assert finding.evidence["low"] < 0.5 < finding.evidence["high"]
    share = {name: np.mean(label[name == HOSPITAL] == "ill") for name in ("north", "south")}
    true_rate = share["north"] / sum(share.values())
    false_rate = (1 - share["north"]) / (2 - sum(share.values()))
    known = (1 + true_rate - false_rate) / 2
    assert finding.evidence["AUROC of knowing the site alone"] == pytest.approx(known, abs=0.001)


def test_labels_drawn_without_looking_pass() -> None:
    [finding] = site_labels(cohort(CHANCE.choice(["ill", "well"], 160)), "hospital")
    assert (finding.code, finding.severity) == ("A-SITE-LABEL-PASSED", Severity.PASSED)


def test_numbers_are_compared_in_quarters() -> None:
    numbers = np.where(HOSPITAL == "north", 40.0, 45.0) + CHANCE.normal(size=160)
    [finding] = site_labels(cohort(numbers), "hospital")
    assert finding.code == "A-SITE-LABEL"


def test_eight_patients_are_eight_whatever_they_were_photographed() -> None:
    patient = np.repeat([f"P{n}" for n in range(8)], 20)
    [finding] = site_labels(cohort(np.repeat(["ill", "well", "ill", "well", "ill", "well", "well", "well"], 20),
                                   patient=patient), "hospital")  # fmt: skip
    assert finding.severity is Severity.PASSED
    assert finding.evidence["units"] == 8


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: cohort("ill"), "only one value"),
        (lambda: cohort([f"mask {n}.png" for n in range(160)]), "files"),
        (lambda: cohort("ill", target=None), "no label"),
    ],
)
def test_what_cannot_be_compared_says_why(made, why: str) -> None:
    [finding] = site_labels(made(), "hospital")
    assert finding.severity is Severity.NOT_CHECKED
    assert why in finding.claim


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="scanner"):
        site_labels(cohort("ill"), "scanner")
