"""What the audits find and what they take for found: copies planted among images, and images that only look alike.

A copy is turned or flipped in one of eight ways, made 10 % brighter or darker, and stored as JPEG at quality 50. Images
are simulated: six textures that differ in what JPEG and brightness leave of them. Real images are used where the shared
data lie beside the repository; a bar says in its details where they were missing.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from benchmarks.harness import Measured, bar
from hypercolumn import audit
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, find_duplicates
from hypercolumn.data.similarity.appearance import appearance
from hypercolumn.data.similarity.symmetries import Symmetry, inverse, symmetries
from hypercolumn.data.split import Fold, Piece, Split

DATA = Path(__file__).parents[1] / "../shared/data"
SEED = 0
IMAGES_A_TEXTURE = 60

Images = dict[str, np.ndarray]


@bar("copies found among simulated images", unit="share of planted copies", at_least=0.99, seed=SEED)
def copies_found() -> Measured:
    images = simulated()
    found = {(pair.first, pair.second) for pair in search(images | copies_of(images)).pairs}
    hit = {name: (name, copy_name(name)) in found for name in images}
    by_texture = {name: [found for image, found in hit.items() if image.startswith(name)] for name in TEXTURES}
    textures = {name: round(float(np.mean(found)), 4) for name, found in by_texture.items()}
    return Measured(float(np.mean(list(hit.values()))), details={"copies": len(hit), **textures})


@bar("pairs taken for copies among simulated images that are none", unit="pairs", at_most=0, seed=SEED)
def false_pairs() -> Measured:
    """Every image against every other: those of a kind share light, stain, texture and, as radiographs, anatomy."""
    images = simulated()
    both = images | copies_of(images)
    wrong = [pair for pair in search(both).pairs if pair.second != copy_name(pair.first)]
    shown = [f"{pair.first} and {pair.second}: {pair.score}" for pair in wrong[:5]]
    return Measured(len(wrong), details={"pairs compared": len(both) * (len(both) - 1) // 2, "wrong": shown})


@bar("transforms named rightly among the copies found", unit="share", at_least=1.0, seed=SEED)
def transforms_named() -> Measured:
    images = simulated()
    pairs = [pair for pair in search(images | copies_of(images)).pairs if pair.second == copy_name(pair.first)]
    right = [pair.transform == inverse(symmetry_of(int(pair.first.split()[-1])).words) for pair in pairs]
    return Measured(float(np.mean(right)), details={"pairs": len(pairs)})


@bar("copies found among 128 micrographs of nuclei (Data Science Bowl 2018)", unit="share", at_least=0.99, seed=SEED)
def copies_found_nuclei() -> Measured:
    images = pictures("dsb2018_nuclei/images")
    if not images:
        return Measured(float("nan"), details={"missing": "shared data"})
    found = {(pair.first, pair.second) for pair in search(images | copies_of(images)).pairs}
    expected = {(name, copy_name(name)) for name in images}
    details = {"copies": len(expected), "wrong pairs": len(found - expected), "pairs among the originals": 0}
    details["pairs among the originals"] = sum(not second.endswith("copy") for _, second in found)
    return Measured(len(found & expected) / len(expected), details=details)


@bar("quarters of one micrograph taken for copies of each other or of another", unit="pairs", at_most=0, seed=SEED)
def quarters_joined() -> Measured:
    """Different fields of one specimen, at the smallest: the four quarters of each of the 128 micrographs."""
    quarters: Images = {}
    for name, image in pictures("dsb2018_nuclei/images").items():
        height, width = (n // 2 for n in image.shape[1:])
        for y in (0, 1):
            for x in (0, 1):
                quarters[f"{name} {y}{x}"] = image[:, y * height : (y + 1) * height, x * width : (x + 1) * width]
    if not quarters:
        return Measured(float("nan"), details={"missing": "shared data"})
    pairs = search(quarters).pairs
    same = sum(pair.first.rsplit(" ", 1)[0] == pair.second.rsplit(" ", 1)[0] for pair in pairs)
    return Measured(len(pairs), details={"quarters": len(quarters), "of one micrograph": same})


@bar("neighbouring slices of one stack taken for copies (ISBI 2012)", unit="pairs", at_most=0, seed=SEED)
def neighbours_joined() -> Measured:
    images = pictures("isbi2012_em/image")
    if not images:
        return Measured(float("nan"), details={"missing": "shared data"})
    seen = [found for image in images.values() if (found := appearance(image)) is not None]
    forms = np.stack([each.forms[0] for each in seen]).astype(np.float32)
    neighbours = np.diag(forms @ forms.T, 1)
    details = {
        "slices": len(images),
        "greatest correlation of two neighbours": round(float(neighbours.max()), 3),
        "median correlation of two neighbours": round(float(np.median(neighbours)), 3),
    }
    return Measured(len(search(images).pairs), details=details)


@bar(
    "known copies between training and validation found (PneumoniaMNIST variant)", unit="copies", at_least=8, at_most=8
)
def known_copies_found() -> Measured:
    path = DATA / "pneumoniamnist_variant/pneumoniamnist.npz"
    if not path.exists():
        return Measured(float("nan"), details={"missing": "shared data"})
    images: Images = {}
    with np.load(path, allow_pickle=False) as stored:
        for side in ("train", "val", "test"):
            images |= {f"{side} {number:04d}": image[None] for number, image in enumerate(stored[f"{side}_images"])}
    found = search(images)
    sides = [{record.split()[0] for record in cluster} for cluster in found.clusters()]
    kinds = pd.Series([pair.kind for pair in found.pairs]).value_counts()
    near = [f"{p.first} and {p.second}: {p.score}" for p in found.pairs if p.kind == "near-duplicate"]
    details = {
        "images": len(images),
        "clusters with a test image and another side": sum("test" in side and len(side) > 1 for side in sides),
        **{str(kind): int(count) for kind, count in kinds.items()},
        "near-duplicates": near[:10],
    }
    return Measured(sum(side == {"train", "val"} for side in sides), details=details)


@bar("patients on both sides found by the lineage audit", unit="share of planted patients", at_least=1.0, seed=SEED)
def patients_found() -> Measured:
    """A random split of 2,000 images of 200 patients, and 200 random splits with one image put on the wrong side."""
    rng = np.random.default_rng(SEED)
    table = pd.DataFrame(
        {"image": [f"{n:04d}" for n in range(2000)], "patient": [f"P{n // 10:03d}" for n in range(2000)]}
    )
    cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "patient"}), folder=".")
    hit = 0
    for patient in range(200):
        order = rng.permutation(200)
        test = {int(each) for each in order[:40]} - {patient}
        sides: tuple[list[Piece], list[Piece]] = ([], [])
        for number, record in enumerate(cohort.records):
            strays = number == 10 * patient
            sides[(number // 10 in test) or strays].append(Piece(record))
        split = Split("by hand", "patient", {}, (Fold("fold 1", tuple(sides[0]), (), tuple(sides[1])),), seed=SEED)
        findings = audit.lineage(cohort, split)
        hit += len(findings) == 1 and findings[0].evidence.get("names") == f"P{patient:03d}"
    return Measured(hit / 200, details={"splits": 200})


def search(images: Images) -> Similarity:
    table = pd.DataFrame({"image": list(images)})
    return find_duplicates(Cohort.from_table(table, Columns(input="image"), folder="."), images.__getitem__)


def pictures(folder: str) -> Images:
    """Each picture of a folder of the shared data as (channel, y, x); none where the folder is not there."""
    path = DATA / folder
    found = {each.name: np.asarray(Image.open(each)) for each in sorted(path.iterdir())} if path.exists() else {}
    return {name: np.moveaxis(each, -1, 0) if each.ndim == 3 else each[None] for name, each in found.items()}


def copy_name(name: str) -> str:
    return f"{name} copy"


def symmetry_of(number: int) -> Symmetry:
    return symmetries(2)[number % 8]


def copies_of(images: Images) -> Images:
    """A copy of each, all changes together."""
    copies = {}
    for number, (name, image) in enumerate(images.items()):
        number = int(name.split()[-1]) if name.split()[-1].isdigit() else number
        brighter = np.clip(np.round(image[:3] * (0.9, 1.1)[number % 2]), 0, 255).astype(np.uint8)
        moved = np.ascontiguousarray(symmetry_of(number).of(brighter))
        stored = io.BytesIO()
        Image.fromarray(np.moveaxis(moved, 0, -1) if len(moved) == 3 else moved[0]).save(stored, "JPEG", quality=50)
        decoded = np.asarray(Image.open(stored))
        copies[copy_name(name)] = np.moveaxis(decoded, -1, 0) if decoded.ndim == 3 else decoded[None]
    return copies


def simulated() -> Images:
    rng = np.random.default_rng(SEED)
    return {f"{name} {n}": make(rng) for name, make in TEXTURES.items() for n in range(IMAGES_A_TEXTURE)}


def smooth(rng: np.random.Generator, size: tuple[int, int], sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(size), sigma)
    return (field - field.mean()) / field.std()


def tissue(rng: np.random.Generator) -> np.ndarray:
    """Stained tissue, in colour, on a bright ground that brightness cuts off at white."""
    dark = smooth(rng, (224, 224), 7) + 0.7 * smooth(rng, (224, 224), 2)
    ground, colour = np.array([205.0, 160.0, 200.0]), np.array([35.0, 55.0, 25.0])
    return np.clip(ground[:, None, None] - colour[:, None, None] * dark, 0, 255).astype(np.uint8)


def nuclei(rng: np.random.Generator) -> np.ndarray:
    """Fluorescent nuclei on a dark, noisy ground."""
    image = 8 + 3 * rng.standard_normal((224, 224))
    y, x = np.mgrid[:224, :224]
    for _ in range(15):
        centre, radius = rng.random(2) * 224, rng.uniform(8, 18)
        image += rng.uniform(20, 120) * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2)
    return np.clip(image, 0, 255).astype(np.uint8)[None]


def membranes(rng: np.random.Generator) -> np.ndarray:
    """Thin dark lines on grey, as under the electron microscope."""
    lines = np.abs(smooth(rng, (224, 224), 6)) < 0.12
    return np.clip(150 - 90 * lines + 12 * rng.standard_normal((224, 224)), 0, 255).astype(np.uint8)[None]


def radiographs(rng: np.random.Generator) -> np.ndarray:
    """28 x 28, one anatomy for all, and small differences for each."""
    anatomy = 45 * smooth(np.random.default_rng(99), (28, 28), 4)
    return np.clip(125 + anatomy + 10 * smooth(rng, (28, 28), 1.5), 0, 255).astype(np.uint8)[None]


def shaded(rng: np.random.Generator) -> np.ndarray:
    """Faint cells under one strong vignette that all images share."""
    y, x = np.mgrid[-1:1:224j, -1:1:224j]
    shade = 200 - 70 * (x**2 + y**2)
    return np.clip(shade + 10 * smooth(rng, (224, 224), 4), 0, 255).astype(np.uint8)[None]


def grain(rng: np.random.Generator) -> np.ndarray:
    """White noise: all of its detail is what compression throws away."""
    return np.clip(128 + 20 * rng.standard_normal((128, 128)), 0, 255).astype(np.uint8)[None]


TEXTURES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "tissue": tissue,
    "nuclei": nuclei,
    "membranes": membranes,
    "radiographs": radiographs,
    "shaded": shaded,
    "grain": grain,
}
