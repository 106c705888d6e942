"""A test set set aside before anything is learnt: whole units, written beside the study file, which then names it.

    hypercolumn seal study.yaml                                        once, before the first training
    hypercolumn evaluate RUN --on manifest.csv --look "final test"     opens it, and counts the look

Copies of one image stay together, as in every split, and signals that share a stretch of time; where there are too many
of these to be compared, `check` and `evaluate --on` say so. What was trained before is not undone by a seal: a study
with runs beside it can be sealed, but its runs have seen the records.
"""

import re
from datetime import date
from pathlib import Path

from hypercolumn.data import find_copies
from hypercolumn.data.sealed_set import SealedSet, seal
from hypercolumn.errors import UsageError
from hypercolumn.study.study import Study


def seal_study(path: Path, *, share: float = 0.2) -> tuple[Path, SealedSet]:
    """Seal a share of the units of a study, and name the sealed set in its file; the path of the set, and the set.

    Raises UsageError where the study has a sealed set already, or splits one specimen by region, SplitError where no
    such set can be had.
    """
    study = Study.read(path)
    if study.asked.data.sealed is not None:
        raise UsageError("this study has a sealed test set", where=str(study.asked.data.sealed), fix="use that one")
    if study.asked.generalises_to == "region":
        raise UsageError("regions of one specimen cannot be sealed", fix="seal other specimens, or none")
    place = path.with_name(f"{path.stem}.sealed.json")
    if place.exists():
        raise UsageError("there is a sealed test set of this name", where=place.name, fix="name it in the study file")
    material = study.material
    sealed = seal(
        study.cohort,
        generalises_to=study.asked.generalises_to,
        when=date.today().isoformat(),
        share=share,
        labels=material.labels if material.classes else None,
        clusters=find_copies(study.cohort, material.image).clusters(),
        seed=study.asked.seed,
    )
    sealed.write(place)
    text = re.sub(r"(?m)^  sealed: (null|~)[^\n]*\n", "", path.read_text(encoding="utf-8"), count=1)
    line = f"  sealed: {place.name}   # set aside; every look at it is counted\n"
    named = re.sub(r"(?m)^(data:[^\n]*\n)", lambda found: found[1] + line, text, count=1)
    path.write_text(named, encoding="utf-8")
    Study.read(path)
    return place, sealed
