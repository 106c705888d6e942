import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.sealed_set import SealedSet, look, seal
from hypercolumn.errors import CertificateError, InvalidArgument, OutputNotWritable, SplitError


def cohort_of(patients: int = 10, **changes: str) -> Cohort:
    rows = [(f"{p}-{n}.png", f"P{p}", ("benign", "malignant")[p % 2]) for p in range(patients) for n in (1, 2)]
    table = pd.DataFrame(rows, columns=["image", "patient", "label"])
    for record, label in changes.items():
        table.loc[table["image"] == record, "label"] = label
    return Cohort.from_table(table, Columns(input="image", target="label", lineage={"patient": "patient"}), folder=".")


def sealed_file(folder: Path, looks: int = 0) -> Path:
    path = seal(cohort_of(), generalises_to="patient", when="2026-01-01").write(folder / "sealed.json")
    for number in range(looks):
        look(path, cohort_of(), when=f"2026-02-0{number + 1}", why="final test", tested=f"run {number}")
    return path


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 20), st.floats(0.1, 0.6), st.integers(0, 1000))
def test_whole_patients_are_sealed_and_the_rest_is_open(patients: int, share: float, seed: int) -> None:
    cohort = cohort_of(patients)
    found = seal(cohort, generalises_to="patient", when="2026-01-01", share=share, seed=seed)
    opened = found.open_part(cohort)
    assert set(found.records) | set(opened.records) == set(cohort.records)
    who = cohort.level("patient")
    assert not set(who[list(found.records)]) & set(who[list(opened.records)])
    assert found == seal(cohort, generalises_to="patient", when="2026-01-01", share=share, seed=seed)


def test_copies_are_sealed_together() -> None:
    clusters = [("0-1.png", "1-1.png"), ("1-2.png", "2-1.png")]
    for seed in range(5):
        found = seal(cohort_of(), generalises_to="patient", when="2026-01-01", clusters=clusters, seed=seed)
        assert len({name in found.records for name in ("0-1.png", "1-1.png", "2-1.png")}) == 1


def test_every_look_is_written_down_before_the_records_are_given(tmp_path: Path) -> None:
    path = sealed_file(tmp_path)
    seals = [SealedSet.read(path).seal]
    for number in (1, 2, 3):
        sealed, opened = look(path, cohort_of(), when="2026-03-01", why="test", tested="run")
        assert opened.records == sealed.records
        assert [one.number for one in SealedSet.read(path).looks] == list(range(1, number + 1))
        assert SealedSet.read(path) == sealed
        seals.append(sealed.seal)
    assert len(set(seals)) == 4


@pytest.mark.parametrize("change", ["why", "when", "tested", "sha256", "number"])
def test_a_look_that_was_changed_is_an_error(tmp_path: Path, change: str) -> None:
    path = sealed_file(tmp_path, looks=3)
    document = json.loads(path.read_text("utf-8"))
    document["looks"][1][change] = 7 if change == "number" else "other"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(CertificateError, match="at or before look 2"):
        SealedSet.read(path)


def test_a_look_taken_out_or_another_head_is_an_error_and_one_cut_off_changes_the_seal(tmp_path: Path) -> None:
    path = sealed_file(tmp_path, looks=3)
    whole = json.loads(path.read_text("utf-8"))
    printed = SealedSet.read(path).seal
    for wrong in (
        whole | {"looks": whole["looks"][1:]},
        whole | {"looks": [whole["looks"][0], whole["looks"][2]]},
        whole | {"manifest": "0" * 64},
    ):
        path.write_text(json.dumps(wrong), "utf-8")
        with pytest.raises(CertificateError, match="was changed"):
            SealedSet.read(path)
    path.write_text(json.dumps(whole | {"looks": whole["looks"][:2]}), "utf-8")
    assert SealedSet.read(path).seal != printed


def test_a_manifest_that_lacks_a_record_or_changes_a_label_is_not_looked_at(tmp_path: Path) -> None:
    path = sealed_file(tmp_path)
    record = SealedSet.read(path).records[0]
    other = cohort_of().select(name for name in cohort_of().records if name != record)
    with pytest.raises(CertificateError, match="1 sealed records are not in the manifest"):
        look(path, other, when="2026-03-01", why="test", tested="run")
    now = {"benign": "malignant", "malignant": "benign"}[str(cohort_of().target(record))]
    with pytest.raises(CertificateError, match="labels were changed"):
        look(path, cohort_of(**{record: now}), when="2026-03-01", why="test", tested="run")
    assert SealedSet.read(path).looks == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "E-CERTIFICATE"),
        ("[]", "E-CERTIFICATE"),
        ("{}", "missing"),
        ('{"hypercolumn": "sealed test set", "schema": 1, "more": 1}', "more is not a key"),
    ],
)
def test_what_is_no_sealed_set_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "sealed.json"
    path.write_text(text, "utf-8")
    with pytest.raises(CertificateError, match=words):
        SealedSet.read(path)


def test_no_reason_no_file_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="why"):
        look(sealed_file(tmp_path), cohort_of(), when="2026-03-01", why=" ", tested="run")
    with pytest.raises(CertificateError, match="cannot be read"):
        SealedSet.read(tmp_path / "none.json")
    with pytest.raises(OutputNotWritable):
        seal(cohort_of(), generalises_to="patient", when="2026-01-01").write(tmp_path / "no" / "sealed.json")
    with pytest.raises(SplitError):
        seal(cohort_of(1), generalises_to="patient", when="2026-01-01")
