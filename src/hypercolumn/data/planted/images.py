"""Cohorts of images on disk with one flaw of known size, and their clean twins: what a study is trained and audited on.

    healthy         a few discs, bright or dark, on cloudy ground        diseased        as many rings
    copies          a share of the patients is there a second time under another name, each image a JPEG of itself
    scanner         two scanners (contrast, blur, offset); the label goes with the scanner at Cramer's V
    wrong labels    a share of the labels, by record, is the other one
    hidden group    a share of the patients bears a device, and their spots cannot be seen: accuracy one half

A clean twin has the same draws and no flaw: both scanners and the device are in every cohort, but neither has to do
with the label or with what can be seen.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from hypercolumn.errors import InvalidArgument

Flaw = Literal["copies", "scanner", "wrong labels", "hidden group"]
SIZE, MARGIN, SPOTS, CONTRAST = 40, 11, 4, 60.0
DEVICE_SHARE = 0.25
"""Of all patients, where nothing is hidden."""
CLASSES = ("healthy", "diseased")


@dataclass(frozen=True)
class PlantedImages:
    """A folder with images and `manifest.csv` (image, label, patient, scanner), and what was planted."""

    folder: Path
    flaw: Flaw
    size: float
    planted: tuple[str, ...]
    """The images that carry the flaw: copies, wrong labels, members of the group; none for a scanner."""


def plant_images(
    folder: Path, seed: int, *, flaw: Flaw, size: float, patients: int = 80, images_a_patient: int = 2
) -> PlantedImages:
    """Write a cohort into an empty folder; `size` 0 is the clean twin.

    size: the share of patients (copies, hidden group) or of records (wrong labels), or Cramer's V (scanner).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planted = plant_images(Path(folder), 0, flaw="wrong labels", size=0.1, patients=20)
    ...     len(planted.planted), len(pd.read_csv(Path(folder) / "manifest.csv"))
    (4, 40)
    """
    if flaw not in get_args(Flaw):
        raise InvalidArgument("flaw", flaw, fix=f"use one of {', '.join(get_args(Flaw))}")
    if not 0 <= size <= 1:
        raise InvalidArgument("size", size, fix="give a share from 0 (the clean twin) to 1")
    if patients < 4 or images_a_patient < 1:
        raise InvalidArgument("patients", (patients, images_a_patient), fix="give 4 patients and an image at least")
    chance = np.random.default_rng(seed)
    label = chance.permutation(patients) % 2
    agrees = chance.random(patients) < (0.5 + (size if flaw == "scanner" else 0.0) / 2)
    scanner = np.where(agrees, label, 1 - label)
    order = chance.permutation(patients)
    grouped = flaw == "hidden group" and size > 0
    device = np.isin(np.arange(patients), order[: round((size if grouped else DEVICE_SHARE) * patients)])
    hidden = device & grouped
    (folder / "images").mkdir(parents=True)
    rows: list[tuple[str, str, str, str]] = []
    planted: list[str] = []
    for patient in range(patients):
        ground = ndimage.gaussian_filter(chance.normal(size=(SIZE, SIZE)), 4)
        for number in range(images_a_patient):
            seen = _image(chance, ground, label[patient], device=bool(device[patient]), hidden=bool(hidden[patient]))
            name = f"images/P{patient:03d}-{number}.png"
            Image.fromarray(_scanned(chance, seen, scanner[patient])).save(folder / name)
            rows.append((name, CLASSES[label[patient]], f"P{patient:03d}", f"scanner {scanner[patient] + 1}"))
            if hidden[patient]:
                planted.append(name)
    if flaw == "copies":
        planted += _copied(folder, rows, order[: round(size * patients)].tolist(), patients)
    if flaw == "wrong labels":
        for place in chance.permutation(len(rows))[: round(size * len(rows))].tolist():
            name, given, patient_name, by = rows[place]
            rows[place] = (name, CLASSES[1 - CLASSES.index(given)], patient_name, by)
            planted.append(name)
    columns = ["image", "label", "patient", "scanner"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "manifest.csv", index=False, lineterminator="\n")
    return PlantedImages(folder, flaw, size, tuple(sorted(planted)))


def _image(chance: np.random.Generator, ground: np.ndarray, label: int, *, device: bool, hidden: bool) -> np.ndarray:
    """One view of a patient: the ground moves a little, the spots lie elsewhere."""
    shift = chance.integers(-SIZE // 4, SIZE // 4, 2)
    seen = 110 + 10 * np.roll(ground / ground.std(), tuple(shift), (0, 1)) + chance.normal(scale=6.0)
    y, x = np.mgrid[:SIZE, :SIZE]
    for row, column in chance.uniform(MARGIN, SIZE - MARGIN, (SPOTS, 2)):
        away = np.hypot(y - row, x - column)
        form = np.exp(-((away - 4.0) ** 2) / 1.0) if label else 0.9 * np.exp(-(away**2) / 12)
        seen = seen + (0.0 if hidden else CONTRAST) * chance.choice([-1, 1]) * form
    if device:
        column = int(chance.integers(6, SIZE - 6))
        seen[:, column - 1 : column + 2] = 200
    return seen


def _scanned(chance: np.random.Generator, seen: np.ndarray, scanner: int) -> np.ndarray:
    """What a scanner makes of it: the second is darker, softer and noisier."""
    if scanner:
        seen = ndimage.gaussian_filter(0.85 * seen + 2, 0.7)
    noise = chance.normal(scale=(4.0, 7.0)[scanner], size=seen.shape)
    return np.clip(seen + noise, 0, 255).astype(np.uint8)


def _copied(folder: Path, rows: list[tuple[str, str, str, str]], chosen: list[int], patients: int) -> list[str]:
    """Patients who came a second time: their images as JPEG, under a new name."""
    made = []
    for again, patient in enumerate(chosen):
        for name, label, _, scanner in [row for row in rows if row[2] == f"P{patient:03d}"]:
            stored = io.BytesIO()
            Image.open(folder / name).save(stored, format="JPEG", quality=85)
            new = name.replace(f"P{patient:03d}", f"P{patients + again:03d}")
            Image.open(stored).save(folder / new)
            rows.append((new, label, f"P{patients + again:03d}", scanner))
            made.append(new)
    return made
