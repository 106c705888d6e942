"""Labels that site, scanner, date, file name or image size tell are found; strata and patients are not asked."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from hypercolumn.audit import Severity, metadata_shortcut
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.planted import plant_shortcut
from hypercolumn.errors import InvalidArgument


def cohort(seed: int = 0, records: int = 120, **changed) -> Cohort:
    """Two labels, and columns that tell nothing; `changed` takes labels (record,) and gives a column."""
    rng = np.random.default_rng(seed)
    ill = np.arange(records) % 2
    order = rng.permutation(records)
    columns = {
        "image": [f"images/{number:04d}.png" for number in order],
        "label": np.where(ill, "ill", "well"),
        "hospital": rng.choice(["north", "south", "west"], records),
        "scanner": rng.choice(["A", "B"], records),
        "date": [f"20{year}-0{number % 9 + 1}-11" for number, year in enumerate(rng.integers(10, 24, records))],
        "sex": np.where(ill, "female", "male"),
    }
    table = pd.DataFrame(columns | {name: make(ill) for name, make in changed.items()})
    roles = Columns(
        input="image", target="label", lineage={"site": "hospital"}, batch=("scanner", "date"), strata=("sex",)
    )
    return Cohort.from_table(table, roles, folder=".")


def test_nothing_is_read_from_columns_that_tell_nothing_and_strata_are_not_asked() -> None:
    [finding] = metadata_shortcut(cohort())
    assert (finding.code, finding.severity) == ("A-METADATA-PASSED", Severity.PASSED)
    assert not any("sex" in name for name in finding.evidence)
    assert finding.evidence["records"] == 120


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("hospital", {"hospital": lambda ill: np.where(ill, "north", "south")}),
        ("scanner", {"scanner": lambda ill: np.where(ill, "A", "B")}),
        ("date", {"date": lambda ill: [f"{2010 + 5 * i}-{m % 12 + 1:02d}-01" for m, i in enumerate(ill)]}),
        ("file name", {"image": lambda ill: [f"{'ill' if i else 'ok'}_{n:04d}.png" for n, i in enumerate(ill)]}),
        ("file name", {"image": lambda ill: [f"{'ab'[i]}/{n:04d}.png" for n, i in enumerate(ill)]}),
        ("file name", {"image": lambda ill: [f"{n:04d}.{('png', 'tif')[i]}" for n, i in enumerate(ill)]}),
        ("file name", {"image": lambda ill: [f"{1000 * i + n:05d}.png" for n, i in enumerate(ill)]}),
    ],
)
def test_the_source_that_tells_the_label_is_named(source: str, changed: dict) -> None:
    [finding] = metadata_shortcut(cohort(**changed))
    assert (finding.code, finding.severity) == ("A-METADATA-READABLE", Severity.WARNING)
    assert finding.evidence[f"AUROC from {source}"] > 0.95
    assert finding.evidence[f"AUROC from {source}, lower end"] > 0.85
    assert source in finding.claim
    assert finding.spoils == ()


def test_the_size_of_the_image_is_read_where_it_is_given() -> None:
    table = cohort()
    sizes = {
        record: (512 if label == "ill" else 500, 400, 3)
        for record, label in zip(table.records, table.table["label"], strict=True)
    }
    [finding] = metadata_shortcut(table, sizes)
    assert finding.evidence["AUROC from size"] == 1.0


def test_patients_are_witnesses_once() -> None:
    """Three patients a label with 40 records each: too few to say anything, however many records there are."""
    rows = [(f"{p}-{n}.png", f"P{p}", "ab"[p % 2], "AB"[p % 2]) for p in range(6) for n in range(40)]
    table = pd.DataFrame(rows, columns=["image", "patient", "label", "site"])
    columns = Columns(input="image", target="label", lineage={"site": "site", "patient": "patient"})
    [finding] = metadata_shortcut(Cohort.from_table(table, columns, folder="."))
    assert finding.severity is Severity.NOT_CHECKED
    assert "5 or more patients" in finding.claim


def test_the_same_seed_gives_the_same_finding() -> None:
    planted = plant_shortcut(3, strength=0.3, through="size")
    assert metadata_shortcut(planted.cohort, planted.sizes) == metadata_shortcut(planted.cohort, planted.sizes)


def test_numbers_are_halved_at_their_median() -> None:
    rng = np.random.default_rng(0)
    thickness = rng.normal(3, 1, 200)
    table = pd.DataFrame({"image": [f"{n}.png" for n in rng.permutation(200)], "thickness": thickness})
    table["scanner"] = np.where(thickness > 3, "A", "B")
    roles = Columns(input="image", target="thickness", batch=("scanner",))
    [finding] = metadata_shortcut(Cohort.from_table(table, roles, folder="."))
    assert finding.code == "A-METADATA-READABLE"


@pytest.mark.parametrize(
    ("table", "columns", "words"),
    [
        ({"image": ["a.png", "b.png"]}, Columns(input="image"), "no column names the labels"),
        ({"image": ["a", "b"], "y": ["m/a.png", "m/b.png"]}, Columns(input="image", target="y"), "labels are images"),
        ({"image": ["a", "b"], "y": ["1", "1"]}, Columns(input="image", target="y"), "one label"),
        ({"image": list("abcdef"), "y": list("xxxxxy")}, Columns(input="image", target="y"), "fewer than two labels"),
        (
            {"image": [f"{n}" for n in range(60)], "y": [f"name {n}" for n in range(60)]},
            Columns(input="image", target="y"),
            "60 different labels",
        ),
        (
            {"image": [f"x{'y' * n}" for n in range(20)], "y": list("ab" * 10)},
            Columns(input="image", target="y"),
            "missing or the same",
        ),
    ],
)
def test_what_cannot_be_checked_says_why(table: dict, columns: Columns, words: str) -> None:
    [finding] = metadata_shortcut(Cohort.from_table(pd.DataFrame(table), columns, folder="."))
    assert (finding.code, finding.severity) == ("A-METADATA-NOT-CHECKED", Severity.NOT_CHECKED)
    assert words in finding.claim


def test_one_site_and_missing_sizes_are_no_error() -> None:
    [finding] = metadata_shortcut(cohort(hospital=lambda ill: ["north"] * len(ill)))
    assert "AUROC from hospital" not in finding.evidence
    table = cohort()
    sizes = dict.fromkeys(table.records, (np.nan, 5.0))
    [finding] = metadata_shortcut(table, sizes)
    assert "AUROC from size" not in finding.evidence


@pytest.mark.parametrize("sizes", [{}, {"unknown": (1, 2)}])
def test_sizes_of_other_records_are_refused(sizes: dict) -> None:
    with pytest.raises(InvalidArgument, match="each record"):
        metadata_shortcut(cohort(), sizes)


def test_sizes_of_different_lengths_are_refused() -> None:
    table = cohort()
    sizes = {record: (1,) * (1 + number % 2) for number, record in enumerate(table.records)}
    with pytest.raises(InvalidArgument, match="each record"):
        metadata_shortcut(table, sizes)


def test_many_rows_are_drawn_from_and_not_all_looked_at() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image": [f"{n}.png" for n in rng.permutation(25_000)]})
    table["label"] = rng.choice(["ill", "well"], 25_000)
    table["site"] = rng.choice(["A", "B"], 25_000)
    table.index = pd.Index(table["image"].to_list(), name="record")
    columns = Columns(input="image", target="label", lineage={"site": "site"})
    [finding] = metadata_shortcut(Cohort(table, columns, folder="."), permutations=9)
    assert finding.evidence["records"] == 20_000


def test_ten_million_rows_take_little_more_memory_than_the_table_itself() -> None:
    """Ten patients, one column of bytes each: what is looked at is drawn before anything is made of it."""
    rows = 10_000_000
    codes = pd.Categorical.from_codes(np.arange(rows) % 20 // 2, [f"P{n}" for n in range(10)])
    labels = pd.Categorical.from_codes(np.arange(rows) % 2, ["ill", "well"])
    table = pd.DataFrame({"image": labels, "label": labels, "patient": codes})
    columns = Columns(input="image", target="label", lineage={"patient": "patient"})
    tracemalloc.start()
    [finding] = metadata_shortcut(Cohort(table, columns, folder="."), permutations=9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finding.severity is Severity.NOT_CHECKED
    assert peak < 600e6


def test_names_that_are_no_files_are_not_read() -> None:
    """A table sorted by label, whose rows were numbered for want of a name."""
    table = pd.DataFrame({"image": [f"row {n}" for n in range(60)], "label": ["ill"] * 30 + ["well"] * 30})
    [finding] = metadata_shortcut(Cohort.from_table(table, Columns(input="image", target="label"), folder="."))
    assert finding.severity is Severity.NOT_CHECKED
