"""The command line: verbs, exit codes, errors in words, and nothing heavy before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hypercolumn.cli import app, run_command
from hypercolumn.data.planted import plant_slice
from hypercolumn.experiments import EXPERIMENTS

VERBS = (
    "demo",
    "init",
    "check",
    "seal",
    "train",
    "evaluate",
    "predict",
    "export",
    "audit",
    "report",
    "info",
    "experiment",
)


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        assert run_command([verb, "--help"]) == 0
    assert {command.callback.__name__ for command in app.registered_commands if command.callback} == set(VERBS)


def test_the_help_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["experiment", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in EXPERIMENTS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian", "study.yaml"], "did you mean 'train'"),
        (["train", "--minuets", "3"], "--minuets"),
        (["train"], "no study file"),
        (["audit"], "nothing to audit"),
        (["info", "lenet9"], "E-ARGUMENT"),
    ],
)
def test_a_wrong_call_is_said_in_words_with_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("target", ["report", "audit", "predict", "evaluate", "export"])
def test_what_is_no_run_is_refused(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = {"predict": ["x.png"], "evaluate": ["--on", "x.csv"]}.get(target, [])
    assert run_command([target, str(tmp_path), *more]) == 3
    assert "not a run folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "code", ["import hypercolumn.cli", "import hypercolumn.study", "import hypercolumn.audit, hypercolumn.report"]
)
def test_torch_is_not_imported_before_it_is_needed(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules or 'lightning_fabric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0


def test_info_of_a_network_has_the_published_count_and_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["info", "unet"]) == 0
    said = capsys.readouterr().out
    assert "31,030,658 weights" in said
    assert "2 x 388 x 388" in said


def test_a_bug_is_called_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("hypercolumn.study.information.versions", lambda: 1 / 0)
    assert run_command(["info"]) == 1
    assert "bug of hypercolumn" in capsys.readouterr().err


def table(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_anybodys_table_is_audited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaky = table(id=list("abcd"), patient=["P1", "P2", "P1", "P3"], split=["train", "train", "test", "test"])
    leaky.to_csv(tmp_path / "m.csv", index=False)
    assert run_command(["audit", "--manifest", str(tmp_path / "m.csv"), "--column", "side=split"]) == 4
    assert "[blocking]" in capsys.readouterr().out
    clean = leaky.assign(patient=["P1", "P2", "P3", "P4"])
    clean.to_csv(tmp_path / "m.csv", index=False)
    assert run_command(["audit", "--manifest", str(tmp_path / "m.csv"), "--column", "side=split"]) == 0
    clean.drop(columns="split").to_csv(tmp_path / "m.csv", index=False)
    assert run_command(["audit", "--manifest", str(tmp_path / "m.csv")]) == 3
    predictions = table(id=list("abcd"), fold=[1, 2, 1, 2], p_1=[0.1, 0.2, 0.3, 0.4])
    predictions.to_csv(tmp_path / "p.csv", index=False)
    both = ["--manifest", str(tmp_path / "m.csv"), "--predictions", str(tmp_path / "p.csv")]
    assert run_command(["audit", *both, "-o", str(tmp_path / "findings.json")]) == 0
    assert (tmp_path / "findings.json").exists()


def test_anybodys_predictions_are_judged_for_site_labels_and_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = plant_slice(0)
    names = [f"r{number:05d}" for number in range(len(planted.table))]
    shown = planted.table.assign(id=names)
    manifest = shown[["id", "unit", "device", "sex"]].rename(columns={"unit": "patient"}).assign(split="test")
    others = pd.DataFrame({"id": ["x"], "patient": ["other"], "device": ["none"], "sex": ["male"], "split": ["train"]})
    pd.concat([manifest, others]).to_csv(tmp_path / "m.csv", index=False)
    told = shown[["id", "truth", "p_0", "p_1"]]
    told.to_csv(tmp_path / "p.csv", index=False)
    np.save(tmp_path / "e.npy", planted.embeddings)
    arguments = ["audit", "--manifest", str(tmp_path / "m.csv"), "--predictions", str(tmp_path / "p.csv")]
    arguments += ["--column", "side=split", "--column", "site=device"]
    code = run_command([*arguments, "--embeddings", str(tmp_path / "e.npy"), "-o", str(tmp_path / "f.json")])
    assert code in (0, 4)
    codes = {one["code"] for one in json.loads((tmp_path / "f.json").read_text())["findings"]}
    assert "A-SLICES-WORSE" in codes, "the planted group is found"
    assert any(one.startswith("A-LABEL-NOISE") for one in codes)
    assert any(one.startswith("A-SITE-IN-EMBEDDINGS") for one in codes)
    capsys.readouterr()
    np.save(tmp_path / "short.npy", planted.embeddings[:-1])
    assert run_command([*arguments, "--embeddings", str(tmp_path / "short.npy")]) == 3
    assert "rows of embeddings" in capsys.readouterr().err
    told.assign(p_0=told["p_0"] + 0.2).to_csv(tmp_path / "p.csv", index=False)
    assert run_command(arguments) == 3
    assert "do not sum to one" in capsys.readouterr().err
    told.assign(truth=7).to_csv(tmp_path / "p.csv", index=False)
    assert run_command(arguments) == 3
    told.assign(id=["nobody", *names[1:]]).to_csv(tmp_path / "p.csv", index=False)
    assert run_command(arguments) == 3
    assert "not in the manifest" in capsys.readouterr().err


def test_anybodys_table_is_asked_what_its_metadata_and_dates_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table(
        id=[f"{n}" for n in range(40)],
        target=["ill", "well"] * 20,
        device=["A", "B"] * 20,
        date=[f"{2020 - n // 20}-01-{1 + n % 20:02d}" for n in range(40)],
        split=["train"] * 20 + ["test"] * 20,
    )
    rows.to_csv(tmp_path / "m.csv", index=False)
    named = ["--column", "side=split", "--column", "scanner=device"]
    assert run_command(["audit", "--manifest", str(tmp_path / "m.csv"), *named]) == 0
    said = capsys.readouterr().out
    assert "device alone reaches an AUROC of 1.00" in said
    assert "20 of 20 test records (100 %) are older" in said
