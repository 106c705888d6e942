import numpy as np
import pytest

from hypercolumn.convolution.continuous import sampled_convolution
from hypercolumn.errors import InvalidArgument


def gaussian(deviation: float):
    return lambda *x: (
        np.exp(-sum(axis**2 for axis in x) / (2 * deviation**2)) / (2 * np.pi * deviation**2) ** (len(x) / 2)
    )


JUMP = 1 / 15
"""A third or two thirds of a cell from its edge at every step below, so that what is lost is a third of a cell."""


def jump(t: np.ndarray) -> np.ndarray:
    return np.exp(-(t - JUMP)) * (t > JUMP)


def hat(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def errors(f, g, exact, *, low: float, high: float, steps: list[float]) -> np.ndarray:
    found = []
    for step in steps:
        result = sampled_convolution(f, g, low=low, high=high, step=step)
        grid = np.meshgrid(*result.coordinates, indexing="ij")
        found.append(np.abs(result.values - exact(*grid)).max())
    return np.array(found)


def orders(found: np.ndarray) -> np.ndarray:
    return np.log2(found[:-1] / found[1:])


def test_two_gaussians_make_one_with_the_variances_added_faster_than_any_power_of_the_step() -> None:
    found = errors(gaussian(0.6), gaussian(0.8), gaussian(1.0), low=-8, high=8, steps=[1.0, 0.5, 0.25])
    assert (orders(found) > 10).all()
    assert found[-1] < 1e-14


def test_two_jumps_converge_with_the_first_power() -> None:
    """exp(-t) for t > 0 with itself is t exp(-t), here moved."""

    def exact(x: np.ndarray) -> np.ndarray:
        x = np.maximum(x - 2 * JUMP, 0)
        return x * np.exp(-x)

    found = errors(jump, jump, exact, low=-1, high=20, steps=[0.2, 0.1, 0.05, 0.025])
    assert found[-1] < 0.02
    np.testing.assert_allclose(orders(found), 1, atol=0.1)


def test_bends_converge_with_the_second_power() -> None:
    """Two hats make the cubic B-spline."""

    def spline(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.where(x < 2, (2 - x) ** 3 / 6, 0))

    found = errors(hat, hat, spline, low=-1.5, high=1.5, steps=[0.1, 0.05, 0.025])
    np.testing.assert_allclose(orders(found), 2, atol=0.1)


def test_in_two_dimensions() -> None:
    result = sampled_convolution(gaussian(0.6), gaussian(0.8), low=(-5, -5), high=(5, 5), step=0.5)
    grid = np.meshgrid(*result.coordinates, indexing="ij")
    np.testing.assert_allclose(result.values, gaussian(1.0)(*grid), atol=2e-6)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"low": 1, "high": 1, "step": 0.1}, "high"),
        ({"low": 0, "high": np.inf, "step": 0.1}, "high"),
        ({"low": 0, "high": 1, "step": -0.1}, "step"),
        ({"low": 0, "high": 1, "step": 0.3}, "step"),
    ],
)
def test_bad_input(given: dict[str, float], name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        sampled_convolution(hat, hat, **given)
