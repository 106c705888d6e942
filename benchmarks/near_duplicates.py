"""Near-duplicates: what is found of each change, what is taken for a copy that is none, and how fast.

For recall, images are the six simulated textures of `benchmarks.audit`, the radiographs at 224 x 224. For speed and
false pairs they are 100,000 of 224 x 224, made by thousands and never held together: every third in colour, as tissue,
membranes or shaded cells. The time is that of looking at decoded images and of comparing them, not of making them; on a
machine that has other work to do, the processor seconds in the details say more. Signals are real ECG, sequences real
ChIP-seq peaks, where the shared data lie beside the repository.
"""

import gzip
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas as pd
from PIL import Image
from scipy import fft

from benchmarks import audit
from benchmarks.audit import DATA, Images, copy_name, search, smooth
from benchmarks.harness import Measured, bar
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import find_homologues, find_overlaps
from hypercolumn.data.similarity.search import LOWEST, Seen, look, near_duplicates
from hypercolumn.data.similarity.symmetries import symmetries

SEED = 0
A_TEXTURE = 40
IMAGES = 100_000
AT_ONCE = 1_000
WORKERS = 2


def radiographs(rng: np.random.Generator) -> np.ndarray:
    """One anatomy for all, and small differences for each."""
    anatomy = 45 * smooth(np.random.default_rng(99), (224, 224), 32)
    return np.clip(125 + anatomy + 10 * smooth(rng, (224, 224), 8), 0, 255).astype(np.uint8)[None]


TEXTURES = audit.TEXTURES | {"radiographs": radiographs}
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def turned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(symmetries(2)[rng.integers(1, 8)].of(image))


def compressed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(np.moveaxis(image, 0, -1) if len(image) == 3 else image[0]).save(stored, "JPEG", quality=50)
    decoded = np.asarray(Image.open(stored))
    return np.moveaxis(decoded, -1, 0) if decoded.ndim == 3 else decoded[None]


def brightened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(np.round(image * rng.choice([0.9, 1.1])), 0, 255).astype(np.uint8)


def cropped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each side loses between nothing and 5 %."""
    height, width = image.shape[1:]
    top, bottom, left, right = np.round(rng.uniform(0, 0.05, 4) * (height, height, width, width)).astype(int)
    return np.ascontiguousarray(image[:, top : height - bottom, left : width - right])


def cropped_most(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each side loses 5 %."""
    height, width = (round(0.05 * n) for n in image.shape[1:])
    return np.ascontiguousarray(image[:, height : image.shape[1] - height, width : image.shape[2] - width])


@bar("flipped and turned copies found", unit="share of 240", at_least=0.99, seed=SEED)
def turned_found() -> Measured:
    return found_after(turned)


@bar("copies compressed at JPEG quality 50 found", unit="share of 240", at_least=0.99, seed=SEED)
def compressed_found() -> Measured:
    return found_after(compressed)


@bar("copies 10 % brighter or darker found", unit="share of 240", at_least=0.99, seed=SEED)
def brightened_found() -> Measured:
    return found_after(brightened)


@bar("copies cropped by up to 5 % a side found", unit="share of 240", at_least=0.99, seed=SEED)
def cropped_found() -> Measured:
    """In the details the same where each side loses all of 5 %, and with all other changes on top."""
    most = found_after(cropped_most)
    together = found_after(cropped, turned, brightened, compressed)
    details = {
        "5 % cut off each side": most.value,
        "cropped, turned, brightened and compressed": together.value,
        **{f"{name}, 5 % cut off each side": most.details[name] for name in TEXTURES},
    }
    measured = found_after(cropped)
    return Measured(measured.value, details={**measured.details, **details})


@bar("100,000 images of 224 x 224 compared", unit="seconds on two cores", at_most=120, seed=SEED)
def seconds() -> Measured:
    figures = among(IMAGES)
    return Measured(figures["seconds, looking"] + figures["seconds, comparing"], details=figures)


@bar("false pairs among 100,000 images", unit="pairs", at_most=10, seed=SEED)
def false_pairs() -> Measured:
    figures = among(IMAGES)
    return Measured(figures["pairs"], details=figures)


def found_after(*changes: Change) -> Measured:
    """The share of copies found among all images and all copies, and in how many pairs others were taken for copies."""
    rng = np.random.default_rng(SEED)
    images: Images = {f"{name} {n}": make(rng) for name, make in TEXTURES.items() for n in range(A_TEXTURE)}
    copies: Images = {}
    for name, image in images.items():
        changed = image
        for change in changes:
            changed = change(changed, rng)
        copies[copy_name(name)] = changed
    pairs = {(pair.first, pair.second) for pair in search(images | copies).pairs}
    hit = {name: (name, copy_name(name)) in pairs for name in images}
    by_texture = {name: float(np.mean([hit[f"{name} {n}"] for n in range(A_TEXTURE)])) for name in TEXTURES}
    return Measured(
        float(np.mean(list(hit.values()))), details={**by_texture, "wrong pairs": len(pairs) - sum(hit.values())}
    )


@cache
def among(images: int) -> dict[str, float]:
    """Seconds and pairs among so many images that are no copies; seconds of all cores (processor) beside them."""
    looked: dict[str, Seen] = {}
    wall = processor = 0.0
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, images, AT_ONCE):
            made = [textured(number) for number in range(start, min(start + AT_ONCE, images))]
            began, used = time.perf_counter(), time.process_time()
            for number, seen in enumerate(pool.map(look, made), start=start):
                looked[f"{number:06d}"] = seen
            wall, processor = wall + time.perf_counter() - began, processor + time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    pairs = near_duplicates(looked, threshold=LOWEST, workers=WORKERS)
    return {
        "images": images,
        "pairs": len(pairs),
        "seconds, looking": round(wall, 1),
        "seconds, comparing": round(time.perf_counter() - began, 1),
        "processor seconds, looking": round(processor, 1),
        "processor seconds, comparing": round(time.process_time() - used, 1),
    }


def textured(number: int, size: int = 224) -> np.ndarray:
    """Image so and so of the hundred thousand: smooth noise of its own as tissue, membranes or shaded cells."""
    rng = np.random.default_rng([SEED, number])
    kind, width = number % 3, float(rng.uniform(3, 7))
    field = _smoothed(rng.standard_normal((size, size), dtype=np.float32), width)
    if kind == 0:
        stain = np.array([35, 55, 25], np.float32)[:, None, None] * field
        return np.clip(np.array([205, 160, 200], np.float32)[:, None, None] - stain, 0, 255).astype(np.uint8)
    if kind == 1:
        lines = np.abs(field) < 0.15
        noise = 12 * rng.standard_normal((size, size), dtype=np.float32)
        return np.clip(150 - 90 * lines + noise, 0, 255).astype(np.uint8)[None]
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return np.clip(200 - 70 * (x**2 + y**2) + 10 * field, 0, 255).astype(np.uint8)[None]


def _smoothed(noise: np.ndarray, width: float) -> np.ndarray:
    frequency = np.square(fft.fftfreq(noise.shape[0]))[:, None] + np.square(fft.rfftfreq(noise.shape[1]))
    smooth = fft.irfft2(fft.rfft2(noise) * np.exp(-2 * np.pi**2 * width**2 * frequency), s=noise.shape)
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


@bar("overlapping windows of real ECG found (MIT-BIH)", unit="share of 418 pairs", at_least=0.99, seed=SEED)
def overlaps_found() -> Measured:
    found = of_hearts()
    value = found["overlapping found"] / found["overlapping"] if found else float("nan")
    return Measured(value, details=found or {"missing": "shared data"})


@bar("windows of one heart that do not overlap taken for it", unit="pairs", at_most=0, seed=SEED)
def overlaps_wrong() -> Measured:
    found = of_hearts()
    return Measured(found["wrong pairs"] if found else float("nan"), details=found or {"missing": "shared data"})


@bar("other strands with 3 % of the bases changed found", unit="share of 2,000 real peaks", at_least=0.99, seed=SEED)
def strands_found() -> Measured:
    """ChIP-seq peaks of 101 bases (REST, GM12878); in the details the same at 6 %, and pairs among drawn sequences."""
    path = DATA / "encode_tf_chipseq/REST_GM12878_NRSF_HudsonAlpha_AC.seq.gz"
    if not path.exists():
        return Measured(float("nan"), details={"missing": "shared data"})
    with gzip.open(path, "rt") as lines:
        peaks = list(dict.fromkeys(line.split("\t")[2] for line in lines if "_peak" in line))[:2000]
    rng = np.random.default_rng(SEED)
    drawn = {f"{number:04d}": "".join(rng.choice(list("ACGT"), 101)) for number in range(2000)}
    details = {
        "peaks": len(peaks),
        "6 % changed": _strands(peaks, 0.06, rng),
        "pairs among 2,000 drawn sequences": len(find_homologues(cohort_of(list(drawn)), drawn.__getitem__).pairs),
    }
    return Measured(_strands(peaks, 0.03, rng), details=details)


@cache
def of_hearts() -> dict[str, int]:
    """22 patients, 20 windows of 10 seconds each, every one half over the next: pairs found and pairs taken wrongly."""
    signals: dict[str, np.ndarray] = {}
    for path in sorted((DATA / "mitbih_mlii_15min").glob("*.dat")):
        pairs = np.fromfile(path, dtype=np.uint8).astype(int).reshape(-1, 3)
        low, high = (pairs[:, 1] & 15) << 8 | pairs[:, 0], (pairs[:, 1] >> 4) << 8 | pairs[:, 2]
        samples = np.stack([low, high], axis=1).ravel()
        signal = np.where(samples > 2047, samples - 4096, samples).astype(float)
        signals |= {f"{path.stem} {n:02d}": signal[None, 1800 * n : 1800 * n + 3600] for n in range(20)}
    if not signals:
        return {}
    expected = {(name, f"{name[:-2]}{int(name[-2:]) + 1:02d}") for name in signals if not name.endswith("19")}
    found = {(pair.first, pair.second) for pair in find_overlaps(cohort_of(list(signals)), signals.__getitem__).pairs}
    figures = {"overlapping": len(expected), "overlapping found": len(found & expected)}
    return {"windows": len(signals), **figures, "wrong pairs": len(found - expected)}


def _strands(peaks: list[str], share: float, rng: np.random.Generator) -> float:
    """The share of peaks whose other strand is found after this share of its bases was changed."""
    sequences = {f"{number:04d}": peak for number, peak in enumerate(peaks)}
    for number, peak in enumerate(peaks):
        bases = np.array(["ACGTN".index(base) for base in peak.upper()])
        other = np.where(bases < 4, 3 - bases, 4)[::-1]
        changed = rng.random(len(other)) < share
        other = np.where(changed, (other + rng.integers(1, 4, len(other))) % 4, other)
        sequences[f"{number:04d} copy"] = "".join("ACGTN"[base] for base in other)
    found = {
        (pair.first, pair.second) for pair in find_homologues(cohort_of(list(sequences)), sequences.__getitem__).pairs
    }
    return float(np.mean([(f"{number:04d}", f"{number:04d} copy") in found for number in range(len(peaks))]))


def cohort_of(records: list[str]) -> Cohort:
    return Cohort.from_table(pd.DataFrame({"record": records}), Columns(input="record"), folder=".")
