"""Every defect that files can have is found, all of them in one pass, and a clean cohort is left in peace."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from hypercolumn.data import (
    ClassTarget,
    Cohort,
    Columns,
    InstancesTarget,
    LabelsTarget,
    MaskTarget,
    NumberTarget,
    inspect_files,
)
from hypercolumn.errors import DataProblems

MASK = MaskTarget.from_mapping({"background": 0, "nucleus": 255})


def save(path: Path, array: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    elif path.suffix == ".npy":
        np.save(path, array)
    else:
        tifffile.imwrite(path, array)
    return path.name


def cohort_of(folder: Path, rows: list[tuple], target: str | None = "mask") -> Cohort:
    """A cohort of (image, target) cells, made past the checks of the manifest, as from another program."""
    table = pd.DataFrame(rows, columns=["image", "mask"], dtype=object)
    table.index = pd.Index(table["image"], name="record")
    return Cohort(table, Columns(input="image", target=target), folder)


def found(cohort: Cohort, target: object, **settings: int) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in inspect_files(cohort, target, **settings).problems]


@pytest.fixture
def grey() -> np.ndarray:
    return np.arange(60, dtype=np.uint8).reshape(6, 10)


@pytest.fixture
def mask(grey: np.ndarray) -> np.ndarray:
    return np.where(grey > 30, 255, 0).astype(np.uint8)


def test_a_clean_cohort_has_no_problem_and_a_header_for_each_record(
    tmp_path: Path, grey: np.ndarray, mask: np.ndarray
) -> None:
    rows = [(save(tmp_path / f"{n}.png", grey + n), save(tmp_path / f"{n}_mask.png", mask)) for n in range(5)]
    inspection = inspect_files(cohort_of(tmp_path, rows), MASK)
    assert inspection.problems == ()
    assert list(inspection.headers) == [image for image, _ in rows]
    assert {header.shape for header in inspection.headers.values()} == {(1, 6, 10)}
    inspection.raise_if_any()


def test_a_blank_image_is_no_problem(tmp_path: Path, mask: np.ndarray) -> None:
    rows = [(save(tmp_path / "a.png", np.zeros((6, 10), np.uint8)), save(tmp_path / "m.png", mask * 0))]
    assert found(cohort_of(tmp_path, rows), MASK) == []


def test_an_alpha_that_is_opaque_makes_no_other_kind_of_image(tmp_path: Path) -> None:
    colour = np.zeros((6, 10, 3), np.uint8)
    opaque = np.dstack([colour, np.full((6, 10), 255, np.uint8)])
    rows = [(save(tmp_path / "a.png", colour), None), (save(tmp_path / "b.png", opaque), None)]
    inspection = inspect_files(cohort_of(tmp_path, rows, target=None))
    assert inspection.problems == ()
    assert inspection.headers["b.png"].shape == (3, 6, 10)
    assert inspection.headers["b.png"].channels == ("red", "green", "blue")


def test_all_that_is_wrong_is_found_in_one_pass_in_the_order_of_the_manifest(
    tmp_path: Path, grey: np.ndarray, mask: np.ndarray
) -> None:
    data = tmp_path / "data"
    label = save(data / "mask.png", mask)
    for name in ("good", "cut", "small", "values", "nolabel", "lostlabel"):
        save(data / f"{name}.png", grey)
    whole = (data / "cut.png").read_bytes()
    (data / "cut.png").write_bytes(whole[:-20])
    (data / "empty.png").write_bytes(b"")
    (data / "text.png").write_text("404 Not Found")
    save(tmp_path / "secret.png", grey)
    (data / "link.png").symlink_to(tmp_path / "secret.png")
    (data / "outlabel.png").symlink_to(tmp_path / "secret.png")
    save(data / "bomb.tif", np.zeros((64, 64), np.uint8))
    save(data / "small_mask.png", mask[1:])
    save(data / "values_mask.png", mask // 2)
    save(data / "colour_mask.png", np.dstack([mask, grey, mask]))
    rows = [
        ("good.png", label),
        ("missing.png", label),
        ("cut.png", label),
        ("empty.png", label),
        ("text.png", label),
        ("link.png", label),
        ("../secret.png", label),
        (str(tmp_path / "secret.png"), label),
        ("bomb.tif", "mask.png"),
        ("small.png", "small_mask.png"),
        ("values.png", "values_mask.png"),
        ("nolabel.png", pd.NA),
        ("lostlabel.png", "gone.png"),
    ]
    expected = [
        ("E-FILE-MISSING", "record missing.png"),
        ("E-FILE-UNREADABLE", "record cut.png"),
        ("E-FILE-UNREADABLE", "record empty.png"),
        ("E-FILE-UNREADABLE", "record text.png"),
        ("E-FILE-OUTSIDE", "record link.png"),
        ("E-FILE-OUTSIDE", "record ../secret.png"),
        ("E-FILE-OUTSIDE", f"record {tmp_path / 'secret.png'}: secret.png"),
        ("E-FILE-TOO-LARGE", "record bomb.tif"),
        ("E-SHAPE", "record small.png: small_mask.png"),
        ("E-LABEL", "record values.png: values_mask.png"),
        ("E-LABEL", "record nolabel.png"),
        ("E-FILE-MISSING", "record lostlabel.png: gone.png"),
    ]
    cohort = cohort_of(data, rows)
    for workers in (1, 2, 5):
        assert found(cohort, MASK, limit_bytes=4000, workers=workers) == expected
    inspection = inspect_files(cohort, MASK, limit_bytes=4000)
    assert list(inspection.headers) == ["good.png", "small.png", "values.png", "nolabel.png", "lostlabel.png"]
    assert all(problem.fix for problem in inspection.problems)
    with pytest.raises(DataProblems, match="E-FILE-MISSING") as caught:
        inspection.raise_if_any(where="manifest.csv")
    assert len(caught.value.problems) == len(expected)


def test_labels_outside_the_folder_coloured_or_wrong_in_two_ways(
    tmp_path: Path, grey: np.ndarray, mask: np.ndarray
) -> None:
    data = tmp_path / "data"
    for name in "abc":
        save(data / f"{name}.png", grey)
    save(tmp_path / "outside.png", mask)
    (data / "link.png").symlink_to(tmp_path / "outside.png")
    save(data / "colour.png", np.dstack([mask, grey, mask]))
    save(data / "both.png", grey[1:])
    rows = [("a.png", "link.png"), ("b.png", "colour.png"), ("c.png", "both.png")]
    assert found(cohort_of(data, rows), MASK) == [
        ("E-FILE-OUTSIDE", "record a.png: link.png"),
        ("E-LABEL", "record b.png: colour.png"),
        ("E-LABEL", "record c.png: both.png"),
        ("E-SHAPE", "record c.png: both.png"),
    ]


def test_instances_may_have_any_number_of_objects(tmp_path: Path, grey: np.ndarray) -> None:
    rows = [(save(tmp_path / "a.png", grey), save(tmp_path / "m.png", grey.astype(np.uint16) * 300))]
    assert found(cohort_of(tmp_path, rows), InstancesTarget()) == []


@pytest.mark.parametrize(
    ("target", "cells", "wrong"),
    [
        (ClassTarget(("0", "1")), [0, 1.0, "2", pd.NA], [2, 3]),
        (LabelsTarget(("a", "b")), ["a;b", ";", "a;c", "b"], [2]),
        (NumberTarget(), [1, "2.5", "tall", float("nan")], [2, 3]),
    ],
)
def test_cells_that_are_no_label_are_found(
    tmp_path: Path, grey: np.ndarray, target: object, cells: list, wrong: list
) -> None:
    rows = [(save(tmp_path / f"{n}.png", grey), cell) for n, cell in enumerate(cells)]
    assert found(cohort_of(tmp_path, rows), target) == [("E-LABEL", f"record {n}.png") for n in wrong]


def test_pixels_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    array = np.ones((6, 10), np.float32)
    rows = [(save(tmp_path / "good.npy", array), None)]
    array[0, :3] = np.nan, np.inf, -np.inf
    rows.append((save(tmp_path / "bad.npy", array), None))
    problems = inspect_files(cohort_of(tmp_path, rows, target=None)).problems
    assert [(problem.code, problem.where) for problem in problems] == [("E-DATA", "record bad.npy")]
    assert "3 values are NaN or infinite" in problems[0].what


def test_the_records_of_another_kind_than_most_are_named(tmp_path: Path, grey: np.ndarray) -> None:
    arrays = {"a": grey, "b": grey, "c": grey, "deep": grey.astype(np.uint16), "colour": np.dstack([grey] * 3)}
    rows = [(save(tmp_path / f"{name}.png", array), None) for name, array in arrays.items()]
    rows.append((save(tmp_path / "stack.npy", np.stack([grey] * 7)), None))
    problems = inspect_files(cohort_of(tmp_path, rows, target=None)).problems
    assert [(problem.what, problem.where) for problem in problems] == [
        ("the axes of 1 record is z, y, x; that of 5 records is y, x", "stack.npy"),
        ("the number of channels of 1 record is 3; that of 5 records is 1", "colour.png"),
        ("the type of 1 record is uint16; that of 5 records is uint8", "deep.png"),
    ]


def test_a_crowd_of_strangers_is_counted_and_not_listed_whole(tmp_path: Path, grey: np.ndarray) -> None:
    rows = [(save(tmp_path / f"{n:02}.png", grey if n < 13 else np.dstack([grey] * 3)), None) for n in range(25)]
    (problem,) = inspect_files(cohort_of(tmp_path, rows, target=None)).problems
    assert problem.where.endswith("20.png and 4 more")


def test_each_file_of_a_set_of_channels_is_looked_at(tmp_path: Path, grey: np.ndarray) -> None:
    for name in ("a_w1", "a_w2", "b_w1", "d_w1"):
        save(tmp_path / f"{name}.png", grey)
    save(tmp_path / "d_w2.png", grey[1:])
    (tmp_path / "b_w3.png").write_bytes(b"")
    rows = [("a_w1.png;a_w2.png", None), ("b_w1.png;b_w2.png;b_w3.png", None), ("d_w1.png; d_w2.png", None)]
    cohort = cohort_of(tmp_path, rows, target=None)
    assert found(cohort, None) == [
        ("E-FILE-MISSING", "record b_w1.png;b_w2.png;b_w3.png: b_w2.png"),
        ("E-FILE-UNREADABLE", "record b_w1.png;b_w2.png;b_w3.png: b_w3.png"),
        ("E-SHAPE", "record d_w1.png; d_w2.png"),
    ]
    assert inspect_files(cohort).headers["a_w1.png;a_w2.png"].channels == ("w1", "w2")


def test_paths_relative_to_the_working_directory(
    tmp_path: Path, grey: np.ndarray, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(save(Path("data") / "a.png", grey), save(Path("data") / "m.png", mask))]
    for folder in (Path("data"), Path("./data"), Path("../") / tmp_path.name / "data"):
        assert found(cohort_of(folder, rows), MASK) == []
    monkeypatch.chdir("data")
    assert found(cohort_of(Path(), rows), MASK) == []


DATA = Path(__file__).parents[2] / "../shared/data"


@pytest.mark.long
def test_the_real_nuclei_are_in_order(tmp_path: Path) -> None:
    folder = DATA / "dsb2018_nuclei"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    names = pd.read_csv(folder / "index.csv")["id"]
    cohort = cohort_of(folder, [(f"images/{name}.png", f"labels/{name}.png") for name in names])
    inspection = inspect_files(cohort, InstancesTarget())
    assert inspection.problems == ()
    assert {header.shape[0] for header in inspection.headers.values()} == {3}
    assert len(inspect_files(cohort, MASK).problems) == 128, "as a mask of two classes each holds unknown values"


@pytest.mark.long
def test_the_real_membranes_are_in_order(tmp_path: Path) -> None:
    folder = DATA / "isbi2012_em"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    cohort = cohort_of(folder, [(f"image/{n:02}.png", f"label/{n:02}.png") for n in range(20)])
    inspection = inspect_files(cohort, MaskTarget.from_mapping({"membrane": 0, "cell": 255}))
    assert inspection.problems == ()
    assert {header.shape for header in inspection.headers.values()} == {(1, 512, 512)}
