"""The certificate: written for good splits alone, read strictly, and no change to it or to the files goes unseen."""

import json
import stat
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from hypercolumn.data.certificate import Certificate, certify, verify
from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.split import Split
from hypercolumn.data.splitting import k_folds
from hypercolumn.errors import CertificateError, DataProblems, InvalidArgument, OutputNotWritable


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    """Six patients with two images each and their masks, on disk."""
    data = tmp_path / "data"
    data.mkdir()
    rows = []
    for number in range(12):
        (data / f"{number}.png").write_bytes(b"image %d" % number)
        (data / f"{number}_mask.png").write_bytes(b"mask %d" % number)
        rows.append({"image": f"{number}.png", "mask": f"{number}_mask.png", "patient": f"P{number // 2}"})
    pd.DataFrame(rows).to_csv(data / "manifest.csv", index=False)
    return read(data)


def read(data) -> Cohort:
    return Cohort.read(data / "manifest.csv", Columns(input="image", target="mask", lineage={"patient": "patient"}))


@pytest.fixture
def split(cohort) -> Split:
    return k_folds(cohort, generalises_to="patient", folds=3)


def test_written_and_read_again_it_is_the_same_and_holds(cohort, split, tmp_path):
    labels = dict.fromkeys(cohort.records, ("nucleus",))
    certificate = certify(split, cohort, labels=labels, target_files=True, clusters=[("0.png", "1.png")])
    again = Certificate.read(certificate.write(tmp_path / "certificate.json"))
    assert again == certificate
    assert again.split == split
    assert again.sha256 == certificate.sha256
    assert verify(again, read(cohort.folder)) == []
    assert not list(tmp_path.glob("*.unfinished"))


def test_what_it_says(cohort, split):
    certificate = certify(split, cohort, labels=dict.fromkeys(cohort.records, ("nucleus",)), target_files=True)
    assert certificate.generalises_to == "patient"
    assert certificate.manifest == cohort.sha256
    assert len(certificate.files) == 24
    counted = {(count.fold, count.side): count for count in certificate.counts}
    assert counted["fold-1", "test"].records == 4
    assert counted["fold-1", "test"].units == 2
    assert counted["fold-1", "test"].labels == {"nucleus": 4}
    assert {check.passed for check in certificate.checks} == {True, None}
    assert certify(split, cohort) == certify(split, cohort), "no clock and no chance in it"


@pytest.mark.parametrize("section", ["split", "counts", "checks", "clusters", "manifest", "files", "seals", "sha256"])
def test_an_edit_is_found_and_its_section_named(cohort, split, tmp_path, section):
    path = certify(split, cohort).write(tmp_path / "certificate.json")
    document = json.loads(path.read_text("utf-8"))
    value = document[section]
    if section == "seals":
        value["files"] = value["files"][::-1]
    elif isinstance(value, dict):
        value["seed"] = 99
    elif isinstance(value, list):
        document[section] = value[1:] if value else [["0.png", "1.png"]]
    else:
        document[section] = value[::-1]
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(CertificateError, match="was changed after it was written") as caught:
        Certificate.read(path)
    named = caught.value.problem.what.rsplit(" ", 1)[1]
    assert named == {"seals": "files", "sha256": "seals"}.get(section, section)
    assert caught.value.problem.where == str(path)
    assert caught.value.exit_code == 3


def test_one_letter_anywhere_is_found(cohort, split, tmp_path):
    path = certify(split, cohort).write(tmp_path / "certificate.json")
    text = path.read_text("utf-8")
    for place in range(0, len(text), 97):
        if text[place] in " \n":
            continue
        path.write_text(text[:place] + ("7" if text[place] != "7" else "8") + text[place + 1 :], "utf-8")
        with pytest.raises(CertificateError):
            Certificate.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", b"[1]", b'{"schema": 9}', b'{"schema": 1, "x": "\\ud800"}']
)
def test_what_is_no_certificate(tmp_path, content):
    path = tmp_path / "certificate.json"
    path.write_bytes(content)
    with pytest.raises(CertificateError):
        Certificate.read(path)
    with pytest.raises(CertificateError, match="cannot be read"):
        Certificate.read(tmp_path / "nothing.json")


def test_hashes_written_anew_over_a_leak_are_found_out_by_the_manifest(cohort, split, tmp_path):
    """Who can compute the hashes can write any document, and cannot make a leak pass."""
    fold = split.folds[0]
    leaky = replace(fold, training=(*fold.training, fold.test[0]), test=fold.test[1:])
    forged = replace(certify(split, cohort), split=replace(split, folds=(leaky, *split.folds[1:])))
    read_again = Certificate.read(forged.write(tmp_path / "forged.json"))
    said = " ".join(problem.what for problem in verify(read_again, cohort))
    assert "is on the training and the test side of fold-1" in said
    assert "the counts are not those of the split" in said


def test_changed_missing_and_unknown_files_are_found(cohort, split):
    certificate = certify(split, cohort, target_files=True)
    (cohort.folder / "3.png").write_bytes(b"image X")
    (cohort.folder / "5_mask.png").write_bytes(b"a longer mask")
    (cohort.folder / "7.png").unlink()
    assert [problem.what for problem in verify(certificate, cohort)] == [
        "3.png has changed in its first 4 KiB",
        "5_mask.png has changed: 6 bytes then, 13 now",
        "7.png does not exist",
    ]
    fewer = replace(certificate, files=certificate.files[:-1])
    assert "11_mask.png is not in the certificate" in [problem.what for problem in verify(fewer, cohort)]


def test_a_manifest_changed_since_is_found(cohort, split):
    certificate = certify(split, cohort)
    table = pd.read_csv(cohort.folder / "manifest.csv")
    table.loc[len(table)] = ["12.png", "12_mask.png", "P6"]
    (cohort.folder / "12.png").write_bytes(b"new")
    table.to_csv(cohort.folder / "manifest.csv", index=False)
    problems = verify(certificate, read(cohort.folder))
    assert problems[0].why == "1 record added: 12.png"
    assert any("in no unit" in problem.what for problem in problems)
    table = table.iloc[:-1]
    table.loc[0, "patient"] = "P5"
    table.to_csv(cohort.folder / "manifest.csv", index=False)
    problems = verify(certificate, read(cohort.folder))
    assert problems[0].why == "the records are the same; other cells or roles have changed"


def test_a_leaky_split_gets_no_certificate_and_all_its_faults_are_told(cohort, split):
    (cohort.folder / "4.png").unlink()
    fold = split.folds[0]
    leaky = replace(split, folds=(replace(fold, training=(*fold.training, fold.test[0])), *split.folds[1:]))
    with pytest.raises(DataProblems) as caught:
        certify(leaky, cohort)
    said = str(caught.value)
    assert "is listed 2 times" in said
    assert "4.png does not exist" in said


def test_nothing_that_merely_looks_like_a_split_is_certified(cohort, split):
    @dataclass(frozen=True)
    class LooksLikeSplit(Split):
        pass

    pretender = LooksLikeSplit(split.kind, split.generalises_to, split.units, split.folds, split.seed)
    with pytest.raises(InvalidArgument, match="only a split built from lineage"):
        certify(pretender, cohort)


def test_a_folder_that_cannot_be_written(cohort, split, tmp_path):
    with pytest.raises(OutputNotWritable, match="cannot be written"):
        certify(split, cohort).write(tmp_path / "no such folder" / "certificate.json")


def test_full_certificates_hash_every_byte(cohort, split):
    certificate = certify(split, cohort, full=True)
    assert all(seal.whole and len(seal.whole) == 64 for seal in certificate.files)
    assert verify(certificate, cohort, full=True) == []
    (problem, *_) = verify(certify(split, cohort), cohort, full=True)
    assert "not hashed in full" in problem.what
    assert stat.S_ISREG((cohort.folder / "0.png").stat().st_mode)
