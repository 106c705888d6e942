import numpy as np
import pytest
from scipy.fft import dctn

from hypercolumn.data.similarity.cosines import basis, turned
from hypercolumn.data.similarity.symmetries import symmetries


def test_the_coefficients_are_those_of_scipys_cosine_transform() -> None:
    grid = np.random.default_rng(0).random((16, 16))
    waves = basis(2, 16) @ grid.ravel()
    table = dctn(grid, norm="ortho")
    kept = [table[u, v] for u in range(16) for v in range(16) if u + v > 1 and u * u + v * v <= 64]
    np.testing.assert_allclose(waves, kept, atol=1e-5)


@pytest.mark.parametrize(("dims", "side"), [(2, 16), (2, 48), (3, 8)])
def test_turning_the_grid_is_turning_the_coefficients(dims: int, side: int) -> None:
    grid = np.random.default_rng(1).random((side,) * dims)
    waves = basis(dims, side) @ grid.ravel()
    for symmetry, turn in zip(symmetries(dims), turned(dims, side), strict=True):
        moved = basis(dims, side) @ np.ascontiguousarray(symmetry.of(grid)).ravel()
        np.testing.assert_allclose(turn @ waves, moved, atol=1e-4)
