import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from hypercolumn.data.outlines import crosses_itself
from hypercolumn.data.tracing import traced
from hypercolumn.errors import LabelError, ShapeMismatch

maps = arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


def area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


@settings(max_examples=150, deadline=None)
@given(labels=maps)
def test_painted_again_the_outlines_are_the_objects(labels: np.ndarray) -> None:
    numbers, outlines = traced(labels)
    assert numbers.tolist() == sorted(set(labels.ravel().tolist()) - {0})
    height, width = labels.shape
    for number, outline in zip(numbers, outlines, strict=True):
        np.testing.assert_array_equal(outline.window((0, 0, width, height)), labels == number)


@settings(max_examples=100, deadline=None)
@given(labels=maps)
def test_a_part_is_one_outer_ring_and_its_holes_none_of_which_crosses_itself(labels: np.ndarray) -> None:
    """As many parts as pieces that hang together by sides; rings enclose the pixels and the holes, counted by area."""
    for number, outline in zip(*traced(labels), strict=True):
        inside = labels == number
        assert len(outline.parts) == ndimage.label(inside)[1]
        assert sum(area(ring) for part in outline.parts for ring in part) == inside.sum()
        for outer, *holes in outline.parts:
            assert area(outer) > 0
            assert all(area(hole) < 0 for hole in holes)
            for ring in (outer, *holes):
                assert not crosses_itself(ring)
                assert len(np.unique(ring, axis=0)) == len(ring)


def test_only_corners_stay() -> None:
    _, (block,) = traced(np.pad(np.ones((30, 50), dtype=np.uint8), 4))
    assert block.parts[0][0].tolist() == [[4, 4], [54, 4], [54, 34], [4, 34]]


def test_pixels_that_meet_at_a_corner_are_two_parts_and_a_loop_closed_at_a_corner_has_a_hole() -> None:
    _, (two,) = traced(np.eye(2, dtype=int))
    assert [len(part) for part in two.parts] == [1, 1]
    loop = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    _, (closed,) = traced(loop)
    assert [len(part) for part in closed.parts] == [2]


def test_an_empty_map_has_no_outlines_and_one_pixel_has_four_corners() -> None:
    assert traced(np.zeros((4, 5), dtype=np.uint16))[1] == []
    numbers, (dot,) = traced(np.array([[0, 70_000]]))
    assert numbers.tolist() == [70_000]
    assert dot.bounds == (1, 0, 2, 1)


@pytest.mark.parametrize(("labels", "kind"), [(np.zeros((2, 2, 2), int), ShapeMismatch), (np.ones((2, 2)), LabelError)])
def test_a_map_of_something_else_is_refused(labels: np.ndarray, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="instance map"):
        traced(labels)
