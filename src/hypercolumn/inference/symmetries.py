"""Test-time augmentation: the mean of what is said of an image in every way that it may lie.

    answer = 1 / n sum_s  s^-1( f( s(image) ) )          s over the mirrorings and quarter turns

f gives probabilities, not logits, whose mean would mean something else. A map (class, *space) is turned back before it
is added; an answer for the whole image (class,) has no way to lie. Only exact symmetries are used, so that nothing is
interpolated. Quarter turns are in planes whose axes have one spacing; `flips` alone need none. It costs n runs: two for
a signal, four for an image by flips, eight with turns.

Whether left and right, or up and down, mean something is the user's to know: a mirrored heart is another heart.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Literal, get_args

import numpy as np
import torch

from hypercolumn.augment import Flip, FlipRecord, Pipeline, QuarterTurn, QuarterTurnRecord, Step
from hypercolumn.errors import InvalidArgument

Ways = Literal["as it is", "flips", "flips and turns"]
_PIPELINE = Pipeline((Step(Flip()), Step(QuarterTurn())))
Records = tuple[FlipRecord, QuarterTurnRecord]


def mean_over_symmetries(
    answer: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    ways: Ways = "flips",
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """The mean of `answer` over the ways in which an image (channel, *space) may lie, turned back.

    answer: gives (class, *space), or (class,), for an image; spacing: of each axis, to know which planes may turn.

    >>> def leftmost(image):
    ...     return np.stack([image[0], np.roll(image[0], 1, axis=1)])
    >>> mean_over_symmetries(leftmost, np.array([[[1.0, 2.0, 6.0]]]), ways="flips")[1]
    array([[4. , 3.5, 1.5]])
    """
    total: np.ndarray | None = None
    found = symmetries(image.ndim - 1, ways=ways, spacing=spacing)
    for records in found:
        turned, _ = _PIPELINE.apply(records, torch.from_numpy(np.ascontiguousarray(image)))
        made = np.asarray(answer(turned.numpy()), dtype=np.float64)
        if made.ndim > 1:
            made = _PIPELINE.undo(records, torch.from_numpy(made))[0].numpy()
        total = made if total is None else total + made
    assert total is not None
    return total / len(found)


def symmetries(dims: int, *, ways: Ways, spacing: Sequence[float] | None = None) -> list[Records]:
    """Every way in which an array of `dims` axes may lie, each once; as it is comes first.

    >>> [len(symmetries(dims, ways="flips and turns")) for dims in (1, 2, 3)]
    [2, 8, 48]
    """
    if ways not in get_args(Ways):
        raise InvalidArgument("ways", ways, fix=f"use one of {', '.join(get_args(Ways))}")
    if ways == "as it is":
        return [(FlipRecord(), QuarterTurnRecord())]
    flips = [FlipRecord(axes) for count in range(dims + 1) for axes in combinations(range(dims), count)]
    if ways == "flips":
        return [(flip, QuarterTurnRecord()) for flip in flips]
    planes = [
        (first, second)
        for first, second in combinations(range(dims), 2)
        if spacing is None or spacing[first] == spacing[second]
    ]
    probe = torch.arange(2**dims, dtype=torch.float64).reshape(1, *(2,) * dims)
    kept: dict[tuple[float, ...], Records] = {}
    for quarters in product(range(4), repeat=len(planes)):
        turn = QuarterTurnRecord(
            tuple((*plane, quarter) for plane, quarter in zip(planes, quarters, strict=True) if quarter)
        )
        for flip in flips:
            seen = tuple(_PIPELINE.apply((flip, turn), probe)[0].flatten().tolist())
            kept.setdefault(seen, (flip, turn))
    return list(kept.values())


__all__ = ["Ways", "mean_over_symmetries", "symmetries"]
