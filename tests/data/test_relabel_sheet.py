from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.relabel_sheet import Suspect, read_relabel_sheet, relabelled, write_relabel_sheet
from hypercolumn.errors import DataProblems, ManifestError, OutputNotWritable

CLASSES = ("benign", "malignant")


def cohort_of(labels: dict[str, object]) -> Cohort:
    table = pd.DataFrame({"image": list(labels), "label": list(labels.values())})
    return Cohort.from_table(table, Columns(input="image", target="label"), folder=".")


COHORT = cohort_of({"a.png": "benign", "b.png": "malignant", "c.png": "benign"})


def corrected(path: Path, corrections: dict[str, str]) -> Path:
    """The sheet as a person gives it back."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["correction"] = [corrections.get(record, "") for record in table["record"]]
    table.to_csv(path, index=False)
    return path


def sheet(folder: Path, text: str) -> Path:
    path = folder / "relabel.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_suspects_go_out_and_only_what_was_corrected_comes_back(tmp_path: Path):
    out = [Suspect(1, "c.png", "benign", "malignant", 0.98), Suspect(2, "b.png", "malignant", "benign", 0.9)]
    path = corrected(write_relabel_sheet(tmp_path / "relabel.csv", out), {"c.png": "malignant"})
    assert read_relabel_sheet(path, COHORT, classes=CLASSES) == {"c.png": "malignant"}


@settings(max_examples=30, deadline=None)
@given(name=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12))
def test_any_name_of_a_record_comes_back_as_it_went_out(tmp_path_factory, name: str):
    record = f"{name.replace('/', '').replace(':', '').replace(chr(92), '').replace(';', '').strip('.')}.png"
    cohort = cohort_of({record: "benign"})
    path = tmp_path_factory.mktemp("sheet") / "relabel.csv"
    write_relabel_sheet(path, [Suspect(1, record, "benign", "malignant", 0.9)])
    assert read_relabel_sheet(corrected_all(path), cohort, classes=CLASSES) == {record: "malignant"}


def corrected_all(path: Path) -> Path:
    path.write_text(path.read_text("utf-8").replace(",0.9000,,", ",0.9000,malignant,"), encoding="utf-8")
    return path


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_no_cell_runs_as_a_formula(tmp_path: Path, begin: str):
    path = write_relabel_sheet(tmp_path / "s.csv", [Suspect(1, f"{begin}1+1", f"{begin}A", "b", 0.5)])
    assert f"1,'{begin}1+1,'{begin}A,b," in path.read_text("utf-8")


def test_numbers_as_labels_are_the_labels_of_the_manifest(tmp_path: Path):
    path = sheet(tmp_path, "record,given,correction\na.png,1,0\n")
    cohort = cohort_of({"a.png": 1, "b.png": 0})
    assert read_relabel_sheet(path, cohort, classes=("0", "1")) == {"a.png": "0"}


def test_several_labels_are_compared_as_sets_and_a_semicolon_says_none(tmp_path: Path):
    cohort = cohort_of({"a.png": "nodule;oedema", "b.png": "nodule", "c.png": ";"})
    text = "record,given,correction\na.png,oedema;nodule,;\nb.png,nodule,oedema;nodule\nc.png,;,\n"
    found = read_relabel_sheet(sheet(tmp_path, text), cohort, classes=("oedema", "nodule"), several=True)
    assert found == {"a.png": ";", "b.png": "oedema;nodule"}
    assert relabelled(cohort, found).target("a.png") == ";"


def test_everything_that_is_wrong_is_told_in_one_pass(tmp_path: Path):
    text = (
        "record,given,correction\nz.png,benign,malignant\na.png,benign,malignnant\na.png,benign,benign\n"
        "b.png,benign,malignant\n,benign,benign\n"
    )
    with pytest.raises(DataProblems) as error:
        read_relabel_sheet(sheet(tmp_path, text), COHORT, classes=CLASSES)
    assert [(problem.what, problem.where) for problem in error.value.problems] == [
        ("record 'z.png' is not in the manifest", "relabel.csv, row 2"),
        ("'malignnant' is no class", "relabel.csv, row 3"),
        ("record 'a.png' stands twice", "relabel.csv, row 4 and row 3"),
        ("'b.png' is given 'benign' here and 'malignant' in the manifest", "relabel.csv, row 5"),
        ("a row names no record", "relabel.csv, row 6"),
    ]


def test_what_is_no_sheet_is_refused(tmp_path: Path):
    with pytest.raises(ManifestError, match="does not exist"):
        read_relabel_sheet(tmp_path / "none.csv", COHORT, classes=CLASSES)
    with pytest.raises(ManifestError, match="no column 'correction'"):
        read_relabel_sheet(sheet(tmp_path, "record,given\na.png,benign\n"), COHORT, classes=CLASSES)
    with pytest.raises(ManifestError, match="not text"):
        read_relabel_sheet(sheet(tmp_path, "record,given,correction\na.png,\0,b\n"), COHORT, classes=CLASSES)
    with pytest.raises(OutputNotWritable):
        write_relabel_sheet(tmp_path / "no" / "folder.csv", [])


def test_a_cohort_is_relabelled_and_nothing_else_of_it_changes():
    found = relabelled(COHORT, {"c.png": "malignant"})
    assert [found.target(record) for record in found.records] == ["benign", "malignant", "malignant"]
    assert found.records == COHORT.records
    assert found.sha256 != COHORT.sha256
    assert relabelled(COHORT, {}).sha256 == COHORT.sha256


def test_corrections_of_unknown_records_are_refused():
    with pytest.raises(ManifestError, match="1 corrected records are not in the cohort"):
        relabelled(COHORT, {"z.png": "benign"})
    bare = Cohort.from_table(pd.DataFrame({"image": ["a"]}), Columns(input="image"), folder=".")
    with pytest.raises(ManifestError, match="no labels"):
        relabelled(bare, {})
