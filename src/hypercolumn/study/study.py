"""A study: what the user asked, and the verbs that carry it out. The command line calls nothing else.

>>> study = Study.read("study.yaml")  # doctest: +SKIP
>>> findings = study.check()  # doctest: +SKIP
>>> run = study.train()  # doctest: +SKIP
"""

import difflib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hypercolumn import audit
from hypercolumn.audit import Finding
from hypercolumn.data import Cohort
from hypercolumn.data.certificate import SealedTest
from hypercolumn.data.relabel_sheet import write_relabel_sheet
from hypercolumn.data.sealed_set import SealedSet
from hypercolumn.errors import Interrupted, OutputNotWritable, RunError, UsageError
from hypercolumn.evaluation import suspects
from hypercolumn.study.checks import Preflight, open_material, preflight
from hypercolumn.study.discovery import Guess, look
from hypercolumn.study.material import Material
from hypercolumn.study.progress import Silent, Watcher
from hypercolumn.study.run import Run, write_findings
from hypercolumn.study.study_file import StudyFile, parse_study_file, read_study_file
from hypercolumn.study.study_template import relative, study_text

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Study:
    """A study file and the folder that its paths are relative to."""

    asked: StudyFile
    folder: Path

    @classmethod
    def read(cls, path: Path | str, overrides: Sequence[str] = ()) -> "Study":
        """Read and check a study file; `overrides` are "a.b=c"."""
        path = Path(path)
        return cls(read_study_file(path, overrides), path.parent)

    @classmethod
    def from_folder(cls, folder: Path | str, *, patient: str | None = None) -> "Study":
        """A study from a data folder, with every guess that `init` would make; `patient` names the patients' column,
        or "none".

        Raises UsageError where the patients cannot be known and nothing was said about them.
        """
        kept = Path(tempfile.mkdtemp(prefix="hypercolumn-"))
        return cls.read(init(Path(folder), kept / "study.yaml", patient=patient))

    @cached_property
    def cohort(self) -> Cohort:
        """The records that may be learnt from and looked at: what was sealed is not among them."""
        whole, sealed = self.whole_cohort, self.sealed
        return whole if sealed is None else sealed.open_part(whole)

    @cached_property
    def whole_cohort(self) -> Cohort:
        """Every record of the manifest."""
        data = self.asked.data
        return Cohort.read(self.folder / data.manifest, data.columns.columns(), folder=self.folder / data.folder)

    @property
    def sealed(self) -> SealedSet | None:
        """The test set that was set aside, as its file has it now; None where there is none."""
        place = self.asked.data.sealed
        return None if place is None else SealedSet.read(self.folder / place)

    @cached_property
    def material(self) -> Material:
        """The cohort with every file opened once; raises DataProblems with all that is wrong."""
        return open_material(self.cohort, self.asked)

    def preflight(
        self, watcher: Watcher | None = None, *, network: "nn.Module | None" = None, full: bool = False
    ) -> Preflight:
        """Everything that can be known before training, with the split and its certificate.

        `full` hashes every byte of every file for the certificate, not samples of them.
        """
        watcher = watcher or Silent()
        watcher.stage(f"opening {len(self.cohort):,} records")
        material = self.material
        fields: tuple[int, ...] = ()
        if self.asked.split.kind == "regions" and self.asked.data.columns.position is None:
            from hypercolumn.study.plan import fields_of_view

            fields = fields_of_view(material, self.asked.training, network)
        found = preflight(material, self.asked, network_fields=fields, full=full, stage=watcher.stage)
        return replace(found, certificate=replace(found.certificate, sealed=SealedTest.of(self.sealed)))

    def check(self) -> list[Finding]:
        """The findings before training. No torch is needed."""
        return list(self.preflight().findings)

    def train(
        self,
        network: "nn.Module | None" = None,
        *,
        out: Path | str = "runs",
        full: bool = False,
        watcher: Watcher | None = None,
    ) -> Run:
        """Check, train every fold, score, audit and report; the run.

        `network` takes the place of the planned one: a module from (batch, channel, *space) to (batch, class, *space),
        or to (batch, class) where the answer is one a record. Raises GateFailed before training where an audit blocks.
        """
        from hypercolumn.training import is_first

        watcher = watcher or Silent()
        before = self.preflight(watcher, network=network, full=full)
        wanted = self.asked.training
        run = Run.create_together(Path(out), self.asked.name, devices=wanted.devices, nodes=wanted.nodes)
        if is_first():
            from hypercolumn.study.pipeline import write_beginning

            place = self.asked.data.sealed
            sealed = None if place is None else relative((self.folder / place).resolve(), run.folder)
            data_folder = relative(before.cohort.folder, run.folder)
            write_beginning(run, before, self.asked, data_folder=data_folder, sealed=sealed)
        return _carry_on(run, before, self.asked, watcher, network)


def resume(folder: Path | str, *, watcher: Watcher | None = None, network: "nn.Module | None" = None) -> Run:
    """Go on with a run that was stopped: the same split, the same decisions, the same weights to the bit.

    Raises RunError where the run is finished, CertificateError where the data are no longer what they were.
    """
    watcher = watcher or Silent()
    run = Run.open(Path(folder))
    if run.state()["status"] == "created":
        raise RunError(
            "this run was stopped before it began",
            where=run.folder.name,
            fix="nothing is lost: train again without --resume",
        )
    if run.state()["status"] == "finished":
        raise RunError("this run is finished", where=run.folder.name, fix=f"hypercolumn report {run.folder}")
    study = Study.read(run.folder / "study.yaml")
    watcher.stage("checking that the data are what they were")
    before = run.preflight_again(study)
    return _carry_on(run, before, study.asked, watcher, network)


def _carry_on(run: Run, before: Preflight, asked: StudyFile, watcher: Watcher, network: "nn.Module | None") -> Run:
    from hypercolumn.study.auditing import after_training
    from hypercolumn.study.pipeline import pool, train
    from hypercolumn.training import is_first

    handler = logging.FileHandler(run.folder / "log.txt", encoding="utf-8")
    log = logging.getLogger("hypercolumn")
    log.addHandler(handler)
    try:
        train(run, before, asked, watcher=watcher, network=network)
        if is_first():
            watcher.stage("scoring and reporting")
            pool(run, before.material, unit=run.unit_words(), seed=asked.seed)
            after = after_training(run, before.material, run.predictions)
            after += audit.looks(Study.read(run.folder / "study.yaml").sealed)
            placeholders = {finding.code for finding in audit.not_checked()}
            kept = [finding for finding in before.findings if finding.code not in placeholders]
            write_findings([*kept, *after], run.folder / "findings.json")
            if run.predictions.kind == "classification":
                write_relabel_sheet(run.folder / "relabel.csv", suspects(run.predictions))
            run.update(status="finished")
            run.report()
    except (Interrupted, KeyboardInterrupt) as stopped:
        run.update(status="interrupted")
        what = stopped.problem.what if isinstance(stopped, Interrupted) else "stopped at once"
        raise Interrupted(
            what,
            where=run.folder.name,
            why="the last checkpoint is kept",
            fix=f"hypercolumn train --resume {run.folder}",
        ) from None
    except BaseException:
        log.exception("the run stopped")
        raise
    finally:
        watcher.close()
        log.removeHandler(handler)
        handler.close()
    return run


def init(folder: Path, out: Path, *, patient: str | None = None, guess: Guess | None = None) -> Path:
    """Look at a data folder and write a commented study file, with its manifest beside it.

    `guess` is what `look` found, where somebody has looked already.

    Raises UsageError where the patients cannot be known and nothing was said about them: they are never invented.
    """
    guess = _with_patient(guess or look(folder), folder, patient)
    if out.exists():
        raise UsageError(
            "the study file exists already", where=str(out), fix="give another name with --out, or remove it"
        )
    manifest = out.with_name(f"{out.stem}.manifest.csv")
    name = (
        "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in folder.resolve().name).strip("-._")
        or "study"
    )
    text = study_text(guess, name=name, manifest=manifest.name, folder=relative(folder, out.parent))
    parse_study_file(text, where=out.name)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        guess.table.to_csv(manifest, index=False, lineterminator="\n")
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputNotWritable("the study file cannot be written", where=str(out), why=error.strerror or "") from None
    return out


def _with_patient(guess: Guess, folder: Path, patient: str | None) -> Guess:
    """The guess with the user's word about the patients."""
    if patient is None:
        if not guess.needs_patient:
            return guess
        columns = [name for name in guess.table.columns if name not in {"image", "record", guess.target}]
        raise UsageError(
            "which column names the patient?",
            where=f"{folder}: {len(guess.table)} records, columns {', '.join(columns) or 'none'}",
            why="images of one patient are alike; on both sides of a split they make any score too good",
            fix=f"hypercolumn init {folder} --patient COLUMN, or --patient none if nobody knows "
            "(the report then says what that costs)",
        )
    if patient.lower() == "none":
        return replace(guess, patient=None)
    if patient not in guess.table.columns:
        close = difflib.get_close_matches(patient, list(guess.table.columns), n=1)
        raise UsageError(
            f"there is no column {patient!r}",
            where=f"columns: {', '.join(guess.table.columns)}",
            fix=f"did you mean {close[0]!r}?" if close else "give one of these",
        )
    return replace(guess, patient=patient, site=None if guess.site == patient else guess.site)
