"""Cohorts of volumes on disk with one flaw of known size, and their clean twins: smooth anatomy, 24 samples a side.

    healthy             anatomy alone                               diseased        a bright lesion in its middle half
    resampled copies    a share of the patients is there a second time under another name, each volume at another size
                        (18 to 32 samples an axis), flipped along some axes, or both
    scanner             two scanners (gain, offset, blur, noise); the label goes with the scanner at Cramer's V

One volume a patient. A clean twin has the same draws and no flaw: both scanners are in every cohort, but neither has to
do with the label.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from hypercolumn.data.planted.patients import CLASSES, PlantedFiles, check_asked, draw_patients, name_of, write_manifest
from hypercolumn.data.similarity.symmetries import symmetries

Flaw = Literal["resampled copies", "scanner"]
SIDE, SMALLEST, LARGEST = 24, 18, 32
LESION = 350.0
"""How bright it is, over anatomy that deviates by 100."""


def plant_volumes(folder: Path, seed: int, *, flaw: Flaw, size: float, patients: int = 60) -> PlantedFiles:
    """Write volumes (1, z, y, x) and `manifest.csv` (volume, label, patient, scanner) into an empty folder.

    size: the share of patients (resampled copies) or Cramer's V (scanner); 0 is the clean twin.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planted = plant_volumes(Path(folder), 0, flaw="resampled copies", size=0.2, patients=10)
    ...     planted.pairs[0], [np.load(Path(folder) / name).shape for name in planted.planted]
    (('volumes/P002.npy', 'volumes/P010.npy'), [(1, 21, 29, 32), (1, 24, 24, 24)])
    """
    check_asked(flaw, Flaw, size=size, patients=patients)
    chance = np.random.default_rng(seed)
    drawn = draw_patients(chance, patients, association=size if flaw == "scanner" else 0.0)
    twice = drawn.first(size) if flaw == "resampled copies" else []
    (folder / "volumes").mkdir(parents=True)
    rows: list[tuple[str, str, str, str]] = []
    pairs: list[tuple[str, str]] = []
    for patient in range(patients):
        body = _body(chance, lesion=bool(drawn.label[patient]))
        volume = _scanned(chance, body, drawn.scanner[patient])
        again = _again(chance, volume)
        shown = {name_of(patient): volume}
        if patient in twice:
            shown[name_of(patients + twice.index(patient))] = again
        for name, array in shown.items():
            np.save(folder / f"volumes/{name}.npy", np.rint(array[None]).astype(np.int16))
            scanner = f"scanner {drawn.scanner[patient] + 1}"
            rows.append((f"volumes/{name}.npy", CLASSES[drawn.label[patient]], name, scanner))
        if patient in twice:
            first, second = (f"volumes/{name}.npy" for name in shown)
            pairs.append((first, second))
    write_manifest(folder, ("volume", "label", "patient", "scanner"), sorted(rows))
    return PlantedFiles(folder, flaw, size, tuple(sorted(copy for _, copy in pairs)), tuple(sorted(pairs)))


def _body(chance: np.random.Generator, *, lesion: bool) -> np.ndarray:
    """Anatomy (z, y, x): a cloud of soft forms, and a lesion somewhere in its middle half."""
    cloud = ndimage.gaussian_filter(chance.normal(size=(SIDE, SIDE, SIDE)), 2.5)
    place = chance.uniform(SIDE / 4, 3 * SIDE / 4, 3)
    away = np.linalg.norm(np.moveaxis(np.mgrid[:SIDE, :SIDE, :SIDE], 0, -1) - place, axis=-1)
    return 1000 + 100 * cloud / cloud.std() + (LESION if lesion else 0.0) * np.exp(-((away / 2.5) ** 2))


def _scanned(chance: np.random.Generator, body: np.ndarray, scanner: int) -> np.ndarray:
    """What a scanner makes of it: the second is darker, softer and noisier."""
    if scanner:
        body = ndimage.gaussian_filter(0.85 * body, 0.6)
    return body + chance.normal(scale=(8.0, 14.0)[scanner], size=body.shape)


def _again(chance: np.random.Generator, volume: np.ndarray) -> np.ndarray:
    """The same volume resampled, flipped, or both."""
    sides, turn, both = chance.integers(SMALLEST, LARGEST + 1, 3), int(chance.integers(1, 8)), int(chance.integers(3))
    flipped = symmetries(3)[turn].of(volume[None])[0]
    if both == 0:
        return flipped
    zoom = sides / SIDE
    return ndimage.zoom(volume if both == 1 else flipped, zoom, order=1, grid_mode=True, mode="nearest")
