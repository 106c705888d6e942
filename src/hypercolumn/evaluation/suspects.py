"""The labels to look at, and what a score would be without them.

    suspects            by confident learning, the most doubtful first; of several labels each is asked by itself
    relabelling curve   the headline where the first k suspects have the label that the model suggests, or are left out

Both ends of the curve flatter: a model that corrects the labels it is scored by gains from every one of its errors that
it is sure of, and leaving out what it got wrong gains too. What lies between the score as it stands and the curve is
how much the doubtful labels could matter, not what they do; that is known when a person has looked at them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hypercolumn.data.relabel_sheet import Suspect
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.classification_figures import label_truth, probabilities
from hypercolumn.evaluation.confident_learning import confident_learning, labels_as_classes
from hypercolumn.evaluation.predictions import CLASSIFICATION, Predictions
from hypercolumn.evaluation.score import Score
from hypercolumn.evaluation.scores import headline_score


@dataclass(frozen=True)
class Relabelling:
    """The headline where the first `suspects` records have what the model suggests, and where they are left out."""

    suspects: int
    replaced: Score
    dropped: Score


def suspects(predictions: Predictions) -> list[Suspect]:
    """The labels to look at, the most doubtful first, as `write_relabel_sheet` takes them; each record once.

    >>> rows = {}
    >>> for name, truth, chance in (("a", 0, 0.1), ("b", 0, 0.2), ("c", 1, 0.9), ("d", 1, 0.05)):
    ...     who = {"record": name, "fold": "1", "unit": name, "truth": truth}
    ...     rows[name] = who | {"p_0": 1 - chance, "p_1": chance}
    >>> predictions = Predictions.from_rows(rows, target_kind="class", classes=("benign", "malignant"))
    >>> suspects(predictions)
    [Suspect(rank=1, record='d', given='malignant', suggested='benign', probability=0.95, label='')]
    """
    found: list[tuple[float, int, Suspect]] = []
    records = predictions.table["record"].to_list()
    present = label_truth(predictions) if predictions.target_kind == "labels" else None
    for name, given, chances, classes in questions(predictions):
        learnt = confident_learning(given, chances)
        for place, doubt in zip(learnt.suspects.tolist(), learnt.doubt.tolist(), strict=True):
            believed = int(learnt.believed[place])
            words = classes[given[place]], classes[believed]
            if present is not None:
                other = present[place].copy()
                other[predictions.classes.index(name)] = bool(believed)
                words = _joined(predictions.classes, present[place]), _joined(predictions.classes, other)
            chance = round(float(chances[place, believed]), 6)
            found.append((-doubt, place, Suspect(0, records[place], *words, chance, name)))
    first: dict[str, Suspect] = {}
    for _, _, suspect in sorted(found, key=lambda one: one[:2]):
        first.setdefault(suspect.record, suspect)
    return [replace(one, rank=rank) for rank, one in enumerate(first.values(), start=1)]


def relabelling_curve(
    predictions: Predictions,
    ranked: Sequence[Suspect],
    *,
    steps: Sequence[int] = (),
    unit: str = "units",
    seed: int = 0,
) -> list[Relabelling]:
    """The curve over suspects in their order; `steps` are how many, by default none, a quarter, half and all of them.

    >>> rows = {}
    >>> for name, truth, chance in (("a", 0, 0.1), ("b", 0, 0.2), ("c", 1, 0.9), ("d", 1, 0.05), ("e", 1, 0.8)):
    ...     who = {"record": name, "fold": "1", "unit": name, "truth": truth}
    ...     rows[name] = who | {"p_0": 1 - chance, "p_1": chance}
    >>> predictions = Predictions.from_rows(rows, target_kind="class", classes=("benign", "malignant"))
    >>> for step in relabelling_curve(predictions, suspects(predictions)):
    ...     print(step.suspects, step.replaced.metric, round(step.replaced.value, 3), round(step.dropped.value, 3))
    0 AUROC 0.667 0.667
    1 AUROC 1.0 1.0
    """
    if predictions.kind != CLASSIFICATION:
        raise InvalidArgument("predictions", predictions.target_kind, fix="give classes, grades or labels")
    steps = sorted(set(steps) or {round(len(ranked) * part) for part in (0, 0.25, 0.5, 1)})
    if steps[0] < 0 or steps[-1] > len(ranked):
        raise InvalidArgument("steps", steps, fix=f"give numbers from 0 to {len(ranked)}, the suspects that there are")
    return [
        Relabelling(
            step,
            headline_score(_replaced(predictions, ranked[:step]), unit=unit, seed=seed),
            headline_score(_without(predictions, ranked[:step]), unit=unit, seed=seed),
        )
        for step in steps
    ]


def questions(predictions: Predictions) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]]:
    """What is asked: the name of a label or "", the given classes, the probabilities, and the classes' names."""
    chances = probabilities(predictions)
    if predictions.target_kind != "labels":
        yield "", predictions.table["truth"].to_numpy(int), chances, predictions.classes
        return
    present = label_truth(predictions)
    for index, name in enumerate(predictions.classes):
        yield name, *labels_as_classes(present[:, index], chances[:, index]), (f"no {name}", name)


def _replaced(predictions: Predictions, ranked: Sequence[Suspect]) -> Predictions:
    """The table with the suggestions in place of what is given, in every piece of each record."""
    suggested = {one.record: one.suggested for one in ranked}
    names = [suggested.get(record) for record in predictions.table["record"]]

    def column(name: str, index: int | None = None) -> list[int]:
        """What is known under `name`: whether a label is there, by its index, or else the class."""
        given = predictions.table[name]
        return [int(old) if new is None else meant(new, index) for old, new in zip(given, names, strict=True)]

    def meant(cell: str, index: int | None) -> int:
        if index is None:
            return predictions.classes.index(cell)
        return int(predictions.classes[index] in cell.split(";"))

    if predictions.target_kind == "labels":
        columns = {f"truth_{index}": column(f"truth_{index}", index) for index in range(len(predictions.classes))}
    else:
        columns = {"truth": column("truth")}
    return replace(predictions, table=predictions.table.assign(**columns))


def _without(predictions: Predictions, ranked: Sequence[Suspect]) -> Predictions:
    left_out = predictions.table["record"].isin({one.record for one in ranked})
    if left_out.all():
        raise InvalidArgument("steps", len(ranked), why="no record is left to be scored", fix="leave out fewer")
    return predictions.select(predictions.table.index[~left_out])


def _joined(classes: tuple[str, ...], present: np.ndarray) -> str:
    return ";".join(name for name, there in zip(classes, present, strict=True) if there) or ";"
