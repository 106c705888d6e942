"""Power of the leakage audits: planted cohorts and their clean twins, 200 of each, and power by the size of the flaw.

A planted flaw counts as found where the audit's finding names it; a clean twin counts as a false alarm where the audit
says anything but "passed". Cohorts are those of `data.planted`; a share of 200 that is 0.95 in truth is measured within
0.03. Power by size stands in the details.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Measured, bar
from hypercolumn import audit
from hypercolumn.audit import Severity
from hypercolumn.data.planted import plant_copies, plant_patient_bleed, plant_shortcut
from hypercolumn.data.similarity import find_duplicates

SEED = 0
COHORTS = 200
COHORTS_A_SIZE = 50
PATIENTS = 400


@bar("leak of 5 % of patients found", unit="share of 200 planted cohorts", at_least=0.95, seed=SEED)
def bleed_found() -> Measured:
    sizes = {f"power at {size:.0%} of patients": share(_bled, size, COHORTS_A_SIZE) for size in (0.01, 0.02, 0.1)}
    return Measured(share(_bled, 0.05), details={"cohorts": COHORTS, "patients": 100, **sizes})


@bar("clean splits by patient taken for leaking", unit="share of 200 clean cohorts", at_most=0.05, seed=SEED)
def bleed_false_alarms() -> Measured:
    return Measured(share(_bled, 0.0), details={"cohorts": COHORTS, "patients": 100})


@bar("copies of 5 % of the test images found", unit="share of 200 planted cohorts", at_least=0.95, seed=SEED)
def copies_found() -> Measured:
    return Measured(share(_copied, 0.05), details={"cohorts": COHORTS, "images": 40})


@bar("cohorts without copies taken for leaking", unit="share of 200 clean cohorts", at_most=0.05, seed=SEED)
def copies_false_alarms() -> Measured:
    return Measured(share(_copied, 0.0), details={"cohorts": COHORTS, "images": 40})


@bar("labels told by the site at Cramer's V 0.3 found", unit="share of 200 planted cohorts", at_least=0.95, seed=SEED)
def site_found() -> Measured:
    return Measured(share(_told_by("site"), 0.3), details={"patients": PATIENTS, **_power("site")})


@bar(
    "labels told by the image size at Cramer's V 0.3 found",
    unit="share of 200 planted cohorts",
    at_least=0.95,
    seed=SEED,
)
def size_found() -> Measured:
    return Measured(share(_told_by("size"), 0.3), details={"patients": PATIENTS, **_power("size")})


@bar("metadata that tell nothing taken for telling", unit="share of 200 clean cohorts", at_most=0.05, seed=SEED)
def metadata_false_alarms() -> Measured:
    return Measured(share(_told_by("site"), 0.0), details={"patients": PATIENTS})


def share(found: Callable[[int, float], bool], size: float, cohorts: int = COHORTS) -> float:
    """Of so many cohorts with a flaw of this size, the share in which it is found."""
    return float(np.mean([found(SEED + number, size) for number in range(cohorts)]))


def _power(through: str) -> dict[str, float]:
    """By the strength of the flaw at 400 patients, and by the number of patients at a strength of 0.3."""
    by_strength = {
        f"power at V {strength}": share(_told_by(through), strength, COHORTS_A_SIZE)
        for strength in (0.1, 0.15, 0.2, 0.4)
    }
    by_patients = {
        f"power at {patients} patients": share(_told_by(through, patients), 0.3, COHORTS_A_SIZE)
        for patients in (100, 200, 300)
    }
    return by_strength | by_patients


def _bled(seed: int, size: float) -> bool:
    planted = plant_patient_bleed(seed, bleed=size)
    return any(finding.severity is Severity.BLOCKING for finding in audit.lineage(planted.cohort, planted.split))


def _copied(seed: int, size: float) -> bool:
    planted = plant_copies(seed, copies=size)
    similarity = find_duplicates(planted.cohort, planted.images.__getitem__)
    found = audit.duplicates(planted.cohort, similarity, planted.split)
    return any(finding.severity is not Severity.PASSED for finding in found)


def _told_by(through: str, patients: int = PATIENTS) -> Callable[[int, float], bool]:
    def found(seed: int, size: float) -> bool:
        planted = plant_shortcut(seed, strength=size, patients=patients, through=through)
        [finding] = audit.metadata_shortcut(planted.cohort, planted.sizes, seed=seed)
        told = finding.severity is Severity.WARNING
        source = "hospital" if through == "site" else "size"
        return told and (size == 0 or source in finding.claim)

    return found
