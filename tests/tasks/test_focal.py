import pytest
import torch

from hypercolumn.tasks.focal import focal_loss


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_it_is_the_formula(gamma: float) -> None:
    p = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    torch.testing.assert_close(focal_loss(p.log(), gamma), -((1 - p) ** gamma) * p.log())


def test_digits_survive_near_certainty() -> None:
    """p = 1 - 1e-6: in float32 1 - exp(log p) would keep one digit of (1 - p)."""
    log_p = torch.log1p(torch.tensor(-1e-6, dtype=torch.float64)).float()
    assert focal_loss(log_p, 1.0).item() == pytest.approx(1e-12, rel=1e-4, abs=0)


@pytest.mark.parametrize("gamma", [None, 0.0, 0.1, 0.5, 1.0, 2.0, 10.0])
def test_slope_is_finite_from_certain_to_impossible(gamma: float | None) -> None:
    log_p = torch.tensor([0.0, -1e-20, -1e-7, -1.0, -100.0, -1e30], requires_grad=True)
    losses = focal_loss(log_p, gamma)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(log_p.grad).all()
    assert (losses >= 0).all()
