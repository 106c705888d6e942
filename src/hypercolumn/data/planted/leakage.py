"""Leakage of known size: patients on both sides, copies on both sides, labels that site or image size tell.

    bleed       this share of the patients has one record on the other side of the split
    copies      this share of the test images is a training image, flipped, turned, brightened
    strength    Cramer's V between label and site: P(ill | site) = 1/2 +- V/2, in turns, so V^2 = chi^2 / n expected

Nothing is written to disk and no image shows anything but smooth noise. Chance is a function of the seed alone.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity.symmetries import symmetries
from hypercolumn.data.split import Fold, Piece, Split
from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True, eq=False)
class PlantedBleed:
    """A cohort, its split, and the patients who stand on both sides."""

    cohort: Cohort
    split: Split
    bled: tuple[str, ...]


def plant_patient_bleed(seed: int, *, bleed: float, patients: int = 100, images_a_patient: int = 4) -> PlantedBleed:
    """A split by patient, after which the share `bleed` of the patients had one record put on the other side.

    >>> planted = plant_patient_bleed(0, bleed=0.05)
    >>> len(planted.cohort), len(planted.bled), len(plant_patient_bleed(0, bleed=0).bled)
    (400, 5, 0)
    """
    _check_share("bleed", bleed)
    if patients < 2 or images_a_patient < 2:
        raise InvalidArgument("patients", patients, fix="give 2 patients or more with 2 images or more")
    rng = np.random.default_rng(seed)
    who = [f"P{number:03d}" for number in range(patients)]
    table = pd.DataFrame(
        [(f"{name}-{image}", name) for name in who for image in range(images_a_patient)], columns=["image", "patient"]
    )
    cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "patient"}), folder=".")
    order = rng.permutation(patients)
    tested = {who[number] for number in order[: max(1, patients // 4)]}
    bled = {who[number] for number in rng.choice(patients, round(bleed * patients), replace=False)}
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for record, name in zip(cohort.records, cohort.level("patient"), strict=True):
        strays = name in bled and record.endswith("-0")
        sides[(name in tested) != strays].append(Piece(record))
    return PlantedBleed(cohort, _split(*sides, level="patient"), tuple(sorted(bled)))


@dataclass(frozen=True, eq=False)
class PlantedCopies:
    """A cohort with its images (1, y, x) by record, its split, and the pairs (training, test) that are copies."""

    cohort: Cohort
    images: dict[str, np.ndarray]
    split: Split
    pairs: tuple[tuple[str, str], ...]


def plant_copies(seed: int, *, copies: float, images: int = 40, size: int = 64) -> PlantedCopies:
    """Half of the images are learnt from, half tested; the share `copies` of the tested ones shows a training image.

    >>> planted = plant_copies(0, copies=0.1)
    >>> len(planted.images), planted.pairs
    (40, (('training 12', 'test 12'), ('training 16', 'test 16')))
    """
    _check_share("copies", copies)
    if images < 4 or size < 16:
        raise InvalidArgument("images", images, fix="give 4 images or more of 16 x 16 or more")
    rng = np.random.default_rng(seed)
    half = images // 2
    chosen = np.sort(rng.choice(half, round(copies * half), replace=False))
    shown: dict[str, np.ndarray] = {}
    for side in ("training", "test"):
        for number in range(half):
            shown[f"{side} {number:02d}"] = _smooth(rng, size)
    pairs = []
    for number in chosen.tolist():
        first, second = f"training {number:02d}", f"test {number:02d}"
        brighter = np.clip(shown[first] * rng.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
        shown[second] = np.ascontiguousarray(symmetries(2)[rng.integers(8)].of(brighter))
        pairs.append((first, second))
    cohort = Cohort.from_table(pd.DataFrame({"image": list(shown)}), Columns(input="image"), folder=".")
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for record in shown:
        sides[record.startswith("test")].append(Piece(record))
    return PlantedCopies(cohort, shown, _split(*sides, level="specimen"), tuple(pairs))


@dataclass(frozen=True, eq=False)
class PlantedShortcut:
    """A cohort with the sizes (y, x) of its images by record, and the strength that was planted."""

    cohort: Cohort
    sizes: dict[str, tuple[int, int]]
    strength: float
    through: str


def plant_shortcut(
    seed: int, *, strength: float, patients: int = 300, sites: int = 4, through: str = "site"
) -> PlantedShortcut:
    """Patients of two labels from several sites, whose site ("site") or image size ("size") tells the label.

    `strength` is the Cramer's V expected between the label and that column; the other column tells nothing.

    >>> planted = plant_shortcut(0, strength=0.3)
    >>> pd.crosstab(planted.cohort.table["hospital"], planted.cohort.table["label"]).loc["H1"].tolist()
    [91, 59]
    """
    _check_share("strength", strength)
    if through not in {"site", "size"}:
        raise InvalidArgument("through", through, fix="use site or size")
    if patients < 2 or sites < 2 or sites % 2:
        raise InvalidArgument("sites", sites, fix="give an even number of sites, and 2 patients or more")
    rng = np.random.default_rng(seed)
    site, scanner = rng.integers(sites, size=(2, patients))
    telling = site if through == "site" else scanner
    ill = rng.random(patients) < 0.5 + np.where(telling % 2 == 0, strength / 2, -strength / 2)
    images = rng.integers(1, 4, size=patients)
    who = np.repeat(np.arange(patients), images)
    table = pd.DataFrame({"image": [f"{number:05d}.png" for number in rng.permutation(len(who))]})
    table["patient"], table["hospital"] = [f"P{number:03d}" for number in who], [f"H{n + 1}" for n in site[who]]
    table["label"] = np.where(ill[who], "ill", "well")
    columns = Columns(input="image", target="label", lineage={"site": "hospital", "patient": "patient"})
    cohort = Cohort.from_table(table, columns, folder=".")
    side = 480 + 32 * scanner[who]
    sizes = {record: (int(length), int(length)) for record, length in zip(cohort.records, side, strict=True)}
    return PlantedShortcut(cohort, sizes, strength, through)


def _smooth(rng: np.random.Generator, size: int) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), size / 24)
    return (120 + 25 * np.clip(field / field.std(), -3, 3)).astype(np.uint8)[None]


def _split(training: list[Piece], test: list[Piece], *, level: str) -> Split:
    fold = Fold("fold 1", tuple(training), (), tuple(test))
    return Split("planted", level, {}, (fold,), seed=0)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidArgument(name, value, fix="give a share from 0 (the clean twin) to 1")
