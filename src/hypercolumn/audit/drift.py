"""Drift: do images, labels or errors change with time, so that the order in which records came gives something away?

    images     a probe tells the order of records from embeddings or image statistics (Spearman, against dealt orders)
    labels     Spearman's correlation of each label with time
    errors     Spearman's correlation of the loss with time: is the network worse on what came later?

Over patients: a patient's records are averaged, and its time is their mean. The p-values of labels and errors are
corrected together (Holm). That images change is a note; it is a warning where labels change too, for then the age of
a machine tells the label. A change that comes and goes again (a lamp that was replaced) is no trend and is not found
here: name it as a batch and ask `site`. Nothing here splits by time: for a score on the future, split by date.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.site import told_from
from hypercolumn.audit.site_label import LEVEL, targets_of
from hypercolumn.audit.strata import loss_name
from hypercolumn.audit.wording import between, counted, ends, p_value, unchecked
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.deviation import spearman
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.intervals import CORRELATION, FEW_UNITS, Interval, interval
from hypercolumn.evaluation.losses import losses
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.predictions import Predictions


def drift(
    predictions: Predictions,
    time: pd.Series | np.ndarray,
    *,
    embeddings: Embeddings | None = None,
    statistics: Embeddings | None = None,
    seed: int = 0,
) -> list[Finding]:
    """Judge predictions by the time of each row (row,): dates or numbers, in the order of the table.

    >>> chance = np.random.default_rng(0)
    >>> names, day = [f"P{n:03d}" for n in range(120)], np.arange(120)
    >>> truth = (chance.random(120) < np.linspace(0.1, 0.9, 120)).astype(int)
    >>> table = pd.DataFrame({"record": names, "fold": "1", "unit": names, "truth": truth, "p_0": 0.5, "p_1": 0.5},
    ...                      index=names)
    >>> findings = drift(Predictions(table, "class", ("no", "yes")), day)
    >>> findings[0].code, round(findings[0].evidence["correlation with time"], 2)
    ('A-DRIFT-LABEL', 0.27)
    """
    when = _numbers(time, len(predictions))
    unit, names = pd.factorize(predictions.table["unit"])
    if len(names) < FEW_UNITS or len(np.unique(when)) < 2:
        why = f"only {counted(len(names), 'unit')}" if len(names) < FEW_UNITS else "every record has the same time"
        return [unchecked("DRIFT", f"whether anything changes with time: {why}", "Give the date of each record.")]
    targets = targets_of(predictions)
    if predictions.target_kind == "class" and len(predictions.classes) > 2:
        truth = targets["the label"]
        targets = {f"class {name}": (truth == place).astype(int) for place, name in enumerate(predictions.classes)}
    values = {**targets, "ERROR": losses(predictions)}
    found = {name: _trend(unit, len(names), when, np.asarray(value, dtype=float)) for name, value in values.items()}
    corrected = dict(zip(found, holm([p for _, p in found.values()]), strict=True))
    changed = any(corrected[name] < LEVEL for name in targets)
    findings: list[Finding] = []
    for name in targets:
        findings += _label(name, found[name][0], float(corrected[name]), len(names))
    findings += _error(predictions, found["ERROR"][0], float(corrected["ERROR"]))
    by_row = pd.Series(when)
    for source, numbers in (("embeddings", embeddings), ("image statistics", statistics)):
        findings += _images(predictions, by_row, source, numbers, changed=changed, seed=seed)
    return findings


def _numbers(time: pd.Series | np.ndarray, rows: int) -> np.ndarray:
    given = pd.Series(np.asarray(time))
    if len(given) != rows:
        raise ShapeMismatch(f"{len(given):,} times of {rows:,} predictions", fix="give one a row, in the table's order")
    if given.dtype.kind not in "fiub":
        stamps = pd.to_datetime(given.astype(str), errors="coerce", format="mixed", utc=True)
        given = stamps.astype("int64").astype(float).where(stamps.notna())
    numbers = given.to_numpy(float)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise InvalidArgument("time", str(np.asarray(time)[row]), why=f"row {row}", fix="give dates or finite numbers")
    return numbers


def _trend(unit: np.ndarray, count: int, when: np.ndarray, value: np.ndarray) -> tuple[Interval, float]:
    """Spearman's correlation over units of the means, with its interval and its p."""
    usable = np.isfinite(value)
    held = np.bincount(unit[usable], minlength=count)
    known = held > 0
    mean = [np.bincount(unit[usable], part[usable], minlength=count)[known] / held[known] for part in (when, value)]
    if known.sum() < FEW_UNITS or min(np.ptp(part) for part in mean) == 0:
        return Interval(None, note="all alike"), float("nan")
    found = interval(lambda weights: spearman(mean[0], mean[1], weights=weights), int(known.sum()), scale=CORRELATION)
    return found, float(stats.spearmanr(mean[0], mean[1]).pvalue)


def _label(name: str, found: Interval, p: float, units: int) -> Iterator[Finding]:
    if found.value is None:
        yield unchecked("DRIFT-LABEL", f"whether {name} changes with time: {found.note}", "Give labels that differ.")
        return
    evidence = {**ends("correlation with time", found), "p, corrected": p_value(p), "units": units}
    said = f"Spearman {found.value:.2f}, {between(found)}, p = {p:.2g}"
    if p < LEVEL:
        yield Finding(
            "A-DRIFT-LABEL",
            Severity.WARNING,
            f"Over {counted(units, 'unit')}, {name} changes with time ({said}): whatever else changes with time "
            "tells a part of the answer.",
            evidence=evidence,
            remedy="Compare records of one period, or split by date, so that the score speaks of what is yet to come.",
        )
    else:
        claim = f"Over {counted(units, 'unit')}, {name} does not change with time beyond chance ({said})."
        yield Finding("A-DRIFT-LABEL-PASSED", Severity.PASSED, claim, evidence=evidence, remedy="Nothing to do.")


def _error(predictions: Predictions, found: Interval, p: float) -> Iterator[Finding]:
    what = loss_name(predictions)
    if found.value is None:
        yield unchecked("DRIFT-ERROR", f"whether the {what} changes with time: {found.note}", "Nothing can be done.")
        return
    evidence = {**ends("correlation of the error with time", found), "p, corrected": p_value(p)}
    said = f"Spearman {found.value:.2f} of the error and time, {between(found)}, p = {p:.2g}"
    if p < LEVEL:
        worse = "worse" if found.value > 0 else "better"
        yield Finding(
            "A-DRIFT-ERROR",
            Severity.WARNING,
            f"The {what} is {worse} on records that came later ({said}).",
            evidence=evidence,
            remedy="Report the score by period, and test on the latest records after training on earlier ones.",
        )
    else:
        claim = f"The {what} does not change with time beyond chance ({said})."
        yield Finding("A-DRIFT-ERROR-PASSED", Severity.PASSED, claim, evidence=evidence, remedy="Nothing to do.")


def _images(
    predictions: Predictions,
    when: pd.Series,
    source: str,
    numbers: Embeddings | None,
    *,
    changed: bool,
    seed: int,
) -> Iterator[Finding]:
    code = f"DRIFT-IN-{source.split()[-1].upper()}"
    if numbers is None:
        what = f"whether images change with time: no {source} were given"
        yield unchecked(code, what, f"Give the {source} of the predicted records.")
        return
    # A unit's records may have several dates: their mean is its own.
    own = when.groupby(predictions.table["unit"].to_numpy()).transform("mean")
    found = told_from(predictions, numbers, own, ordered=True, seed=seed)
    if found.p is None:
        yield unchecked(code, f"whether images change with time: {found.figure.note}", "Give numbers that differ.")
        return
    evidence = {**ends("correlation told and true", found.figure), "p": p_value(found.p), "units": found.units}
    said = f"Spearman {found.figure.value:.2f} between told and true, {between(found.figure)}, p = {found.p:.2g}"
    if found.p < LEVEL:
        too = " The labels change with time as well, so the network can use it." if changed else ""
        yield Finding(
            f"A-{code}",
            Severity.WARNING if changed else Severity.NOTE,
            f"When a record was made can be told from its {source} ({said}).{too}",
            evidence=evidence,
            remedy="Look at the first and the last records side by side; normalise, and ask again.",
        )
    else:
        claim = f"A linear probe cannot tell from the {source} when a record was made ({said})."
        yield Finding(f"A-{code}-PASSED", Severity.PASSED, claim, evidence=evidence, remedy="Nothing to do.")
