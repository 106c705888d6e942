"""The study file of a planted cohort: two classes, split by patient in two folds, and the scanner named as the site."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from hypercolumn.data.planted.patients import CLASSES
from hypercolumn.study import Study


def write_study(
    folder: Path, flaw: str, *, record: str, scanner: str, seed: int, training: Mapping[str, object] | None = None
) -> Study:
    """Write `study.yaml` beside the manifest; `record` and `scanner` are the columns of the files and the scanner."""
    content = {
        "name": flaw.replace(" ", "-"),
        "data": {
            "manifest": "manifest.csv",
            "columns": {"input": record, "target": "label", "patient": "patient", "site": scanner},
        },
        "target": {"kind": "class", "classes": list(CLASSES)},
        "generalises_to": "patient",
        "split": {"folds": 2, "validation": 0.1},
        "training": dict(training or {}),
        "seed": seed,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Study.read(folder / "study.yaml")
