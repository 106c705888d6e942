import numpy as np
import pytest

from hypercolumn.data.objects import Objects
from hypercolumn.errors import LabelError, ShapeMismatch


def objects(**changed: object) -> Objects:
    values = {
        "shape": (10, 20),
        "names": ("red", "white"),
        "boxes": np.array([[1.0, 2.0, 5.0, 6.0]]),
        "classes": np.array([1]),
        "ignored": np.array([False]),
    }
    return Objects(**{**values, **changed})


def test_objects_of_a_map_have_tight_boxes_and_their_own_pixels() -> None:
    labels = np.zeros((12, 15), dtype=np.uint16)
    labels[2:5, 3:9], labels[6, 7] = 300, 40_000
    found = Objects.from_map(labels, names=("nucleus",))
    assert found.boxes.tolist() == [[3, 2, 9, 5], [7, 6, 8, 7]]
    assert found.outlines is not None
    np.testing.assert_array_equal(found.outlines[1].window((0, 0, 15, 12)), labels == 40_000)
    assert found.notes == ()
    assert len(found) == 2


def test_more_objects_than_16_bits_count() -> None:
    labels = np.arange(1, 70_001).reshape(100, 700)
    found = Objects.from_map(labels)
    assert len(found) == 70_000
    assert (found.boxes[:, 2:] - found.boxes[:, :2] == 1).all()


def test_an_image_without_objects_has_none() -> None:
    found = Objects.from_map(np.zeros((4, 6), dtype=np.uint8))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_numbers_in_several_pieces_are_one_object_and_a_note() -> None:
    labels = np.array([[1, 0, 1, 2], [0, 0, 0, 2], [3, 0, 3, 0]])
    found = Objects.from_map(labels)
    assert found.boxes.tolist() == [[0, 0, 3, 1], [3, 0, 4, 2], [0, 2, 3, 3]]
    assert found.notes[0].startswith("2 of 3 objects lie in several pieces")


def test_classes_follow_the_numbers() -> None:
    found = Objects.from_map(np.array([[9, 2]]), names=("red", "white"), classes=np.array([1, 0]))
    assert found.boxes.tolist() == [[1, 0, 2, 1], [0, 0, 1, 1]]
    assert found.classes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"boxes": np.array([[1.0, 2.0, 1.0, 6.0]])}, "no area"),
        ({"boxes": np.array([[1.0, 2.0, 21.0, 6.0]])}, "leaves the image"),
        ({"boxes": np.array([[np.nan, 2.0, 3.0, 6.0]])}, "leaves the image"),
        ({"classes": np.array([2])}, "classes from 2"),
    ],
)
def test_objects_that_cannot_be_are_refused(changed: dict, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        objects(**changed)


@pytest.mark.parametrize("changed", [{"classes": np.array([0, 1])}, {"ignored": np.zeros(0, bool)}, {"outlines": ()}])
def test_lengths_must_agree(changed: dict) -> None:
    with pytest.raises(ShapeMismatch, match="one value an object"):
        objects(**changed)


@pytest.mark.parametrize("labels", [np.array([[0.5]]), np.array([[-1]])])
def test_a_map_of_something_else_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(LabelError, match="instance map"):
        Objects.from_map(labels)


def test_a_map_is_of_an_image() -> None:
    with pytest.raises(ShapeMismatch, match="one number a pixel"):
        Objects.from_map(np.zeros((2, 3, 4), dtype=int))
