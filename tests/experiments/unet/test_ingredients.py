"""The experiment, small: every recipe is trained and judged on tissues that were not trained on."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypercolumn.cli import run_command
from hypercolumn.experiments import EXPERIMENTS
from hypercolumn.experiments.unet import run
from hypercolumn.experiments.unet.ingredients import (
    ALONE,
    Effort,
    Ingredients,
    images_table,
    ingredients_table,
    measure_ingredients,
)
from hypercolumn.study.progress import Silent

SMALL = Effort(
    seeds=1,
    steps=110,
    training=4,
    validation=2,
    test=2,
    size=96,
    window=64,
    batch=4,
    width=8,
    recipes=("all ingredients", "no skips"),
    images=(2,),
)


@pytest.fixture(scope="module")
def found() -> Ingredients:
    return measure_ingredients(seed=0, effort=SMALL, watcher=Silent())


def test_every_recipe_is_judged_and_a_short_training_finds_nuclei(found: Ingredients) -> None:
    assert list(found.recipes) == ["all ingredients", "no skips", ALONE]
    assert sorted(found.images) == [2, 4]
    assert found.images[4] == found.recipes["all ingredients"]
    [whole] = found.recipes["all ingredients"]
    assert whole.dice > found.threshold > 0.1
    assert all(0 <= value <= 1 for each in found.recipes.values() for value in vars(each[0]).values())


def test_tiles_without_surroundings_differ_from_the_whole_at_their_borders_alone(found: Ingredients) -> None:
    _, _, maps = found.example
    apart = np.abs(maps["all ingredients"] - maps[ALONE])
    assert apart.max() > 0.01
    assert apart[:8, :8].max() < 1e-5, "the corner of the first tile is the image's own"


def test_the_tables_name_the_baseline(found: Ingredients) -> None:
    table = ingredients_table(found)
    assert table.rows[-1][0] == "threshold, no network"
    assert table.rows[-1][1] == found.threshold
    assert f"{found.threshold:.3f}" in images_table(found).note


def test_the_verb_writes_tables_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = Effort(seeds=1, steps=2, training=2, validation=1, test=1, size=64, window=32, batch=2, width=4, images=(1,))
    monkeypatch.setitem(EXPERIMENTS, "unet", partial(run, effort=tiny))
    folder = tmp_path / "experiment"
    assert run_command(["experiment", "unet", "-o", str(folder)]) == 0
    assert "What each ingredient of U-Net is worth" in capsys.readouterr().out
    content = json.loads((folder / "results.json").read_text())
    assert [row[0] for row in content["tables"]["ingredients"]["rows"]][:2] == ["all ingredients", "no border weights"]
    for name in ("ingredients", "images", "maps"):
        with Image.open(folder / f"{name}.png") as figure:
            assert min(figure.size) > 300
    assert run_command(["experiment", "unet", "-o", str(tmp_path / "b"), "--image", "x.png"]) == 2
    assert not (tmp_path / "b").exists()
