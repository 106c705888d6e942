"""Cohorts with a flaw, from files on disk through training to the findings of the report, each beside its clean twin.

A study is written, checked, trained in two folds and audited like any other; nothing knows what was planted. Found is
what the audits say of the pitfall after that: a warning, a blocking finding, or, of copies, that they were found and
kept on one side. Beside the network stands the best baseline without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypercolumn.audit import KINDS, Finding, Severity
from hypercolumn.data.planted.images import Flaw, plant_images
from hypercolumn.experiments.outcome import Cell, Table
from hypercolumn.experiments.pitfalls.power import Share
from hypercolumn.experiments.pitfalls.study_of import write_study
from hypercolumn.study import Run, Study
from hypercolumn.study.progress import Watcher


@dataclass(frozen=True)
class Case:
    """A pitfall as it is planted into images: the flaw and its size, among so many times the patients of the scale."""

    pitfall: str
    flaw: Flaw
    size: float
    times: float = 1.0


CASES = (
    Case("leakage", "copies", 0.05),
    Case("site", "scanner", 0.5),
    Case("labels", "wrong labels", 0.15),
    Case("strata", "hidden group", 0.25, times=1.5),
)


@dataclass(frozen=True)
class Trained:
    """What one study said: whether the pitfall was found, its accuracy, and that of the best baseline."""

    found: bool
    accuracy: float
    baseline: float
    folder: str


@dataclass(frozen=True)
class Scale:
    """How large a study is and how long it is learnt from."""

    patients: int = 160
    steps: int = 200
    width: int = 8
    batch: int = 24


def train_case(folder: Path, case: Case, *, planted: bool, seed: int, scale: Scale, watcher: Watcher) -> Trained:
    """Write a cohort and its study below a new folder, train it, and look for the pitfall among its findings."""
    patients = round(scale.patients * case.times)
    plant_images(folder, seed, flaw=case.flaw, size=case.size if planted else 0.0, patients=patients)
    run = _study(folder, case, seed, scale).train(out=folder / "runs", watcher=watcher)
    baseline = max((score.value or 0.0 for score in run.baseline_leads().values()), default=0.0)
    return Trained(is_found(run.findings, case.pitfall), _accuracy(run), baseline, folder.name)


def is_found(findings: Sequence[Finding], pitfall: str) -> bool:
    """Whether anything was said of the pitfall."""
    return said(findings, KINDS[pitfall])


def said(findings: Sequence[Finding], codes: tuple[str, ...]) -> bool:
    """Whether a finding of these codes warns or blocks; copies that are kept on one side are a note, and count."""
    loud = {Severity.WARNING, Severity.BLOCKING}
    return any(
        finding.code.startswith(codes)
        and (
            finding.severity in loud or (finding.code.startswith("A-DUPLICATES") and finding.severity is Severity.NOTE)
        )
        for finding in findings
    )


def trained_table(found: dict[str, list[tuple[Trained, Trained]]]) -> Table:
    """A row a pitfall: cohorts and twins."""
    rows: list[tuple[Cell, ...]] = []
    for case in CASES:
        pairs = found[case.pitfall]
        if not pairs:
            continue
        with_flaw, clean = (Share(sum(pair[side].found for pair in pairs), len(pairs)) for side in (0, 1))
        rows.append(
            (
                case.pitfall,
                f"{case.flaw}, {case.size:g}",
                len(pairs),
                f"{with_flaw.found} of {with_flaw.cohorts}",
                f"{clean.found} of {clean.cohorts}",
                *(_mean([getattr(pair[side], name) for pair in pairs]) for side in (0, 1) for name in FIGURES),
            )
        )
    return Table(
        "trained",
        "What is found in cohorts of images on disk, after training",
        (
            *("pitfall", "planted", "cohorts", "found", "found in clean twins"),
            *("accuracy", "baseline's AUROC", "twins' accuracy", "twins' baseline"),
        ),
        tuple(rows),
        "accuracy out of fold against the labels given; the best baseline without a network beside it",
    )


FIGURES = ("accuracy", "baseline")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _accuracy(run: Run) -> float:
    table = run.predictions.table
    return float(((table["p_1"] > 0.5) == (table["truth"] == 1)).mean())


def _study(folder: Path, case: Case, seed: int, scale: Scale) -> Study:
    training = {
        "steps": scale.steps,
        "minutes": None,
        "width": scale.width,
        "batch": scale.batch,
        "augmentation": 0.5,
        "patience": None,
    }
    return write_study(folder, case.flaw, record="image", scanner="scanner", seed=seed, training=training)
