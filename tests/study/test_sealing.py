"""A sealed test set: hidden from check and train, opened with a word, and every look counted in the report."""

from pathlib import Path

import pytest
from tests.study import small_study

from hypercolumn.cli import run_command
from hypercolumn.data.certificate import verify
from hypercolumn.data.sealed_set import SealedSet
from hypercolumn.study import Run, Study


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    small_study.write(folder, patients=8)
    return folder


def test_what_is_sealed_is_seen_by_nobody_until_it_is_opened_and_counted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "study.yaml"
    whole = Study.read(path).cohort
    assert run_command(["seal", str(path), "--share", "0.25"]) == 0
    sealed = SealedSet.read(home / "study.sealed.json")
    assert len(sealed.units) == 2
    study = Study.read(path)
    assert set(study.cohort.records) == set(whole.records) - set(sealed.records)
    assert run_command(["seal", str(path)]) == 2, "a second seal would be a choice between two"
    run = study.train(out=home / "runs")
    assert not set(run.predictions.table["record"]) & set(sealed.records)
    assert "A-SEAL-PASSED" in {finding.code for finding in run.findings}
    assert run.certificate.sealed is not None
    assert (run.certificate.sealed.units, run.certificate.sealed.looks) == (2, ())
    assert "looked at 0 times" in (run.folder / "report.html").read_text(encoding="utf-8")
    before = run.certificate.sha256
    capsys.readouterr()
    manifest = str(home / "study.manifest.csv")
    evaluate = ["evaluate", str(run.folder), "--on", manifest, "--folder", str(home / "data")]
    assert run_command([*evaluate, "-o", str(home / "a")]) == 2
    assert "are sealed" in capsys.readouterr().err
    for number in (1, 2):
        code = run_command([*evaluate, "-o", str(home / f"look-{number}"), "--look", "final test"])
        assert code in (0, 4)
        assert len(SealedSet.read(home / "study.sealed.json").looks) == number
    counted = Run.open(run.folder).certificate
    assert counted.sealed is not None
    assert len(counted.sealed.looks) == 2
    assert counted.sealed.seal == SealedSet.read(home / "study.sealed.json").seal
    assert counted.sha256 != before
    assert not verify(counted, Study.read(run.folder / "study.yaml").cohort)
    page = (home / "look-2" / "report.html").read_text(encoding="utf-8")
    assert "was looked at 2 times" in page


def test_a_run_without_a_sealed_set_has_none_to_open(home: Path, tmp_path: Path) -> None:
    small_study.write(tmp_path, patients=4)
    run = Study.read(tmp_path / "study.yaml", ["split.kind=hold-out"]).train(out=tmp_path / "runs")
    manifest = str(tmp_path / "study.manifest.csv")
    assert run_command(["evaluate", str(run.folder), "--on", manifest, "--look", "why not"]) == 2
