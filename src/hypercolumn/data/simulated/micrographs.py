"""A cohort of fluorescence micrographs of nuclei, simulated, as files on disk.

A patient has tissue of its own (`nuclei`), a scanner its own optics, illumination and noise (`microscope`). What is
annotated is the nuclei in focus. What is not, and is as bright: nuclei out of focus, autofluorescent cytoplasm,
debris, fibres, haze. So no threshold separates them, neither one for all images, nor one for each: sharpness, texture
and shape do.

    folder/manifest.csv      image, mask, patient, slide, scanner, sex, age_band
    folder/images/*.png      8 bits, grey
    folder/masks/*.png       16 bits, one number an object, 0 is background

Chance is a function of (seed, patient, image): the first patients of a larger cohort are those of a smaller one. Sex
and age are labels alone: nothing in the images depends on them. The identifiers are made up, the pixels too.
"""

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd

from hypercolumn.data.simulated.microscope import SCANNERS, Scanner, expose, illumination, point_spread
from hypercolumn.data.simulated.nuclei import MARGIN, Nucleus, Tissue, outline, paint, scatter, smooth_noise
from hypercolumn.errors import InvalidArgument

SEXES = ("female", "male")
AGE_BANDS = ("18-39", "40-59", "60-79")
FIELDS_A_SLIDE = 2


@dataclass(frozen=True, eq=False)
class Micrograph:
    """One simulated field of view: grey values (y, x) uint8, instance numbers (y, x) uint16."""

    image: np.ndarray
    instances: np.ndarray


def simulate_micrographs(
    folder: Path | str,
    *,
    patients: int = 24,
    images_per_patient: int = 2,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
) -> Path:
    """Write a cohort below `folder` and return the path of its manifest; the same seed writes the same bytes.

    Patients are dealt over the three scanners in turn; each slide holds two fields of view.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = simulate_micrographs(folder, patients=2, images_per_patient=1, size=(64, 64))
    ...     print(pd.read_csv(manifest).drop(columns="mask").to_string(index=False))
                   image patient  slide scanner    sex age_band
    images/P01-S1-F1.png     P01 P01-S1       A   male    18-39
    images/P02-S1-F1.png     P02 P02-S1       B female    60-79
    """
    for name, value in (("patients", patients), ("images_per_patient", images_per_patient), ("size", min(size))):
        if value < 1:
            raise InvalidArgument(name, value, fix="give at least 1")
    folder = Path(folder)
    for below in ("images", "masks"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    rows = []
    for patient in range(patients):
        rng = np.random.default_rng([seed, patient])
        tissue, scanner = Tissue.draw(rng), SCANNERS[patient % len(SCANNERS)]
        strata = {"sex": str(rng.choice(SEXES)), "age_band": str(rng.choice(AGE_BANDS))}
        for number in range(images_per_patient):
            name = f"P{patient + 1:02d}-S{number // FIELDS_A_SLIDE + 1}-F{number % FIELDS_A_SLIDE + 1}"
            field = simulate_field(np.random.default_rng([seed, patient, number]), tissue, scanner, size=size)
            _write_png(folder / "images" / f"{name}.png", field.image)
            _write_png(folder / "masks" / f"{name}.png", field.instances)
            paths = {"image": f"images/{name}.png", "mask": f"masks/{name}.png"}
            lineage = {"patient": name.split("-")[0], "slide": name.rsplit("-", 1)[0]}
            rows.append({**paths, **lineage, "scanner": scanner.name, **strata})
    manifest = folder / "manifest.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False, lineterminator="\n")
    return manifest


def simulate_field(
    rng: np.random.Generator, tissue: Tissue, scanner: Scanner, *, size: tuple[int, int] = (256, 256)
) -> Micrograph:
    """One field of view of a tissue under a scanner.

    >>> tissue = Tissue.draw(np.random.default_rng(1))
    >>> field = simulate_field(np.random.default_rng(0), tissue, SCANNERS[0], size=(96, 128))
    >>> field.image.shape, field.image.dtype, field.instances.dtype
    ((96, 128), dtype('uint8'), dtype('uint16'))
    """
    shape = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    nuclei = scatter(rng, tissue, shape)
    dye, coverage, labels = paint(rng, nuclei, tissue, shape)
    cytoplasm = _autofluorescence(rng, nuclei, tissue, shape) * (1 - 0.85 * coverage)
    light = point_spread(dye + cytoplasm + _debris(rng, tissue, shape), scanner.blur)
    light += _out_of_focus(rng, tissue, shape)
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    light = (light[inside] + _haze(rng, scanner, size)) * illumination(scanner, size)
    image = expose(rng, light, scanner, exposure=float(rng.uniform(0.85, 1.15)))
    return Micrograph(image, _renumber(labels[inside]))


def _out_of_focus(rng: np.random.Generator, tissue: Tissue, shape: tuple[int, int]) -> np.ndarray:
    """Nuclei above and below the focal plane: blurred by 4.5 to 8 pixels, and as bright as those in focus."""
    light = np.zeros(shape, np.float32)
    planes = rng.uniform(4.5, 8.0, size=3)
    counts = rng.poisson(tissue.out_of_focus * shape[0] * shape[1] / 256**2 / len(planes), size=len(planes))
    for blur, count in zip(planes, counts, strict=True):
        plane = np.zeros(shape, np.float32)
        for _ in range(count):
            centre = (rng.uniform(0, shape[0]), rng.uniform(0, shape[1]))
            nucleus = Nucleus.draw(rng, centre, tissue)
            patch = outline(nucleus, shape, swell=1.15)
            lost = 1 - np.exp(-((1.15 * nucleus.radius) ** 2) / (2 * blur**2))
            plane[patch.place] = np.maximum(plane[patch.place], patch.coverage * nucleus.dye / lost)
        light += point_spread(plane, blur)
    return light


def _autofluorescence(
    rng: np.random.Generator, nuclei: list[Nucleus], tissue: Tissue, shape: tuple[int, int]
) -> np.ndarray:
    """Cytoplasm that glows by itself, as bright as a weakly stained nucleus; some of it without its nucleus."""
    light = np.zeros(shape, np.float32)
    glowing = [nucleus for nucleus in nuclei if rng.random() < 0.35]
    for _ in range(rng.poisson(5 * shape[0] * shape[1] / 256**2)):
        glowing.append(Nucleus.draw(rng, (rng.uniform(0, shape[0]), rng.uniform(0, shape[1])), tissue))
    for nucleus in glowing:
        patch = outline(nucleus, shape, swell=float(rng.uniform(1.5, 2.1)))
        level = tissue.autofluorescence * float(rng.uniform(0.6, 1.3))
        light[patch.place] = np.maximum(light[patch.place], level * patch.coverage)
    granules = 1 + 0.15 * smooth_noise(rng, shape, 1.5) + 0.15 * smooth_noise(rng, shape, 5.0)
    return point_spread(light, 2.0) * np.maximum(granules, 0)


def _debris(rng: np.random.Generator, tissue: Tissue, shape: tuple[int, int]) -> np.ndarray:
    """Specks of stain of a few pixels, and a fibre or two across the image."""
    light = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(tissue.debris * shape[0] * shape[1] / 256**2)):
        speck = Nucleus.draw(rng, (rng.uniform(0, shape[0]), rng.uniform(0, shape[1])), tissue)
        patch = outline(speck, shape, swell=float(rng.uniform(0.1, 0.3)))
        light[patch.place] += patch.coverage * rng.uniform(0.4, 1.6)
    for _ in range(rng.poisson(1.0)):
        steps = np.arange(0, 2 * max(shape), 0.5)
        bend = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.012, size=steps.size))
        y = rng.uniform(0, shape[0]) + np.cumsum(0.5 * np.sin(bend))
        x = rng.uniform(0, shape[1]) + np.cumsum(0.5 * np.cos(bend))
        kept = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        fibre = np.zeros(shape, np.float32)
        fibre[y[kept].astype(int), x[kept].astype(int)] = 1
        light += point_spread(fibre, 1.0) * rng.uniform(1.0, 2.5)
    return light


def _haze(rng: np.random.Generator, scanner: Scanner, size: tuple[int, int]) -> np.ndarray:
    """Light scattered from thick tissue: a slow field between a tenth of the scanner's haze and all of it."""
    field = smooth_noise(rng, size, 0.16 * max(size))
    return scanner.haze * np.clip(0.5 + 0.25 * field, 0.1, 1.0)


def _renumber(labels: np.ndarray) -> np.ndarray:
    """Numbers 1, 2, 3 ... for the objects that are inside the image."""
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    return np.where(present, np.cumsum(present), 0).astype(np.uint16)[labels]


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=6))
