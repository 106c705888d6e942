"""One planted table, one audit, one question: does it raise an alarm?

An alarm is a finding that warns or blocks. Each function takes a seed and the size of the flaw; 0 is the clean twin.
"""

from collections.abc import Iterable

import pandas as pd

from hypercolumn import audit
from hypercolumn.audit import Finding, Severity
from hypercolumn.data.planted import plant_noise, plant_patient_bleed, plant_site, plant_slice
from hypercolumn.evaluation import Predictions
from hypercolumn.evaluation.embeddings import Embeddings

CLASSES = ("healthy", "diseased")


def loud(findings: Iterable[Finding]) -> bool:
    """Whether any of them warns or blocks."""
    return any(finding.severity in {Severity.WARNING, Severity.BLOCKING} for finding in findings)


def patient_bleed(seed: int, size: float) -> bool:
    """A share of 100 patients stands on both sides of the split."""
    planted = plant_patient_bleed(seed, bleed=size)
    return loud(audit.lineage(planted.cohort, planted.split))


def confounded_scanner(seed: int, size: float) -> bool:
    """Two scanners go with the label at Cramer's V; 300 patients with two windows each."""
    planted = plant_site(seed, strength=size)
    embeddings = Embeddings(tuple(planted.table.index), planted.embeddings)
    return loud(audit.site(Predictions(planted.table, "class", CLASSES, ("site",)), embeddings=embeddings, seed=seed))


def wrong_labels(seed: int, size: float) -> bool:
    """A share of the labels is flipped; 200 patients, a model that is right in 95 of 100."""
    planted = plant_noise(seed, rate=size, classes=2, accuracy=0.95, units=200)
    names = pd.Index([str(number) for number in range(len(planted.given))], dtype="object")
    table = pd.DataFrame({"record": names, "fold": "1", "unit": planted.units, "truth": planted.given}, index=names)
    table[["p_0", "p_1"]] = planted.probabilities
    return loud(audit.label_noise(Predictions(table, "class", CLASSES)))


def hidden_group(seed: int, size: float) -> bool:
    """A share of 1,000 patients in which half of the answers are wrong, 5 of 100 elsewhere, and no column says so.

    In the clean twin the group is there, and fares as well as all others.
    """
    planted = plant_slice(seed, share=size) if size else plant_slice(seed, accuracy=0.95)
    predictions = Predictions(planted.table, "class", CLASSES, ("device", "sex"))
    return loud(audit.slices(predictions, Embeddings(tuple(planted.table.index), planted.embeddings), seed=seed))
