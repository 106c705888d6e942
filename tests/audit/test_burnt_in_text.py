"""Text in the pixels: none, some that tells nothing, some that tells the label."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from hypercolumn.audit import Severity, burnt_in_text
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.glyphs import glyphs
from hypercolumn.errors import InvalidArgument


def cohort(records: int = 60, labels: tuple[str, ...] = ("ill", "well")) -> Cohort:
    table = pd.DataFrame({"image": [f"{n:03d}" for n in range(records)]})
    table["label"] = [labels[n % len(labels)] for n in range(records)]
    return Cohort.from_table(table, Columns(input="image", target="label"), folder=".")


def image(rng: np.random.Generator, words: str) -> np.ndarray:
    picture = Image.fromarray(np.clip(rng.normal(90, 15, (128, 128)), 0, 200).astype(np.uint8))
    ImageDraw.Draw(picture).text((6, 6), words, fill=255, font=ImageFont.load_default(12))
    return np.asarray(picture)[None]


def counts(table: Cohort, words_of) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = table.table["label"].to_dict()
    return {record: glyphs(image(rng, words_of(n, labels[record]))) for n, record in enumerate(table.records)}


def test_images_without_text_pass() -> None:
    table = cohort()
    [finding] = burnt_in_text(table, counts(table, lambda n, label: ""))
    assert (finding.code, finding.severity) == ("A-TEXT-PASSED", Severity.PASSED)


def test_text_that_stands_on_images_of_one_label_is_found() -> None:
    table = cohort()
    [finding] = burnt_in_text(table, counts(table, lambda n, label: "PORTABLE" if label == "ill" else ""))
    assert (finding.code, finding.severity) == ("A-TEXT-READABLE", Severity.WARNING)
    assert finding.evidence["records with text"] == 30
    assert finding.evidence["AUROC from burnt-in text"] == 1.0
    assert finding.groups[0] == ("000",)


def test_text_on_every_third_image_is_a_note() -> None:
    table = cohort()
    [finding] = burnt_in_text(table, counts(table, lambda n, label: "LEFT 7" if n // 2 % 3 == 0 else ""))
    assert (finding.code, finding.severity) == ("A-TEXT-THERE", Severity.NOTE)


def test_text_without_two_labels_is_not_checked() -> None:
    table = cohort(labels=("ill",))
    [finding] = burnt_in_text(table, counts(table, lambda n, label: "LEFT 7"))
    assert finding.severity is Severity.NOT_CHECKED
    assert "60 of 60 records" in finding.claim


def test_counts_of_other_records_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="each record"):
        burnt_in_text(cohort(), {"unknown": np.zeros(9)})
