"""Every copy that the documentation promises to find is planted and found; what is no copy is not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, find_duplicates
from hypercolumn.data.similarity.symmetries import inverse, symmetries
from hypercolumn.errors import InvalidArgument

DATA = Path(__file__).parents[3] / "../shared/data"


def search(images: dict[str, np.ndarray], **settings) -> Similarity:
    table = pd.DataFrame({"image": list(images)})
    cohort = Cohort.from_table(table, Columns(input="image"), folder="nowhere")
    return find_duplicates(cohort, images.__getitem__, **settings)


def pairs_of(images: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    return [(pair.first, pair.second) for pair in search(images).pairs]


def smooth(rng: np.random.Generator, size: tuple[int, ...], sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(size), sigma)
    return (field - field.mean()) / field.std()


def tissue(rng: np.random.Generator, size: tuple[int, int] = (160, 160)) -> np.ndarray:
    """Stained tissue: pink with darker nuclei on a bright ground (3, y, x)."""
    dark = smooth(rng, size, 6) + 0.7 * smooth(rng, size, 2)
    colour = np.array([[[35.0]], [[55.0]], [[25.0]]])
    return np.clip(np.array([[[205.0]], [[160.0]], [[200.0]]]) - colour * dark, 0, 255).astype(np.uint8)


def nuclei(rng: np.random.Generator, size: tuple[int, int] = (160, 160)) -> np.ndarray:
    """Fluorescent nuclei on a dark ground with noise (1, y, x)."""
    image = 8 + 3 * rng.standard_normal(size)
    y, x = np.mgrid[: size[0], : size[1]]
    for _ in range(12):
        centre, radius = rng.random(2) * size, rng.uniform(6, 14)
        image += rng.uniform(30, 120) * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2)
    return np.clip(image, 0, 255).astype(np.uint8)[None]


def membranes(rng: np.random.Generator, size: tuple[int, int] = (160, 160)) -> np.ndarray:
    """Electron micrograph: thin dark lines on grey (1, y, x)."""
    lines = np.abs(smooth(rng, size, 5)) < 0.15
    return np.clip(150 - 90 * lines + 12 * rng.standard_normal(size), 0, 255).astype(np.uint8)[None]


def radiograph(rng: np.random.Generator, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """One anatomy for all, small differences for each (1, y, x)."""
    anatomy = 40 * smooth(np.random.default_rng(99), size, 8)
    return np.clip(120 + anatomy + 12 * smooth(rng, size, 3), 0, 255).astype(np.uint8)[None]


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "tissue": tissue, "nuclei": nuclei, "membranes": membranes, "radiograph": radiograph,
}  # fmt: skip


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(np.moveaxis(image, 0, -1) if len(image) == 3 else image[0]).save(stored, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(stored))
    return np.moveaxis(decoded, -1, 0) if decoded.ndim == 3 else decoded[None]


def brighter(image: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(np.round(image * factor), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_found_after_all_changes_together_and_nothing_else_is(kind: str) -> None:
    """Ten images, and of each a copy turned or flipped, 10 % brighter or darker, at JPEG quality 50 to 90."""
    rng = np.random.default_rng(0)
    images = {f"{number}": KINDS[kind](rng) for number in range(10)}
    expected = {}
    for number in range(10):
        symmetry = symmetries(2)[number % 8]
        copy = np.ascontiguousarray(symmetry.of(brighter(images[str(number)], (0.9, 1.0, 1.1)[number % 3])))
        images[f"{number} copy"] = as_jpeg(copy, (50, 70, 90)[number % 3])
        expected[(str(number), f"{number} copy")] = symmetry.words
    found = search(images)
    assert {(pair.first, pair.second) for pair in found.pairs} == set(expected)
    assert {pair.kind for pair in found.pairs} == {"near-duplicate"}


@pytest.mark.parametrize("kind", ["tissue", "nuclei", "membranes"])
def test_crops_are_found_turned_and_compressed(kind: str) -> None:
    """Each side loses up to 5 %; two other fields stand among them."""
    rng = np.random.default_rng(2)
    images = {f"{number}": KINDS[kind](rng) for number in range(8)}
    expected = {}
    for number in range(6):
        image = images[str(number)]
        cuts = np.round(rng.uniform(0, 0.05, 4) * 160).astype(int) if number else np.array([8, 8, 8, 8])
        part = image[:, cuts[0] : 160 - cuts[1], cuts[2] : 160 - cuts[3]]
        images[f"{number} copy"] = as_jpeg(np.ascontiguousarray(symmetries(2)[number].of(part)), 60)
        expected[(str(number), f"{number} copy")] = inverse(symmetries(2)[number].words)
    found = search(images)
    assert {(pair.first, pair.second): pair.transform.split(" and cropped")[0] for pair in found.pairs} == {
        pair: "cropped" if words == "none" else words for pair, words in expected.items()
    }


def test_a_volume_resampled_to_another_spacing_is_found() -> None:
    rng = np.random.default_rng(0)
    volumes = {str(n): smooth(rng, (24, 40, 40), 3)[None] for n in range(6)}
    for number, factors in enumerate([(0.5, 1, 1), (1.5, 0.8, 0.8), (1, 2, 2)]):
        scaled = ndimage.zoom(volumes[str(number)][0], factors, order=1, grid_mode=True, mode="nearest")
        volumes[f"{number} copy"] = scaled[None, ::-1] if number == 2 else scaled[None]
    assert pairs_of(volumes) == [(str(n), f"{n} copy") for n in range(3)]


@pytest.mark.parametrize("symmetry", symmetries(2), ids=lambda symmetry: symmetry.words)
def test_the_transform_named_lays_the_second_over_the_first(symmetry) -> None:
    image = tissue(np.random.default_rng(0))
    [pair] = search({"a": image, "b": symmetry.of(image)}).pairs
    named = {each.words: each for each in symmetries(2)}[pair.transform]
    if symmetry.words == "none":
        assert pair.kind == "identical pixels"
    else:
        assert pair.kind == "near-duplicate"
        assert pair.score == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(named.of(symmetry.of(image)), image)


@pytest.mark.parametrize("change", [25, -25])
def test_copies_are_found_after_an_offset_that_cuts_values_off(change: int) -> None:
    rng = np.random.default_rng(0)
    for make in (tissue, nuclei):
        image, other = make(rng), make(rng)
        moved = np.clip(image.astype(int) + change, 0, 255).astype(np.uint8)
        assert pairs_of({"a": image, "b": moved, "c": other}) == [("a", "b")]


@pytest.mark.parametrize(
    "stored",
    [
        lambda image: image.astype(np.uint16) * 257,
        lambda image: (image / 255).astype(np.float32),
        lambda image: np.repeat(image, 3, axis=0),
        lambda image: np.concatenate([image, np.full_like(image, 255)]),
        lambda image: image[:, ::2, ::2],
    ],
    ids=["16 bits", "floats", "as colour", "with alpha", "half the size"],
)
def test_copies_are_found_in_another_number_type_or_format(stored: Callable[[np.ndarray], np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    image = (60 + 20 * np.clip(smooth(rng, (96, 96), 4), -3, 3)).astype(np.uint8)[None]
    other = (60 + 20 * np.clip(smooth(rng, (96, 96), 4), -3, 3)).astype(np.uint8)[None]
    assert pairs_of({"a": image, "b": stored(image), "c": other}) == [("a", "b")]


@pytest.mark.parametrize("kind", KINDS)
def test_two_fields_of_one_specimen_are_no_copies(kind: str) -> None:
    """The four quarters of one image share its light, stain and texture."""
    image = KINDS[kind](np.random.default_rng(1))
    height, width = (n // 2 for n in image.shape[1:])
    quarters = {
        f"{y} {x}": image[:, y * height : (y + 1) * height, x * width : (x + 1) * width] for y in (0, 1) for x in (0, 1)
    }
    assert pairs_of(quarters) == []


def test_blank_images_are_copies_only_where_they_are_identical() -> None:
    blank = {
        "a": np.zeros((1, 32, 32), np.uint8),
        "b": np.full((1, 32, 32), 9, np.uint8),
        "c": np.zeros((1, 32, 32), np.uint8),
    }
    [pair] = search(blank).pairs
    assert (pair.first, pair.second, pair.kind) == ("a", "c", "identical pixels")


def test_empty_fields_with_camera_noise_are_no_copies_of_each_other() -> None:
    rng = np.random.default_rng(0)
    empty = {str(n): np.clip(6 + 2 * rng.standard_normal((1, 64, 64)), 0, 255).astype(np.uint8) for n in range(20)}
    assert pairs_of(empty) == []


def test_a_copy_of_a_copy_is_in_the_cluster() -> None:
    rng = np.random.default_rng(0)
    image = tissue(rng)
    images = {"a": image, "b": image.copy(), "c": as_jpeg(image, 60), "d": tissue(rng)}
    assert search(images).clusters() == (("a", "b", "c"),)


@pytest.mark.parametrize("dims", [1, 3])
def test_signals_and_volumes_of_one_shape_are_compared(dims: int) -> None:
    rng = np.random.default_rng(0)
    size = (4000,) if dims == 1 else (24, 32, 32)
    one, other = (smooth(rng, size, 3)[None] for _ in range(2))
    louder = 1.1 * one + 0.02 * rng.standard_normal(one.shape)
    shorter = one[:, : size[0] // 2]
    assert pairs_of({"a": one, "b": louder, "c": other, "d": shorter}) == [("a", "b")]


def test_a_mirrored_volume_is_found_and_a_signal_played_backwards_is_not() -> None:
    rng = np.random.default_rng(0)
    volume, signal = smooth(rng, (24, 32, 32), 3)[None], smooth(rng, (4000,), 3)[None]
    [pair] = search({"a": volume, "b": volume[:, ::-1], "c": signal, "d": signal[:, ::-1]}).pairs
    assert (pair.first, pair.second, pair.transform) == ("a", "b", "flipped along the first axis")


def test_the_answer_does_not_depend_on_workers_or_on_the_order_of_the_manifest() -> None:
    rng = np.random.default_rng(0)
    images = {str(n): tissue(rng, (64, 64)) for n in range(6)}
    images |= {f"{n} copy": np.rot90(images[str(n)], axes=(1, 2)) for n in range(6)}
    backwards = dict(reversed(images.items()))
    assert search(images, workers=1) == search(images, workers=4) == search(backwards)


def test_each_record_is_read_once() -> None:
    rng = np.random.default_rng(0)
    images = {"a": tissue(rng), "b": tissue(rng)}
    read: list[str] = []
    table = pd.DataFrame({"image": list(images)})
    cohort = Cohort.from_table(table, Columns(input="image"), folder=".")
    find_duplicates(cohort, lambda record: (read.append(record), images[record])[1])
    assert sorted(read) == ["a", "b"]


@pytest.mark.parametrize("settings", [{"workers": 0}, {"threshold": 0.0}, {"threshold": 1.5}])
def test_settings_that_cannot_be_used_are_refused(settings: dict) -> None:
    with pytest.raises(InvalidArgument):
        search({"a": np.zeros((1, 4, 4))}, **settings)


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """Each picture below a folder as (channel, y, x)."""
    pictures = {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}
    return {name: np.moveaxis(p, -1, 0) if p.ndim == 3 else p[None] for name, p in pictures.items()}


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_nuclei_of_the_data_science_bowl_have_no_copies_among_them_and_planted_ones_are_found() -> None:
    images = read_folder(DATA / "dsb2018_nuclei/images")
    assert search(images).pairs == ()
    planted = {}
    for number, (name, image) in enumerate(images.items()):
        moved = symmetries(2)[number % 8].of(brighter(image[:3], (0.9, 1.1)[number % 2]))
        planted[f"{name} copy"] = as_jpeg(np.ascontiguousarray(moved), 50)
    found = {(pair.first, pair.second) for pair in search({**images, **planted}).pairs}
    assert found == {(name, f"{name} copy") for name in images}


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_neighbouring_slices_of_one_stack_are_not_joined() -> None:
    assert search(read_folder(DATA / "isbi2012_em/image")).pairs == ()


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
@pytest.mark.parametrize("size", [40, 64, 96, 224])
def test_images_that_share_a_bright_bar_and_nothing_else_are_no_copies(size: int) -> None:
    """A device, a ruler, a fibre: cut and flipped so that the bars lie on each other, such images correlate at 0.95."""
    chance = np.random.default_rng(0)
    images = {}
    for number in range(24):
        ground = ndimage.gaussian_filter(chance.normal(size=(size, size)), size / 10)
        image = 110 + 10 * ground / ground.std() + chance.normal(scale=7, size=(size, size))
        column, half = int(chance.integers(6, size - 6)), max(1, size // 40)
        image[:, column - half : column + half + 1] = 200
        images[f"{number}.png"] = np.clip(image, 0, 255).astype(np.uint8)[None]
    assert pairs_of(images) == []


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_the_known_copies_between_training_and_validation_of_the_pneumonia_images_are_found() -> None:
    """Its SOURCE.md: 8 image contents occur in both, 17 training images repeat another one, none is in the test set."""
    images = {}
    with np.load(DATA / "pneumoniamnist_variant/pneumoniamnist.npz", allow_pickle=False) as stored:
        for side in ("train", "val", "test"):
            images |= {f"{side} {number:04d}": image[None] for number, image in enumerate(stored[f"{side}_images"])}
    found = search(images)
    sides = [{record.split()[0] for record in cluster} for cluster in found.clusters()]
    assert sum(side == {"train", "val"} for side in sides) == 8
    assert not any("test" in side and len(side) > 1 for side in sides)
    assert sum(side == {"train"} for side in sides) >= 8
