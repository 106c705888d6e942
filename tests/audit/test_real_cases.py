"""The audits on real data, whose flaws are told by where they come from or can be seen by looking.

    imaging type        dsb2018_nuclei: 103 fluorescence, 24 stained, 1 bright field; patients are not known
    missing boxes       bccd_bloodcells: "boxes are known to be incomplete"
    one patient         mitbih_mlii_15min: one record a patient, and records 201 and 202 of the same man
    copies              pneumoniamnist_variant: eight images in both training and validation

Figures in `docs/pitfalls.md` are those of these tests.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage
from skimage import filters, measure

from hypercolumn import audit
from hypercolumn.audit import Finding, Severity
from hypercolumn.data import read_voc
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, find_duplicates, find_overlaps
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.data.splitting import k_folds
from hypercolumn.data.windows import WindowGrid
from hypercolumn.evaluation.annotated_objects import AnnotatedObjects, annotated_objects
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.predictions import Predictions

DATA = Path(__file__).parents[2] / "../shared/data"
NUCLEI, SMEARS = DATA / "dsb2018_nuclei", DATA / "bccd_bloodcells"
HEARTS, CHESTS = DATA / "mitbih_mlii_15min", DATA / "pneumoniamnist_variant/pneumoniamnist.npz"
here = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")

RATE, SECONDS = 360, 10
DS1 = [101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230]
DS2 = [100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234]
"""De Chazal and others 2004, doi 10.1109/TBME.2004.827359, the usual training and test records of MIT-BIH."""


def by_code(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings}


def in_one_fold(training: list[str], test: list[str], *, validation: tuple[str, ...] = ()) -> Split:
    sides = [tuple(Piece(record) for record in side) for side in (training, validation, test)]
    return Split("given", "patient", {}, (Fold("fold 1", *sides),), seed=0)


def at_random(records: tuple[str, ...]) -> Split:
    order = np.random.default_rng(0).permutation(len(records))
    test = set(order[: len(records) // 4].tolist())
    sides = [[record for n, record in enumerate(records) if (n in test) is tested] for tested in (False, True)]
    return in_one_fold(*sides)


# Imaging type as site: 128 micrographs


@cache
def nuclei() -> tuple[pd.DataFrame, Embeddings]:
    """The table of images with the share that nuclei cover, and three numbers an image."""
    table = pd.read_csv(NUCLEI / "index.csv", dtype={"id": str})
    numbers, share = [], []
    for name in table["id"]:
        grey = np.asarray(Image.open(NUCLEI / f"images/{name}.png").convert("L"), dtype=float)
        numbers.append((grey.mean(), grey.std(), np.abs(np.diff(grey, axis=0)).mean()))
        share.append(float((np.asarray(Image.open(NUCLEI / f"labels/{name}.png")) > 0).mean()))
    table["share"], table["size"] = share, [f"{y} x {x}" for y, x in zip(table["height"], table["width"], strict=True)]
    return table, Embeddings(tuple(table["id"]), np.array(numbers), ("mean", "contrast", "sharpness"))


def imaging_type(answer: str, *, unit: str = "id") -> dict[str, Finding]:
    """The site audit, of one answer for all: nothing but the association and the image statistics is looked at."""
    table, statistics = nuclei()
    columns = {"record": table["id"], "fold": "1", "unit": table[unit], "type": table["image_type"]}
    predicted = pd.DataFrame({**columns, "truth": table[answer], "answer": table[answer].mean()})
    predictions = Predictions(predicted.set_index(pd.Index(table["id"], name="piece")), "number", (), ("type",), "1")
    return by_code(audit.site(predictions, "type", statistics=statistics))


@here
@pytest.mark.long
def test_the_imaging_type_is_told_from_three_numbers_and_does_no_harm_to_a_count() -> None:
    found = imaging_type("n_nuclei")
    told = found["A-SITE-IN-STATISTICS"]
    assert told.severity is Severity.NOTE
    assert told.evidence["AUROC"] > 0.99
    assert told.evidence["AUROC by chance"] == pytest.approx(0.5, abs=0.05)
    assert (told.evidence["units"], told.evidence["too few units"]) == (127, "gray-bright")
    assert found["A-SITE-LABEL-PASSED"].evidence["Cramer's V"] == 0


@here
@pytest.mark.long
def test_the_imaging_type_goes_with_the_area_that_nuclei_cover_and_is_a_warning_there() -> None:
    found = imaging_type("share")
    assert found["A-SITE-LABEL"].severity is Severity.WARNING
    assert found["A-SITE-IN-STATISTICS"].severity is Severity.WARNING
    assert found["A-SITE-LABEL"].evidence["p, corrected"] < 0.05


@here
@pytest.mark.long
def test_where_images_of_one_size_count_as_one_experiment_nothing_is_claimed_of_the_type() -> None:
    """All 24 stained images have one size, which no other type has but once: they may be one experiment's."""
    assert "A-SITE-IN-STATISTICS-NOT-CHECKED" in imaging_type("n_nuclei", unit="size")


@here
@pytest.mark.long
def test_the_number_of_nuclei_goes_with_the_size_of_the_image_before_any_training() -> None:
    table, _ = nuclei()
    columns = Columns(input="id", target="n_nuclei", batch=("image_type", "size"))
    cohort = Cohort.from_table(table, columns, folder=NUCLEI)
    [by_type], [by_size] = (audit.site_labels(cohort, column) for column in ("image_type", "size"))
    assert (by_type.code, by_size.code) == ("A-SITE-LABEL-PASSED", "A-SITE-LABEL")
    assert by_size.evidence["low"] > by_type.evidence["high"]


# Cells that nobody boxed: 80 smears


def pieces(value: np.ndarray, *, least: int) -> tuple[np.ndarray, np.ndarray]:
    """What Otsu's threshold finds in (y, x), holes filled, and how convex each piece is: a whole cell is the surest."""
    smooth = ndimage.gaussian_filter(value, 1)
    labels, _ = ndimage.label(ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth)))
    solid = np.zeros(labels.shape)
    for piece in measure.regionprops(labels):
        inside = labels[piece.slice] == piece.label
        if piece.area < least:
            labels[piece.slice][inside] = 0
        else:
            solid[piece.slice][inside] = piece.solidity
    return labels, np.minimum(solid, 1)


@cache
def smears(left_out: float = 0.0) -> tuple[dict[str, AnnotatedObjects], dict[str, np.ndarray]]:
    """Pieces of saturation against boxes, of which a share is left out, and which of the pieces touch the border.

    Every second pixel; 250 of them are a disc 36 pixels across, where the box of a red cell has 104 in the median.
    """
    chance = np.random.default_rng(0)
    records, border = {}, {}
    for path in sorted((SMEARS / "annotations").glob("*.xml")):
        saturation = Image.open(SMEARS / f"images/{path.stem}.jpg").convert("HSV").getchannel("S")
        labels, solid = pieces(np.asarray(saturation, dtype=float)[::2, ::2], least=250)
        boxed = np.zeros(labels.shape, dtype=bool)
        boxes = read_voc(path, names=("RBC", "WBC", "Platelets")).boxes
        for x0, y0, x1, y1 in np.round(boxes[chance.random(len(boxes)) >= left_out] / 2).astype(int):
            boxed[y0:y1, x0:x1] = True
        edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        records[path.stem] = annotated_objects(boxed, labels, solid)
        border[path.stem] = np.isin(np.unique(labels[labels > 0]), edges)
    return records, border


def incomplete(records: dict[str, AnnotatedObjects]) -> Finding:
    return audit.mask_noise(records, {name: name for name in records}, unit="images")[0]


@here
@pytest.mark.long
def test_the_blood_cells_without_a_box_are_found_and_lie_at_the_border() -> None:
    """Those without a box are cells that the border cuts, as 45 of them show; elsewhere hardly any piece lacks one."""
    records, border = smears()
    finding = incomplete(records)
    assert (finding.code, finding.severity) == ("A-MASKS-INCOMPLETE", Severity.WARNING)
    assert all((~records[name].annotated).any() for (name,) in finding.groups)
    missing = np.concatenate([~one.annotated for one in records.values()])
    at_border = np.concatenate(list(border.values()))
    assert missing[at_border].mean() > 0.2
    assert missing[~at_border].mean() < 0.02


@here
@pytest.mark.long
def test_boxes_that_are_left_out_besides_raise_the_share_without_a_box() -> None:
    shares = [
        float(str(incomplete(smears(left_out)[0]).evidence["share of objects that are not annotated"]))
        for left_out in (0.0, 0.2)
    ]
    assert shares[0] < shares[1]


@here
@pytest.mark.long
def test_the_same_question_of_nuclei_that_were_all_outlined_passes() -> None:
    """Fluorescence of the Data Science Bowl, whose masks were corrected by hand: bright pieces all have a mask."""
    table, _ = nuclei()
    records = {}
    for name in table["id"][table["image_type"] == "gray-dark"]:
        grey = np.asarray(Image.open(NUCLEI / f"images/{name}.png").convert("L"), dtype=float)
        outlined = np.asarray(Image.open(NUCLEI / f"labels/{name}.png")) > 0
        records[name] = annotated_objects(outlined, *pieces(grey, least=30))
    finding = incomplete(records)
    assert (finding.code, finding.severity) == ("A-MASKS-COMPLETE", Severity.PASSED)
    assert finding.evidence["objects predicted"] > 3000


# Windows of one heart: 22 records


def hearts(count: int | None = None) -> tuple[Cohort, dict[str, slice]]:
    """Windows of ten seconds that overlap by half, the first `count` of each record, with the patient of each."""
    rows, places = [], {}
    for record in pd.read_csv(HEARTS / "records.csv", dtype=str)["record"]:
        for window in list(WindowGrid.cover((15 * 60 * RATE,), size=SECONDS * RATE, stride=SECONDS * RATE // 2))[
            :count
        ]:
            name = f"{record}-{window.index:03d}"
            rows.append((name, record))
            places[name] = slice(window.start[0], window.stop[0])
    columns = Columns(input="signal", lineage={"patient": "patient"})
    return Cohort.from_table(pd.DataFrame(rows, columns=["signal", "patient"]), columns, folder=HEARTS), places


@cache
def lead(record: str) -> np.ndarray:
    """WFDB format 212: two samples of twelve bits, two's complement, in three bytes."""
    first, middle, last = np.fromfile(HEARTS / f"{record}.dat", dtype=np.uint8).reshape(-1, 3).astype(int).T
    samples = np.stack([first + (middle % 16) * 256, last + (middle // 16) * 256], axis=1).ravel()
    return np.where(samples > 2047, samples - 4096, samples)


@cache
def overlaps() -> Similarity:
    cohort, places = hearts(5)
    return find_overlaps(cohort, lambda name: lead(name.split("-")[0])[None, places[name]])


@here
def test_windows_dealt_at_random_are_found_to_test_every_patient_on_himself() -> None:
    cohort, _ = hearts()
    finding = by_code(audit.lineage(cohort, at_random(cohort.records)))["A-LINEAGE-BOTH-SIDES"]
    assert finding.blocking
    assert (len(cohort), finding.evidence["patients on both sides"], finding.evidence["patients"]) == (3938, 22, 22)
    assert finding.evidence["test records exposed"] == finding.evidence["test records"]


@here
def test_the_same_windows_split_by_patient_pass() -> None:
    cohort, _ = hearts()
    [finding] = audit.lineage(cohort, k_folds(cohort, generalises_to="patient"))
    assert (finding.code, finding.severity) == ("A-LINEAGE-PASSED", Severity.PASSED)


def test_one_man_on_both_sides_of_the_usual_split_of_hearts_is_found_where_he_has_one_name() -> None:
    """Records 201 and 202 are of one man. A lineage that calls each record a patient cannot know that, and passes."""
    sides = [list(map(str, records)) for records in (DS1, DS2)]
    records = [*sides[0], *sides[1]]
    for joined, expected in ((False, "A-LINEAGE-PASSED"), (True, "A-LINEAGE-BOTH-SIDES")):
        patient = ["201" if joined and record == "202" else record for record in records]
        table = pd.DataFrame({"signal": records, "patient": patient})
        cohort = Cohort.from_table(table, Columns(input="signal", lineage={"patient": "patient"}), folder=".")
        [finding] = audit.lineage(cohort, in_one_fold(*sides))
        assert finding.code == expected
        assert finding.groups == ((("201", "202"),) if joined else ())
        assert finding.evidence["patients"] == 44 - joined


@here
@pytest.mark.long
def test_windows_that_overlap_are_found_and_no_others_of_one_patient_or_two() -> None:
    neighbours = {(a, b) for a, b in pairwise(hearts(5)[1]) if a[:3] == b[:3]}
    assert len(neighbours) == 22 * 4
    assert {(pair.first, pair.second) for pair in overlaps().pairs} == neighbours
    assert {pair.transform for pair in overlaps().pairs} == {"shifted by 1,800 samples"}


@here
@pytest.mark.long
def test_overlaps_betray_a_random_split_of_windows_whose_patients_nobody_wrote_down() -> None:
    table = hearts(5)[0].table[["signal"]]
    cohort = Cohort.from_table(table, Columns(input="signal"), folder=HEARTS)
    found = by_code(audit.leakage(cohort, at_random(cohort.records), overlaps()))
    assert found["A-LINEAGE-NO-PATIENT"].severity is Severity.WARNING
    assert found["A-DUPLICATES-BOTH-SIDES"].blocking


# Copies on both sides of a published split: 5,030 radiographs


@here
@pytest.mark.long
def test_the_published_split_of_the_pneumonia_images_has_copies_that_warn_and_would_block() -> None:
    """Eight contents stand in training and validation, none in the test set."""
    images: dict[str, np.ndarray] = {}
    labels: dict[str, int] = {}
    with np.load(CHESTS, allow_pickle=False) as stored:
        for side in ("train", "val", "test"):
            names = [f"{side} {number:04d}" for number in range(len(stored[f"{side}_images"]))]
            images |= dict(zip(names, stored[f"{side}_images"][:, None], strict=True))
            labels |= dict(zip(names, stored[f"{side}_labels"][:, 0].tolist(), strict=True))
    table = pd.DataFrame({"image": list(images), "label": [labels[name] for name in images]})
    cohort = Cohort.from_table(table, Columns(input="image", target="label"), folder=".")
    similarity = find_duplicates(cohort, images.__getitem__)
    train, val, test = ([name for name in images if name.startswith(side)] for side in ("train", "val", "test"))
    given = by_code(audit.duplicates(cohort, similarity, in_one_fold(train, test, validation=tuple(val))))
    watched = given["A-DUPLICATES-IN-VALIDATION"]
    assert watched.severity is Severity.WARNING
    assert len({name for pair in watched.groups for name in pair if name.startswith("val")}) == 8
    assert "A-DUPLICATES-BOTH-SIDES" not in given
    scored = by_code(audit.duplicates(cohort.select(train + val), similarity, in_one_fold(train, val)))
    finding = scored["A-DUPLICATES-BOTH-SIDES"]
    assert finding.blocking
    assert (finding.evidence["test records with a copy"], finding.evidence["test records"]) == (8, 524)
