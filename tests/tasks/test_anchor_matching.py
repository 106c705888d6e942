import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.tasks import anchor_matching
from hypercolumn.tasks.anchor_matching import BACKGROUND, NEITHER, OBJECT, draw, match
from hypercolumn.tasks.boxes import iou_matrix

NONE = torch.zeros(0, 4)


def some(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 60
    return torch.cat([corner, corner + 5 + 25 * torch.rand(count, 2, generator=generator)], dim=1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), true=st.integers(1, 8))
def test_kinds_follow_from_iou(seed: int, true: int) -> None:
    candidates, objects = some(80, seed), some(true, seed + 1)
    overlap = iou_matrix(candidates, objects)
    found = match(candidates, objects, NONE, high=0.5, low=0.2)
    best = overlap.max(dim=1).values
    assert torch.equal(found.kind == OBJECT, best >= 0.5)
    assert torch.equal(found.kind == BACKGROUND, best < 0.2)
    taken = found.kind == OBJECT
    assert torch.equal(overlap[taken, found.object[taken]], best[taken])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), true=st.integers(1, 8))
def test_every_object_that_is_touched_gets_its_best_candidate(seed: int, true: int) -> None:
    candidates, objects = some(40, seed), some(true, seed + 1)
    overlap = iou_matrix(candidates, objects)
    found = match(candidates, objects, NONE, high=0.7, low=0.3, force_best=True)
    best = overlap.argmax(dim=0)
    for candidate in set(best.tolist()):
        rivals = [one for one in range(true) if best[one] == candidate and overlap[candidate, one] > 0]
        if rivals:
            assert found.kind[candidate] == OBJECT
            assert found.object[candidate].item() in rivals


def test_comparing_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, objects = some(200, 0), some(7, 1)
    whole = match(candidates, objects, NONE, high=0.7, low=0.3, force_best=True)
    monkeypatch.setattr(anchor_matching, "PAIRS_AT_ONCE", 50)
    pieces = match(candidates, objects, NONE, high=0.7, low=0.3, force_best=True)
    assert torch.equal(whole.kind, pieces.kind)
    assert torch.equal(whole.object, pieces.object)


def test_without_objects_all_is_background() -> None:
    found = match(some(9, 0), NONE, NONE, high=0.7, low=0.3, force_best=True)
    assert (found.kind == BACKGROUND).all()


def test_what_is_left_out_of_account_is_neither() -> None:
    candidates = torch.tensor([[0.0, 0, 10, 10], [20.0, 0, 30, 10], [4.0, 0, 14, 10]])
    crowd = torch.tensor([[0.0, 0.0, 9.0, 10.0]])
    assert match(candidates, NONE, crowd, high=0.7, low=0.3).kind.tolist() == [NEITHER, BACKGROUND, BACKGROUND]


def test_an_object_in_a_crowd_stays_an_object() -> None:
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    assert match(box, box, box, high=0.7, low=0.3).kind.tolist() == [OBJECT]


@settings(max_examples=30, deadline=None)
@given(objects=st.integers(0, 60), background=st.integers(0, 60), count=st.integers(1, 40))
def test_what_is_drawn_is_a_share(objects: int, background: int, count: int) -> None:
    kind = torch.tensor([OBJECT] * objects + [BACKGROUND] * background + [NEITHER] * 5)
    first, second = draw(kind, count=count, share=0.25, generator=torch.Generator().manual_seed(0))
    assert len(first) == min(objects, count // 4)
    assert len(second) == min(background, count - len(first))
    assert (kind[first] == OBJECT).all()
    assert (kind[second] == BACKGROUND).all()
    assert len(set(first.tolist())) == len(first)


def test_the_same_chance_draws_the_same() -> None:
    kind = torch.zeros(1000, dtype=torch.long)
    drawn = [draw(kind, count=20, share=0.5, generator=torch.Generator().manual_seed(seed))[1] for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
