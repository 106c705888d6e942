"""Which groups of records lie on two sides of a fold.

A group is whatever must stay together: the records of a patient, the copies of one image. What matters to a score is a
group that is tested and also learnt from, be it in training or through validation, which decides when training stops. A
group in training and validation alone leaves the test honest, but training then stops too late.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Fold, Split
from hypercolumn.errors import SplitError


@dataclass(frozen=True)
class Crossing:
    """The groups on two sides of one fold, each with its records there.

    `tested` are the groups in the test set and in training or validation; `watched` those in training and validation
    alone. `exposed` counts the test records that belong to a group that is also learnt from, out of `test_records`.
    """

    fold: str
    tested: Mapping[str, tuple[str, ...]]
    watched: Mapping[str, tuple[str, ...]]
    exposed: int
    test_records: int


def crossings(split: Split, group_of: Mapping[str, str]) -> tuple[Crossing, ...]:
    """For each fold, the groups that lie on two of its sides; a record that `group_of` does not name has no group.

    >>> from hypercolumn.data.split import Piece
    >>> fold = Fold("fold 1", (Piece("a"), Piece("b")), (), (Piece("c"), Piece("d")))
    >>> patients = {"a": "P1", "b": "P2", "c": "P2", "d": "P3"}
    >>> [found] = crossings(Split("grouped", "patient", {}, (fold,), seed=0), patients)
    >>> found.tested, found.exposed, found.test_records
    ({'P2': ('b', 'c')}, 1, 2)
    """
    return tuple(_crossing(fold, group_of) for fold in split.folds)


def _crossing(fold: Fold, group_of: Mapping[str, str]) -> Crossing:
    on_side: dict[str, dict[str, set[str]]] = {}
    for side, pieces in fold.sides():
        on_side[side] = defaultdict(set)
        for piece in pieces:
            if piece.record in group_of:
                on_side[side][group_of[piece.record]].add(piece.record)
    training, validation, test = (on_side[side] for side in ("training", "validation", "test"))
    tested = sorted(test.keys() & (training.keys() | validation.keys()))
    watched = sorted((training.keys() & validation.keys()) - test.keys())

    def records(groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
        return {group: tuple(sorted(training[group] | validation[group] | test[group])) for group in groups}

    return Crossing(
        fold.name,
        records(tested),
        records(watched),
        exposed=sum(len(test[group]) for group in tested),
        test_records=len({piece.record for piece in fold.test}),
    )


def check_records(cohort: Cohort, split: Split) -> None:
    """Raise SplitError where a split speaks of records that the cohort does not have."""
    known = set(cohort.records)
    unknown = sorted({p.record for fold in split.folds for _, side in fold.sides() for p in side} - known)
    if unknown:
        raise SplitError(
            f"the split names {len(unknown)} records that the cohort does not have",
            where=", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else ""),
            why="their patients are not known, so nothing can be said about them",
            fix="give the manifest that the split was made from",
        )
