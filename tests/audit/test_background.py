"""Labels that the border or the background tells are found; pixels that tell nothing pass."""

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, background
from hypercolumn.data.border import background_features, border_features, foreground
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.errors import InvalidArgument


def cohort(records: int = 80, labels: tuple[str, ...] = ("ill", "well")) -> Cohort:
    table = pd.DataFrame({"image": [f"{n:03d}" for n in range(records)]})
    table["label"] = [labels[n % len(labels)] for n in range(records)]
    return Cohort.from_table(table, Columns(input="image", target="label"), folder=".")


def images(table: Cohort, *, brighter_border: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shown = {record: rng.normal(100, 10, (1, 40, 40)) for record in table.records}
    for record, label in zip(table.records, table.table["label"], strict=True):
        if label == "ill":
            shown[record][:, 10:30, 10:30] += 30
            shown[record][:, :2] += brighter_border
    return shown


def test_what_lies_in_the_middle_is_not_read_from_the_border() -> None:
    table = cohort()
    features = {name: border_features(image) for name, image in images(table, brighter_border=0).items()}
    [finding] = background(table, features)
    assert (finding.code, finding.severity) == ("A-BACKGROUND-PASSED", Severity.PASSED)


def test_a_brighter_border_of_the_ill_is_found() -> None:
    table = cohort()
    features = {name: border_features(image) for name, image in images(table, brighter_border=6).items()}
    [finding] = background(table, features)
    assert (finding.code, finding.severity) == ("A-BACKGROUND-READABLE", Severity.WARNING)
    assert finding.evidence["AUROC from the border, lower end"] > 0.8


def test_the_place_asked_for_stands_in_the_claim() -> None:
    table = cohort()
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    shown = images(table, brighter_border=6)
    features = {name: background_features(image, mask) for name, image in shown.items()}
    [finding] = background(table, features, where="what lies outside the lungs")
    assert "from what lies outside the lungs alone" in finding.claim
    assert finding.code == "A-BACKGROUND-READABLE"


def test_values_that_are_no_numbers_count_as_the_mean() -> None:
    table = cohort()
    features = {name: border_features(image) for name, image in images(table, brighter_border=6).items()}
    features["000"] = np.full(8, np.nan)
    assert background(table, features)[0].code == "A-BACKGROUND-READABLE"


@pytest.mark.parametrize(
    ("labels", "value", "words"), [(("ill",), None, "one label"), (("ill", "well"), 3.0, "the same in all records")]
)
def test_what_cannot_be_checked_says_why(labels: tuple[str, ...], value: float | None, words: str) -> None:
    table = cohort(labels=labels)
    features = {record: np.array([n if value is None else value]) for n, record in enumerate(table.records)}
    [finding] = background(table, features)
    assert finding.severity is Severity.NOT_CHECKED
    assert words in finding.claim


@pytest.mark.parametrize(
    "features", [{}, {f"{n:03d}": np.zeros(1 + n % 2) for n in range(80)}], ids=["unknown keys", "lengths"]
)
def test_features_that_do_not_fit_the_cohort_are_refused(features: dict) -> None:
    with pytest.raises(InvalidArgument, match="each record"):
        background(cohort(), features)


@pytest.mark.parametrize(("lamp", "code"), [(0.0, "A-BACKGROUND-PASSED"), (6.0, "A-BACKGROUND-READABLE")])
def test_a_lamp_behind_the_ill_is_read_from_what_the_threshold_leaves(lamp: float, code: str) -> None:
    """The cell itself is brighter in the ill; its halo is left out, so that only the lamp can tell."""
    table, rng = cohort(), np.random.default_rng(0)
    features = {}
    for record, label in zip(table.records, table.table["label"], strict=True):
        image = rng.normal(100, 5, (1, 40, 40))
        image[:, 12:28, 12:28] += 150 + 60 * (label == "ill")
        image += lamp * (label == "ill") * rng.uniform(0.5, 1.5)
        mask = foreground(image)
        assert mask is not None
        features[record] = background_features(image, mask)
    assert background(table, features, where="the background")[0].code == code


def test_images_without_a_background_are_said_to_have_none() -> None:
    table = cohort()
    [finding] = background(table, {record: np.full(5, np.nan) for record in table.records}, where="the background")
    assert finding.severity is Severity.NOT_CHECKED
    assert "go on to their edges" in finding.claim
