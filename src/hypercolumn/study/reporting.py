"""From a run folder to its report: what was found, counted and predicted, carried into `report`, which computes
nothing.

Everything comes from the run's own files, but for the pictures: these are read from the data again, and left out with a
word where the data are gone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hypercolumn import report
from hypercolumn.audit import Finding, Severity
from hypercolumn.data import Split
from hypercolumn.evaluation import (
    Better,
    Predictions,
    Score,
    best_baseline,
    confusion_matrix,
    group_column,
    heterogeneity_by,
    in_unit,
    reliability_curves,
    scores_by,
    shown,
)
from hypercolumn.report import Characteristic, Characteristics, Fact, Flow, FlowStep, Light, ScoreRow, State
from hypercolumn.study.galleries import galleries, pairs
from hypercolumn.study.run import Run, lead_of
from hypercolumn.study.study_file import StudyFile, parse_study_file

LEAST_UNITS = 10
"""Below so many units an interval is a guess."""
WIDE = 0.4
"""An interval of a share that is wider says little, however many units there are."""


def write_report(run: Run, path: Path | None = None) -> Path:
    """Write report.html, report.json and report_data/ into the run, or into the folder of `path`."""
    content = report_content(run)
    page = report.write(content, run.folder if path is None else path.parent)
    if path is not None and page != path:
        page = page.rename(path)
    return page


def report_content(run: Run) -> report.ReportContent:
    """All that the report of a run shows."""
    asked = parse_study_file((run.folder / "study.yaml").read_text(encoding="utf-8"))
    state, saved = run.state(), json.loads((run.folder / "scores.json").read_text(encoding="utf-8"))
    predictions, split, unit = run.predictions, run.split, saved["unit"]
    found = [Score(**entry) for entry in saved["scores"]]
    baselines = {name: [Score(**entry) for entry in entries] for name, entries in saved["baselines"].items()}
    leads = {name: lead_of(rows, predictions) for name, rows in baselines.items()}
    best_name = best_baseline(leads) or ""
    best = baselines.get(best_name, [])
    findings = tuple(run.findings)
    lead = lead_of(found, predictions)
    sheets = {
        name: json.loads((run.fold(name) / "weights.json").read_text(encoding="utf-8")) for name in state["folds"]
    }
    return report.ReportContent(
        title=asked.name.replace("-", " ").replace("_", " "),
        study=asked.name,
        generalises_to=noun(asked, unit),
        created=state["created"].split("_")[0],
        version=state["versions"]["hypercolumn"],
        lights=lights(findings, lead, leads.get(best_name), best_name, unit),
        findings=findings,
        facts=_facts(asked, predictions, split, unit),
        flow=_flow(run, split, unit),
        characteristics=_characteristics(run, split, predictions, unit),
        scores=tuple(ScoreRow(score, _same(best, score), best_name, headline=score == lead) for score in found),
        baselines=tuple(
            report.Baseline(name, score, saved["baseline_notes"].get(name, "")) for name, score in leads.items()
        ),
        forests=forests(predictions, lead, unit),
        confusion=_confusion(predictions),
        reliability=reliability(predictions),
        agreement=agreement(predictions),
        galleries=galleries(run, predictions, findings),
        pairs=pairs(run, findings),
        plan=_plan(run, sheets),
        curves=tuple(_curve(name, sheet) for name, sheet in sheets.items()),
        certificate=_certificate(run),
        reproduction=_reproduction(run, asked),
        answers=asked.checklist,
        methods=_methods(asked, run, lead, split, unit),
        unit=unit,
    )


def noun(asked: StudyFile, unit: str) -> str:
    """What a score speaks of, in the singular: "image" where a specimen is nothing but one image."""
    return unit.removesuffix("s") if asked.generalises_to == "specimen" else asked.generalises_to


def lights(
    findings: Sequence[Finding], lead: Score, best: Score | None, best_name: str, unit: str
) -> tuple[Light, ...]:
    """The questions that a reader has first, each with its answer."""
    blocked = [finding for finding in findings if finding.severity is Severity.BLOCKING]
    doubts = [finding for finding in findings if finding.severity is Severity.WARNING]
    unchecked = [finding for finding in findings if finding.severity is Severity.NOT_CHECKED]
    if blocked:
        leak = Light("Leakage", State.BLOCKING, blocked[0].claim)
    else:
        leak = Light(
            "Leakage", State.OK, f"no {unit.removesuffix('s')} and no copy of an image stands on both sides of a fold"
        )
    few = lead.units < LEAST_UNITS
    low, high = (0.0, 0.0) if lead.low is None or lead.high is None else (lead.low, lead.high)
    wide = lead.better is Better.HIGHER and high - low > WIDE
    said = ", enough for an interval"
    if lead.note:
        said = f": {lead.note}"
    elif wide:
        said = f", but the interval runs from {shown(low)} to {shown(high)}: a few of them decide the score"
    size = Light("Enough to say", State.WARNING if few or lead.note or wide else State.OK, f"{lead.units} {unit}{said}")
    return (
        leak,
        _against(lead, best, best_name),
        size,
        Light("Other doubts", State.WARNING, doubts[0].claim)
        if doubts
        else Light("Other doubts", State.OK, "no audit that ran raised one"),
        Light("Not checked", State.UNKNOWN, f"{len(unchecked)} pitfalls, named below with what is needed")
        if unchecked
        else Light("Not checked", State.OK, "nothing was left out"),
    )


def _against(lead: Score, best: Score | None, name: str) -> Light:
    """Whether the network does anything that the best baseline does not."""
    title = "Better than no network"
    if best is None or best.value is None or lead.value is None:
        return Light(title, State.UNKNOWN, "there is no baseline to compare with")
    figures = f"{lead.metric} {shown(lead.value)} against {shown(best.value)} by {name}"
    reached, least, other = lead.goodness, lead.least_goodness, best.goodness
    assert reached is not None
    assert other is not None
    if least is not None and least > other:
        side = "above" if lead.better == Better.LOWER else "below"
        return Light(title, State.OK, f"{figures}, {side} the interval of the network")
    if reached > other:
        return Light(title, State.WARNING, f"{figures}, inside the interval of the network")
    return Light(title, State.WARNING, f"{figures}: nothing here needs a network")


def forests(predictions: Predictions, lead: Score, unit: str) -> tuple[report.Forest, ...]:
    """The headline within each value of each group column that has between two and twelve."""
    found = []
    for column in predictions.groups:
        if 2 <= predictions.table[column].nunique() <= 12 and predictions.table[column].nunique() < len(predictions):
            parts = scores_by(predictions, column, unit=unit)
            spread = str(heterogeneity_by(predictions, column, unit=unit))
            found.append(report.Forest(f"by {column}", tuple(parts.items()), lead, spread))
    return tuple(found)


def shown_groups(run: Run, predictions: Predictions) -> list[str]:
    """The columns that a cohort is described by: site, batch and strata, not who the patients are."""
    columns = run.saved_columns()
    named = [columns.get("site"), *columns["batch"], *columns["strata"]]
    return [name for name in (group_column(name) for name in named if name) if name in predictions.table.columns]


def reliability(predictions: Predictions) -> tuple[report.Reliability, ...]:
    """Predicted probability against observed frequency, for each class."""
    return tuple(
        report.Reliability(curve.label, curve.predicted, curve.observed, curve.low, curve.high, curve.counts)
        for curve in reliability_curves(predictions)
    )


def agreement(predictions: Predictions) -> report.Agreement | None:
    """Each number answered beside the one known, in the order of those known; None where no number was predicted."""
    if predictions.kind != "regression":
        return None
    ordered = predictions.table.sort_values("truth", kind="stable")
    truth, answer = (tuple(ordered[name].astype(float)) for name in ("truth", "answer"))
    return report.Agreement(tuple(map(str, ordered.index)), truth, answer, predictions.measured_in)


def _same(rows: list[Score], score: Score) -> Score | None:
    return next((row for row in rows if (row.metric, row.label) == (score.metric, score.label)), None)


def _facts(asked: StudyFile, predictions: Predictions, split: Split, unit: str) -> tuple[Fact, ...]:
    tasks = {
        "mask": "segmentation",
        "instances": "objects, each by itself",
        "class": "classification",
        "grade": "ordinal grading",
        "labels": "several labels",
        "number": "regression",
    }
    meaning, over = f"classes: {', '.join(predictions.classes)}", "intervals are taken over these"
    if predictions.kind == "regression":
        meaning = f"a number in {predictions.measured_in}" if predictions.measured_in else "a number"
        over = "each weighs the same, however many records it has, and intervals are taken over these"
    kinds = {
        "folds": f"{len(split.folds)} folds",
        "hold-out": "hold-out",
        "leave-one-site-out": "one site left out at a time",
        "site-preserving": f"{len(split.folds)} folds of whole sites",
        "regions": f"{len(split.folds)} contiguous blocks with a gap",
    }
    facts = [
        Fact("Task", tasks.get(asked.target.kind, asked.target.kind), meaning),
        Fact("Unit of analysis", unit, f"{over}, never over windows or pixels"),
        Fact(unit.capitalize(), len(split.units)),
        Fact("Records scored", len(predictions)),
        Fact("Split", kinds[asked.split.kind], "; ".join(split.notes)),
    ]
    if split.gap:
        facts.append(
            Fact(
                "Gap",
                ", ".join(f"{axis}: {samples}" for axis, samples in split.gap.items()),
                "samples left out between training and test",
            )
        )
    columns = asked.data.columns
    if columns.site:
        facts.append(Fact("Site column", columns.site))
    return tuple(facts)


def _flow(run: Run, split: Split, unit: str) -> tuple[FlowStep, ...]:
    table = run.manifest
    scored = {piece.record for fold in split.folds for piece in fold.test}
    steps = [FlowStep("in the manifest", len(table), len(split.units), "every file was opened and read")]
    if len(scored) < len(table):
        steps.append(
            FlowStep(
                "never scored", len(table) - len(scored), 0, "kept free as a gap, or for training alone", Flow.EXCLUDED
            )
        )
    for side in ("training", "validation", "test"):
        records = [len({piece.record for piece in getattr(fold, side)}) for fold in split.folds]
        unit_of = split.unit_of()
        held = [len({unit_of.get(piece.name, piece.name) for piece in getattr(fold, side)}) for fold in split.folds]
        spread = (
            f"{min(records)} to {max(records)} in {len(split.folds)} folds"
            if min(records) != max(records)
            else f"in each of {len(split.folds)} folds"
        )
        steps.append(FlowStep(side, round(float(np.mean(records))), round(float(np.mean(held))), spread, Flow.SIDE))
    return tuple(steps)


def _characteristics(run: Run, split: Split, predictions: Predictions, unit: str) -> Characteristics:
    """The cohort by test fold, with the largest standardised difference between two folds."""
    table = predictions.table
    folds = [fold.name for fold in split.folds]
    parts = [table[table["fold"] == name] for name in folds]
    rows = [
        Characteristic("records", tuple(len(part) for part in parts)),
        Characteristic(unit, tuple(int(part["unit"].nunique()) for part in parts)),
    ]
    for column in shown_groups(run, predictions):
        values = table[column].value_counts().index[:8]
        for value in values:
            counts = [int((part[column] == value).sum()) for part in parts]
            shares = [count / max(1, len(part)) for count, part in zip(counts, parts, strict=True)]
            cells = tuple(f"{count} ({share:.0%})" for count, share in zip(counts, shares, strict=True))
            rows.append(Characteristic(str(value), cells, _largest_difference(shares), variable=column))
    rows += _number_rows(predictions, parts) if predictions.kind == "regression" else _class_rows(predictions, parts)
    columns = tuple(folds)
    return Characteristics(
        columns, tuple(rows), "test records of each fold; differences are standardised, 0.1 is small and 0.5 is large"
    )


def _class_rows(predictions: Predictions, parts: Sequence[pd.DataFrame]) -> list[Characteristic]:
    rows = []
    for index, name in enumerate(predictions.classes):
        if predictions.kind == "segmentation":
            shares = [
                float(
                    (part[f"tp_{index}"] + part[f"fn_{index}"]).sum()
                    / max(1, (part[["tp_0", "fp_0", "fn_0", "tn_0"]].sum().sum()))
                )
                for part in parts
            ]
            rows.append(
                Characteristic(
                    name,
                    tuple(f"{share:.1%}" for share in shares),
                    _largest_difference(shares),
                    variable="share of the area",
                )
            )
        else:
            held = [part[f"truth_{index}"] if f"truth_{index}" in part else part["truth"] == index for part in parts]
            shares = [float(np.mean(column)) if len(column) else 0.0 for column in held]
            rows.append(
                Characteristic(
                    name,
                    tuple(f"{int(np.sum(column))} ({share:.0%})" for column, share in zip(held, shares, strict=True)),
                    _largest_difference(shares),
                    variable="class",
                )
            )
    return rows


def _number_rows(predictions: Predictions, parts: Sequence[pd.DataFrame]) -> list[Characteristic]:
    """Mean and standard deviation of the numbers known; the difference is that of two means over their deviation."""
    known = [part["truth"].to_numpy(float) for part in parts]
    cells = tuple(f"{shown(float(values.mean()))} ({shown(float(values.std()))})" for values in known)
    found = []
    for index, first in enumerate(known):
        for second in known[index + 1 :]:
            variance = (first.var() + second.var()) / 2
            found.append(float(abs(first.mean() - second.mean()) / variance**0.5) if variance > 0 else 0.0)
    name = in_unit("number, mean (deviation)", predictions.measured_in)
    return [Characteristic(name, cells, max(found, default=None))]


def _largest_difference(shares: Sequence[float]) -> float | None:
    """The largest standardised difference of two proportions: |p - q| over the root of their mean variance."""
    found = []
    for index, first in enumerate(shares):
        for second in shares[index + 1 :]:
            variance = (first * (1 - first) + second * (1 - second)) / 2
            found.append(abs(first - second) / variance**0.5 if variance > 0 else 0.0)
    return max(found) if found else None


def _confusion(predictions: Predictions) -> report.Confusion | None:
    if predictions.target_kind not in {"class", "grade"}:
        return None
    chosen = predictions.table[[f"p_{index}" for index in range(len(predictions.classes))]].to_numpy().argmax(1)
    counts = confusion_matrix(predictions.table["truth"].to_numpy(), chosen, classes=len(predictions.classes))
    return report.Confusion(predictions.classes, tuple(tuple(int(cell) for cell in row) for row in counts))


def _plan(run: Run, sheets: Mapping[str, Any]) -> tuple[report.Choice, ...]:
    """The first fold's choices; where another fold chose otherwise, its value stands beside."""
    plans = {name: json.loads((run.fold(name) / "plan.json").read_text(encoding="utf-8")) for name in sheets}
    schedules = {name: json.loads((run.fold(name) / "schedule.json").read_text(encoding="utf-8")) for name in sheets}
    first = next(iter(plans))
    rows = []
    for index, choice in enumerate(plans[first]["choices"]):
        others = {name: plan["choices"][index]["value"] for name, plan in plans.items() if index < len(plan["choices"])}
        differing = [f"{value} in {name}" for name, value in others.items() if value != choice["value"]]
        rows.append(report.Choice(choice["what"], "; ".join([choice["value"], *differing]), choice["why"]))
    precision = schedules[first]["precision"]
    layout = "channels last" if precision["channels_last"] else "default layout"
    rows.append(report.Choice("precision", f"{precision['dtype']}, {layout}", precision["reason"]))
    steps = ", ".join(str(schedule["schedule"]["steps"]) for schedule in schedules.values())
    second = schedules[first]["seconds_a_step"]
    why = f"a step took {second:.2f} s in a timed warm-up" if second else "the study file says so"
    rows.append(
        report.Choice("steps", steps, f"{why}; the learning rate warms up and then falls to zero along a cosine")
    )
    return tuple(rows)


def _curve(name: str, sheet: Mapping[str, Any]) -> report.Curve:
    steps = [int(row[0]) for row in sheet["curve"]]
    return report.Curve(
        fold=name,
        steps=steps,
        training_loss=[row[1] for row in sheet["curve"]],
        validation_score=[row[2] for row in sheet["curve"]],
        stopped_at=int(sheet["steps"]),
        kept_at=int(sheet["best_step"]),
        metric="loss",
    )


def _certificate(run: Run) -> report.CertificateSummary:
    certificate = run.certificate
    checks = tuple(report.Check(check.name, check.passed, check.detail) for check in certificate.checks)
    if certificate.sealed is not None:
        few = len(certificate.sealed.looks) <= 1
        checks += (report.Check("the sealed test set was looked at once at most", few, str(certificate.sealed)),)
    return report.CertificateSummary(
        certificate.sha256, checks, f"verify it again from the files with: hypercolumn check {run.folder.name}"
    )


def _reproduction(run: Run, asked: StudyFile) -> report.Reproduction:
    state = run.state()
    return report.Reproduction(
        commands=(
            f"hypercolumn train {run.folder.name}/study.yaml{_decided_by_clock(run)}",
            f"hypercolumn check {run.folder.name}",
            f"hypercolumn report {run.folder.name}",
        ),
        versions=state["versions"],
        seeds={"seed": asked.seed},
        hashes={
            "manifest": state["manifest_sha256"],
            **{f"weights of {name}": fold["sha256"] for name, fold in state["folds"].items()},
        },
        hardware={name: str(value) for name, value in state["machine"].items()},
        seconds={name: fold["seconds"] for name, fold in state["folds"].items()},
    )


def _decided_by_clock(run: Run) -> str:
    """What was measured on this machine before the first step, as settings: elsewhere it would come out otherwise."""
    folder = run.fold(run.split.folds[0].name)
    decided = json.loads((folder / "schedule.json").read_text(encoding="utf-8"))
    arguments = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["arguments"]
    settings = {
        "steps": decided["schedule"]["steps"],
        "precision": decided["precision"]["dtype"],
        **({"width": arguments["width"]} if "width" in arguments else {}),
    }
    return "".join(f" --set training.{name}={value}" for name, value in settings.items())


def _warned(findings: Sequence[Finding]) -> str:
    """A sentence for each finding that warns or blocks, as a limitation; nothing where there is none."""
    loud = [one for one in findings if one.severity in {Severity.WARNING, Severity.BLOCKING}]
    first = [re.split(r"(?<=[.:]) ", one.claim)[0].rstrip(".:") for one in loud]
    return f" Limitations found by its audits: {'; '.join(dict.fromkeys(first))}." if first else ""


def _methods(asked: StudyFile, run: Run, lead: Score, split: Split, unit: str) -> str:
    """A paragraph that an author can start from."""
    plan = json.loads((run.fold(split.folds[0].name) / "plan.json").read_text(encoding="utf-8"))
    network = {"unet": "a U-Net", "resnet": "a residual network", "mask_rcnn": "a Mask R-CNN"}.get(
        plan["network"], "a convolutional network"
    )
    window = " x ".join(map(str, plan["window"]))
    version, value = run.state()["versions"]["hypercolumn"], "undefined" if lead.value is None else shown(lead.value)
    interval = (
        ""
        if lead.low is None or lead.high is None
        else f" (95 % interval {shown(lead.low)} to {shown(lead.high)}, {lead.method})"
    )
    return (
        f"{len(split.units)} {unit} with {len(run.predictions)} records were split into {len(split.folds)} "
        f"{'contiguous blocks' if split.gap else 'folds'} so that no {unit.removesuffix('s')} and no near-duplicate "
        f"image stood on two sides. In each fold {network} was trained with Hypercolumn {version} on windows of "
        f"{window} samples, with every choice made from the training side alone; the weights with the lowest loss on "
        f"separate validation {unit} were kept. Predictions on the test sides were pooled: "
        f"{lead.metric} {value}{interval}, "
        f"which speaks of new {noun(asked, unit)}s.{_warned(run.findings)}"
    )
