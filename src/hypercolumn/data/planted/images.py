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
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from hypercolumn.data.planted.patients import (
    CLASSES,
    PlantedFiles,
    check_asked,
    draw_patients,
    name_of,
    write_manifest,
)

Flaw = Literal["copies", "scanner", "wrong labels", "hidden group"]
SIZE, MARGIN, SPOTS, CONTRAST = 40, 11, 4, 60.0
DEVICE_SHARE = 0.25
"""Of all patients, where nothing is hidden."""


def plant_images(
    folder: Path, seed: int, *, flaw: Flaw, size: float, patients: int = 80, images_a_patient: int = 2
) -> PlantedFiles:
    """Write images and `manifest.csv` (image, label, patient, scanner) into an empty folder.

    size: the share of patients (copies, hidden group) or of records (wrong labels), or Cramer's V (scanner); 0 is the
    clean twin.

    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planted = plant_images(Path(folder), 0, flaw="wrong labels", size=0.1, patients=20)
    ...     len(planted.planted), len(pd.read_csv(Path(folder) / "manifest.csv"))
    (4, 40)
    """
    check_asked(flaw, Flaw, size=size, patients=patients, records_a_patient=images_a_patient)
    chance = np.random.default_rng(seed)
    drawn = draw_patients(chance, patients, association=size if flaw == "scanner" else 0.0)
    grouped = flaw == "hidden group" and size > 0
    device = np.isin(np.arange(patients), drawn.first(size if grouped else DEVICE_SHARE))
    hidden = device & grouped
    (folder / "images").mkdir(parents=True)
    rows: list[tuple[str, str, str, str]] = []
    planted: list[str] = []
    for patient in range(patients):
        ground = ndimage.gaussian_filter(chance.normal(size=(SIZE, SIZE)), 4)
        for number in range(images_a_patient):
            seen = _image(
                chance, ground, drawn.label[patient], device=bool(device[patient]), hidden=bool(hidden[patient])
            )
            name = f"images/{name_of(patient)}-{number}.png"
            Image.fromarray(_scanned(chance, seen, drawn.scanner[patient])).save(folder / name)
            scanner = f"scanner {drawn.scanner[patient] + 1}"
            rows.append((name, CLASSES[drawn.label[patient]], name_of(patient), scanner))
            if hidden[patient]:
                planted.append(name)
    pairs = _copied(folder, rows, drawn.first(size), patients) if flaw == "copies" else []
    planted += [copy for _, copy in pairs]
    if flaw == "wrong labels":
        for place in chance.permutation(len(rows))[: round(size * len(rows))].tolist():
            name, given, patient_name, by = rows[place]
            rows[place] = (name, CLASSES[1 - CLASSES.index(given)], patient_name, by)
            planted.append(name)
    write_manifest(folder, ("image", "label", "patient", "scanner"), rows)
    return PlantedFiles(folder, flaw, size, tuple(sorted(planted)), tuple(sorted(pairs)))


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


def _copied(
    folder: Path, rows: list[tuple[str, str, str, str]], chosen: list[int], patients: int
) -> list[tuple[str, str]]:
    """Patients who came a second time: their images as JPEG, under a new name."""
    pairs = []
    for again, patient in enumerate(chosen, start=patients):
        for name, label, _, scanner in [row for row in rows if row[2] == name_of(patient)]:
            stored = io.BytesIO()
            Image.open(folder / name).save(stored, format="JPEG", quality=85)
            new = name.replace(name_of(patient), name_of(again))
            Image.open(stored).save(folder / new)
            rows.append((new, label, name_of(again), scanner))
            pairs.append((name, new))
    return pairs
