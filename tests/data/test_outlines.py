import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import polygon2mask

from hypercolumn.data.outlines import Polygon, RunLength, clipped, crosses_itself, runs_of

maps = arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4))
SQUARE = np.array([[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]])


def star(rng: np.random.Generator, corners: int, centre: float = 30.0, reach: float = 28.0) -> np.ndarray:
    """A ring that does not cross itself: corners at ascending angles, no gap of half a turn."""
    angle = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
    radius = rng.uniform(0.2, 1.0, corners) * reach
    return centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 20))
def test_a_polygon_is_painted_as_scikit_image_does(seed: int, corners: int) -> None:
    ring = star(np.random.default_rng(seed), corners)
    found = Polygon(((ring,),)).window((0, 0, 60, 60))
    np.testing.assert_array_equal(found, polygon2mask((60, 60), ring[:, ::-1] - 0.5))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), box=st.tuples(*[st.integers(0, 60)] * 4))
def test_a_window_is_a_cut_of_the_whole(seed: int, box: tuple[int, int, int, int]) -> None:
    x0, x1 = sorted(box[:2])
    y0, y1 = sorted(box[2:])
    rng = np.random.default_rng(seed)
    polygon = Polygon(((star(rng, 9),), (star(rng, 5, centre=12, reach=8),)))
    whole = polygon.window((0, 0, 60, 60))
    np.testing.assert_array_equal(polygon.window((x0, y0, x1, y1)), whole[y0:y1, x0:x1])
    runs = runs_of(whole.astype(int))[1][0]
    np.testing.assert_array_equal(runs.window((x0, y0, x1, y1)), whole[y0:y1, x0:x1])


def test_a_square_of_whole_pixels_has_its_area_wherever_it_begins() -> None:
    for shift in (0.0, 0.25, 0.49):
        assert Polygon(((SQUARE + shift,),)).window((0, 0, 8, 8)).sum() == 16


def test_parts_are_joined_and_holes_are_left_out() -> None:
    hole = np.array([[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]])
    both = Polygon(((SQUARE, hole), (SQUARE + 2,))).window((0, 0, 8, 8))
    one, other = Polygon(((SQUARE, hole),)).window((0, 0, 8, 8)), Polygon(((SQUARE + 2,),)).window((0, 0, 8, 8))
    assert one.sum() == 12
    np.testing.assert_array_equal(both, one | other)


@settings(max_examples=60, deadline=None)
@given(labels=maps)
def test_runs_hold_every_pixel_of_every_object(labels: np.ndarray) -> None:
    numbers, runs = runs_of(labels)
    assert numbers.tolist() == sorted(set(labels.ravel().tolist()) - {0})
    height, width = labels.shape
    for number, mask in zip(numbers, runs, strict=True):
        np.testing.assert_array_equal(mask.window((0, 0, width, height)), labels == number)
        assert mask.area == (labels == number).sum()
        y, x = np.nonzero(labels == number)
        assert mask.bounds == (x.min(), y.min(), x.max() + 1, y.max() + 1)


@settings(max_examples=40, deadline=None)
@given(mask=arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_counts_are_those_of_coco(mask: np.ndarray) -> None:
    """Down the columns, outside first: the run lengths of the flattened transpose."""
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [not flat[-1]]]).astype(int)))
    counts = np.diff([0, *edges]).tolist()
    found = RunLength.from_counts(mask.shape, counts)
    np.testing.assert_array_equal(found.window((0, 0, mask.shape[1], mask.shape[0])), mask)


def test_no_pixels_have_no_bounds() -> None:
    assert RunLength.from_counts((3, 3), [9]).bounds == (0, 0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.tuples(st.integers(5, 50), st.integers(5, 50)))
def test_clipping_changes_no_pixel_of_the_image(seed: int, shape: tuple[int, int]) -> None:
    ring = star(np.random.default_rng(seed), 8, centre=20, reach=40)
    inside = clipped(ring, shape)
    window = (0, 0, shape[1], shape[0])
    np.testing.assert_array_equal(Polygon(((inside,),)).window(window), Polygon(((ring,),)).window(window))
    assert (inside >= 0).all()
    assert (inside <= np.array(shape)[::-1]).all()


def test_what_lies_outside_has_nothing_left() -> None:
    assert len(clipped(SQUARE - 20, (10, 10))) == 0
    assert len(clipped(SQUARE + 20, (10, 10))) == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(4, 60))
def test_a_star_does_not_cross_itself_until_two_corners_change_places(seed: int, corners: int) -> None:
    rng = np.random.default_rng(seed)
    ring = star(rng, corners)
    assert not crosses_itself(ring)
    assert not crosses_itself(np.concatenate([ring, ring[:1]]))
    quarter = corners // 4
    ring[[0, 2 * quarter]] = ring[[2 * quarter, 0]]
    if corners >= 12:
        assert crosses_itself(ring)


@pytest.mark.parametrize(
    ("ring", "crosses"),
    [
        ([[0, 0], [4, 4], [4, 0], [0, 4]], True),
        ([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], False),
        ([[0, 0], [4, 0], [4, 0], [4, 4], [0, 4]], False),
        ([[0, 0], [8, 0], [8, 4], [4, 0], [0, 4]], True),  # a corner that touches another side
        ([[0, 0], [4, 0], [2, 3]], False),
    ],
)
def test_rings_by_hand(ring: list, crosses: bool) -> None:
    assert crosses_itself(np.array(ring, dtype=float)) is crosses


def test_rings_of_many_corners_are_judged_in_pieces() -> None:
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 100
    assert not crosses_itself(circle)
    circle[[100, 2000]] = circle[[2000, 100]]
    assert crosses_itself(circle)
