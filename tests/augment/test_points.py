"""Points, boxes and object numbers that follow an augmentation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.augment import (
    Affine,
    AffineRecord,
    Crop,
    CropRecord,
    Elastic,
    ElasticRecord,
    Flip,
    Pipeline,
    QuarterTurn,
    QuarterTurnRecord,
    Step,
    apply_boxes,
    apply_points,
    sample_window,
    vanished,
    window_boxes,
    window_points,
)
from hypercolumn.errors import InvalidArgument


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3))
def test_a_ramp_read_at_the_place_where_a_point_went_says_where_the_point_was(seed: int, dims: int) -> None:
    """An image that holds each sample's own coordinate, augmented, is m(x); a point must satisfy m(x) = p."""
    rng = np.random.default_rng(seed)
    size = (33,) * dims
    ramps = torch.stack(torch.meshgrid(*(torch.arange(80.0) for _ in size), indexing="ij"))
    middle = (ramps.shape[1] / 2,) * dims
    pipeline = Pipeline(
        (Step(Flip()), Step(Affine(rotation=40, scale=0.2, translation=0.05)), Step(Elastic(0.8)), Step(QuarterTurn()))
    )
    records = pipeline.draw(rng, dims)
    window, _ = sample_window(ramps, centre=middle, size=size, records=records, pipeline=pipeline)
    places = torch.from_numpy(rng.integers(6, 27, (5, dims)))
    points = torch.stack([window[(slice(None), *place)] for place in places.tolist()])
    found = window_points(points, centre=middle, size=size, records=records, pipeline=pipeline)
    torch.testing.assert_close(found, places.double(), atol=2e-3, rtol=0)


def test_steps_that_change_the_shape_move_points_into_the_new_one() -> None:
    pipeline = Pipeline((Step(QuarterTurn()), Step(Crop())))
    records = (QuarterTurnRecord(((0, 1, 1),)), CropRecord((10, 8), (0.0, 1.0)))
    image = torch.zeros(1, 20, 30)
    image[0, 12, 25] = 1
    result, _ = pipeline.apply(records, image)
    place = apply_points(pipeline, records, torch.tensor([[12.0, 25.0]]), shape=(20, 30))
    assert result.shape == (1, 10, 8)
    assert place[0].tolist() == (result[0] == 1).nonzero()[0].tolist() == [4, 0]


def test_a_turned_box_is_the_box_around_its_corners() -> None:
    pipeline = Pipeline((Step(Affine()),))
    eighth = (AffineRecord((45.0,), (1.0, 1.0), (0.0,), (0.0, 0.0)),)
    found = apply_boxes(pipeline, eighth, torch.tensor([[[40, 40], [60, 60]]]), shape=(100, 100))
    half = 10 * 2**0.5
    torch.testing.assert_close(found.corners[0], torch.tensor([[50 - half] * 2, [50 + half] * 2], dtype=torch.float64))


def test_boxes_are_cut_at_the_border_and_those_out_of_sight_left_out() -> None:
    pipeline = Pipeline((Step(Affine()),))
    right = (AffineRecord((0.0,), (1.0, 1.0), (0.0,), (0.0, 0.5)),)
    boxes = torch.tensor([[[0, 0], [10, 10]], [[0, 40], [10, 60]], [[0, 70], [10, 80]]])
    found = apply_boxes(pipeline, right, boxes, shape=(100, 100))
    assert found.rows.tolist() == [0, 1]
    assert found.corners.tolist() == [[[0.0, 50.0], [10.0, 60.0]], [[0.0, 90.0], [10.0, 100.0]]]
    assert found.visible.tolist() == [1.0, 0.5]
    none = window_boxes(boxes, centre=(500.0, 500.0), size=(10, 10))
    assert len(none.corners) == len(none.rows) == 0


def test_boxes_of_a_window_are_those_of_its_instance_map() -> None:
    objects = torch.zeros(50, 60, dtype=torch.int64)
    objects[10:20, 30:45] = 5
    window, labels = sample_window(objects[None].float(), objects, centre=(20.0, 40.0), size=(16, 16))
    places = (labels == 5).nonzero()
    found = window_boxes(torch.tensor([[[10, 30], [20, 45]]]), centre=(20.0, 40.0), size=(16, 16))
    assert found.corners[0].tolist() == [places.amin(dim=0).tolist(), (places.amax(dim=0) + 1).tolist()]
    assert window.shape == (1, 16, 16)


def test_where_a_deformation_folds_a_point_has_no_place_or_a_true_one() -> None:
    pipeline, size = Pipeline((Step(Elastic()),)), (40,)
    records = (ElasticRecord((5,), (0.0, 30.0, -30.0, 30.0, 0.0)),)
    points = torch.arange(40.0)[:, None]
    found = apply_points(pipeline, records, points, shape=size)
    known = found[:, 0].isfinite()
    centre = (found[known, 0] - 19.5,)
    back = pipeline.steps[0].augmentation.source(records[0], centre, size)[0] + 19.5
    torch.testing.assert_close(back, points[known, 0].double(), atol=2e-3, rtol=0)


def test_who_vanished_is_told_in_order() -> None:
    before = torch.tensor([[0, 9, 9], [2, 2, 70_000]])
    assert vanished(before, torch.tensor([[0, -1, 9]])) == (2, 70_000)
    assert vanished(before, before) == ()


@pytest.mark.parametrize(
    ("points", "boxes"),
    [
        (torch.zeros(3), torch.zeros(2, 2, 3)),
        (torch.zeros(3, 3), torch.zeros(2, 4)),
        (torch.zeros(1, 2, 2), torch.tensor([[[3.0, 3.0], [5.0, 3.0]]])),
    ],
)
def test_what_has_another_shape_or_no_area_is_refused(points: torch.Tensor, boxes: torch.Tensor) -> None:
    pipeline = Pipeline((Step(Flip()),))
    with pytest.raises(InvalidArgument, match="points"):
        apply_points(pipeline, (None,), points, shape=(9, 9))
    with pytest.raises(InvalidArgument, match="boxes"):
        apply_boxes(pipeline, (None,), boxes, shape=(9, 9))


def test_no_points_stay_none() -> None:
    pipeline = Pipeline((Step(Elastic()),))
    records = pipeline.draw(np.random.default_rng(0), 2)
    assert apply_points(pipeline, records, torch.zeros(0, 2), shape=(9, 9)).shape == (0, 2)
    assert len(apply_boxes(pipeline, records, torch.zeros(0, 2, 2), shape=(9, 9)).rows) == 0
