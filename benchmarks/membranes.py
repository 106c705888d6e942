"""Membranes of the ISBI 2012 challenge: one stack of 20 slices, contiguous blocks in three folds, a U-Net for each.

The challenge's own scores are for ten times that: 30 training slices and a hidden test stack of another place. There
U-Net has a warping error of 0.000353, a Rand error of 0.0382 and a pixel error of 0.0611, people 0.000005, 0.0021 and
0.0010. Here a block of 6 or 7 slices is tested and the rest of the same stack is learnt from, a gap of one slice
between; no slice is set aside for validation, for the number of steps is fixed by the clock.

A slice is predicted as the mean over its mirrorings and quarter turns. The threshold of the pixel error is the one with
the fewest wrong samples on the slices that were learnt from, that of the Rand score the one with their highest V Rand.
"""

import json
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import Measured, bar
from hypercolumn.evaluation.membrane_figures import membrane_figures
from hypercolumn.evaluation.membranes import best_threshold, membrane_row
from hypercolumn.study import Run, Study, init
from hypercolumn.study.material import Material
from hypercolumn.study.predicting import load_trained

ISBI = Path(__file__).parents[1] / "../shared/data/isbi2012_em"
MINUTES = 13
THRESHOLDS = np.arange(30, 72, 2) / 100


@cache
def slices() -> tuple[pd.DataFrame, Run, float]:
    """Every slice scored by the network that neither learnt from it nor set its threshold on it, and the run."""
    if not ISBI.is_dir():
        raise FileNotFoundError("the stack is not at hand: put it at ../shared/data/isbi2012_em")
    home = Path(tempfile.mkdtemp())
    begun = time.perf_counter()
    study = init(ISBI, home / "study.yaml")
    settings = [f"training.minutes={MINUTES}", "training.test_time_flips=true", "split.validation=0"]
    run = Study.read(study, settings).train(out=home / "runs")
    seconds = time.perf_counter() - begun
    material = Study.read(run.folder / "study.yaml").material
    rows = []
    for fold in run.split.folds:
        digest = run.state()["folds"][fold.name]["sha256"]
        model = load_trained(run.fold(fold.name), sha256=digest, memory_bytes=2**30)
        seen = [_membrane(model, material, piece.record) for piece in (*fold.training, *fold.validation)]
        threshold, pixel_threshold = best_threshold(seen), fewest_wrong(seen)
        for piece in fold.test:
            truth, membrane = _membrane(model, material, piece.record)
            row = membrane_row(truth, membrane, threshold=threshold)
            row["wrong_samples"] = int(np.count_nonzero(truth != (membrane < pixel_threshold)))
            row |= {"threshold": threshold, "pixel_threshold": pixel_threshold}
            row["wrong_at_half"] = int(np.count_nonzero(truth != (membrane < 0.5)))
            rows.append({"record": piece.record, "unit": piece.record, "fold": fold.name} | row)
    return pd.DataFrame(rows), run, seconds


def fewest_wrong(seen: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The threshold of the membrane's probability with the fewest wrong samples over slices (truth, probability)."""
    wrong = [sum(np.count_nonzero(truth != (p < threshold)) for truth, p in seen) for threshold in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmin(wrong))])


def _membrane(model, material: Material, record: str) -> tuple[np.ndarray, np.ndarray]:
    return material.mask(record) == 1, model.probabilities(material.image(record))[0]


def _measured(metric: str) -> Measured:
    table, run, seconds = slices()
    whole = np.ones((1, table["unit"].nunique()))
    found = {figure.metric: round(float(figure.statistic(whole)[0]), 5) for figure in membrane_figures(table)}
    folds = run.state()["folds"]
    details = {name: value for name, value in found.items() if name != metric} | {
        "minutes a fold": [round(entry["seconds"] / 60, 1) for entry in folds.values()],
        "study seconds": round(seconds),
        "thresholds": table.groupby("fold")["threshold"].first().tolist(),
        "thresholds of the pixel error": table.groupby("fold")["pixel_threshold"].first().tolist(),
        "pixel error at threshold 0.5": round(table["wrong_at_half"].sum() / table["samples"].sum(), 4),
        "steps a fold": [_steps(run, name) for name in folds],
        "V Rand by slice": dict(zip(table["record"], table["rand"].round(3).tolist(), strict=True)),
        "pixel error by slice": dict(
            zip(table["record"], (table["wrong_samples"] / table["samples"]).round(4).tolist(), strict=True)
        ),
        "best baseline, pixel error": _best_baseline(run),
    }
    return Measured(found[metric], details)


def _steps(run: Run, fold: str) -> int:
    return json.loads((run.fold(fold) / "schedule.json").read_text(encoding="utf-8"))["schedule"]["steps"]


def _best_baseline(run: Run) -> dict[str, float]:
    """The share of wrong samples of each baseline without a network, out of fold."""
    from hypercolumn.evaluation import Predictions

    found = {}
    for name in run.baseline_leads():
        slug = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in name)
        table = Predictions.read(run.folder / "baselines" / slug).table
        found[name] = round(float((table["fp_1"] + table["fn_1"]).sum() / table["samples"].sum()), 4)
    return dict(sorted(found.items(), key=lambda entry: entry[1])[:3])


@bar("membranes (ISBI 2012), three folds of contiguous slices: pixel error", unit="share of samples", at_most=0.080)
def pixel_error() -> Measured:
    return _measured("pixel error")


@bar(
    "membranes (ISBI 2012), foreground-restricted Rand score after thinning, threshold of the training folds",
    unit="V Rand, mean over slices",
    at_least=0.93,
)
def rand_score() -> Measured:
    return _measured("V Rand after thinning")
