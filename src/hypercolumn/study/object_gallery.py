"""Errors by object, as pictures: what was missed, made up, cut in pieces and run together, a few of each.

Windows around the objects are cut from the records with most errors of a kind, and the outlines of truth and prediction
drawn into them. How many there are of each kind is counted over all records, not over what is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from hypercolumn import report
from hypercolumn.data import Header
from hypercolumn.data.instance_map import with_small_numbers
from hypercolumn.evaluation import ObjectErrors, contingency, object_errors

EACH = 6
MARGIN = 0.75
"""Of the object's longer side, on every side of it."""
RECORDS = 4
"""So many records are looked at for each kind of error, two objects in each."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One record with its true and its predicted objects, as maps (y, x)."""

    name: str
    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    header: Header


def object_galleries(
    table: pd.DataFrame, look: Callable[[str], Seen | None], *, draw: Callable[[np.ndarray], np.ndarray], noun: str
) -> tuple[report.Gallery, ...]:
    """One gallery for each kind of error that occurred.

    table: what `instance_row` counted, by piece; `look` shows a piece by its name, or nothing where it cannot be shown;
    `draw` makes an array (channel, y, x) a picture; `noun` names the objects.
    """
    seen: dict[str, Seen | None] = {}
    found = []
    for error, title, of in (
        ("missed_objects", "Missed", "true_objects"),
        ("false_objects", "False", "predicted_objects"),
        ("split_objects", "Split", "true_objects"),
        ("merged_objects", "Merged", "true_objects"),
    ):
        count, whole = int(table[error].sum()), int(table[of].sum())
        if not count:
            continue
        cases: list[report.Case] = []
        for name in table[error].sort_values(ascending=False, kind="stable").index[:RECORDS]:
            if table.at[name, error] and len(cases) < EACH:
                if name not in seen:
                    seen[name] = look(str(name))
                one = seen[name]
                if one is not None:
                    room = min(EACH - len(cases), EACH // RECORDS + 1)
                    cases += [_case(one, box, draw) for box in _places(one, error)[:room]]
        share = f"{count:,} of {whole:,} {'predicted' if of == 'predicted_objects' else 'true'} objects"
        named = "" if noun == "object" else f" ({noun})"
        found.append(report.Gallery(f"{title}: {share}{named}", tuple(cases[:EACH])))
    return tuple(found)


def _places(one: Seen, error: str) -> list[tuple[slice, ...]]:
    """The boxes of the objects that an error is about, the largest first."""
    errors = object_errors(contingency(one.truth, one.predicted))
    array, numbers = _concerned(one, errors, error)
    small = with_small_numbers(array)
    boxes = ndimage.find_objects(small)
    chosen = [boxes[int(small[array == number][0]) - 1] for number in numbers]
    return sorted(chosen, key=lambda box: -(box[0].stop - box[0].start) * (box[1].stop - box[1].start))


def _concerned(one: Seen, errors: ObjectErrors, error: str) -> tuple[np.ndarray, Sequence[int]]:
    if error == "missed_objects":
        return one.truth, errors.missed
    if error == "false_objects":
        return one.predicted, errors.false
    if error == "split_objects":
        return one.truth, [number for number, _ in errors.split]
    return one.predicted, [number for number, _ in errors.merged]


def _case(one: Seen, box: tuple[slice, ...], draw: Callable[[np.ndarray], np.ndarray]) -> report.Case:
    side = max(part.stop - part.start for part in box)
    around = int(MARGIN * side) + 8
    window = tuple(
        slice(max(0, part.start - around), min(length, part.stop + around))
        for part, length in zip(box, one.truth.shape, strict=True)
    )
    middle = [(part.start + part.stop) // 2 for part in box]
    spacing = one.header.spacing
    return report.Case(
        record=one.name,
        image=draw(one.image[(slice(None), *window)]),
        words=f"at row {middle[0]}, column {middle[1]}",
        truth=_small(one.truth[window]),
        prediction=_small(one.predicted[window]),
        pixel=None if spacing is None else spacing[-1],
        length_unit=one.header.unit or "",
    )


def _small(labels: np.ndarray) -> np.ndarray:
    return np.asarray(with_small_numbers(labels), dtype=np.int64)
