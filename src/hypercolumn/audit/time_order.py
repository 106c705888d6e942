"""Time order: the network learnt from records that are newer than those it is tested on.

    s_i = share of the records learnt from that are newer than test record i       mean over test units

A model is used on patients who come after those it was trained on. Scanners, treatments and codings change meanwhile; a
score on patients from between the training ones does not show what that costs. 0 is a split by time, 1/2 one without
any regard to it. Kapoor and Narayanan 2023 (doi 10.1016/j.patter.2023.100804) list it among the eight kinds of leakage.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.sides import check_records
from hypercolumn.audit.wording import counted, percent
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Split
from hypercolumn.data.table import text_of
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.intervals import interval


def time_order(cohort: Cohort, split: Split, *, column: str) -> list[Finding]:
    """Judge a split by the dates in a column: ISO 8601, or numbers such as years.

    Raises InvalidArgument for a column that the cohort does not have.

    >>> from hypercolumn.data.cohort import Columns
    >>> from hypercolumn.data.split import Fold, Piece
    >>> table = pd.DataFrame({"image": list("abcd"), "date": ["2020-01-01", "2022-05-01", "2021-03-01", "2023-01-01"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", batch=("date",)), folder=".")
    >>> fold = Fold("fold 1", (Piece("a"), Piece("b")), (), (Piece("c"), Piece("d")))
    >>> [finding] = time_order(cohort, Split("by hand", "specimen", {}, (fold,), seed=0), column="date")
    >>> finding.code, finding.evidence["share of training that is newer"]
    ('A-TIME-FUTURE', 0.25)
    """
    if column not in cohort.table:
        raise InvalidArgument("column", column, fix=f"use one of {', '.join(map(str, cohort.table.columns))}")
    check_records(cohort, split)
    when = dict(zip(cohort.records, _times(cohort.table[column]), strict=True))
    dated = sum(bool(np.isfinite(time)) for time in when.values())
    if dated < len(cohort) / 2 or len({time for time in when.values() if np.isfinite(time)}) < 2:
        return [
            Finding(
                "A-TIME-NOT-CHECKED",
                Severity.NOT_CHECKED,
                f"Not checked: whether the network learnt from the future. Of {counted(len(cohort), 'record')}, "
                f"{dated:,} have a date in column {column!r} that can be read, and they must differ.",
                remedy="Write dates as 2024-03-31.",
            )
        ]
    level = next((name for name in ("patient", "specimen") if name in cohort.levels), None)
    unit_of = {record: record for record in cohort.records} if level is None else cohort.level(level).to_dict()
    shares: dict[str, list[float]] = {}
    older = tests = 0
    for record, share in _shares(split, when):
        shares.setdefault(unit_of[record], []).append(share)
        older, tests = older + (share > 0), tests + 1
    noun = level or "record"
    evidence: dict[str, object] = {"records": len(cohort), "records with a date": dated, "test records": tests}
    if not tests:
        return [
            Finding(
                "A-TIME-NOT-CHECKED",
                Severity.NOT_CHECKED,
                "Not checked: whether the network learnt from the future. No fold has dates on both sides.",
                evidence=evidence,
                remedy="Write dates as 2024-03-31.",
            )
        ]
    if not older:
        return [
            Finding(
                "A-TIME-PASSED",
                Severity.PASSED,
                f"None of {counted(tests, 'test record')} is older than a record that the network learnt from.",
                evidence=evidence,
                remedy="Nothing to do.",
            )
        ]
    means = np.array([np.mean(values) for values in shares.values()])
    found = interval(lambda weights: weights @ means / weights.sum(axis=1), len(means))
    evidence |= {
        "test records older than training": older,
        f"test {noun}s": len(means),
        "share of training that is newer": round(float(means.mean()), 4),
    }
    reach = ""
    if found.low is not None and found.high is not None:
        evidence |= {"share, lower end": round(found.low, 4), "share, upper end": round(found.high, 4)}
        reach = f" (95 % interval {100 * found.low:.0f} to {100 * found.high:.0f} %)"
    return [
        Finding(
            "A-TIME-FUTURE",
            Severity.WARNING,
            f"{older:,} of {counted(tests, 'test record')} ({percent(older, tests)}) are older than some of the "
            f"records that the network learnt from; on average {100 * means.mean():.0f} %{reach} of these are newer "
            "than what is tested. The score speaks of patients from between the training ones, not of later ones.",
            evidence=evidence,
            remedy="Test on the newest records and learn from the older ones, or say that the score does not speak of "
            "later patients.",
        )
    ]


def _shares(split: Split, when: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Each dated test record, and the share of the dated records learnt from that are newer."""
    for fold in split.folds:
        learnt = {piece.record for piece in (*fold.training, *fold.validation)}
        times = np.sort([when[record] for record in learnt if np.isfinite(when[record])])
        for record in sorted({piece.record for piece in fold.test} - learnt):
            if len(times) and np.isfinite(when[record]):
                yield record, 1 - float(np.searchsorted(times, when[record], side="right")) / len(times)


def _times(values: pd.Series) -> np.ndarray:
    """Seconds or plain numbers (record,), NaN where there is no date."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)
    if np.isfinite(numbers).any():
        return np.where(np.isfinite(numbers), numbers, np.nan)
    dates = pd.to_datetime(values.map(text_of), errors="coerce", format="ISO8601", utc=True)
    return np.array([np.nan if pd.isna(date) else date.timestamp() for date in dates])
