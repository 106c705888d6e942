"""Bad input, one by one: a clear error with its code, the right exit code, and nothing lost."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.study import small_study

from hypercolumn.cli import run_command


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    small_study.write(folder)
    return folder


@pytest.fixture
def home(clean: Path, tmp_path: Path) -> Path:
    import shutil

    return shutil.copytree(clean, tmp_path / "home")


def manifest(home: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    path = home / "study.manifest.csv"
    table = pd.read_csv(path)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def first(home: Path, kind: str) -> Path:
    return sorted((home / "data" / kind).iterdir())[0]


def bomb(home: Path) -> None:
    """A valid PNG header of 100,000 x 100,000 with a few bytes behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    first(home, "images").write_bytes(content)


def set_cell(home: Path, column: str, value: object, row: int = 0) -> None:
    def change(table: pd.DataFrame) -> None:
        table[column] = table[column].astype(object)
        table.loc[row, column] = value

    manifest(home, change)


def other_label(home: Path) -> None:
    labels = np.array(Image.open(first(home, "masks")))
    labels[0, 0] = 77
    Image.fromarray((labels > 0).astype(np.uint8) + 76 * (labels == 77).astype(np.uint8)).save(first(home, "masks"))
    edit_study(home, "kind: instances", "kind: mask")
    edit_study(home, "classes:\n  - background\n  - object", "classes: {background: 0, object: 1}")


def one_class_in_one_patient(home: Path) -> None:
    def change(table: pd.DataFrame) -> None:
        table["grade"] = np.where(table["patient"] == table["patient"].iloc[0], "rare", "common")

    manifest(home, change)
    path = home / "study.yaml"
    text = path.read_text().replace("target: mask", "target: grade").replace("kind: instances", "kind: class")
    path.write_text(text.replace("- background\n  - object", "- common\n  - rare"))


def edit_study(home: Path, old: str, new: str) -> None:
    path = home / "study.yaml"
    path.write_text(path.read_text().replace(old, new))


def cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def latin(home: Path) -> None:
    path = home / "study.manifest.csv"
    path.write_bytes(path.read_bytes() + "Zürich,,,,,,,".encode("latin-1"))


def small_mask(home: Path) -> None:
    Image.fromarray(np.zeros((50, 96), np.uint16)).save(first(home, "masks"))


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda home: first(home, "images").unlink(), "E-FILE-MISSING"),
    "truncated image": (lambda home: cut(first(home, "images"), 900), "E-FILE-UNREADABLE"),
    "zero-byte image": (lambda home: cut(first(home, "images"), 0), "E-FILE-UNREADABLE"),
    "image and mask of different size": (small_mask, "E-SHAPE"),
    "label value outside the classes": (other_label, "E-LABEL"),
    "empty manifest": (lambda home: manifest(home, lambda table: table.iloc[:0]), "E-MANIFEST"),
    "duplicate key": (lambda home: manifest(home, lambda table: pd.concat([table, table.iloc[:1]])), "E-MANIFEST"),
    "missing label": (lambda home: set_cell(home, "mask", None), "E-LABEL"),
    "manifest not UTF-8": (latin, "E-MANIFEST"),
    "a path that leaves the data folder": (lambda home: set_cell(home, "image", "../../etc/passwd"), "E-FILE-OUTSIDE"),
    "a decompression bomb": (bomb, "E-FILE-TOO-LARGE"),
    "a class present in one patient only": (one_class_in_one_patient, "E-SPLIT"),
    "fewer units than folds": (lambda home: edit_study(home, "folds: 2", "folds: 40"), "E-SPLIT"),
    "an unknown key": (lambda home: edit_study(home, "folds: 2", "fold: 2"), "E-STUDY"),
    "a missing study file": (lambda home: (home / "study.yaml").unlink(), "E-STUDY"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_a_clear_error_and_nothing_is_lost(
    name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, code = CASES[name]
    spoil(home)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert run_command(["train", str(home / "study.yaml"), "-o", str(home / "runs")]) == 3
    said = capsys.readouterr().err
    assert f"error[{code}]" in said
    assert "  why " in said or "  where " in said
    assert "  fix " in said or "  why " in said
    assert "Traceback" not in said
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert after == before, "inputs are as they were, and no half a run is left"


def test_all_problems_are_found_in_one_pass(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = sorted((home / "data/images").iterdir())
    images[0].unlink()
    images[1].write_bytes(b"")
    images[2].write_bytes(images[2].read_bytes()[:500])
    assert run_command(["check", str(home / "study.yaml")]) == 3
    said = capsys.readouterr().err
    assert all(image.name in said for image in images[:3])


def test_more_than_ten_problems_go_to_a_table(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for image in (home / "data/images").iterdir():
        image.write_bytes(b"")
    assert run_command(["check", str(home / "study.yaml")]) == 3
    said = capsys.readouterr().err
    assert said.count("error[") == 10
    assert len(pd.read_csv(home / "hypercolumn-problems.csv")) == 12


def test_an_output_folder_that_cannot_be_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "file").write_text("in the way")
    assert run_command(["train", str(home / "study.yaml"), "-o", str(home / "file")]) == 2
    assert "error[E-OUTPUT]" in capsys.readouterr().err


def test_a_name_in_the_error_is_not_a_path_of_the_machine(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first(home, "images").write_bytes(b"")
    run_command(["check", str(home / "study.yaml")])
    assert str(home) not in capsys.readouterr().err
