import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument
from hypercolumn.tasks.boxes import BoxCode, areas, clip, intersections, iou_matrix

corner = st.floats(-50, 50)
side = st.floats(0.5, 80)
box = st.tuples(corner, corner, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
boxes = st.lists(box, min_size=1, max_size=6).map(lambda found: torch.tensor(found, dtype=torch.float64))
weights = st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])


@settings(max_examples=30, deadline=None)
@given(pair=st.lists(st.tuples(box, box), min_size=1, max_size=5), weights=weights)
def test_decoding_undoes_encoding(pair: list, weights: tuple) -> None:
    true, anchors = (torch.tensor(side, dtype=torch.float64) for side in zip(*pair, strict=True))
    ratio = torch.log((true[:, 2:] - true[:, :2]) / (anchors[:, 2:] - anchors[:, :2])).abs().max()
    code = BoxCode(weights)
    if ratio < 4:
        torch.testing.assert_close(code.decode(code.encode(true, anchors), anchors), true, rtol=0, atol=1e-9)


def test_the_code_by_hand() -> None:
    """A box twice as wide and half as high, moved by a quarter of the width and by the height."""
    anchor, moved = torch.tensor([[10.0, 20.0, 50.0, 40.0]]), torch.tensor([[0.0, 45.0, 80.0, 55.0]])
    code = BoxCode((10.0, 10.0, 5.0, 5.0)).encode(moved, anchor)
    torch.testing.assert_close(code, torch.tensor([[2.5, 10.0, 5 * 0.693147, -5 * 0.693147]]))


def test_an_absurd_code_stays_finite() -> None:
    decoded = BoxCode().decode(torch.full((1, 4), 1e4), torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
    assert torch.isfinite(decoded).all()
    assert (decoded[0, 2] - decoded[0, 0]).item() == pytest.approx(10 * 1000 / 16)


@settings(max_examples=30, deadline=None)
@given(a=boxes, b=boxes)
def test_iou_is_symmetric_and_at_most_one(a: torch.Tensor, b: torch.Tensor) -> None:
    found = iou_matrix(a, b)
    torch.testing.assert_close(found, iou_matrix(b, a).T)
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    torch.testing.assert_close(iou_matrix(a, a).diagonal(), torch.ones(len(a), dtype=torch.float64))


def test_iou_by_hand() -> None:
    a = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
    b = torch.tensor([[2.0, 0.0, 6.0, 4.0], [4.0, 0.0, 8.0, 4.0], [1.0, 1.0, 3.0, 3.0], [2.0, 2.0, 2.0, 9.0]])
    torch.testing.assert_close(iou_matrix(a, b), torch.tensor([[1 / 3, 0.0, 0.25, 0.0]]))
    assert intersections(a, b).tolist() == [[8.0, 0.0, 4.0, 0.0]]


def test_nothing_overlaps_nothing() -> None:
    point = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
    assert iou_matrix(point, point).item() == 0
    assert iou_matrix(torch.zeros(0, 4), point).shape == (0, 1)
    assert areas(torch.tensor([3.0, 3.0, 1.0, 1.0])).item() == 0


@settings(max_examples=30, deadline=None)
@given(found=boxes, shape=st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_clipped_boxes_are_the_part_within_the_image(found: torch.Tensor, shape: tuple[int, int]) -> None:
    image = torch.tensor([[0.0, 0.0, shape[1], shape[0]]], dtype=torch.float64)
    torch.testing.assert_close(areas(clip(found, shape)), intersections(found, image)[:, 0])


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.0, 1.0, 1.0, 1.0), (float("nan"),) * 4])
def test_weights_that_cannot_be_are_refused(weights: tuple) -> None:
    with pytest.raises(InvalidArgument, match="weights"):
        BoxCode(weights)
