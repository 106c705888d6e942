"""What the audits of groups find in planted cohorts, what they cry at in clean twins, and how true their sizes are.

A cohort is drawn anew for each run. An alarm is a finding that warns or blocks; a clean cohort is one whose size of
flaw is 0. Power by size, and by how many patients there are, stands in the details.
"""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.harness import Measured, bar
from hypercolumn.audit import Finding, Severity, site, slices
from hypercolumn.data.planted import plant_site, plant_slice
from hypercolumn.evaluation.association import association
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.gap import group_gap
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.two_sample import classifier_two_sample, maximum_mean_discrepancy

RUNS = 200
MANY_RUNS = 400
CURVE_RUNS = 50
PRECISION_RUNS = 100
SIZE_RUNS = 2_000
CLASSES = ("healthy", "diseased")
COHORTS, HELD = "share of cohorts", "share of intervals that hold the size of the law"

Audit = Callable[[int], list[Finding]]


def site_audit(**size: float) -> Audit:
    def audited(seed: int) -> list[Finding]:
        planted = plant_site(seed, **size)
        predictions = Predictions(planted.table, "class", CLASSES, ("site",))
        return site(predictions, embeddings=Embeddings(tuple(planted.table.index), planted.embeddings), seed=seed)

    return audited


@bar("scanner confounded at Cramer's V 0.3 found, 300 patients", unit=COHORTS, at_least=0.95, seed=1)
def site_found() -> Measured:
    sizes = {
        f"{strength:g}, {patients} patients": alarms(site_audit(strength=strength, patients=patients), CURVE_RUNS, 2)
        for patients in (100, 200, 300)
        for strength in (0.1, 0.2, 0.3, 0.4)
    }
    return Measured(alarms(site_audit(strength=0.3), RUNS, 1), details={"runs": RUNS, "power by V": sizes})


@bar("false alarms of the site audit on clean cohorts", unit=COHORTS, at_most=0.05, seed=3)
def site_false_alarms() -> Measured:
    """The scanner moves the embeddings of a clean cohort too: to be told is no harm where the label is free of it."""
    found = {patients: alarms(site_audit(strength=0.0, patients=patients), MANY_RUNS, 3) for patients in (100, 300)}
    return Measured(found[300], details={"runs": MANY_RUNS, "with 100 patients": found[100]})


@bar("intervals of Cramer's V, of V 0.3 in 300 patients", unit=HELD, at_least=0.93, at_most=0.98, seed=4)
def site_size() -> Measured:
    def held(strength: float, runs: int) -> float:
        ends = []
        for seed in seeds(4, runs):
            table = plant_site(seed, strength=strength).table
            names = [table[column].to_numpy() for column in ("truth", "site", "unit")]
            found = association(names[0], names[1], units=names[2], deals=1)
            ends.append((found.low, found.high))
        return float(np.mean([low <= strength <= high for low, high in ends if low is not None and high is not None]))

    sizes = {f"V {strength:g}": held(strength, RUNS) for strength in (0.0, 0.1, 0.5, 0.7)}
    return Measured(held(0.3, SIZE_RUNS), details={"runs": SIZE_RUNS, **sizes, "runs of these": RUNS})


def slice_audit(**size: float) -> Audit:
    def audited(seed: int) -> list[Finding]:
        planted = plant_slice(seed, **size)
        predictions = Predictions(planted.table, "class", CLASSES, ("device", "sex"))
        return slices(predictions, Embeddings(tuple(planted.table.index), planted.embeddings), seed=seed)

    return audited


@bar("slice of 5 % with accuracy 0.5 against 0.95 found, 1,000 patients", unit=COHORTS, at_least=0.95, seed=7)
def slice_found() -> Measured:
    sizes = {
        f"{share:.0%} at {accuracy:g}": alarms(slice_audit(share=share, accuracy=accuracy), CURVE_RUNS, 8)
        for share in (0.03, 0.05, 0.1)
        for accuracy in (0.5, 0.8)
    }
    return Measured(alarms(slice_audit(), RUNS, 7), details={"runs": RUNS, "power": sizes, "runs of these": CURVE_RUNS})


@bar("false alarms of the slice audit on clean cohorts", unit=COHORTS, at_most=0.05, seed=9)
def slice_false_alarms() -> Measured:
    return Measured(alarms(slice_audit(accuracy=0.95), MANY_RUNS, 9), details={"runs": MANY_RUNS})


@bar("precision of the 50 surest records of the worst slice found", unit="share of records", at_least=0.7, seed=10)
def slice_precision() -> Measured:
    """A slice of fewer than 50 records in the half that it is judged on is taken whole."""
    hits, carried, shared = [], [], 0
    for seed in seeds(10, PRECISION_RUNS):
        planted = plant_slice(seed)
        finding = slice_audit()(seed)[0]
        inside = dict(zip(planted.table["record"], planted.inside, strict=True))
        hits.append(float(np.mean([inside[record] for (record,) in finding.groups])) if finding.groups else 0.0)
        carried.append(len(finding.groups))
        shared += "device = drain" in str(finding.evidence.get("shared"))
    low, middle = np.quantile(hits, (0.1, 0.5))
    return Measured(
        float(np.mean(hits)),
        details={
            "runs": len(hits),
            "median": round(float(middle), 3),
            "lowest tenth": round(float(low), 3),
            "records carried, median": float(np.median(carried)),
            "described by the planted device": shared / len(hits),
        },
    )


@bar("intervals of how much worse a planted group is, 1,000 patients", unit=HELD, at_least=0.93, at_most=0.98, seed=11)
def slice_size() -> Measured:
    """The group is known, as a declared stratum is; its patients have two windows each, with errors alike."""
    held = []
    for seed in seeds(11, SIZE_RUNS):
        planted = plant_slice(seed)
        table = planted.table
        wrong = ((table["p_1"] > 0.5) != (table["truth"] == 1)).to_numpy(float)
        units, truth = table["unit"].to_numpy(), table["truth"].to_numpy()
        found = group_gap(wrong, planted.inside, units=units, classes=truth, deals=1).difference
        held.append(found.low <= planted.elsewhere - planted.accuracy <= found.high)
    return Measured(float(np.mean(held)), details={"runs": len(held)})


@bar("type-I error of the kernel test (MMD) at 0.05", unit="share of null runs", at_least=0.02, at_most=0.09, seed=5)
def kernel_test() -> Measured:
    return null_runs(lambda x, y, seed: maximum_mean_discrepancy(x, y, seed=seed).p, 5)


@bar(
    "type-I error of the classifier test (C2ST) at 0.05", unit="share of null runs", at_least=0.02, at_most=0.09, seed=6
)
def classifier_test() -> Measured:
    return null_runs(lambda x, y, seed: classifier_two_sample(x, y, seed=seed).p, 6)


def alarms(audit: Audit, runs: int, seed: int) -> float:
    """The share of cohorts that raise an alarm."""
    loud = {Severity.WARNING, Severity.BLOCKING}
    return float(np.mean([any(finding.severity in loud for finding in audit(one)) for one in seeds(seed, runs)]))


def null_runs(p: Callable[[np.ndarray, np.ndarray, int], float], seed: int) -> Measured:
    """How often two samples of one skewed law in eight dimensions, of unequal size, are told apart."""
    called = []
    for one in seeds(seed, MANY_RUNS):
        chance = np.random.default_rng(one)
        x, y = np.exp(chance.normal(size=(80, 8))), np.exp(chance.normal(size=(50, 8)))
        called.append(p(x, y, one) <= 0.05)
    return Measured(float(np.mean(called[:RUNS])), details={"runs": RUNS, "over 400 runs": float(np.mean(called))})


def seeds(seed: int, runs: int) -> Sequence[int]:
    return [int(one) for one in np.random.default_rng(seed).integers(0, 2**31, runs)]
