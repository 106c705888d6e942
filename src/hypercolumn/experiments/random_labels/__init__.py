"""Labels drawn at random: a split by slice claims that a network can tell them, a split by patient that none can.

    truth           each patient's label is a coin toss, so 50 % is all that can be had of new patients
    by slice        the slices of every patient on both sides: the network remembers the patient
    by patient      no patient on two sides (what this package does)

Yagis et al. 2021, doi 10.1038/s41598-021-01681-w: on T1 images of 34 patients and 34 controls whose labels were drawn
at random, a slice-level split gave an accuracy of about 96 %, a subject-level split of 50 %. Here the brains are
simulated: smooth fields, one a patient, of which neighbouring slices are alike. Both splits score the same files with
the same network and as many steps.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image
from scipy import ndimage

from hypercolumn.evaluation import Predictions
from hypercolumn.experiments import style
from hypercolumn.experiments.outcome import Outcome, Table, new_folder, refuse_image, write_tables
from hypercolumn.study import Run, Study
from hypercolumn.study.controls import LeakyFolds, random_folds, train_control
from hypercolumn.study.progress import Silent, Watcher

PUBLISHED = {"by slice": 0.96, "by patient": 0.50}


@dataclass(frozen=True)
class Scale:
    """How large the cohort is and how long it is learnt from."""

    patients: int = 40
    slices: int = 12
    size: int = 48
    steps: int = 480
    folds: int = 4
    width: int = 16


def run(
    folder: Path,
    *,
    seed: int = 0,
    image: Path | None = None,
    scale: Scale | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Simulate the cohort, train under both splits, and write what each claims into a new folder.

    Raises UsageError where the folder holds files, or an image is given.
    """
    refuse_image(image, instead="a study of your own: hypercolumn audit RUN --controls")
    scale, watcher = scale or Scale(), watcher or Silent()
    folder = new_folder(folder)
    study = _write_cohort(folder, scale, seed)
    locked = study.train(out=folder / "runs", watcher=watcher)
    parts = []
    for fold in locked.split.folds:
        wrong = random_folds(fold, seed=seed)
        named = LeakyFolds(f"random split {fold.name}", wrong.folds)
        parts.append(train_control(locked, study, study.material, named, watcher).predictions)
    by_slice = [_accuracy(part) for part in parts]
    by_patient = [_accuracy(_of_fold(locked, fold.name)) for fold in locked.split.folds]
    table = _table(by_slice, by_patient)
    write_tables((table,), folder, seed=seed)
    _draw(by_slice, by_patient, folder / "random-labels.png")
    return Outcome(folder, (table,), ("random-labels.png",), "hypercolumn audit RUN --controls")


def _write_cohort(folder: Path, scale: Scale, seed: int) -> Study:
    """Slices of smooth fields as images, a coin toss a patient, and the study file."""
    chance = np.random.default_rng(seed)
    labels = chance.permutation([number % 2 for number in range(scale.patients)])
    (folder / "images").mkdir()
    rows = []
    for patient, label in enumerate(labels):
        for number, slice_ in enumerate(_brain(chance, scale)):
            name = f"images/P{patient:02d}-{number:02d}.png"
            Image.fromarray(slice_).save(folder / name)
            rows.append((name, ("tails", "heads")[label], f"P{patient:02d}"))
    pd.DataFrame(rows, columns=["image", "coin", "patient"]).to_csv(folder / "manifest.csv", index=False)
    content = {
        "name": "random-labels",
        "data": {"manifest": "manifest.csv", "columns": {"input": "image", "target": "coin", "patient": "patient"}},
        "target": {"kind": "class", "classes": ["tails", "heads"]},
        "generalises_to": "patient",
        "split": {"folds": scale.folds, "validation": 0.1},
        "training": {
            "steps": scale.steps,
            "minutes": None,
            "width": scale.width,
            "batch": 24,
            "augmentation": 0.25,
            "patience": None,
        },
        "seed": seed,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Study.read(folder / "study.yaml")


def _brain(chance: np.random.Generator, scale: Scale) -> np.ndarray:
    """The middle slices of one patient: smooth noise within an ellipse, whose folds go from slice to slice."""
    shape = (3 * scale.slices, scale.size, scale.size)
    field = ndimage.gaussian_filter(chance.normal(size=shape), (4.0, 2.5, 2.5), mode="wrap")
    field = field[scale.slices : 2 * scale.slices] / field.std()
    y, x = np.mgrid[-1 : 1 : 1j * scale.size, -1 : 1 : 1j * scale.size]
    height, width = chance.uniform(0.75, 0.95, 2)
    inside = ndimage.gaussian_filter(((y / height) ** 2 + (x / width) ** 2 < 1).astype(float), 1.0)
    noise = chance.normal(scale=6.0, size=field.shape)
    return np.clip((110 + 40 * field) * inside + noise + 12, 0, 255).astype(np.uint8)


def _accuracy(predictions: Predictions) -> float:
    table = predictions.table
    return float(np.mean((table["p_1"] > 0.5) == (table["truth"] == 1)))


def _of_fold(locked: Run, fold: str) -> Predictions:
    known = locked.predictions
    return known.select(known.table.index[known.table["fold"] == fold])


def _table(by_slice: list[float], by_patient: list[float]) -> Table:
    rows = [
        (name, float(np.mean(values)), min(values), max(values), PUBLISHED[name])
        for name, values in (("by slice", by_slice), ("by patient", by_patient))
    ]
    return Table(
        "random-labels",
        "The accuracy of labels drawn at random",
        ("split", "accuracy", "lowest fold", "highest fold", "published"),
        tuple(rows),
        "each patient's label is a coin toss: nobody can know that of a new patient",
    )


def _draw(by_slice: list[float], by_patient: list[float], path: Path) -> None:
    """Each fold a dot, chance and the published figures as lines."""
    with style.drawing(path, size=(6.4, 2.9), title="Labels drawn at random: what each split claims") as figure:
        axes = figure.subplots()
        for row, (name, values) in enumerate((("by slice", by_slice), ("by patient", by_patient))):
            colour = (style.ORANGE, style.BLUE)[row]
            axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.7, markersize=7)
            axes.plot([np.mean(values)] * 2, [row - 0.25, row + 0.25], color=colour, linewidth=3)
            axes.plot([PUBLISHED[name]], [row + 0.36], "^", color=style.SOFT, markersize=5)
        axes.axvline(0.5, color=style.SOFT, linestyle=":")
        axes.text(0.505, -0.45, "chance", fontsize=8, color=style.SOFT, va="top")
        axes.set(xlim=(0.2, 1.02), ylim=(1.6, -0.6), xlabel="accuracy on the test side (triangles: as published)")
        axes.set_yticks([0, 1], ["split by slice", "split by patient"])
