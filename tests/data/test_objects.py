import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hypercolumn.data.objects import Objects
from hypercolumn.data.outlines import Polygon
from hypercolumn.errors import FileTooLarge, LabelError, ShapeMismatch


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


@settings(max_examples=40, deadline=None)
@given(labels=arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 5)))
def test_a_map_of_objects_is_the_map_they_came_from_numbered_anew(labels: np.ndarray) -> None:
    numbers = np.unique(labels[labels > 0])
    expected = np.where(labels > 0, np.searchsorted(numbers, labels) + 1, 0)
    np.testing.assert_array_equal(Objects.from_map(labels).to_map(), expected)


def test_in_a_map_the_smaller_lies_on_top_and_the_ignored_is_left_out() -> None:
    small, large = np.array([[2.0, 2], [4, 2], [4, 4], [2, 4]]), np.array([[0.0, 0], [6, 0], [6, 6], [0, 6]])
    found = objects(
        shape=(6, 7),
        boxes=np.array([[2.0, 2, 4, 4], [0, 0, 6, 6], [0, 0, 7, 6]]),
        classes=np.zeros(3, int),
        ignored=np.array([False, False, True]),
        outlines=(Polygon(((small,),)), Polygon(((large,),)), Polygon(((large + np.array([1, 0]),),))),
    ).to_map()
    assert (found == 1).sum() == 4
    assert (found == 2).sum() == 32
    assert (found[:, 6] == 0).all()


def test_boxes_alone_make_no_map_and_a_vast_one_is_refused() -> None:
    with pytest.raises(LabelError, match="boxes alone"):
        objects().to_map()
    assert not objects(boxes=np.zeros((0, 4)), classes=np.zeros(0, int), ignored=np.zeros(0, bool)).to_map().any()
    with pytest.raises(FileTooLarge, match="instance map"):
        objects(shape=(1 << 24, 1 << 24), outlines=(Polygon(((np.array([[1.0, 2], [5, 2], [5, 6]]),),)),)).to_map()


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
