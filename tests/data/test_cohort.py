"""Manifests as people write them: every defect that the cells alone can have, and all of them in one pass."""

import pickle
from pathlib import Path

import pandas as pd
import pytest

from hypercolumn.data import Cohort, Columns, read_table
from hypercolumn.errors import DataProblems, InvalidArgument, ManifestError

COLUMNS = Columns(input="image", target="grade", lineage={"patient": "patient"})
GOOD = "image,grade,patient\na.png,0,007\nb.png,1,007\nc.png,2,012\n"


def write(folder: Path, content: str | bytes, name: str = "manifest.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(folder: Path, content: str, columns: Columns = COLUMNS) -> list[tuple[str, str]]:
    with pytest.raises(DataProblems) as caught:
        Cohort.read(write(folder, content), columns)
    return [(problem.code, problem.where) for problem in caught.value.problems]


def test_a_good_manifest_gives_records_in_its_order(tmp_path: Path) -> None:
    cohort = Cohort.read(write(tmp_path, GOOD), COLUMNS)
    assert cohort.records == ("a.png", "b.png", "c.png")
    assert cohort.level("patient").tolist() == ["007", "007", "012"], "leading zeros are part of a name"
    assert cohort.inputs("b.png") == (tmp_path / "b.png",)
    assert str(cohort.target("c.png")) == "2"
    assert cohort.levels == ("patient",)
    assert cohort.level("specimen").tolist() == list(cohort.records)


def test_tabs_a_byte_order_mark_and_parquet_say_the_same(tmp_path: Path) -> None:
    plain = Cohort.read(write(tmp_path, GOOD), COLUMNS)
    marked = Cohort.read(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()), COLUMNS)
    tabs = Cohort.read(write(tmp_path, GOOD.replace(",", "\t"), "manifest.tsv"), COLUMNS)
    lines = Cohort.read(write(tmp_path, GOOD.replace("\n", "\r\n")), COLUMNS)
    read_table(write(tmp_path, GOOD)).to_parquet(tmp_path / "manifest.parquet")
    parquet = Cohort.read(tmp_path / "manifest.parquet", COLUMNS)
    assert {cohort.sha256 for cohort in (marked, tabs, lines, parquet)} == {plain.sha256}


def test_the_hash_is_of_the_cells_that_have_a_role(tmp_path: Path) -> None:
    cohort = Cohort.read(write(tmp_path, GOOD), COLUMNS)
    noted = Cohort.read(
        write(tmp_path, "image,grade,patient,note\na.png,0,007,x\nb.png,1,007,\nc.png,2,012,\n"), COLUMNS
    )
    changed = Cohort.read(write(tmp_path, GOOD.replace("c.png,2", "c.png,1")), COLUMNS)
    assert noted.sha256 == cohort.sha256
    assert changed.sha256 != cohort.sha256


def test_a_parquet_file_written_with_a_named_index_keeps_that_column(tmp_path: Path) -> None:
    pd.DataFrame({"image": ["a.png"], "grade": [1], "patient": ["p"]}).set_index("image").to_parquet(
        tmp_path / "m.parquet"
    )
    assert Cohort.read(tmp_path / "m.parquet", COLUMNS).records == ("a.png",)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1", "2"], [1, 2]),
        (["0.5", "-2"], [0.5, -2.0]),
        (["01", "2"], ["01", "2"]),
        (["3E2", "4E1"], ["3E2", "4E1"]),
        (["TRUE", "FALSE"], ["TRUE", "FALSE"]),
        (["NA", "None"], ["NA", "None"]),
        (["12345678901234567890"], ["12345678901234567890"]),
    ],
)
def test_a_cell_is_a_number_only_if_its_whole_column_is_plainly_numbers(
    tmp_path: Path, cells: list, read: list
) -> None:
    assert read_table(write(tmp_path, "value\n" + "\n".join(cells) + "\n"))["value"].tolist() == read


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("image,grade,patient\n", "no rows"),
        ("image;grade;patient\na.png;0;p\n", "semicolons"),
        ("image\tgrade\tpatient\na.png\t0\tp\n", "tabs"),
        ("picture,grade,patient\na.png,0,p\n", "no column 'image'"),
        ("image,grade,patient,grade\na.png,0,p,1\n", "two columns 'grade'"),
        ("image,grade,patient\na.png,0,p,extra\n", "4 cells and the header 3"),
        ("image,grade,patient\na.png,0,p\nb.png,0,p,extra\n", "line 3"),
        (b"image,grade,patient\na.png,0,p\nb.png,0,M\xfcller\n", "not UTF-8"),
        (GOOD.encode("utf-16"), "not UTF-8"),
        (GOOD.encode("utf-16-le"), "zero bytes"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_as_a_whole(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises((ManifestError, DataProblems), match=says) as caught:
        Cohort.read(write(tmp_path, content), COLUMNS)
    assert "manifest.csv" in str(caught.value)


def test_the_line_that_is_not_utf8_is_named_however_far_down(tmp_path: Path) -> None:
    rows = "".join(f"{number}.png,0,p\n" for number in range(50_000))
    content = b"image,grade,patient\n" + rows.encode() + b"x.png,0,M\xfcller\n"
    with pytest.raises(ManifestError, match="line 50002"):
        Cohort.read(write(tmp_path, content), COLUMNS)


@pytest.mark.parametrize("name", ["missing.csv", ".", "broken.parquet"])
def test_a_manifest_that_is_missing_or_broken(tmp_path: Path, name: str) -> None:
    write(tmp_path, b"PAR1 and then nothing", "broken.parquet")
    with pytest.raises(ManifestError):
        Cohort.read(tmp_path / name, COLUMNS)


def test_a_duplicate_key_names_its_rows(tmp_path: Path) -> None:
    found = problems(tmp_path, "image,grade,patient\na.png,0,p\nb.png,0,p\na.png,1,q\n")
    assert found == [("E-MANIFEST", "manifest.csv, rows 2, 4")]


@pytest.mark.parametrize(
    "path", ["../a.png", "/etc/passwd", "x/../../a.png", "..\\a.png", "C:\\a.png", "b.png;../a.png"]
)
def test_a_path_that_leaves_the_folder_is_found_without_touching_it(tmp_path: Path, path: str) -> None:
    assert problems(tmp_path, f"image,grade,patient\n{path},0,p\n") == [("E-FILE-OUTSIDE", "manifest.csv, row 2")]


def test_two_dots_within_a_name_are_no_way_out(tmp_path: Path) -> None:
    assert len(Cohort.read(write(tmp_path, "image,grade,patient\na..b.png,0,p\n"), COLUMNS)) == 1


@pytest.mark.parametrize("kind", ["object", "string", "Int64"])
def test_missing_cells_of_every_kind_of_pandas_column_are_found(kind: str) -> None:
    table = pd.DataFrame(
        {"image": ["a", "b"], "patient": ["p", "q"], "grade": pd.array([1, pd.NA], dtype="Int64").astype(kind)}
    )
    with pytest.raises(DataProblems) as caught:
        Cohort.from_table(table, COLUMNS, folder=".")
    assert [problem.code for problem in caught.value.problems] == ["E-LABEL"]


def test_all_that_is_wrong_is_found_in_one_pass(tmp_path: Path) -> None:
    content = "image,grade,patient\n" + "a.png,,p\n" + ",1,p\n" + "../c.png,1,\n" + "d.png,1,p\n" + "d.png,1,p\n"
    assert problems(tmp_path, content) == [
        ("E-LABEL", "manifest.csv, row 2"),
        ("E-MANIFEST", "manifest.csv, row 3"),
        ("E-MANIFEST", "manifest.csv, row 4"),
        ("E-FILE-OUTSIDE", "manifest.csv, row 4"),
        ("E-MANIFEST", "manifest.csv, rows 5, 6"),
    ]


def test_a_position_must_be_a_number(tmp_path: Path) -> None:
    columns = Columns(input="image", position="slice")
    assert problems(tmp_path, "image,slice\na.png,1\nb.png,second\nc.png,\n", columns) == [
        ("E-MANIFEST", "manifest.csv, row 3"),
        ("E-MANIFEST", "manifest.csv, row 4"),
    ]


def test_rows_are_told_apart_whatever_the_index_of_the_table() -> None:
    table = pd.DataFrame({"image": ["a", "b"], "grade": [1, 2], "patient": ["p", ""]}, index=[3, 3])
    with pytest.raises(DataProblems, match="row 3"):
        Cohort.from_table(table, COLUMNS, folder=".")


def test_one_patient_under_three_spellings_of_a_number_is_one() -> None:
    table = pd.DataFrame({"image": ["a", "b", "c"], "grade": [0, 0, 0], "patient": [7, 7.0, " 7 "]}, dtype=object)
    assert set(Cohort.from_table(table, COLUMNS, folder=".").level("patient")) == {"7"}


def test_files_of_channels_are_split_at_semicolons(tmp_path: Path) -> None:
    cohort = Cohort.read(write(tmp_path, "key,image\nr1,a_w1.tif; a_w2.tif\n"), Columns(input="image", key="key"))
    assert cohort.inputs("r1") == (tmp_path / "a_w1.tif", tmp_path / "a_w2.tif")


def test_a_selection_keeps_its_order_and_refuses_strangers(tmp_path: Path) -> None:
    cohort = Cohort.read(write(tmp_path, GOOD), COLUMNS)
    assert cohort.select(["c.png", "a.png"]).records == ("c.png", "a.png")
    with pytest.raises(InvalidArgument, match=r"z\.png"):
        cohort.select(["a.png", "z.png"])
    with pytest.raises(InvalidArgument, match="level"):
        cohort.level("site")


def test_the_table_that_was_given_is_not_changed() -> None:
    table = pd.DataFrame({"image": [1, 2], "grade": [0, 1], "patient": [7.0, 8.0]})
    before = table.copy()
    Cohort.from_table(table, COLUMNS, folder=".")
    pd.testing.assert_frame_equal(table, before)


def test_lineage_is_ordered_from_coarse_to_fine_and_knows_its_levels() -> None:
    columns = Columns(input="image", lineage={"specimen": "slide", "site": "hospital", "patient": "who"})
    assert list(columns.lineage) == ["site", "patient", "specimen"]
    with pytest.raises(InvalidArgument, match="donor"):
        Columns(input="image", lineage={"mouse": "animal"})


def test_all_problems_cross_a_process_border(tmp_path: Path) -> None:
    with pytest.raises(DataProblems) as caught:
        Cohort.read(write(tmp_path, "image,grade,patient\na.png,,p\n,1,p\n"), COLUMNS)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
