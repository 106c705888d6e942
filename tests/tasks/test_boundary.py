import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from hypercolumn.tasks import Segmentation
from hypercolumn.tasks.boundary import boundary_loss, signed_distance


def square(*, shift: int = 0, size: int = 24) -> torch.Tensor:
    target = torch.zeros(1, size, size, dtype=torch.long)
    target[:, 8 : size - 8, 8 + shift : size - 8 + shift] = 1
    return target


def certain(target: torch.Tensor, classes: int = 2) -> torch.Tensor:
    return functional.one_hot(target.clamp_min(0), classes).movedim(-1, 1).float()


def test_the_truth_costs_nothing_and_distance_costs_more() -> None:
    losses = [boundary_loss(certain(square(shift=shift)), square()).item() for shift in range(5)]
    assert losses[0] == 0
    assert losses == sorted(losses)
    assert losses[4] > 4 * losses[1]


def test_a_column_too_far_by_hand() -> None:
    """8 samples too many and 8 too few, each half a sample from the outline; both classes alike: 16 * 0.5 / 576."""
    assert boundary_loss(certain(square(shift=1)), square()).item() == pytest.approx(16 * 0.5 / 576)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_it_is_never_below_zero(seed: int, dims: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (12, 6, 5)[:dims]
    target = torch.randint(-1, 3, (2, *shape), generator=generator)
    p = torch.softmax(torch.randn(2, 3, *shape, generator=generator), dim=1)
    assert (boundary_loss(p, target) >= -1e-6).all()


def test_signed_distances_of_a_region_and_its_complement_cancel() -> None:
    region = np.random.default_rng(0).random((20, 30)) < 0.3
    np.testing.assert_allclose(signed_distance(region), -signed_distance(~region))


@pytest.mark.parametrize("value", [True, False])
def test_without_an_outline_there_is_no_distance(value: bool) -> None:
    assert not signed_distance(np.full((4, 5), value)).any()
    target = torch.full((1, 4, 5), int(value))
    assert boundary_loss(torch.full((1, 2, 4, 5), 0.5), target).item() == 0


def test_samples_outside_count_nowhere() -> None:
    target = square()
    target[:, :, 20:] = -1
    p = torch.full((1, 2, 24, 24), 0.5, requires_grad=True)
    (slope,) = torch.autograd.grad(boundary_loss(p, target).sum(), p)
    assert slope[..., 20:].abs().max() == 0
    assert slope[..., :20].abs().max() > 0


def test_the_task_adds_it_with_its_weight() -> None:
    logits = torch.randn(2, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    target = torch.cat([square(), square(shift=3)])
    plain, added = Segmentation(("a", "b")), Segmentation(("a", "b"), boundary=0.5)
    expected = plain.loss(logits, target) + 0.5 * boundary_loss(torch.softmax(logits, dim=1), target)
    torch.testing.assert_close(added.loss(logits, target), expected)
