"""Looking at a folder: what is recognised, what is asked, what is never invented."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hypercolumn.errors import DataError, UsageError
from hypercolumn.study import init
from hypercolumn.study.discovery import look
from hypercolumn.study.study_file import read_study_file


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def noise(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)


def objects(count: int = 6, size: int = 32) -> np.ndarray:
    labels = np.zeros((size, size), dtype=np.uint16)
    for number in range(count):
        labels[4 * number + 1 : 4 * number + 3, 5:9] = number + 1
    return labels


@pytest.fixture
def paired(tmp_path: Path) -> Path:
    for number in range(6):
        save(tmp_path / f"images/field_{number * 7}.png", noise(number))
        save(tmp_path / f"labels/field_{number * 7}.png", objects())
    return tmp_path


def test_images_and_label_maps_of_the_same_name_are_paired(paired: Path) -> None:
    guess = look(paired)
    assert (guess.kind, guess.target, len(guess.table)) == ("instances", "mask", 6)
    assert all(Path(row.image).name == Path(row.mask).name for row in guess.table.itertuples())
    assert guess.needs_patient


def test_the_patient_is_asked_for_and_never_invented(paired: Path) -> None:
    with pytest.raises(UsageError, match="--patient COLUMN, or --patient none"):
        init(paired, paired / "study.yaml")
    assert not (paired / "study.yaml").exists()
    written = read_study_file(init(paired, paired / "study.yaml", patient="none"))
    assert written.generalises_to == "specimen"
    with pytest.raises(UsageError, match="no column 'patientt'"):
        init(paired, paired / "other.yaml", patient="patientt")


def test_a_table_beside_the_images_is_joined_and_its_columns_get_roles(paired: Path) -> None:
    table = pd.DataFrame(
        {
            "id": [f"field_{number * 7}" for number in range(6)],
            "subject_id": list("AABBCC"),
            "imaging_type": ["bright", "dark"] * 3,
            "sex": ["f", "m"] * 3,
            "scan_date": ["2020-01-01"] * 6,
        }
    )
    table.to_csv(paired / "index.csv", index=False)
    guess = look(paired)
    assert (guess.patient, guess.site, guess.strata) == ("subject_id", "imaging_type", ("sex",))
    assert "scan_date" in (*guess.batch, guess.specimen)
    assert not guess.needs_patient


def test_a_folder_a_class_is_recognised(tmp_path: Path) -> None:
    for name in ("benign", "malignant"):
        for number in range(3):
            save(tmp_path / name / f"{name}{number}.png", noise(number))
    guess = look(tmp_path)
    assert (guess.kind, guess.target, guess.classes) == ("class", "class", ("benign", "malignant"))


def test_one_file_a_channel_is_one_example(tmp_path: Path) -> None:
    for well in ("A01", "A02"):
        for channel in (1, 2):
            save(tmp_path / f"images/{well}_w{channel}.tif", noise(channel))
        save(tmp_path / f"masks/{well}.png", (objects() > 0).astype(np.uint8))
    guess = look(tmp_path)
    assert len(guess.table) == 2
    assert all(cell.count(";") == 1 for cell in guess.table["image"])
    assert guess.classes == {"background": 0, "foreground": 1}


def test_a_numbered_stack_whose_neighbours_are_alike_is_split_in_blocks(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).normal(size=(15, 64, 64))
    smooth = np.stack([volume[index : index + 3].mean(0) for index in range(12)])
    for number, plane in enumerate(smooth):
        grey = ((plane - plane.min()) / np.ptp(plane) * 255).astype(np.uint8)
        save(tmp_path / f"image/{number:02d}.png", grey)
        save(tmp_path / f"label/{number:02d}.png", np.where(grey > 128, 255, 0).astype(np.uint8))
    guess = look(tmp_path)
    assert guess.by_region
    asked = read_study_file(init(tmp_path, tmp_path / "study.yaml"))
    assert (asked.generalises_to, asked.split.kind, asked.data.columns.position) == ("region", "regions", "slice")


def test_numbered_images_that_have_nothing_in_common_are_no_stack(tmp_path: Path) -> None:
    for number in range(8):
        save(tmp_path / f"image/{number:02d}.png", noise(number, 64))
        save(tmp_path / f"label/{number:02d}.png", np.where(noise(number, 64) > 128, 255, 0).astype(np.uint8))
    assert not look(tmp_path).by_region


@pytest.mark.parametrize("content", ["nothing", "images only", "text"])
def test_a_folder_with_nothing_to_learn_says_what_was_looked_for(tmp_path: Path, content: str) -> None:
    if content == "images only":
        save(tmp_path / "a.png", noise(0))
    if content == "text":
        (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"no (image|answer)"):
        look(tmp_path)


def test_nothing_is_written_beside_the_inputs_and_nothing_overwritten(
    paired: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out") / "study.yaml"
    before = sorted(paired.rglob("*"))
    init(paired, out, patient="none")
    assert sorted(paired.rglob("*")) == before
    with pytest.raises(UsageError, match="exists already"):
        init(paired, out, patient="none")


def measured(folder: Path, cells: list[object], *, column: str = "measurement_mm") -> Path:
    for number in range(len(cells)):
        save(folder / f"a{number}.png", noise(number, 8))
    table = pd.DataFrame({"image": [f"a{number}.png" for number in range(len(cells))], column: cells})
    table.to_csv(folder / "index.csv", index=False)
    return folder


def test_a_column_of_numbers_that_hardly_repeat_is_a_measured_number_with_its_unit(tmp_path: Path) -> None:
    guess = look(measured(tmp_path, [2.5, 3.25, 4.0, 4.0, 7.5, 8.125, 9.0]))
    assert (guess.kind, guess.classes, guess.unit) == ("number", (), "mm")
    assert any("6 different numbers from 2.5 to 9 over 7 records" in reason for reason in guess.reasons)
    asked = read_study_file(init(tmp_path, tmp_path / "study.yaml", patient="none"))
    assert (asked.target.kind, asked.target.unit, asked.target.classes) == ("number", "mm", ())


def test_many_whole_numbers_are_a_number_and_few_are_classes(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "few").mkdir()
    assert (
        look(measured(tmp_path / "many", [20 + number % 25 for number in range(60)], column="score")).kind == "number"
    )
    few = look(measured(tmp_path / "few", [number % 4 for number in range(12)], column="score"))
    assert (few.kind, few.classes) == ("class", ("0", "1", "2", "3"))


def test_a_decimal_comma_is_an_error_that_shows_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"decimal comma(.|\n)*with a point: 2\.5"):
        look(measured(tmp_path, ["3", "2,5", "4,75", "5,5", "6,25"]))
