"""A study small enough for a test: simulated micrographs of 96 x 96, a narrow network, a few steps."""

from pathlib import Path

from hypercolumn.data.simulated import simulate_micrographs
from hypercolumn.study import Study, init

SETTINGS = (
    "training.steps=8",
    "training.width=4",
    "training.depth=2",
    "training.batch=2",
    "training.window=[32, 32]",
    "training.precision=float32",
    "split.folds=2",
)


def write(folder: Path, *, patients: int = 6) -> Path:
    """Simulate a cohort below a folder and write its study file, with settings that take seconds."""
    simulate_micrographs(folder / "data", patients=patients, images_per_patient=2, size=(96, 96), seed=1)
    path = init(folder / "data", folder / "study.yaml")
    path.write_text(Study.read(path, SETTINGS).asked.resolved(), encoding="utf-8")
    return path
