from pathlib import Path

import numpy as np
import pandas as pd

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity.identity import byte_digest, identical_pairs, pixel_digest


def cohort_of(folder: Path, files: dict[str, bytes], inputs: dict[str, str] | None = None) -> Cohort:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    inputs = inputs or {name: name for name in files}
    table = pd.DataFrame({"record": list(inputs), "image": list(inputs.values())})
    return Cohort.from_table(table, Columns(input="image", key="record"), folder=folder)


def test_a_digest_sees_value_shape_and_type() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    others = [image + 1, image.reshape(1, 6, 4), image.astype(np.uint16), image.astype(np.float32)]
    assert len({pixel_digest(array) for array in [image, *others]}) == 5


def test_a_digest_does_not_see_how_an_array_lies_in_memory() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 8, 9), dtype=np.uint8)
    assert pixel_digest(np.asfortranarray(image)) == pixel_digest(image)


def test_equal_bytes_and_equal_pixels_are_told_apart(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, {"a": b"one", "b": b"two", "c": b"one", "d": b"four"})
    pairs = identical_pairs(cohort, {"a": "x", "b": "x", "c": "x", "d": "y"})
    assert sorted(pair.kind for pair in pairs) == ["identical bytes", "identical pixels"]
    assert [(pair.first, pair.second) for pair in pairs if pair.kind == "identical bytes"] == [("a", "c")]


def test_two_slices_of_one_file_are_no_copies_of_each_other(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, {"stack": b"slices"}, {"slice 1": "stack", "slice 2": "stack"})
    assert identical_pairs(cohort, {"slice 1": "x", "slice 2": "y"}) == []


def test_one_file_a_channel_is_compared_channel_by_channel(tmp_path: Path) -> None:
    files = {"a1": b"red", "a2": b"green", "b1": b"red", "b2": b"green", "c1": b"redgr", "c2": b"een"}
    cohort = cohort_of(tmp_path, files, {"a": "a1;a2", "b": "b1;b2", "c": "c1;c2"})
    kinds = {(p.first, p.second): p.kind for p in identical_pairs(cohort, {"a": "x", "b": "x", "c": "x"})}
    assert kinds[("a", "b")] == "identical bytes"
    assert set(kinds.values()) == {"identical bytes", "identical pixels"}


def test_records_without_files_are_compared_by_pixels(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["a", "b"]})
    cohort = Cohort.from_table(table, Columns(input="image"), folder=tmp_path)
    assert byte_digest(cohort.inputs("a")) is None
    assert [pair.kind for pair in identical_pairs(cohort, {"a": "x", "b": "x"})] == ["identical pixels"]


def test_a_hundred_empty_tiles_make_ninety_nine_pairs(tmp_path: Path) -> None:
    records = [f"{number:03d}" for number in range(100)]
    cohort = Cohort.from_table(pd.DataFrame({"image": records}), Columns(input="image"), folder=tmp_path)
    assert len(identical_pairs(cohort, dict.fromkeys(records, "x"))) == 99
