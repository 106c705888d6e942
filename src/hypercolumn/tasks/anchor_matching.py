"""Which candidate boxes are taken for objects while learning, which for background, and which of them are looked at.

    object        IoU with a true box >= high, or the best of all candidates for a true box
    background    IoU with every true box < low, and not mostly in a region that is left out of account
    neither       all others: they count nowhere

Ren et al. 2015, arXiv:1506.01497. Candidates by the ten thousand are mostly background, so that of `count` that are
looked at only a share may be objects, and the rest is drawn from the background. Chance comes from a generator passed
in.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hypercolumn.tasks.boxes import areas, intersections, iou_matrix

NEITHER, BACKGROUND, OBJECT = -1, 0, 1
PAIRS_AT_ONCE = 1 << 18
"""Pairs compared in one go: few enough to stay in the cache."""


@dataclass(frozen=True, eq=False)
class Matching:
    """For each candidate NEITHER, BACKGROUND or OBJECT, and the true box it is taken for, where there is any."""

    kind: Tensor
    object: Tensor


def match(
    candidates: Tensor, true: Tensor, ignored: Tensor, *, high: float, low: float, force_best: bool = False
) -> Matching:
    """Match candidates (box, 4) to true boxes (object, 4); `ignored` (region, 4) are left out of account.

    force_best: the best candidate of each true box is taken for it, however little they overlap, the first of several.

    >>> candidates = torch.tensor([[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0], [50.0, 0.0, 60.0, 10.0]])
    >>> match(candidates, torch.tensor([[0.0, 0.0, 10.0, 9.0]]), torch.zeros(0, 4), high=0.7, low=0.3).kind
    tensor([ 1, -1,  0])
    """
    best = candidates.new_zeros(len(candidates))
    nearest = torch.zeros(len(candidates), dtype=torch.long, device=candidates.device)
    best_of_object = candidates.new_zeros(len(true))
    candidate_of_object = torch.zeros(len(true), dtype=torch.long, device=candidates.device)
    step = max(1, PAIRS_AT_ONCE // max(len(true), 1))
    for start in range(0, len(candidates) if len(true) else 0, step):
        overlap = iou_matrix(candidates[start : start + step], true)
        best[start : start + step], nearest[start : start + step] = overlap.max(dim=1)
        here, place = overlap.max(dim=0)
        candidate_of_object = torch.where(here > best_of_object, place + start, candidate_of_object)
        best_of_object = torch.maximum(here, best_of_object)
    kind = torch.full_like(nearest, NEITHER)
    kind[best < low] = BACKGROUND
    kind[(kind == BACKGROUND) & _mostly_in(candidates, ignored)] = NEITHER
    kind[best >= high] = OBJECT
    if force_best:
        touched = torch.nonzero(best_of_object > 0)[:, 0]
        kind[candidate_of_object[touched]] = OBJECT
        nearest[candidate_of_object[touched]] = touched
    return Matching(kind, nearest)


def draw(kind: Tensor, *, count: int, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The indices of objects, at most `share` of `count`, and of background, up to `count` together, drawn at random.

    >>> kind = torch.tensor([1, 0, 0, -1, 1, 1])
    >>> [len(drawn) for drawn in draw(kind, count=4, share=0.5, generator=torch.Generator().manual_seed(0))]
    [2, 2]
    """
    objects, background = (torch.nonzero(kind == one)[:, 0] for one in (OBJECT, BACKGROUND))
    objects = _some(objects, int(count * share), generator)
    return objects, _some(background, count - len(objects), generator)


def _some(indices: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """At most `count` of them; the generator is asked in any case, so that chance goes on alike."""
    order = torch.randperm(len(indices), generator=generator, device=generator.device)[:count]
    return indices[order.sort().values.to(indices.device)]


def _mostly_in(candidates: Tensor, regions: Tensor) -> Tensor:
    """Whether more than half of a candidate lies in one of the regions."""
    if not len(regions):
        return torch.zeros(len(candidates), dtype=torch.bool, device=candidates.device)
    return (intersections(candidates, regions) > areas(candidates)[:, None] / 2).any(dim=1)
