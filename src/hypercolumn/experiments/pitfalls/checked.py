"""Cohorts of signals, volumes and sequences with a flaw, from files on disk through the check: nothing is trained.

    signals, volumes    written with a study file, and checked as `hypercolumn check` does
    sequences           read from their table, compared by `find_homologues`, split by chromosome and audited

Found is what the findings say of the flaw: that two patients share a record or a stretch of time, that sequences are of
one origin, or that the scanner or the border tells the label. Of a clean twin this is an alarm, and so is any other
warning of leakage. Pairs that were not planted are counted in both: two windows of one patient may be taken for one
stretch of time, which is a note and no alarm.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypercolumn import audit
from hypercolumn.audit import Finding
from hypercolumn.data import Cohort, Similarity, k_folds
from hypercolumn.data.cohort import Columns
from hypercolumn.data.planted.patients import PlantedFiles
from hypercolumn.data.planted.sequences import Flaw, plant_sequences
from hypercolumn.data.planted.signals import plant_signals
from hypercolumn.data.planted.volumes import plant_volumes
from hypercolumn.data.similarity import find_homologues
from hypercolumn.experiments.outcome import Cell, Table
from hypercolumn.experiments.pitfalls.power import Share
from hypercolumn.experiments.pitfalls.study_of import write_study
from hypercolumn.experiments.pitfalls.trained import said
from hypercolumn.study.progress import Watcher

COPIES = ("A-DUPLICATES-TWO-PATIENTS", "A-DUPLICATES-BOTH-SIDES")
KIN = ("A-DUPLICATES",)
"""No patient is known of a sequence: that there are two of one origin is all that can be said."""
SCANNER = ("A-METADATA", "A-BACKGROUND", "A-SITE")


@dataclass(frozen=True)
class Other:
    """A flaw of one kind of data and its size: how it is written (folder, seed, by name flaw, size and patients) and
    looked for, and which findings speak of it.
    """

    kind: str
    flaw: str
    size: float
    codes: tuple[str, ...]
    write: Callable[..., PlantedFiles]
    look: Callable[[PlantedFiles, int], tuple[Similarity, Sequence[Finding]]]


@dataclass(frozen=True)
class Checked:
    """What was said of one cohort: whether the flaw was found, how many of the planted pairs and of others, and whether
    there was any warning.
    """

    found: bool
    pairs_found: int
    pairs: int
    others: int
    alarm: bool


def check_case(case: Other, *, planted: bool, seed: int, patients: int) -> Checked:
    """Write a cohort into a folder that does not last, and look for its flaw."""
    with tempfile.TemporaryDirectory(prefix="hypercolumn-") as place:
        size = case.size if planted else 0.0
        made = case.write(Path(place) / "cohort", seed, flaw=case.flaw, size=size, patients=patients)
        similarity, findings = case.look(made, seed)
    met, there = {(pair.first, pair.second) for pair in similarity.pairs}, set(made.pairs)
    found = said(findings, case.codes)
    return Checked(
        found=found,
        pairs_found=len(met & there),
        pairs=len(there),
        others=len(met - there),
        alarm=found or bool(audit.fails(findings, ["leakage"])),
    )


def measure_checked(
    *, seed: int, cohorts: int, patients: int, watcher: Watcher
) -> dict[str, list[tuple[Checked, Checked]]]:
    """By kind and flaw, each cohort beside its clean twin."""
    found: dict[str, list[tuple[Checked, Checked]]] = {}
    for case in OTHERS:
        watcher.stage(f"{case.kind}: {cohorts} cohorts with {case.flaw}, and their clean twins")
        found[f"{case.kind}, {case.flaw}"] = [
            (
                check_case(case, planted=True, seed=seed + number, patients=patients),
                check_case(case, planted=False, seed=seed + number, patients=patients),
            )
            for number in range(cohorts)
        ]
    return found


def checked_table(found: dict[str, list[tuple[Checked, Checked]]]) -> Table:
    """A row a kind of data and flaw."""
    rows: list[tuple[Cell, ...]] = []
    for case in OTHERS:
        both = found[f"{case.kind}, {case.flaw}"]
        with_flaw = Share(sum(one.found for one, _ in both), len(both))
        low, high = with_flaw.interval
        pairs, met = sum(one.pairs for one, _ in both), sum(one.pairs_found for one, _ in both)
        rows.append(
            (
                case.kind,
                f"{case.flaw}, {case.size:g}",
                len(both),
                with_flaw.value,
                low,
                high,
                f"{met:,} of {pairs:,}" if pairs else "none planted",
                sum(one.others for each in both for one in each),
                f"{sum(twin.alarm for _, twin in both)} of {len(both)}",
            )
        )
    return Table(
        "checked",
        "What is found in cohorts of other kinds of data, from files, before training",
        (
            *("data", "planted", "cohorts", "share found", "low", "high"),
            *("planted pairs found", "other pairs", "clean twins with an alarm"),
        ),
        tuple(rows),
        "other pairs: taken for copies in cohorts and twins; intervals are Wilson's, 95 %",
    )


def _by_check(record: str, scanner: str) -> Callable[[PlantedFiles, int], tuple[Similarity, Sequence[Finding]]]:
    """What `hypercolumn check` finds."""

    def look(made: PlantedFiles, seed: int) -> tuple[Similarity, Sequence[Finding]]:
        before = write_study(made.folder, made.flaw, record=record, scanner=scanner, seed=seed).preflight()
        return before.similarity, before.findings

    return look


def _by_homology(made: PlantedFiles, seed: int) -> tuple[Similarity, Sequence[Finding]]:
    """What the search and the audit find in a table of sequences; a chromosome is a specimen."""
    columns = Columns(input="sequence", target="label", lineage={"specimen": "chromosome"})
    cohort = Cohort.read(made.folder / "manifest.csv", columns, folder=made.folder)
    similarity = find_homologues(cohort, cohort.table["bases"].astype(str).to_dict().__getitem__)
    split = k_folds(cohort, generalises_to="specimen", folds=2, clusters=similarity.clusters(), seed=seed)
    return similarity, audit.duplicates(cohort, similarity, split)


def _sequences(folder: Path, seed: int, *, flaw: Flaw, size: float, patients: int) -> PlantedFiles:
    """As many sequences as there would be patients."""
    return plant_sequences(folder, seed, flaw=flaw, size=size, sequences=patients)


OTHERS = (
    Other("signals", "overlapping windows", 0.05, COPIES, plant_signals, _by_check("signal", "device")),
    Other("signals", "device", 0.5, SCANNER, plant_signals, _by_check("signal", "device")),
    Other("volumes", "resampled copies", 0.05, COPIES, plant_volumes, _by_check("volume", "scanner")),
    Other("volumes", "scanner", 0.5, SCANNER, plant_volumes, _by_check("volume", "scanner")),
    Other("sequences", "homologues", 0.05, KIN, _sequences, _by_homology),
)
