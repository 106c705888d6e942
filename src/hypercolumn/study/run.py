"""The run: one folder that holds all that came of a study, and can be the target of every later verb.

    runs/2026-11-23_1412_nuclei/
      study.yaml  manifest.csv  run.json  log.txt          what was asked, of which data, with which versions
      split.json  certificate.json  findings.json          who was on which side, and what the audits said
      folds/1/    plan.json  schedule.json  checkpoints/   how it was trained
                  weights.safetensors  weights.json
                  predictions.csv  baselines.csv
      predictions.csv  baselines.csv  scores.json          out-of-fold, pooled
      report.html  report.json  report_data/

A run is never overwritten; `--resume` goes on with one.
"""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from hypercolumn import __version__
from hypercolumn.audit import Finding, Severity
from hypercolumn.data import Certificate, Similarity, Split, split_from_dict, split_to_dict, verify
from hypercolumn.data.writing import write_json
from hypercolumn.errors import CertificateError, DataError, OutputNotWritable, RunError
from hypercolumn.evaluation import Predictions, Score, best_baseline, headline, scores_by
from hypercolumn.study.checks import Preflight

if TYPE_CHECKING:
    from hypercolumn.study.study import Study

SCHEMA = 1
LIBRARIES = (
    "torch",
    "lightning-fabric",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "pandas",
    "Pillow",
    "tifffile",
)


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path

    @classmethod
    def create(cls, parent: Path, name: str, *, now: datetime | None = None) -> "Run":
        """A new folder `parent/date_time_name`; a second within the minute gets a number.

        Raises OutputNotWritable.
        """
        stamp = (now or datetime.now()).strftime("%Y-%m-%d_%H%M")
        for suffix in ("", *(f"_{count}" for count in range(2, 100))):
            folder = parent / f"{stamp}_{name}{suffix}"
            try:
                folder.mkdir(parents=True)
                (folder / "folds").mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise OutputNotWritable(
                    "the output folder cannot be written",
                    where=str(parent),
                    why=error.strerror or "",
                    fix="give another one with --out",
                ) from None
            run = cls(folder)
            run.update(
                schema=SCHEMA,
                name=name,
                status="created",
                created=stamp,
                versions=versions(),
                machine=machine(),
                folds={},
            )
            return run
        raise OutputNotWritable("a hundred runs began in this minute", where=str(parent), fix="wait a minute")

    @classmethod
    def create_together(cls, parent: Path, name: str, *, devices: int = 1, nodes: int = 1) -> "Run":
        """The same from several processes that were started from outside: one creates, all get it."""
        from hypercolumn.training import agree

        return cls(agree(lambda: cls.create(parent, name).folder, devices=devices, nodes=nodes))

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """A run that exists. Raises DataError where the folder is none."""
        if not (folder / "run.json").is_file():
            raise DataError(
                "this is not a run folder",
                where=str(folder),
                why="it has no run.json",
                fix="give a folder that train made, such as runs/...",
            )
        return cls(folder)

    def state(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))

    def update(self, **entries: Any) -> None:
        """Change entries of run.json; the file is never seen half written."""
        path = self.folder / "run.json"
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        write_json({**state, **entries}, path)

    def fold(self, name: str) -> Path:
        return self.folder / "folds" / name

    def unit_words(self) -> str:
        """What the intervals are taken over, in the plural."""
        level = self.state()["generalises_to"]
        if level == "specimen" and not any(self.saved_columns().get(name) for name in ("patient", "specimen")):
            return "images"
        return f"{level}s"

    def saved_columns(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "study.yaml").read_text(encoding="utf-8"))["data"]["columns"]

    def preflight_again(self, study: "Study") -> Preflight:
        """What was found before training, read back; raises CertificateError where the files changed since."""
        self.verify(full=False)
        similarity = Similarity.from_dict(json.loads((self.folder / "similarity.json").read_text(encoding="utf-8")))
        return Preflight(study.material, similarity, self.split, self.certificate, tuple(self.findings))

    @property
    def split(self) -> Split:
        return split_from_dict(json.loads((self.folder / "split.json").read_text(encoding="utf-8")))

    def write_split(self, split: Split) -> None:
        write_json(split_to_dict(split), self.folder / "split.json")

    @property
    def certificate(self) -> Certificate:
        return Certificate.read(self.folder / "certificate.json")

    @property
    def predictions(self) -> Predictions:
        """Out-of-fold, pooled over the folds."""
        return Predictions.read(self.folder / "predictions")

    @property
    def findings(self) -> list[Finding]:
        saved = json.loads((self.folder / "findings.json").read_text(encoding="utf-8"))
        return [finding_from_dict(entry) for entry in saved["findings"]]

    def verify(self, *, full: bool) -> Certificate:
        """The certificate, after everything that it says was checked again from the files.

        Raises CertificateError where it was tampered with or the data changed.
        """
        from hypercolumn.study.study import Study

        certificate = self.certificate
        problems = verify(certificate, Study.read(self.folder / "study.yaml").cohort, full=full)
        if problems:
            raise CertificateError(
                f"the data are no longer what they were: {problems[0].what}",
                where=problems[0].where,
                why=f"{len(problems)} things that the certificate vouches for do not hold any more",
                fix="put the files back, or train again",
            )
        return certificate

    def noun(self) -> str:
        """What a score speaks of, in the singular."""
        level = self.state()["generalises_to"]
        return self.unit_words().removesuffix("s") if level == "specimen" else level

    def baseline_leads(self) -> dict[str, Score]:
        """The headline of each baseline without a CNN."""
        saved = json.loads((self.folder / "scores.json").read_text(encoding="utf-8"))
        predictions = self.predictions
        return {name: lead_of([Score(**row) for row in rows], predictions) for name, rows in saved["baselines"].items()}

    def best_baseline(self) -> tuple[str, Score | None]:
        """The baseline without a CNN whose headline is best."""
        leads = self.baseline_leads()
        name = best_baseline(leads)
        return ("", None) if name is None else (name, leads[name])

    def scores_by(self, column: str) -> dict[str, Score]:
        """The headline within each value of a column of the cohort."""
        return scores_by(self.predictions, column, unit=self.unit_words())

    def lead(self) -> Score:
        """The headline score of the network."""
        return lead_of(self.metrics, self.predictions)

    @property
    def metrics(self) -> list[Score]:
        """Every score of the network, out of fold."""
        saved = json.loads((self.folder / "scores.json").read_text(encoding="utf-8"))
        return [Score(**entry) for entry in saved["scores"]]

    @property
    def manifest(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "manifest.csv")

    def report(self, path: Path | str | None = None) -> Path:
        """Write the report again from what the run holds; by default into the run."""
        from hypercolumn.study.reporting import write_report

        return write_report(self, Path(path) if path is not None else None)


def lead_of(found: Sequence[Score], predictions: Predictions) -> Score:
    """The headline among scores: the first of its name, which is the mean over classes where there are several."""
    return next(score for score in found if score.metric == headline(predictions))


def require_finished(run: Run) -> None:
    """Raise RunError where a run is not finished: what is asked of it then needs every fold."""
    if run.state()["status"] != "finished":
        fix = f"hypercolumn train --resume {run.folder}"
        raise RunError("this run is not finished", where=run.folder.name, fix=fix)


def tell(run: Run, findings: Sequence[Finding], *, prefix: str) -> None:
    """Write findings into a run in the place of those whose code begins alike, and its report again."""
    kept = [finding for finding in run.findings if not finding.code.startswith(prefix)]
    write_findings([*kept, *findings], run.folder / "findings.json")
    run.report()


def write_findings(findings: Sequence[Finding], path: Path) -> None:
    """Findings as JSON."""
    write_json({"findings": [asdict(finding) for finding in findings]}, path)


def finding_from_dict(entry: Mapping[str, Any]) -> Finding:
    return Finding(
        entry["code"],
        Severity(entry["severity"]),
        entry["claim"],
        entry["evidence"],
        entry["remedy"],
        tuple(tuple(group) for group in entry["groups"]),
        tuple(entry["spoils"]),
    )


def versions() -> dict[str, str]:
    """Of this package, of Python and of the libraries that the numbers depend on."""
    return {
        "hypercolumn": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def machine() -> dict[str, Any]:
    """The machine in words, without its name."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system()}
