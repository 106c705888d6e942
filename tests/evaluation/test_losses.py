import numpy as np
import pandas as pd

from hypercolumn.evaluation.intervals import DISTANCE, PROPORTION
from hypercolumn.evaluation.losses import loss_classes, loss_scale, losses
from hypercolumn.evaluation.predictions import Predictions


def of(kind: str, classes: tuple[str, ...], **numbers: list[float]) -> Predictions:
    names = list("abc")
    table = pd.DataFrame({"record": names, "fold": "1", "unit": names, **numbers}, index=names)
    return Predictions(table, kind, classes)


def test_a_class_is_right_or_wrong() -> None:
    found = of("grade", ("0", "1", "2"), truth=[0, 1, 2], p_0=[0.5, 0.4, 0.1], p_1=[0.3, 0.2, 0.1], p_2=[0.2, 0.4, 0.8])
    assert losses(found).tolist() == [0, 1, 0]
    assert loss_classes(found).tolist() == [0, 1, 2]
    assert loss_scale(found) == PROPORTION


def test_labels_are_counted() -> None:
    found = of("labels", ("x", "y"), truth_0=[1, 0, 1], truth_1=[0, 0, 1], p_0=[0.9, 0.6, 0.2], p_1=[0.1, 0.1, 0.3])
    assert losses(found).tolist() == [0, 0.5, 1]
    assert loss_classes(found) is None


def test_a_mask_is_its_dice_and_an_empty_one_is_undefined() -> None:
    counts = {f"{kind}_0": [1, 1, 1] for kind in ("tp", "fp", "fn", "tn")}
    counts |= {"tp_1": [8, 0, 0], "fp_1": [2, 3, 0], "fn_1": [2, 0, 0], "tn_1": [1, 1, 1]}
    found = of("mask", ("background", "nucleus"), distance_unit=["mm"] * 3, **counts)
    assert np.allclose(losses(found), [0.2, 1, np.nan], equal_nan=True)


def test_a_number_is_its_absolute_error() -> None:
    found = of("number", (), truth=[1.0, 2.0, 3.0], answer=[2.0, 2.0, 1.0])
    assert losses(found).tolist() == [1, 0, 2]
    assert loss_scale(found) == DISTANCE
