"""Where points, boxes and objects go when an array is augmented.

    image    y(x) = x(m(x))                 m says where each sample of the result comes from
    point    the x with m(x) = p            Newton's method on m, from p itself; exact in one step where m is affine

A point is a place in samples: 0 is the middle of the first sample. A box is half-open as everywhere here, from the edge
of its first sample to the edge behind its last; what comes out is the box around where it went, which for a turned box
is larger than the object in it: where there is an instance map, take the boxes from that. Object numbers follow as a
target does, at the nearest sample; `vanished` says which of them are gone.

A place that is shown several times, by mirroring at the border, is given once: where it truly went.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hypercolumn.augment.augmentation import Geometric
from hypercolumn.augment.pipeline import Pipeline, Records
from hypercolumn.augment.window import window_middle
from hypercolumn.errors import InvalidArgument

ITERATIONS = 40
CLOSE = 1e-6
"""Samples between where a point's place is looked up and the point, at which it counts as found."""

_EDGE_POINTS = 5


@dataclass(frozen=True)
class Boxes:
    """Boxes (box, 2, axis) after an augmentation, their rows among those that went in, and the share in sight of each.

    The share is of the volume of the box that came out, before it was cut at the border.
    """

    corners: Tensor
    rows: Tensor
    visible: Tensor


def apply_points(pipeline: Pipeline, records: Records, points: Tensor, *, shape: tuple[int, ...]) -> Tensor:
    """Where points (point, axis) of an array of this spatial shape are after `pipeline.apply`, as float64.

    They may lie outside of it. A point of which no place is found, where a deformation folds, comes back as nan.

    >>> from hypercolumn.augment import Flip, FlipRecord, Step
    >>> pipeline = Pipeline((Step(Flip()),))
    >>> apply_points(pipeline, (FlipRecord((1,)),), torch.tensor([[3.0, 0.0]]), shape=(10, 20))
    tensor([[ 3., 19.]], dtype=torch.float64)
    """
    places = _checked(points, shape)
    for augmentation, record in pipeline.taking_part(records):
        if isinstance(augmentation, Geometric):
            after = augmentation.result_size(record, shape)
            places = _destination(augmentation, record, places - _half(shape), shape) + _half(after)
            shape = after
    return places


def window_points(
    points: Tensor,
    *,
    centre: tuple[float, ...],
    size: tuple[int, ...],
    records: Records = (),
    pipeline: Pipeline | None = None,
) -> Tensor:
    """Where points (point, axis) of an image are in the window that `sample_window` cuts with the same arguments.

    >>> window_points(torch.tensor([[7.0]]), centre=(9.0,), size=(4,))
    tensor([[0.]], dtype=torch.float64)
    """
    places = _checked(points, size) - torch.tensor(window_middle(centre, size), dtype=torch.float64)
    for augmentation, record in pipeline.taking_part(records) if pipeline is not None else []:
        if isinstance(augmentation, Geometric):
            places = _destination(augmentation, record, places, size)
    return places + _half(size)


def apply_boxes(pipeline: Pipeline, records: Records, boxes: Tensor, *, shape: tuple[int, ...]) -> Boxes:
    """Boxes (box, 2, axis), first and stop, of an array after `pipeline.apply`, cut at its border.

    A box that is gone from sight is left out; `rows` says which stayed.

    >>> from hypercolumn.augment import Flip, FlipRecord, Step
    >>> pipeline = Pipeline((Step(Flip()),))
    >>> found = apply_boxes(pipeline, (FlipRecord((1,)),), torch.tensor([[[2, 0], [5, 4]]]), shape=(10, 20))
    >>> found.corners.tolist(), found.visible.tolist()
    ([[[2.0, 16.0], [5.0, 20.0]]], [1.0])
    """
    moved = apply_points(pipeline, records, _spread(boxes, shape), shape=shape)
    for augmentation, record in pipeline.taking_part(records):
        if isinstance(augmentation, Geometric):
            shape = augmentation.result_size(record, shape)
    return _around(moved, len(boxes), shape)


def window_boxes(
    boxes: Tensor,
    *,
    centre: tuple[float, ...],
    size: tuple[int, ...],
    records: Records = (),
    pipeline: Pipeline | None = None,
) -> Boxes:
    """Boxes (box, 2, axis) of an image in the window that `sample_window` cuts with the same arguments.

    >>> boxes = torch.tensor([[[0], [8]], [[8], [10]], [[20], [30]]])
    >>> found = window_boxes(boxes, centre=(9.0,), size=(4,))
    >>> found.corners.flatten(1).tolist(), found.rows.tolist(), found.visible.tolist()
    ([[0.0, 1.0], [1.0, 3.0]], [0, 1], [0.125, 1.0])
    """
    spread = _spread(boxes, size)
    moved = window_points(spread, centre=centre, size=size, records=records, pipeline=pipeline)
    return _around(moved, len(boxes), size)


def vanished(before: Tensor, after: Tensor) -> tuple[int, ...]:
    """The object numbers that an instance map held before and holds no longer; 0 and less are no objects.

    >>> vanished(torch.tensor([0, 3, 3, 7]), torch.tensor([0, 0, 3, -1]))
    (7,)
    """
    gone = set(before.unique().tolist()) - set(after.unique().tolist())
    return tuple(sorted(number for number in gone if number > 0))


def _destination(augmentation: Geometric, record: object, points: Tensor, size: tuple[int, ...]) -> Tensor:
    """The places whose source the points are, relative to the centre: Newton's method, its steps halved where they lead
    away.
    """

    def source(places: Tensor) -> Tensor:
        return torch.stack([*torch.broadcast_tensors(*augmentation.source(record, places.unbind(1), size))], dim=1)

    if not len(points):
        return points
    half = torch.eye(len(size), dtype=points.dtype) / 2
    places = points.clone()
    missing = source(places) - points
    for _ in range(ITERATIONS):
        distance = missing.norm(dim=1)
        if bool((distance < CLOSE).all()):
            break
        slopes = torch.stack([source(places + shift) - source(places - shift) for shift in half], dim=2)
        way = torch.linalg.lstsq(slopes, missing[:, :, None]).solution[:, :, 0]
        length = torch.ones(len(points), 1, dtype=points.dtype)
        for _ in range(8):
            found = source(places - length * way) - points
            worse = found.norm(dim=1) > distance
            if not bool(worse.any()):
                break
            length[worse] /= 2
        places = places - length * way
        missing = source(places) - points
    return places.masked_fill((missing.norm(dim=1) > 1e3 * CLOSE)[:, None], torch.nan)


def _checked(points: Tensor, size: tuple[int, ...]) -> Tensor:
    if points.ndim != 2 or points.shape[1] != len(size):
        raise InvalidArgument("points.shape", tuple(points.shape), fix=f"give (point, {len(size)})")
    return points.to(torch.float64)


def _half(size: tuple[int, ...]) -> Tensor:
    return (torch.tensor(size, dtype=torch.float64) - 1) / 2


def _spread(boxes: Tensor, size: tuple[int, ...]) -> Tensor:
    """Places all over each box, its corners among them: (box x place, axis)."""
    if boxes.ndim != 3 or boxes.shape[1:] != (2, len(size)):
        raise InvalidArgument("boxes.shape", tuple(boxes.shape), fix=f"give (box, 2, {len(size)}): first and stop")
    first, stop = boxes.to(torch.float64).unbind(1)
    if bool((stop <= first).any()):
        row = int((stop <= first).any(dim=1).nonzero()[0])
        raise InvalidArgument(f"boxes[{row}]", boxes[row].tolist(), why="it holds nothing", fix="give stop > first")
    share = torch.linspace(0, 1, _EDGE_POINTS, dtype=torch.float64)
    shares = torch.cartesian_prod(*[share] * len(size)).reshape(-1, len(size))
    return (first[:, None] + shares * (stop - first)[:, None]).flatten(0, 1) - 0.5


def _around(points: Tensor, count: int, size: tuple[int, ...]) -> Boxes:
    """The boxes around the places of each, cut at the border."""
    places = points.reshape(count, _EDGE_POINTS ** len(size), len(size)) + 0.5
    first, stop = places.amin(dim=1), places.amax(dim=1)
    whole = (stop - first).prod(dim=1)
    first, stop = first.clamp(min=0), stop.minimum(torch.tensor(size, dtype=torch.float64))
    rows = ((stop - first) > CLOSE).all(dim=1).nonzero().flatten()
    visible = (stop - first).prod(dim=1)[rows] / whole[rows]
    return Boxes(torch.stack((first, stop), dim=1)[rows], rows, visible)
