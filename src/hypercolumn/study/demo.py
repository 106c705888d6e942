"""The demo: a small cohort simulated as files, then the same init, check, train and report that a user runs."""

from pathlib import Path

from hypercolumn.data.simulated import simulate_micrographs
from hypercolumn.errors import UsageError
from hypercolumn.study.progress import Silent, Watcher
from hypercolumn.study.run import Run
from hypercolumn.study.study import Study, init

PATIENTS = 24
FOLDS = 2


def run_demo(folder: Path, *, minutes: float = 0.75, seed: int = 0, watcher: Watcher | None = None) -> Run:
    """Simulate 24 patients on 3 scanners below `folder`, and take them through a whole study.

    Raises UsageError where the folder exists already: nothing is overwritten.
    """
    watcher = watcher or Silent()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            "the demo's folder exists already", where=str(folder), fix="give another one with --out, or remove it"
        )
    watcher.stage(f"simulating {PATIENTS} patients on 3 scanners in {folder / 'data'}")
    simulate_micrographs(folder / "micrographs", patients=PATIENTS, seed=seed)
    watcher.stage("hypercolumn init: looking at the folder")
    study_file = init(folder / "micrographs", folder / "study.yaml")
    settings = (f"training.minutes={minutes}", f"split.folds={FOLDS}", f"seed={seed}")
    return Study.read(study_file, settings).train(out=folder / "runs", watcher=watcher)


def free_folder(folder: Path) -> Path:
    """The folder, or the same with the first number that is free: a demo is never overwritten."""
    names = (folder, *(folder.with_name(f"{folder.name}-{count}") for count in range(2, 1000)))
    return next(name for name in names if not name.exists())
