"""Declared strata: does the network fail a group that the manifest names, or a crossing of two of them?

Every value of every column, and every pair of values of two columns, with FEWEST units or more is held against the
rest: its loss (wrong or right, 1 - Dice, the absolute error) against that of the same classes outside, over units. All
p-values are corrected together for how many groups were looked at (Holm), and the number stands in the finding. A group
that is worse by more than chance is a warning where it is worse by MATERIAL or more, else a note.

Oakden-Rayner and others 2020 (doi 10.1145/3368555.3384468) found differences over 20 % in groups that matter to the
patient. MATERIAL is the difference that Seah and others 2021 took for relevant (doi 10.1136/bmjopen-2021-053024).
Groups that no column names are `slices`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import NAMED, between, counted, ends, listed, p_value, unchecked
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.gap import Gap, group_gap
from hypercolumn.evaluation.intervals import FEW_UNITS
from hypercolumn.evaluation.losses import loss_classes, loss_scale, losses
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.predictions import REGRESSION, SEGMENTATION, Predictions
from hypercolumn.evaluation.scores import headline, scores_by

LEVEL = 0.05

FEWEST = FEW_UNITS
"""Groups of fewer units are named, and not judged."""

MATERIAL = 0.05
"""A loss from 0 to 1 that is worse by less than this is a note."""

MOST_GROUPS = 500
"""More groups than this are not looked at: a column of free text is no stratum."""


def strata(
    predictions: Predictions,
    columns: Sequence[str] | None = None,
    *,
    crossed: bool = True,
    deals: int = 4999,
    seed: int = 0,
) -> list[Finding]:
    """Judge every value of the columns (all groups of the predictions where none are named), and their crossings.

    >>> names = [f"P{n:03d}" for n in range(200)]
    >>> sex = np.repeat(["female", "male"], 100)
    >>> truth = np.tile([0, 1], 100)
    >>> right = np.where((sex == "male") & (np.arange(200) % 5 < 2), 0.2, 0.8)
    >>> answer = np.where(truth == 1, right, 1 - right)
    >>> table = pd.DataFrame({"record": names, "fold": "1", "unit": names, "sex": sex, "truth": truth,
    ...                       "p_0": 1 - answer, "p_1": answer}, index=names)
    >>> [finding] = strata(Predictions(table, "class", ("no", "yes"), ("sex",)))
    >>> finding.code, finding.evidence["accuracy in sex = male"], finding.evidence["groups looked at"]
    ('A-STRATA-WORSE', 0.6, 2)
    """
    chosen = tuple(predictions.groups if columns is None else columns)
    unknown = [name for name in chosen if name not in predictions.table.columns]
    if unknown:
        raise InvalidArgument("columns", unknown, fix=f"use some of {', '.join(predictions.groups) or 'none'}")
    if not chosen:
        what = "whether a group fares worse: the predictions name no group"
        return [unchecked("STRATA", what, "Name the columns that may matter under data.columns.strata.")]
    groups = list(_groups(predictions.table, chosen, crossed=crossed))
    if len(groups) > MOST_GROUPS:
        what = f"whether a group fares worse: the columns make {len(groups):,} groups, more than {MOST_GROUPS}"
        return [unchecked("STRATA", what, "Name fewer columns, and band those that hold numbers.")]
    lost, classes, units = losses(predictions), loss_classes(predictions), predictions.table["unit"].to_numpy()
    judged: list[tuple[_Group, Gap]] = []
    small: list[str] = []
    for group in groups:
        usable = ~np.isnan(lost)
        counts = [len(np.unique(units[usable & side])) for side in (group.inside, ~group.inside)]
        if counts[1] == 0:
            continue
        if min(counts) < FEWEST or not _comparable(classes, group.inside & usable, ~group.inside & usable):
            small.append(group.name)
            continue
        scale = loss_scale(predictions)
        gap = group_gap(lost, group.inside, units=units, classes=classes, scale=scale, deals=deals, seed=seed)
        judged.append((group, gap))
    if not judged:
        what = f"whether a group fares worse: none has {FEWEST} units, with as many outside"
        remedy = "Test on more patients of each group."
        return [unchecked("STRATA", what, remedy, {"groups": len(groups), "too small": listed(small) or "none"})]
    corrected = holm([gap.p for _, gap in judged])
    seen = {"groups looked at": len(judged), "too small to judge": listed(small) or "none"}
    found = [*_worse(predictions, judged, corrected, seen)]
    return found or [_passed(predictions, judged, corrected, chosen, seen, seed=seed)]


@dataclass(frozen=True, eq=False)
class _Group:
    name: str
    inside: np.ndarray


def _groups(table: pd.DataFrame, columns: Sequence[str], *, crossed: bool) -> Iterator[_Group]:
    """Each value, then each pair of values of two columns that is not one of them again; an empty cell is no value."""
    masks: dict[str, list[_Group]] = {}
    for column in columns:
        cells = table[column].astype(str).where(table[column].notna(), "")
        values = sorted(set(cells) - {""})
        if len(values) > MOST_GROUPS:
            values = values[: MOST_GROUPS + 1]
        masks[column] = [_Group(f"{column} = {value}", (cells == value).to_numpy()) for value in values]
        yield from masks[column]
    if crossed:
        for one, other in combinations(columns, 2):
            for first in masks[one]:
                for second in masks[other]:
                    both = first.inside & second.inside
                    if both.any() and (both != first.inside).any() and (both != second.inside).any():
                        yield _Group(f"{first.name}, {second.name}", both)


def _comparable(classes: np.ndarray | None, inside: np.ndarray, outside: np.ndarray) -> bool:
    return classes is None or bool(np.isin(classes[inside], classes[outside]).any())


def _worse(
    predictions: Predictions, judged: list[tuple[_Group, Gap]], corrected: np.ndarray, seen: dict[str, object]
) -> Iterator[Finding]:
    for (group, gap), p in sorted(
        zip(judged, corrected, strict=True), key=lambda each: -(each[0][1].difference.value or 0)
    ):
        if p < LEVEL:
            material = (gap.difference.value or 0.0) >= MATERIAL or predictions.kind == REGRESSION
            yield Finding(
                "A-STRATA-WORSE",
                Severity.WARNING if material else Severity.NOTE,
                f"In {group.name} ({counted(gap.units, 'unit')}) the {loss_name(predictions)} is "
                f"{told(predictions, gap.inside.value or 0.0):.3f}, and {told(predictions, gap.expected):.3f} in the "
                f"same classes outside: worse by {gap.difference.value:.3f} ({between(gap.difference)}, p = {p:.2g} "
                f"after correction for {counted(len(judged), 'group')}).",
                evidence={
                    "group": group.name,
                    **gap_evidence(predictions, group.name, gap),
                    "p, corrected": p_value(float(p)),
                    **seen,
                },
                remedy="Report the score of this group beside the mean; collect more of its records, train with its "
                "loss weighed higher, or give it a threshold of its own, fitted on the training folds.",
                groups=worst_records(predictions, group.inside),
            )


def _passed(
    predictions: Predictions,
    judged: list[tuple[_Group, Gap]],
    corrected: np.ndarray,
    columns: Sequence[str],
    seen: dict[str, object],
    *,
    seed: int,
) -> Finding:
    worst = max(judged, key=lambda each: each[1].difference.value or 0.0)
    shown = {
        f"{headline(predictions)} in {column} = {value}": str(score)
        for column in columns
        for value, score in list(scores_by(predictions, column, seed=seed).items())[:NAMED]
    }
    return Finding(
        "A-STRATA-PASSED",
        Severity.PASSED,
        f"None of {counted(len(judged), 'group')} fares worse than the rest by more than chance; the largest "
        f"difference is {worst[1].difference.value:.3f} in {worst[0].name} (smallest corrected p = "
        f"{corrected.min():.2g}).",
        evidence={**seen, **gap_evidence(predictions, worst[0].name, worst[1]), **shown},
        remedy="Nothing to do.",
    )


def loss_name(predictions: Predictions) -> str:
    """What the reader is told in place of the loss."""
    if predictions.kind == REGRESSION:
        return f"mean absolute error{f' ({predictions.measured_in})' if predictions.measured_in else ''}"
    return "mean Dice" if predictions.kind == SEGMENTATION else "accuracy"


def told(predictions: Predictions, loss: float) -> float:
    """The figure of that name."""
    return loss if predictions.kind == REGRESSION else 1 - loss


def gap_evidence(predictions: Predictions, name: str, gap: Gap) -> dict[str, object]:
    """The figure inside with its interval, that expected, and the difference of the losses with its own."""
    inside = [value for value in (gap.inside.value, gap.inside.low, gap.inside.high) if value is not None]
    turned = [round(told(predictions, value), 4) for value in inside]
    if len(turned) == 3 and predictions.kind != REGRESSION:
        turned = [turned[0], turned[2], turned[1]]
    named = f"{loss_name(predictions)} in {name}"
    return {
        **dict(zip((named, f"{named}, low", f"{named}, high"), turned, strict=False)),
        f"{loss_name(predictions)} of the same classes outside": round(told(predictions, gap.expected), 4),
        **ends("worse by", gap.difference),
        "units": gap.units,
        "records": gap.records,
    }


def worst_records(predictions: Predictions, inside: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """The records of the group that fared worst, to be looked at."""
    lost = np.where(inside, np.nan_to_num(losses(predictions), nan=-1.0), -2.0)
    order = np.argsort(-lost, kind="stable")[: min(NAMED, int(inside.sum()))]
    return tuple((str(record),) for record in dict.fromkeys(predictions.table["record"].to_numpy()[order]))
