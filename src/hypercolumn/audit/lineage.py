"""Lineage: does anything that the network learnt from come back in the test set?

Images of one patient, and slices or tiles of one specimen, are alike for reasons that have nothing to do with the
disease. Split at random, they stand on both sides, and the score measures recognition of the patient. Yagis and others
2021 (doi 10.1038/s41598-021-01681-w) measured what that adds to the accuracy on four brain scan collections: 29 to 55
points; with labels drawn at random a network reached about 96 % where slices were split and 50 % where subjects were.

This audit looks only at names: the lineage columns of the manifest and the pieces of the split. Two names for one
patient are not found here; two copies of one image are, by `duplicates`.
"""

from collections.abc import Iterator, Mapping

from hypercolumn.audit.duplicates import duplicates
from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.sides import Crossing, check_records, crossings
from hypercolumn.audit.wording import NAMED, counted, listed, percent
from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity import Similarity
from hypercolumn.data.split import Fold, Piece, Split


def lineage(cohort: Cohort, split: Split) -> list[Finding]:
    """Judge a split by the names in the manifest, however it was made.

    A site is looked for on two sides only where the split says that it generalises to sites; patients and specimens
    always, except in a split by region, whose pieces must not overlap.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["a", "b", "c"], "patient": ["P1", "P2", "P2"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", lineage={"patient": "patient"}), folder=".")
    >>> fold = Fold("fold 1", (Piece("a"), Piece("b")), (), (Piece("c"),))
    >>> [finding] = lineage(cohort, Split("grouped", "patient", {}, (fold,), seed=0))
    >>> finding.code, str(finding.severity), finding.groups
    ('A-LINEAGE-BOTH-SIDES', 'blocking', (('b', 'c'),))
    """
    check_records(cohort, split)
    wrong = [*_both_sides(cohort, split)]
    if not any(finding.blocking for finding in wrong):
        wrong += _passed(cohort, split)
    return [*wrong, *_joins(cohort), *_no_patient(cohort, split)]


def leakage(cohort: Cohort, split: Split, similarity: Similarity | None = None) -> list[Finding]:
    """Lineage and duplicates together, for anybody's table; without `similarity` copies are listed as not checked."""
    if similarity is not None:
        return [*lineage(cohort, split), *duplicates(cohort, similarity, split)]
    not_compared = Finding(
        "A-DUPLICATES-NOT-CHECKED",
        Severity.NOT_CHECKED,
        "Not checked: whether one image is stored under two names. The images themselves were not compared, only "
        "their names.",
        remedy="Give the images to find_copies, and its answer to this audit.",
    )
    return [*lineage(cohort, split), not_compared]


JOINS = (
    ("patient", "site", "A-LINEAGE-TWO-SITES", "a patient seen at both, or one number given out twice"),
    ("specimen", "patient", "A-LINEAGE-TWO-PATIENTS", "a wrong cell in the manifest, or one number given out twice"),
)
"""Names that may stand under two coarser ones, and what that usually means."""


def _both_sides(cohort: Cohort, split: Split) -> Iterator[Finding]:
    if split.generalises_to != "region":
        levels = [_Level(level, crossings(split, _names(cohort, level)), cohort) for level in _levels(cohort, split)]
        yield from _tested(levels)
        yield from _watched(levels)
    yield from _overlaps(split)


class _Level:
    """What crosses the sides at one level of the lineage, over all folds."""

    def __init__(self, name: str, found: tuple[Crossing, ...], cohort: Cohort) -> None:
        self.name = name
        self.found = found
        self.whole = int(cohort.level(name).nunique())
        self.tested = _merged(crossing.tested for crossing in found)
        self.watched = _merged(crossing.watched for crossing in found)


def _tested(levels: list[_Level]) -> Iterator[Finding]:
    """One finding a level, unless the records of a coarser one hold it: a slide of a patient who is found already."""
    told: set[str] = set()
    for place, level in enumerate(levels):
        records = {record for group in level.tested.values() for record in group}
        if records <= told:
            continue
        told |= records
        exposed, tests = sum(fold.exposed for fold in level.found), sum(fold.test_records for fold in level.found)
        folds = [fold for fold in level.found if fold.tested]
        name, number = level.name, len(level.tested)
        yield Finding(
            "A-LINEAGE-BOTH-SIDES",
            Severity.BLOCKING,
            f"{number:,} of {counted(level.whole, name)} {_are(number)} tested and also learnt from, in {len(folds)} "
            f"of {counted(len(level.found), 'fold')}. Of {counted(tests, 'test record')}, {exposed:,} "
            f"({percent(exposed, tests)}) {_are(exposed)} of a {name} that the network had already seen. The score "
            f"can measure how well these {name}s are remembered, and says nothing about new ones.",
            evidence={
                **{f"{finer.name}s on both sides": len(finer.tested) for finer in levels[place:]},
                f"{name}s": level.whole,
                "test records exposed": exposed,
                "test records": tests,
                **{f"{name}s on both sides of {fold.fold}": len(fold.tested) for fold in folds},
                "names": listed(level.tested),
            },
            remedy=f"Split by {name}, so that all records of one {name} stay on one side, and train again; no part of "
            "this score can be kept.",
            groups=tuple(level.tested.values())[:NAMED],
            spoils=("*",),
        )


def _watched(levels: list[_Level]) -> Iterator[Finding]:
    told: set[str] = set()
    for level in levels:
        records = {record for group in level.watched.values() for record in group}
        if records <= told:
            continue
        told |= records
        name, number = level.name, len(level.watched)
        yield Finding(
            "A-LINEAGE-IN-VALIDATION",
            Severity.WARNING,
            f"{number:,} of {counted(level.whole, name)} {_are(number)} in training and in validation. The test set "
            "is not touched, but validation then looks better than it is, so training may have stopped too late.",
            evidence={
                f"{name}s in training and validation": number,
                f"{name}s": level.whole,
                "names": listed(level.watched),
            },
            remedy=f"Set the validation records aside by {name} too.",
            groups=tuple(level.watched.values())[:NAMED],
        )


def _overlaps(split: Split) -> Iterator[Finding]:
    """Records that are tested and learnt from, whole or with boxes that share samples."""
    shared: dict[str, list[str]] = {}
    for fold in split.folds:
        for record in _overlapping(fold):
            shared.setdefault(record, []).append(fold.name)
    if shared:
        folds = {name for names in shared.values() for name in names}
        yield Finding(
            "A-LINEAGE-BOTH-SIDES",
            Severity.BLOCKING,
            f"{counted(len(shared), 'record')} {_are(len(shared))} tested and also learnt from, in whole or in part, "
            f"in {len(folds)} of {counted(len(split.folds), 'fold')}. The very samples that are tested were seen "
            "before.",
            evidence={
                "records on both sides": len(shared),
                "folds with such a record": len(folds),
                "folds": len(split.folds),
                "names": listed(sorted(shared)),
            },
            remedy="Give each record, and each part of a record, to one side only.",
            groups=tuple((record,) for record in sorted(shared))[:NAMED],
            spoils=("*",),
        )


def _overlapping(fold: Fold) -> set[str]:
    learnt: dict[str, list[Piece]] = {}
    for piece in (*fold.training, *fold.validation):
        learnt.setdefault(piece.record, []).append(piece)
    return {piece.record for piece in fold.test if any(_meet(piece, other) for other in learnt.get(piece.record, ()))}


def _meet(first: Piece, second: Piece) -> bool:
    if first.box is None or second.box is None:
        return True
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(first.box, second.box, strict=True))


def _joins(cohort: Cohort) -> Iterator[Finding]:
    """Names that stand under two coarser ones: an error in the manifest, or a patient who moved."""
    for fine, coarse, code, why in JOINS:
        if fine not in cohort.levels or coarse not in cohort.levels:
            continue
        coarser = cohort.level(coarse).groupby(cohort.level(fine)).unique()
        joined = {str(name): tuple(values) for name, values in coarser.items() if len(values) > 1}
        if not joined:
            continue
        names = cohort.level(fine)
        refused = " A split that leaves one site out cannot be made while they are joined." if coarse == "site" else ""
        yield Finding(
            code,
            Severity.WARNING,
            f"{len(joined):,} of {counted(names.nunique(), fine)} {'stands' if len(joined) == 1 else 'stand'} under "
            f"two or more {coarse}s: {why}. All records under one such name are kept on one side of every fold, "
            f"whichever {coarse} they are under.{refused}",
            evidence={
                f"{fine}s under two {coarse}s": len(joined),
                f"{fine}s": int(names.nunique()),
                "names": listed(f"{name} ({' and '.join(values)})" for name, values in joined.items()),
            },
            remedy=f"Look at these {fine}s in the manifest. If the number means two {fine}s, write the {coarse} into "
            "it.",
            groups=tuple(tuple(names.index[names == name]) for name in list(joined)[:NAMED]),
        )


def _no_patient(cohort: Cohort, split: Split) -> Iterator[Finding]:
    if "patient" in cohort.levels:
        return
    claims_patients = split.generalises_to in {"patient", "site"}
    yield Finding(
        "A-LINEAGE-NO-PATIENT",
        Severity.NOTE if split.generalises_to == "region" else Severity.WARNING,
        f"No column says which of the {len(cohort):,} records come from one patient. "
        + (
            f"The split says that it generalises to a new {split.generalises_to}, and nothing here can show that. "
            if claims_patients
            else ""
        )
        + "If patients have several records each, some are tested on patients that were learnt from: the score then "
        "speaks of new records of the same patients, and its interval is too narrow, because it counts records as if "
        "each were a patient.",
        evidence={"records": len(cohort), "lineage columns": listed(cohort.levels) or "none"},
        remedy="Add a patient column (a donor, an animal or a culture counts as a patient) and name it under "
        "data.columns.patient; if every record is a patient of its own, say so by naming the record's key there.",
    )


def _passed(cohort: Cohort, split: Split) -> Iterator[Finding]:
    levels = _levels(cohort, split)
    if split.generalises_to == "region":
        claim = (
            f"No sample of the {counted(len(cohort), 'record')} lies on two sides of any of "
            f"{counted(len(split.folds), 'fold')}. The same specimens are learnt from and tested, in different "
            "regions, as the split says."
        )
    else:
        names = " and ".join(counted(cohort.level(level).nunique(), level) for level in levels) or counted(
            len(cohort), "record"
        )
        claim = f"None of {names} is on two sides of a fold, in any of {counted(len(split.folds), 'fold')}."
    evidence: Mapping[str, object] = {
        "records": len(cohort),
        **{f"{level}s": int(cohort.level(level).nunique()) for level in levels},
        "folds": len(split.folds),
    }
    yield Finding("A-LINEAGE-PASSED", Severity.PASSED, claim, evidence=evidence, remedy="Nothing to do.")


def _levels(cohort: Cohort, split: Split) -> tuple[str, ...]:
    return tuple(level for level in cohort.levels if level != "site" or split.generalises_to == "site")


def _merged(found: Iterator[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    merged: dict[str, set[str]] = {}
    for groups in found:
        for name, records in groups.items():
            merged.setdefault(name, set()).update(records)
    return {name: tuple(sorted(merged[name])) for name in sorted(merged)}


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _names(cohort: Cohort, level: str) -> dict[str, str]:
    names = cohort.level(level)
    return dict(zip(names.index, names, strict=True))
