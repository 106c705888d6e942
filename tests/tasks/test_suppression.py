from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.tasks.suppression import non_maximum_suppression


def textbook(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy suppression as it is written down: the best box, without all that overlap it, and so on."""
    boxes = boxes.astype(float)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        low, high = np.maximum(boxes[best, :2], boxes[others, :2]), np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        left = others[shared / np.maximum(area[best] + area[others] - shared, 1e-300) <= threshold]
    return np.array(kept, dtype=int)


def around(centre: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def uniform(rng: np.random.Generator, count: int) -> np.ndarray:
    return around(rng.uniform(0, 300, (count, 2)), rng.uniform(5, 60, (count, 2)))


def on_few_objects(rng: np.random.Generator, count: int) -> np.ndarray:
    which = rng.integers(4, size=count)
    centre, size = rng.uniform(0, 200, (4, 2))[which], rng.uniform(20, 60, (4, 2))[which]
    return around(centre + rng.normal(0, 4, (count, 2)), size * np.exp(rng.normal(0, 0.1, (count, 2))))


def on_a_grid(rng: np.random.Generator, count: int) -> np.ndarray:
    """Anchors: exact ties of IoU, and of position."""
    place = np.stack([np.arange(count) % 30, np.arange(count) // 30], axis=1) * 8.0
    return around(place, np.array([[16.0, 32.0], [32.0, 16.0], [24.0, 24.0]])[rng.integers(3, size=count)])


def of_all_sizes(rng: np.random.Generator, count: int) -> np.ndarray:
    return around(rng.uniform(0, 100, (count, 2)), np.exp(rng.uniform(-4, 6, (count, 2))))


def whole_numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Small whole boxes, many of them equal."""
    corner = rng.integers(0, 12, (count, 2))
    return np.concatenate([corner, corner + rng.integers(1, 6, (count, 2))], axis=1)


KINDS = [uniform, on_few_objects, on_a_grid, of_all_sizes, whole_numbers]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("count", [1, 50, 2500])
def test_it_is_the_textbooks_loop(kind: Callable, threshold: float, count: int) -> None:
    rng = np.random.default_rng(count)
    boxes, scores = kind(rng, count), rng.random(count)
    found = non_maximum_suppression(boxes, scores, threshold=threshold)
    np.testing.assert_array_equal(found, textbook(boxes, scores, threshold))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    count=st.integers(0, 400),
    threshold=st.floats(0, 1),
    levels=st.integers(1, 50),
    seed=st.integers(0, 2**20),
)
def test_it_is_so_with_any_threshold_and_with_scores_that_tie(
    kind: Callable, count: int, threshold: float, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = kind(rng, count), rng.integers(levels, size=count) / levels
    found = non_maximum_suppression(boxes, scores, threshold=threshold)
    np.testing.assert_array_equal(found, textbook(boxes, scores, threshold))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    scale=st.sampled_from([2.0**-40, 2.0**-10, 2.0**10, 2.0**40]),
    shift=st.sampled_from([0.0, -1e4]),
)
def test_neither_the_unit_nor_the_origin_matters(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = whole_numbers(rng, 200) * 1024.0, rng.random(200)
    moved = (boxes + shift) * scale
    found = non_maximum_suppression(moved, scores, threshold=0.45)
    np.testing.assert_array_equal(found, non_maximum_suppression(boxes, scores, threshold=0.45))


def test_groups_do_not_meet() -> None:
    rng = np.random.default_rng(0)
    boxes, scores, groups = on_few_objects(rng, 600), rng.random(600), rng.integers(-3, 3, size=600)
    found = non_maximum_suppression(boxes, scores, threshold=0.5, groups=groups)
    apart = [
        np.flatnonzero(groups == one)[
            non_maximum_suppression(boxes[groups == one], scores[groups == one], threshold=0.5)
        ]
        for one in np.unique(groups)
    ]
    assert set(found) == set(np.concatenate(apart))
    assert (np.diff(scores[found]) <= 0).all()


def test_boxes_without_area_stay_and_suppress_nothing() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [5, 5, 5, 9], [0, 0, 10, 10], [8, 8, 2, 2]])
    found = non_maximum_suppression(boxes, np.array([0.5, 0.9, 0.4, 0.1]), threshold=0.3)
    assert found.tolist() == [1, 0, 3]


def test_a_chain_is_suppressed_link_by_link() -> None:
    """Each box overlaps its neighbours alone: 1st, 3rd, 5th ... stay, however long the chain."""
    start = np.arange(3000) * 4.0
    boxes = np.stack([start, np.zeros(3000), start + 10, np.full(3000, 10.0)], axis=1)  # IoU 6/14 with the next
    found = non_maximum_suppression(boxes, -start, threshold=0.4)
    assert found.tolist() == list(range(0, 3000, 2))


def test_none_give_none() -> None:
    assert non_maximum_suppression(np.zeros((0, 4)), np.zeros(0), threshold=0.5).tolist() == []


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_thresholds_that_cannot_be_are_refused(threshold: float) -> None:
    with pytest.raises(InvalidArgument, match="threshold"):
        non_maximum_suppression(np.zeros((1, 4)), np.zeros(1), threshold=threshold)


@pytest.mark.parametrize(
    ("boxes", "scores", "groups"),
    [
        (np.zeros((2, 3)), np.zeros(2), None),
        (np.zeros((2, 4)), np.zeros(3), None),
        (np.zeros((2, 4)), np.zeros(2), np.zeros(1, int)),
    ],
)
def test_what_does_not_belong_together_is_refused(boxes: np.ndarray, scores: np.ndarray, groups: object) -> None:
    with pytest.raises(ShapeMismatch, match="give"):
        non_maximum_suppression(boxes, scores, threshold=0.5, groups=groups)


@pytest.mark.parametrize("place", ["boxes", "scores"])
def test_what_is_not_finite_is_refused(place: str) -> None:
    values = {"boxes": np.array([[0.0, 0, 1, 1]]), "scores": np.array([0.5])}
    values[place] = values[place] * np.nan
    with pytest.raises(InvalidArgument, match="diverged"):
        non_maximum_suppression(values["boxes"], values["scores"], threshold=0.5)
