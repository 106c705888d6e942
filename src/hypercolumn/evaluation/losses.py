"""One number a prediction, larger where worse, so that groups of any kind of study can be compared.

a class or grade        0 where the most probable class is the true one, else 1
several labels          the share of labels on the wrong side of 0.5
a mask                  1 - Dice, mean over the classes that are in truth or prediction
a number                the absolute error, in its unit
"""

import numpy as np

from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.classification_figures import label_truth, probabilities
from hypercolumn.evaluation.intervals import DISTANCE, PROPORTION, Scale
from hypercolumn.evaluation.overlap import dice
from hypercolumn.evaluation.predictions import REGRESSION, SEGMENTATION, Predictions


def losses(predictions: Predictions) -> np.ndarray:
    """The loss of each row (row,); NaN for a mask of which nothing is in truth or prediction.

    >>> from hypercolumn.evaluation.predictions import classification_row
    >>> rows = {name: {"record": name, "fold": "1", "unit": name} | classification_row(1, [1 - chance, chance])
    ...         for name, chance in (("a", 0.9), ("b", 0.2))}
    >>> losses(Predictions.from_rows(rows, target_kind="class", classes=("no", "yes")))
    array([0., 1.])
    """
    table = predictions.table
    if predictions.kind == REGRESSION:
        return np.abs(table["answer"].to_numpy(float) - table["truth"].to_numpy(float))
    if predictions.kind == SEGMENTATION:
        classes = range(1, len(predictions.classes))
        counts = [table[[f"{kind}_{one}" for one in classes]].to_numpy(float) for kind in ("tp", "fp", "fn")]
        return 1 - mean_of_defined(dice(*counts))
    chances = probabilities(predictions)
    if predictions.target_kind == "labels":
        return np.mean((chances >= 0.5) != label_truth(predictions), axis=1)
    return (chances.argmax(axis=1) != table["truth"].to_numpy(int)).astype(float)


def loss_scale(predictions: Predictions) -> Scale:
    """The bounds of the loss: 0 to 1, or no upper one for a number."""
    return DISTANCE if predictions.kind == REGRESSION else PROPORTION


def loss_classes(predictions: Predictions) -> np.ndarray | None:
    """The true class of each row, so that a class is held against itself; None where there are no classes."""
    if predictions.target_kind in {"class", "grade"}:
        return predictions.table["truth"].to_numpy(int)
    return None
