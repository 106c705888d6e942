"""The whole experiment, small, and the verb that runs it."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypercolumn import experiments
from hypercolumn.cli import run_command
from hypercolumn.experiments import EXPERIMENTS
from hypercolumn.experiments.convolution import Scale, run
from hypercolumn.experiments.convolution.depth import Effort
from hypercolumn.experiments.convolution.worked_examples import worked_examples

SMALL = Scale(Effort(steps=3, images=1, tested=2, depths=(1, 2), seeds=1), images=1, film_every=300)
TABLES = {
    "laws", "laws-instead", "limit", "worked-examples", "filters", "depth",
    "sharing", "sharing-matrix", "field", "pooling", "numbers",
}  # fmt: skip
FIGURES = {"laws", "limit", "worked-examples", "kernels", "filters", "depth", "sharing", "pooling", "numbers"}
FILMS = {"film-1d", "film-2d", "film-image"}


def test_the_worked_examples_are_as_printed() -> None:
    for example in worked_examples():
        assert example.agrees, example.name
    assert worked_examples()[1].computed[0].tolist() == [23, 14, 11, 11, 14, 23]


def test_the_verb_prints_and_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(EXPERIMENTS, "convolution", partial(run, scale=SMALL))
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "mine.png")
    folder = tmp_path / "experiment"
    arguments = ["experiment", "convolution", "-o", str(folder), "--seed", "1", "--image", str(tmp_path / "mine.png")]
    assert run_command(arguments) == 0
    said = capsys.readouterr()
    assert "The laws of convolution" in said.out
    assert "mine.png" in said.out
    assert said.out.splitlines()[-1].startswith("next: hypercolumn ")
    assert "films" in said.err
    names = {path.name for path in folder.iterdir()}
    assert {f"{name}.csv" for name in TABLES} | {f"{name}.png" for name in FIGURES} | {"results.json"} <= names
    assert {f"{name}.gif" for name in FILMS} <= names
    content = json.loads((folder / "results.json").read_text())
    assert content["seed"] == 1
    assert content["tables"].keys() == TABLES
    for name in FIGURES:
        with Image.open(folder / f"{name}.png") as figure:
            assert min(figure.size) > 300
    assert run_command(arguments) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_name_that_is_none_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["experiment", "cold-fusion"]) == 2
    assert "use one of convolution, unet, pitfalls, random-labels" in capsys.readouterr().err


def test_an_image_that_cannot_be_read_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "experiment"
    given = ["--image", str(tmp_path / "none.png")]
    assert run_command(["experiment", "convolution", "-o", str(folder), *given]) == 3
    assert not folder.exists()
    assert "E-FILE-MISSING" in capsys.readouterr().err


def test_every_experiment_stands_in_the_list() -> None:
    rooms = {path.name for path in Path(experiments.__file__).parent.iterdir() if (path / "__init__.py").exists()}
    assert {name.replace("_", "-") for name in rooms} == set(EXPERIMENTS)
