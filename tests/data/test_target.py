"""Cells as they come out of CSV, Parquet and pandas, read into numbers or refused with a reason."""

import numpy as np
import pandas as pd
import pytest

from hypercolumn.data import ClassTarget, GradeTarget, InstancesTarget, LabelsTarget, MaskTarget, NumberTarget
from hypercolumn.errors import InvalidArgument, LabelError

MISSING = [None, float("nan"), pd.NA, pd.NaT, "", "  "]


@pytest.mark.parametrize("cell", [1, 1.0, np.int64(1), np.float32(1), "1", " 1 ", pd.array([1], dtype="Int64")[0]])
def test_a_grade_is_the_same_in_every_type_that_a_table_gives_it(cell: object) -> None:
    assert GradeTarget(("0", "1", "2")).parse(cell) == 1


@pytest.mark.parametrize("cell", MISSING)
def test_a_missing_cell_is_a_missing_label(cell: object) -> None:
    with pytest.raises(LabelError, match="missing"):
        ClassTarget(("a", "b")).parse(cell)
    with pytest.raises(LabelError, match="missing"):
        NumberTarget().parse(cell)


def test_a_misspelt_class_names_the_nearest() -> None:
    with pytest.raises(LabelError, match="did you mean 'malignant'"):
        ClassTarget(("benign", "malignant")).parse("malignent")


@pytest.mark.parametrize("cell", [*MISSING, ";", " ; "])
def test_no_label_at_all_is_a_row_of_zeros(cell: object) -> None:
    assert LabelsTarget(("oedema", "effusion")).parse(cell).tolist() == [0, 0]


def test_several_labels_in_any_order_and_an_unknown_one() -> None:
    target = LabelsTarget(("oedema", "effusion", "nodule"))
    assert target.parse("nodule; oedema").tolist() == [1, 0, 1]
    with pytest.raises(LabelError, match="did you mean 'effusion'"):
        target.parse("efusion")


@pytest.mark.parametrize(("cell", "value"), [("3.5", 3.5), (4, 4.0), (np.float32(0.5), 0.5), ("1e-3", 1e-3)])
def test_numbers(cell: object, value: float) -> None:
    assert NumberTarget().parse(cell) == value


@pytest.mark.parametrize("cell", ["3,5", "tall", "inf", "nan"])
def test_what_is_no_finite_number_is_refused(cell: str) -> None:
    with pytest.raises(LabelError, match="number"):
        NumberTarget().parse(cell)


def test_a_mask_keeps_its_shape_and_knows_its_values() -> None:
    target = MaskTarget.from_mapping({"background": 0, "nucleus": 255, "membrane": 7})
    stored = np.array([[[0, 255, 7]]], dtype=np.uint16)
    assert target.encode(stored).tolist() == [[[0, 1, 2]]]
    assert target.encode(stored).dtype == np.uint8
    with pytest.raises(LabelError, match="without a class: 3, 8"):
        target.encode(np.array([[8, 3, 0]]))
    with pytest.raises(LabelError, match="photograph or an instance map"):
        target.encode(np.arange(40))


def test_instances_are_objects_against_background() -> None:
    assert InstancesTarget().encode(np.array([[0, 1, 65535]], dtype=np.uint16)).tolist() == [[0, 1, 1]]
    with pytest.raises(LabelError):
        InstancesTarget().encode(np.array([-1, 3]))
    with pytest.raises(LabelError):
        InstancesTarget().encode(np.array([0.5]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClassTarget(("a",)),
        lambda: ClassTarget(("a", "a")),
        lambda: LabelsTarget(()),
        lambda: MaskTarget(("a", "b"), (0,)),
        lambda: MaskTarget(("a", "b"), (1, 1)),
    ],
)
def test_classes_need_names_and_values_of_their_own(make: object) -> None:
    with pytest.raises(InvalidArgument):
        make()
