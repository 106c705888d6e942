"""Whole studies: the demo, and the nuclei of the Data Science Bowl 2018 where they are at hand."""

import json
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Measured, bar
from hypercolumn.evaluation import Score, scores_by
from hypercolumn.study import Run, Study, init
from hypercolumn.study.demo import run_demo

DSB = Path(__file__).parents[1] / "../shared/data/dsb2018_nuclei"
THRESHOLDS = (
    "Otsu threshold",
    "Otsu threshold after background subtraction",
    "global threshold",
    "global threshold after background subtraction",
)
_demo: dict[str, tuple[Run, float]] = {}


def demo() -> tuple[Run, float]:
    """The demo's run and its seconds; made once for all bars."""
    if not _demo:
        begun = time.perf_counter()
        run = run_demo(Path(tempfile.mkdtemp()) / "demo")
        _demo["run"] = run, time.perf_counter() - begun
    return _demo["run"]


def headlines(run: Run) -> dict[str, float]:
    """The pooled Dice of each baseline."""
    found = {name: pooled_dice(run, name).value for name in run.baseline_leads()}
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def pooled_dice(run: Run, baseline: str | None = None) -> Score:
    """The Dice over all samples of all records, of the network or of a baseline."""
    saved = json.loads((run.folder / "scores.json").read_text(encoding="utf-8"))
    rows = saved["scores"] if baseline is None else saved["baselines"][baseline]
    return next(Score(**row) for row in rows if row["metric"] == "Dice")


@bar("demo: pooled Dice on new patients", unit="Dice", at_least=0.90)
def demo_dice() -> Measured:
    run, _ = demo()
    found = pooled_dice(run)
    assert found.value is not None
    return Measured(found.value, {"interval": str(found), **headlines(run)})


@bar("demo: best threshold without a network", unit="Dice", at_most=0.75)
def demo_threshold() -> Measured:
    found = headlines(demo()[0])
    return Measured(max(found[name] for name in THRESHOLDS), found)


@bar("demo: from nothing to its report", unit="seconds", at_most=180)
def demo_seconds() -> Measured:
    return Measured(demo()[1])


@bar("nuclei (DSB2018), three folds of four minutes: pooled out-of-fold Dice", unit="Dice", at_least=0.92)
def nuclei_dice() -> Measured:
    if not DSB.is_dir():
        raise FileNotFoundError("the images are not at hand: put them at ../shared/data/dsb2018_nuclei")
    home = Path(tempfile.mkdtemp())
    study = init(DSB, home / "study.yaml", patient="none")
    begun = time.perf_counter()
    run = Study.read(study, ["training.minutes=4", "split.folds=3"]).train(out=home / "runs")
    lead = pooled_dice(run)
    assert lead.value is not None
    by_type = {
        name: str(score)
        for name, score in scores_by(run.predictions, "image_type", metric="Dice", unit="images").items()
    }
    details = {"interval": str(lead), "study seconds": round(time.perf_counter() - begun), **by_type, **headlines(run)}
    return Measured(lead.value, details)
