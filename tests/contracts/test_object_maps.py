"""What every door makes of an odd instance map: files, outlines, polygons, tables, augmentation.

A map that is odd but true (no object, one pixel, numbers beyond 16 bits, an object in pieces, one cut by the border)
goes through all of them and comes back. A map that belongs to something else is refused at each of them, in words.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hypercolumn.augment import Elastic, Flip, Pipeline, QuarterTurn, Step, apply_batch, sample_window, standard
from hypercolumn.data import (
    Objects,
    Sample,
    check_instances,
    measure_objects,
    read_geojson,
    read_image,
    read_objects,
    separated,
    write_geojson,
    write_labels,
)
from hypercolumn.errors import DataError, HypercolumnError, InvalidArgument, LabelError, ShapeMismatch


def placed(*objects: tuple[int, slice, slice], shape: tuple[int, int] = (24, 31)) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint32)
    for number, rows, columns in objects:
        labels[rows, columns] = number
    return labels


MAPS = {
    "no object": placed(),
    "one pixel": placed((7, slice(5, 6), slice(9, 10))),
    "numbers beyond 16 bits": placed((70_000, slice(2, 9), slice(3, 7)), (4_000_000_000, slice(12, 20), slice(3, 7))),
    "an object in two pieces": placed((3, slice(2, 5), slice(2, 5)), (3, slice(9, 12), slice(20, 25))),
    "pieces that meet at a corner": placed((3, slice(2, 5), slice(2, 5)), (3, slice(5, 8), slice(5, 8))),
    "cut by the border": placed((1, slice(0, 4), slice(0, 4)), (2, slice(20, 24), slice(10, 31))),
    "one object throughout": placed((9, slice(0, 24), slice(0, 31))),
    "one within another": placed((1, slice(3, 20), slice(3, 20)), (2, slice(8, 12), slice(8, 12))),
}
MANY = np.arange(1, 65_793, dtype=np.uint32).reshape(257, 256)
every_map = pytest.mark.parametrize("labels", MAPS.values(), ids=MAPS.keys())


def renumbered(labels: np.ndarray) -> np.ndarray:
    """1, 2, ... in the order of the numbers."""
    numbers = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(numbers, labels) + 1, 0)


@every_map
def test_an_odd_map_comes_back_through_every_file(labels: np.ndarray, tmp_path: Path) -> None:
    objects = read_objects(write_labels(tmp_path / "map.tif", labels), shape=labels.shape)
    np.testing.assert_array_equal(objects.to_map(), renumbered(labels))
    table = measure_objects(labels, image=Sample(np.zeros((1, *labels.shape), np.uint8), ("y", "x")))
    path = write_geojson(tmp_path / "map.geojson", labels, measurements=table)
    polygons = read_geojson(path, shape=labels.shape, names=("object",))
    np.testing.assert_array_equal(polygons.to_map(), renumbered(labels))
    assert len(table) == len(objects) == len(polygons) == check_instances(labels).objects
    np.testing.assert_array_equal(table[["first_x", "first_y", "stop_x", "stop_y"]].to_numpy(), objects.boxes)


def test_more_objects_than_16_bits_count_go_into_files_and_come_back(tmp_path: Path) -> None:
    assert len(read_objects(write_labels(tmp_path / "map.tif", MANY))) == 65_792
    path = write_geojson(tmp_path / "map.geojson", MANY)
    assert path.read_text(encoding="utf-8").count('"Polygon"') == 65_792


@every_map
def test_an_odd_map_is_augmented_and_flips_and_turns_lose_nobody(labels: np.ndarray) -> None:
    numbers = torch.from_numpy(labels.astype(np.int64))
    black = torch.zeros(1, 1, *labels.shape)
    turning = Pipeline((Step(Flip()), Step(QuarterTurn())))
    records = turning.draw(np.random.default_rng(1), 2)
    _, moved = turning.apply(records, black[0], numbers)
    assert moved is not None
    assert torch.equal(moved.unique(), numbers.unique())
    bending = Pipeline((Step(Elastic(2.0)), *standard(2).steps))
    images, targets = apply_batch(bending, [bending.draw(np.random.default_rng(1), 2)], black, numbers[None])
    assert bool(images.isfinite().all()), "an all-black image stays finite"
    assert targets is not None
    assert set(targets.unique().tolist()) <= {0, *numbers.unique().tolist()}


def test_a_number_in_two_pieces_is_told_counted_and_can_be_separated() -> None:
    labels = MAPS["an object in two pieces"]
    assert "1 of 1 objects lies in several pieces, number 3" in Objects.from_map(labels).notes[0]
    assert check_instances(labels).scattered == (3,)
    assert measure_objects(labels)["pieces"].tolist() == [2]
    assert len(Objects.from_map(separated(labels))) == 2


@pytest.mark.parametrize("change", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_a_map_off_by_one_pixel_is_refused_at_every_door(change: tuple[int, int], tmp_path: Path) -> None:
    shape = (24, 31)
    labels = placed((1, slice(2, 5), slice(2, 5)), shape=(shape[0] + change[0], shape[1] + change[1]))
    image = torch.zeros(1, *shape)
    with pytest.raises(ShapeMismatch, match="instance map"):
        read_objects(write_labels(tmp_path / "map.tif", labels), shape=shape)
    with pytest.raises(ShapeMismatch, match="instance map"):
        measure_objects(labels, image=Sample(np.zeros((1, *shape)), ("y", "x")))
    target = torch.from_numpy(labels.astype(np.int64))
    with pytest.raises(InvalidArgument, match="target"):
        sample_window(image, target, centre=(12, 15), size=(8, 8))
    with pytest.raises(InvalidArgument, match="target"):
        apply_batch(Pipeline((Step(Flip()),)), [(None,)], image[None], target[None])


def test_pictures_of_all_kinds_give_their_objects_or_are_refused_in_words(tmp_path: Path) -> None:
    """Grey of 8 and 16 bits, a palette, grey kept as RGBA; not a coloured or a transparent one, nor a JPEG."""
    labels = placed((200, slice(2, 9), slice(3, 7)), (7, slice(12, 20), slice(3, 7))).astype(np.uint8)
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    palette.putdata(labels.ravel().tolist())
    opaque = np.full(labels.shape, 255, np.uint8)
    kinds = {
        "grey": Image.fromarray(labels),
        "deep": Image.fromarray(labels.astype(np.uint16)),
        "palette": palette,
        "rgba": Image.fromarray(np.dstack([labels, labels, labels, opaque])),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / f"{name}.png")
        found = read_objects(tmp_path / f"{name}.png", names=("nucleus",))
        assert found.boxes.tolist() == [[3, 12, 7, 20], [3, 2, 7, 9]], name
        assert read_image(tmp_path / f"{name}.png").shape == labels.shape
    Image.fromarray(np.dstack([labels, labels // 2, labels, opaque])).save(tmp_path / "coloured.png")
    Image.fromarray(np.dstack([labels, labels, labels, labels])).save(tmp_path / "transparent.png")
    Image.fromarray(labels).save(tmp_path / "lossy.jpg")
    for name, said in (("coloured.png", "coloured"), ("transparent.png", "transparent"), ("lossy.jpg", "JPEG")):
        with pytest.raises(LabelError, match=said):
            read_objects(tmp_path / name)


def test_an_image_that_was_not_standardized_is_refused_not_augmented_in_whole_numbers() -> None:
    deep = torch.from_numpy(np.full((1, 1, 8, 8), 60_000, dtype=np.uint16))
    with pytest.raises(InvalidArgument, match="standardize"):
        apply_batch(standard(2), [standard(2).draw(np.random.default_rng(0), 2)], deep)
    with pytest.raises(InvalidArgument, match="standardize"):
        sample_window(deep[0], centre=(4, 4), size=(8, 8))


def test_every_refusal_is_one_of_ours_and_says_how_to_go_on() -> None:
    for wrong in (np.full((4, 4), 0.5), np.full((4, 4), -1), np.ones((2, 2, 2, 2), int)):
        for door in (Objects.from_map, measure_objects, separated):
            with pytest.raises(DataError) as caught:
                door(wrong)
            assert isinstance(caught.value, HypercolumnError)
            assert caught.value.problem.fix
