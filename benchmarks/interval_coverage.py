"""Whether 95 % intervals over patients hold the truth under other laws of windows than the one of `evaluation`.

Windows of one patient share a fifth or four fifths of their variance, and a patient brings ten windows, or a number
from a Pareto law whose largest bring hundreds. The figure is the coverage that lies farthest from 95 % among these
laws; each stands in the details beside the interval that takes windows for independent. The truth is that of 100,000
patients.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.evaluation import (
    UNIT,
    Drawn,
    Law,
    auroc_of_patients,
    auroc_of_windows,
    coverage,
    mean_dice,
    pooled_dice,
)
from benchmarks.harness import Measured, bar
from hypercolumn.evaluation.predictions import Predictions, segmentation_row
from hypercolumn.evaluation.scores import headline_score

RUNS = 2_000
LAWS = tuple(Law(alike, windows) for alike in (0.2, 0.8) for windows in ("even", "heavy"))

Drawing = Callable[[np.random.Generator, int, Law | None], Drawn]


@bar("coverage of AUROC farthest from 95 %, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=1)
def auroc_20() -> Measured:
    return farthest({"windows": auroc_of_windows, "patients": auroc_of_patients}, 20, seed=1)


@bar("coverage of AUROC farthest from 95 %, 40 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=2)
def auroc_40() -> Measured:
    return farthest({"windows": auroc_of_windows, "patients": auroc_of_patients}, 40, seed=2)


@bar("coverage of AUROC farthest from 95 %, 80 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=3)
def auroc_80() -> Measured:
    return farthest({"windows": auroc_of_windows, "patients": auroc_of_patients}, 80, seed=3)


@bar("coverage of mean Dice farthest from 95 %, 20 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=4)
def mean_dice_20() -> Measured:
    return farthest({"mean Dice": mean_dice}, 20, seed=4)


@bar("coverage of mean Dice farthest from 95 %, 40 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=5)
def mean_dice_40() -> Measured:
    return farthest({"mean Dice": mean_dice}, 40, seed=5)


@bar("coverage of mean Dice farthest from 95 %, 80 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=6)
def mean_dice_80() -> Measured:
    return farthest({"mean Dice": mean_dice}, 80, seed=6)


@bar("coverage of pooled Dice farthest from 95 %, 80 patients", unit=UNIT, at_least=0.93, at_most=0.97, seed=7)
def pooled_dice_80() -> Measured:
    """Lesion sizes log-normal, deviation 1 over patients; with 20 and 40 patients beside it, where the score warns."""
    drawings = {"pooled Dice": pooled_dice}
    fewer = {f"{patients} patients": farthest(drawings, patients, seed=7).value for patients in (20, 40)}
    found = farthest(drawings, 80, seed=7)
    heavier = coverage(partial(pooled_dice, spread=1.5), 80, seed=7, runs=RUNS, bootstraps=0).value
    return Measured(found.value, details={**found.details, **fewer, "sizes of deviation 1.5": heavier})


@bar("pooled Dice warns below 80 patients and not from there", unit="share of 9 sizes", at_least=1.0)
def pooled_dice_warns() -> Measured:
    warned = {
        patients: "indication" in pooled_score_note(patients) for patients in (10, 19, 20, 40, 60, 79, 80, 81, 120)
    }
    right = [warned[patients] == (patients < 80) for patients in warned]
    return Measured(
        float(np.mean(right)), details={f"{patients} patients": warns for patients, warns in warned.items()}
    )


def farthest(drawings: dict[str, Drawing], patients: int, *, seed: int) -> Measured:
    found = {
        f"{name}, {law.alike:.0%} alike, {law.windows} numbers of windows": coverage(
            lambda chance, count, drawing=drawing, law=law: drawing(chance, count, law),
            patients,
            seed=seed,
            runs=RUNS,
            bootstraps=0,
        )
        for name, drawing in drawings.items()
        for law in LAWS
    }
    naive = "windows taken for independent"
    shown = {name: f"{one.value:.3f}, {naive} {one.details[naive]:.3f}" for name, one in found.items()}
    worst = max(found.values(), key=lambda one: abs(one.value - 0.95))
    return Measured(worst.value, details={**shown, "runs of each": RUNS})


def pooled_score_note(patients: int) -> str:
    """What the headline of a segmentation says beside its interval."""
    chance = np.random.default_rng(patients)
    rows = {}
    for name in (f"P{number:03d}" for number in range(patients)):
        truth = (chance.random(60) < 0.4).astype(int)
        predicted = np.where(chance.random(60) < 0.1, 1 - truth, truth)
        who = {"record": name, "fold": "1", "unit": name}
        rows[name] = who | segmentation_row(truth, predicted, classes=("background", "lesion"))
    predictions = Predictions.from_rows(rows, target_kind="mask", classes=("background", "lesion"))
    return headline_score(predictions, unit="patients").note
