"""Whole studies: the demo, and the nuclei of the Data Science Bowl 2018 where they are at hand."""

import tempfile
import time
from pathlib import Path

from benchmarks.harness import Measured, bar
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
    """The headline of each baseline."""
    return {name: round(score.value, 4) for name, score in run.baseline_leads().items() if score.value is not None}


@bar("demo: pooled Dice on new patients", unit="Dice", at_least=0.90)
def demo_dice() -> Measured:
    run, _ = demo()
    lead = run.lead()
    assert lead.value is not None
    return Measured(lead.value, {"interval": str(lead), **headlines(run)})


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
    lead = run.lead()
    assert lead.value is not None
    by_type = {name: str(score) for name, score in run.scores_by("image_type").items()}
    details = {"interval": str(lead), "study seconds": round(time.perf_counter() - begun), **by_type, **headlines(run)}
    return Measured(lead.value, details)
