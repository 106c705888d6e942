"""The simulated cohort: the same bytes each time, truthful masks, and no threshold that could do without a network."""

import hashlib
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.simulated import simulate_micrographs
from hypercolumn.errors import InvalidArgument


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_micrographs(tmp_path_factory.mktemp("cohort"), patients=9, images_per_patient=1)


@pytest.fixture(scope="module")
def pairs(manifest: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    table = pd.read_csv(manifest)
    return [
        tuple(imagecodecs.png_decode((manifest.parent / path).read_bytes()) for path in row)
        for row in table[["image", "mask"]].itertuples(index=False)
    ]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def dice(predicted: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((predicted & truth).sum()) / float(predicted.sum() + truth.sum())


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    small = {"patients": 3, "images_per_patient": 2, "size": (64, 80)}
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        simulate_micrographs(tmp_path / name, seed=seed, **small)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert not set(hashes(tmp_path / "one").values()) & set(hashes(tmp_path / "three").values())


def test_a_larger_cohort_begins_with_the_smaller(tmp_path: Path) -> None:
    simulate_micrographs(tmp_path / "two", patients=2, images_per_patient=1, size=(48, 48))
    simulate_micrographs(tmp_path / "three", patients=3, images_per_patient=1, size=(48, 48))
    larger = hashes(tmp_path / "three")
    images = {name: digest for name, digest in hashes(tmp_path / "two").items() if name != "manifest.csv"}
    assert images.items() <= larger.items()


def test_the_manifest_is_a_cohort_with_three_scanners_and_a_lineage(manifest: Path) -> None:
    columns = Columns(
        input="image",
        target="mask",
        lineage={"patient": "patient", "specimen": "slide"},
        batch=("scanner",),
        strata=("sex", "age_band"),
    )
    cohort = Cohort.read(manifest, columns)
    assert len(cohort) == 9
    assert cohort.level("patient").nunique() == 9
    assert set(cohort.table["scanner"]) == {"A", "B", "C"}
    assert all(path.exists() for record in cohort.records for path in cohort.inputs(record))
    written = {path.name for path in manifest.parent.iterdir()}
    assert written == {"manifest.csv", "images", "masks"}


def test_files_are_8_bit_images_and_16_bit_instance_maps(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for image, mask in pairs:
        assert (image.shape, image.dtype) == ((256, 256), np.uint8)
        assert (mask.shape, mask.dtype) == ((256, 256), np.uint16)
        assert np.mean(image == 255) < 0.1
        assert np.unique(mask).tolist() == list(range(mask.max() + 1))


def test_masks_hold_whole_nuclei_of_plausible_size_that_touch(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    touching = 0
    for _, mask in pairs:
        assert 8 <= mask.max() <= 120
        assert 0.04 < np.mean(mask > 0) < 0.45
        inner = mask[:, 1:] != mask[:, :-1]
        touching += int((inner & (mask[:, 1:] > 0) & (mask[:, :-1] > 0)).sum())
        areas = np.bincount(mask.ravel())[1:]
        assert 60 < np.median(areas) < 1200
    assert touching > 200


def test_a_nucleus_is_brighter_than_what_surrounds_it_closely(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """So the masks lie where the nuclei are, although other things are as bright."""
    for image, mask in pairs:
        nuclei = mask > 0
        around = ndimage.binary_dilation(nuclei, iterations=4) & ~nuclei
        assert image[nuclei].mean() > 1.1 * image[around].mean()


def test_no_threshold_reaches_a_dice_of_three_quarters(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Not one fitted to these very images, not Otsu's, not the best for each image after the background was removed."""
    images = np.stack([image for image, _ in pairs]).astype(np.float32)
    truth = np.stack([mask for _, mask in pairs]) > 0
    smooth = np.stack([ndimage.gaussian_filter(image, 1.5) for image in images])
    level = np.stack([image - ndimage.gaussian_filter(image, 25) for image in smooth])
    fitted = max(dice(sign * images > sign * limit, truth) for limit in range(2, 254, 4) for sign in (1, -1))
    otsu = dice(np.stack([image > threshold_otsu(image) for image in images]), truth)
    flattened = dice(np.stack([image > threshold_otsu(image) for image in level]), truth)
    oracle = []
    for image, mask in zip(level, truth, strict=True):
        limits = np.percentile(image, np.arange(2, 100, 2))
        oracle.append(image > max(limits, key=lambda limit: dice(image > limit, mask)))
    assert max(fitted, otsu, flattened, dice(np.stack(oracle), truth)) < 0.72


def test_an_empty_cohort_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="patients"):
        simulate_micrographs(tmp_path / "none", patients=0)
    assert not (tmp_path / "none").exists()
