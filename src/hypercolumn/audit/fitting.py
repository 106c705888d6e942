"""Fitting: was anything but the network fitted on the test set?

A mean and deviation, a stain matrix, a threshold, a choice of features or a plan that was made from all records has
seen the answers it is judged by. Each step that was fitted says on which records; here it is only asked whether a
tested one, or another record of a tested patient or specimen, is among them. With 50 cases and labels drawn at random,
100 of 5,000 features chosen on all cases gave a cross-validated error of 3 % where the truth is 50 % (Hastie,
Tibshirani and Friedman 2009, The Elements of Statistical Learning, section 7.10.2; on genes Ambroise and McLachlan
2002, doi 10.1073/pnas.102102699).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.sides import check_records
from hypercolumn.audit.wording import NAMED, counted, listed, percent
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Fold, Split
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.intervals import interval


@dataclass(frozen=True)
class Fitted:
    """A step that was fitted: its name ("normalization"), the fold it serves, the records or pieces it learnt from."""

    step: str
    fold: str
    records: tuple[str, ...]


def fitting(cohort: Cohort, split: Split, fitted: Iterable[Fitted]) -> list[Finding]:
    """Judge what was fitted, fold by fold.

    In a split by region pieces are named ("slide-3[0:512,0:256]"), elsewhere records. Raises InvalidArgument for a fold
    or a record that the split or the cohort does not have.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> from hypercolumn.data.split import Piece
    >>> table = pd.DataFrame({"image": ["a", "b", "c"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image"), folder=".")
    >>> fold = Fold("fold 1", (Piece("a"), Piece("b")), (), (Piece("c"),))
    >>> split = Split("by hand", "specimen", {}, (fold,), seed=0)
    >>> [finding] = fitting(cohort, split, [Fitted("normalization", "fold 1", ("a", "b", "c"))])
    >>> finding.code, str(finding.severity), finding.groups
    ('A-FITTING-TEST', 'blocking', (('c',),))
    """
    check_records(cohort, split)
    fitted = list(fitted)
    folds = {fold.name: fold for fold in split.folds}
    strays = sorted({step.fold for step in fitted} - set(folds))
    if strays:
        raise InvalidArgument("fold", strays[0], fix=f"folds of the split: {', '.join(folds)}")
    missing = [name for name in folds if name not in {step.fold for step in fitted}]
    seen = {step: _seen(cohort, folds[step.fold], step, by_region=split.generalises_to == "region") for step in fitted}
    wrong = {step: names for step, names in seen.items() if names}
    findings = [*_wrong(wrong, folds)] if wrong else []
    if fitted and not wrong and not missing:
        steps = sorted({step.step for step in fitted})
        findings.append(
            Finding(
                "A-FITTING-PASSED",
                Severity.PASSED,
                f"Nothing that is tested was used to fit {listed(steps)}, in any of {counted(len(folds), 'fold')}.",
                evidence={"fitted steps": len(fitted), "folds": len(folds)},
                remedy="Nothing to do.",
            )
        )
    if missing:
        findings.append(
            Finding(
                "A-FITTING-NOT-CHECKED",
                Severity.NOT_CHECKED,
                f"Not checked: what was fitted on which records in {listed(missing)} ({len(missing)} of "
                f"{counted(len(folds), 'fold')}).",
                remedy="Keep with each fitted step the names of the records that it was fitted on.",
            )
        )
    return findings


def _seen(cohort: Cohort, fold: Fold, step: Fitted, *, by_region: bool) -> tuple[str, ...]:
    """The tested pieces (by region) or records whose samples, or whose patient or specimen, the step was fitted on."""
    if by_region:
        known = {piece.name for _, pieces in fold.sides() for piece in pieces} | set(cohort.records)
    else:
        known = set(cohort.records)
    unknown = sorted(set(step.records) - known)
    if unknown:
        raise InvalidArgument(
            "records", unknown[:3], why=f"{step.step} of {step.fold} names them", fix="name records of this cohort"
        )
    used = set(step.records)
    if by_region:
        return tuple(sorted(piece.name for piece in fold.test if piece.name in used or piece.record in used))
    tested = {piece.record for piece in fold.test}
    found = tested & used
    for level in ("patient", "specimen"):
        if level in cohort.levels:
            names = cohort.level(level).to_dict()
            learnt = {names[record] for record in used}
            found |= {record for record in tested if names[record] in learnt}
    return tuple(sorted(found))


def _wrong(wrong: dict[Fitted, tuple[str, ...]], folds: dict[str, Fold]) -> Iterator[Finding]:
    """One finding a step, over the folds where it went wrong; the effect is the share of the test set that was used."""
    for name in sorted({step.step for step in wrong}):
        mine = {step.fold: names for step, names in wrong.items() if step.step == name}
        tested = {fold: sorted({piece.name for piece in folds[fold].test}) for fold in mine}
        used, tests = sum(map(len, mine.values())), sum(map(len, tested.values()))
        hit = [piece in set(mine[fold]) for fold, pieces in tested.items() for piece in pieces]
        found = interval(lambda weights, hit=hit: weights @ hit / weights.sum(axis=1), len(hit))  # type: ignore[misc]
        records = tuple(dict.fromkeys(piece.split("[")[0] for names in mine.values() for piece in names))
        yield Finding(
            "A-FITTING-TEST",
            Severity.BLOCKING,
            f"{name} was fitted on what it is tested on: {used:,} of {counted(tests, 'test record')} "
            f"({percent(used, tests)}), or others of their patients, in {counted(len(mine), 'fold')}. What was learnt "
            "from the test set is in every prediction, so the score is not one of new cases.",
            evidence={
                "test records used": used,
                "test records": tests,
                "share": round(used / tests, 4),
                **({} if found.low is None else {"share, lower end": round(found.low, 4)}),
                **({} if found.high is None else {"share, upper end": round(found.high, 4)}),
                "names": listed(records),
            },
            remedy=f"Fit {name} anew in each fold, on its training records alone, and predict again.",
            groups=tuple((record,) for record in records[:NAMED]),
            spoils=("*",),
        )
