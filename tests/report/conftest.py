"""Two studies of nuclei as a report shows them: one in order, and one whose split leaks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.evaluation.score import Better, Score
from hypercolumn.report import (
    Agreement,
    Baseline,
    Case,
    CertificateSummary,
    Characteristic,
    Characteristics,
    Check,
    Choice,
    Confusion,
    Curve,
    Excluded,
    Fact,
    Flow,
    FlowStep,
    Forest,
    Gallery,
    Light,
    OperatingCurve,
    Pair,
    Reliability,
    ReportContent,
    Reproduction,
    ScoreRow,
    State,
)

INTERVAL = "bootstrap over patients, bias-corrected"


def dice(value, low, high, *, units=24, records=96, **more):
    return Score("Dice", value, low, high, "patients", units, records, label="nucleus", method=INTERVAL, **more)


def micrograph(seed, size=(256, 320)):
    """Bright discs on a dim, uneven field, with their label map and a slightly wrong prediction."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    labels = np.zeros(size, dtype=np.uint16)
    for number in range(1, 26):
        row, column, radius = random.uniform(0, size[0]), random.uniform(0, size[1]), random.uniform(9, 19)
        stretch = random.uniform(0.7, 1.4)
        inside = ((rows - row) / stretch) ** 2 + ((columns - column) * stretch) ** 2 < radius**2
        labels[inside & (labels == 0)] = number
    brightness = random.uniform(0.35, 0.8, 26)
    brightness[0] = 0.06
    grey = ndimage.gaussian_filter(brightness[labels], 1.6) * (0.7 + 0.5 * columns / size[1])
    grey = np.clip(grey + random.normal(0, 0.02, size), 0, 1)
    prediction = ndimage.binary_opening(ndimage.shift(labels > 0, (1, 2), order=0), iterations=3)
    image = (255 * grey).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), labels, prediction


def case(number, value, words=""):
    image, truth, prediction = micrograph(number)
    return Case(
        f"patient-{number:02d}/field-{number % 4}",
        image,
        words,
        truth=truth,
        prediction=prediction,
        metric="Dice",
        value=value,
        pixel=0.33,
        length_unit="um",
    )


def turned(shown):
    return replace(shown, record="patient-03/field-2", image=np.rot90(shown.image), truth=None, prediction=None)


def curve(fold, seed):
    random = np.random.default_rng(seed)
    steps = list(range(0, 1600 + 80 * seed, 40))
    loss = [0.09 + 0.75 * np.exp(-step / 260) + random.normal(0, 0.012) for step in steps]
    score = [None if step % 80 else 0.925 - 0.6 * np.exp(-step / 220) + random.normal(0, 0.006) for step in steps]
    kept = max((value, step) for step, value in zip(steps, score, strict=True) if value is not None)[1]
    return Curve(fold, steps, loss, score, stopped_at=steps[-1], kept_at=kept, metric="Dice")


def forest(title, rows, heterogeneity):
    scores = tuple((label, dice(*numbers, units=units, records=4 * units)) for label, numbers, units in rows)
    return Forest(title, scores, dice(0.913, 0.897, 0.926), heterogeneity)


@pytest.fixture(scope="session")
def clean_content():
    """Twenty-four patients from three scanners, five folds, nothing blocking."""
    otsu = dice(0.704, 0.652, 0.749)
    surface = Score(
        "Surface distance", 1.84, 1.52, 2.31, "patients", 24, 96, label="nucleus", method=INTERVAL, better=Better.LOWER
    )
    otsu_surface = replace(surface, value=5.61, low=4.48, high=7.02)
    necrotic = Score(
        "Dice", None, None, None, "patients", 0, 0, label="necrosis", note="no patient has it in a test fold"
    )
    folds = tuple(f"Fold {number}" for number in range(1, 6))
    return ReportContent(
        title="Segmenting nuclei across three scanners",
        study="nuclei-three-scanners",
        generalises_to="patient",
        created="2026-03-14",
        version="0.1.0",
        lights=(
            Light("Leakage", State.OK, "no patient and no near-duplicate stands on two sides of a fold"),
            Light("Amount of data", State.WARNING, "24 patients: the interval is 0.03 wide"),
            Light("Better than without a network", State.OK, "0.913 against 0.704 by the Otsu threshold"),
            Light("Same on every scanner", State.WARNING, "lower on scanner C: 0.878"),
            Light("Labels", State.UNKNOWN, "one rater only, so agreement cannot be measured"),
        ),
        findings=(
            Finding(
                "A-BATCH-UNEVEN",
                Severity.WARNING,
                "The score on scanner C lies below the others by more than their intervals",
                {"scanner C": 0.878, "scanners A and B": 0.929, "95 % interval of the difference": (0.021, 0.08)},
                remedy="Train with more patients from scanner C, or normalise its illumination before training.",
            ),
            Finding(
                "A-DUPLICATES-SAME-SIDE",
                Severity.NOTE,
                "Two pairs of fields overlap; both members stand on one side",
                {"pairs": 2, "largest cluster": 2, "units joined": 2},
                groups=(("patient-03/field-1", "patient-03/field-2"), ("patient-17/field-0", "patient-17/field-3")),
            ),
            Finding(
                "A-LINEAGE-ONE-SIDE",
                Severity.PASSED,
                "Every patient stands on one side of each fold",
                {"patients": 24, "folds": 5},
            ),
            Finding(
                "A-DUPLICATES-EXACT", Severity.PASSED, "No two files hold the same pixels", {"pairs compared": 4560}
            ),
            Finding(
                "A-LABEL-NOISE",
                Severity.NOT_CHECKED,
                "Errors in the labels",
                {"why": "needs a second rater or a second look"},
            ),
            Finding(
                "A-SHORTCUT",
                Severity.NOT_CHECKED,
                "Whether the scanner alone gives the answer away",
                {"why": "control runs were not asked for"},
                remedy="hypercolumn audit RUN --controls",
            ),
            Finding("A-TIME", Severity.NOT_CHECKED, "Drift over time", {"why": "the manifest has no column of dates"}),
        ),
        facts=(
            Fact("Task", "Segmentation", "background, nucleus"),
            Fact("Generalises to", "new patients"),
            Fact("Patients", 24, "19 train, 5 test in each fold"),
            Fact("Images", 96, "256 x 320 pixels, 0.33 µm a pixel"),
            Fact("Scanners", 3, "A, B, C"),
            Fact("Unit of analysis", "patient", "images of one patient are averaged first"),
        ),
        flow=(
            FlowStep("In the folder", 101, 25),
            FlowStep("Set aside: file cannot be read", 1, 0, "truncated TIFF", Flow.EXCLUDED),
            FlowStep("Set aside: no label image", 4, 1, "all of patient 25", Flow.EXCLUDED),
            FlowStep("In the study", 96, 24, "five folds by patient"),
            FlowStep("Training", 60, 15, "of each fold", Flow.SIDE),
            FlowStep("Validation", 16, 4, "of each fold", Flow.SIDE),
            FlowStep("Test", 20, 5, "each patient once over all folds", Flow.SIDE),
        ),
        excluded=(
            Excluded("patient-11/field-2", "the file ends after 31 of 82 kB"),
            *(Excluded(f"patient-25/field-{field}", "no label image of this name") for field in range(4)),
        ),
        characteristics=Characteristics(
            folds,
            (
                Characteristic("Patients", (5, 5, 5, 5, 4)),
                Characteristic("Images", (20, 20, 20, 20, 16)),
                Characteristic("A", ("2 (40 %)", "2 (40 %)", "1 (20 %)", "2 (40 %)", "1 (25 %)"), 0.44, "Scanner"),
                Characteristic("B", ("1 (20 %)", "2 (40 %)", "2 (40 %)", "2 (40 %)", "1 (25 %)"), 0.44, "Scanner"),
                Characteristic("C", ("2 (40 %)", "1 (20 %)", "2 (40 %)", "1 (20 %)", "2 (50 %)"), 0.65, "Scanner"),
                Characteristic(
                    "Share of nucleus, mean (SD)",
                    ("0.21 (0.06)", "0.19 (0.05)", "0.22 (0.07)", "0.20 (0.05)", "0.21 (0.04)"),
                    0.48,
                ),
            ),
            "Folds of five patients differ by chance; differences are printed, not judged.",
        ),
        scores=(
            ScoreRow(dice(0.913, 0.897, 0.926), otsu, "Otsu threshold", headline=True),
            ScoreRow(
                Score("IoU", 0.841, 0.815, 0.864, "patients", 24, 96, label="nucleus", method=INTERVAL),
                Score("IoU", 0.552, 0.497, 0.604, "patients", 24, 96, label="nucleus"),
                "Otsu threshold",
            ),
            ScoreRow(surface, otsu_surface, "Otsu threshold"),
            ScoreRow(necrotic),
        ),
        baselines=(
            Baseline("Otsu threshold", otsu, "one grey value an image, chosen from its histogram"),
            Baseline("Majority", dice(0.0, 0.0, 0.0), "background everywhere"),
            Baseline("Mean colour", dice(0.612, 0.548, 0.667), "logistic regression of each pixel's own colour"),
        ),
        forests=(
            forest(
                "by scanner",
                (
                    ("Scanner A", (0.931, 0.917, 0.944), 8),
                    ("Scanner B", (0.928, 0.911, 0.941), 8),
                    ("Scanner C", (0.878, 0.846, 0.903), 8),
                ),
                "The scanners differ by more than chance (Q = 14.2 on 2 degrees of freedom, p = 0.001).",
            ),
            forest(
                "by sex",
                (("female", (0.915, 0.894, 0.932), 13), ("male", (0.911, 0.885, 0.93), 11)),
                "No sign of a difference (Q = 0.1 on 1 degree of freedom, p = 0.8).",
            ),
        ),
        reliability=(
            Reliability(
                "nucleus",
                predicted=[0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95],
                observed=[0.02, 0.1, 0.19, 0.31, 0.44, 0.58, 0.71, 0.82, 0.91, 0.98],
                low=[0.01, 0.07, 0.15, 0.26, 0.39, 0.52, 0.65, 0.77, 0.88, 0.97],
                high=[0.03, 0.13, 0.24, 0.37, 0.5, 0.63, 0.76, 0.86, 0.93, 0.99],
                counts=[512000, 21000, 13000, 9000, 8000, 8200, 9400, 14000, 26000, 131000],
            ),
        ),
        agreement=Agreement(
            ("patient-01/field-0", "patient-02/field-0", "patient-03/field-0", "patient-04/field-0"),
            truth=(11.25, 14.5, 19.75, 23.0),
            answer=(12.5, 13.875, 20.25, 21.625),
            measured_in="µm",
        ),
        operating_curves=(
            OperatingCurve(
                Score("AUROC", 0.981, 0.973, 0.988, "patients", 24, 96, label="nucleus", method=INTERVAL),
                [0, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35, 0.6, 1],
                [0, 0.71, 0.83, 0.9, 0.94, 0.965, 0.98, 0.991, 0.998, 1],
            ),
        ),
        confusion=Confusion(("background", "nucleus"), ((71, 3), (2, 20))),
        galleries=(
            Gallery("Best", (case(1, 0.962), case(2, 0.958), case(3, 0.955))),
            Gallery("At the median", (case(4, 0.914), case(5, 0.913), case(6, 0.912))),
            Gallery(
                "Worst",
                (case(7, 0.781, "scanner C, out of focus"), case(8, 0.802, "touching nuclei"), case(9, 0.811)),
                "What goes wrong here is what to look for first in new data.",
            ),
        ),
        pairs=(Pair(case(3, None), turned(case(3, None)), "the same field, turned by a quarter; both in training"),),
        plan=(
            Choice(
                "Network",
                "U-Net, 2-D, depth 4, 32 channels",
                "the largest nuclei are 58 pixels wide; its receptive field is 188",
            ),
            Choice("Window", "192 x 192 pixels", "holds the receptive field and fits the memory for a batch of 12"),
            Choice("Normalisation", "mean 0.21, deviation 0.17", "measured on the training fold alone"),
            Choice("Loss", "cross-entropy + Dice", "nucleus fills 21 % of the training pixels"),
            Choice("Precision", "bfloat16, channels last", "this processor multiplies bfloat16"),
        ),
        curves=tuple(curve(name, seed) for seed, name in enumerate(folds)),
        certificate=CertificateSummary(
            "sha256:9f2c4f0c1d7b52e0a3f7c8e1b6d5a49027e3b1c8d9f0a1b2c3d4e5f60718293a",
            (
                Check("every unit lies wholly on one side of each fold", True, "24 units, 5 folds"),
                Check("every record is tested once", True),
                Check("the files are those that were split", True, "size, header and 64 sampled blocks of 192 files"),
            ),
            "Folds by patient, joined over near-duplicates; anybody can check it again with `hypercolumn check`.",
        ),
        reproduction=Reproduction(
            (
                "pip install hypercolumn==0.1.0",
                "hypercolumn train study.yaml --seed 7",
                "hypercolumn report runs/2026-03-14_1412_nuclei",
            ),
            versions={"python": "3.11.7", "hypercolumn": "0.1.0", "torch": "2.13.0", "numpy": "2.4.1"},
            seeds={"split": 7, "training": 7, "bootstrap": 7},
            hashes={"manifest": "sha256:41d0…c7", "study file": "sha256:be11…09", "weights": "sha256:73aa…5d"},
            hardware={"processor": "2 cores, bfloat16", "memory": "8 GB", "accelerator": "none"},
            seconds={"check": 3.2, "training": 741.0, "evaluation": 38.5},
        ),
        answers={"CLAIM 5": "retrospective", "CLAIM 34": "not a trial"},
        methods=(
            "A two-dimensional U-Net was trained on 96 images of 24 patients in five folds by patient; near-duplicate "
            "images were kept on one side. Scores are pooled over the test folds, with 95 % intervals by a bootstrap "
            "over patients.\n\n"
            "As a baseline without a network each image was thresholded by Otsu's method."
        ),
        citation="@software{hypercolumn,\n  title = {Hypercolumn},\n  version = {0.1.0}\n}",
    )


@pytest.fixture(scope="session")
def blocked_content(clean_content):
    """The same study where patient 7 stands on both sides: Dice and IoU fall, the surface distance is told to stand."""
    leak = Finding(
        "A-LINEAGE-BOTH-SIDES",
        Severity.BLOCKING,
        "Three patients have images in training and in test",
        {"patients on both sides": 3, "images of theirs in test": 11, "share of the test images": 0.115},
        remedy="Name the patient column in the study file (data.patient) and let the split be made again.",
        groups=(("patient-07/field-0", "patient-07/field-3"), ("patient-12/field-1", "patient-12/field-2")),
        spoils=("Dice", "IoU"),
    )
    lights = (Light("Leakage", State.BLOCKING, "three patients stand in training and test"), *clean_content.lights[1:])
    return replace(clean_content, lights=lights, findings=(leak, *clean_content.findings))


@pytest.fixture(scope="session")
def words_content(clean_content):
    """The clean study without its images, for laws about words and numbers."""
    return replace(clean_content, galleries=(), pairs=())


@pytest.fixture(scope="session")
def blocked_words_content(blocked_content):
    return replace(blocked_content, galleries=(), pairs=())
