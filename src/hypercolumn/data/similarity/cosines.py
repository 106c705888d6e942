"""The slow waves of a grid: its cosine coefficients up to a few waves a side, and what turning the grid does to them.

    c_k = sum_x f(x) prod_a cos(pi k_a (x_a + 1/2) / side)        |k| <= R, more than one wave in all, normalized

A shift or a crop by a few hundredths changes a slow wave little, so coefficients propose pairs that a comparison of
boxes would miss. Flips change their signs and quarter turns exchange them: each symmetry of the grid is a signed
permutation. Ahmed, Natarajan and Rao 1974, doi 10.1109/T-C.1974.223784.
"""

from functools import lru_cache
from itertools import product

import numpy as np

from hypercolumn.data.similarity.symmetries import symmetries

RADIUS = {1: 256.0, 2: 8.0, 3: 4.2}
"""The fastest wave that is kept, in half periods a side; by the number of spatial axes."""


@lru_cache(maxsize=8)
def basis(dims: int, side: int) -> np.ndarray:
    """The waves, orthonormal: (coefficient, box) over a grid of so many boxes a side.

    >>> basis(2, 48).shape
    (55, 2304)
    >>> bool(np.allclose(basis(2, 48) @ basis(2, 48).T, np.eye(55), atol=1e-5))
    True
    """
    highest = int(min(RADIUS[dims], side - 1))
    places = (np.arange(side) + 0.5) * np.pi / side
    waves = np.cos(np.arange(highest + 1)[:, None] * places) * np.where(np.arange(highest + 1)[:, None], 2, 1) ** 0.5
    waves /= side**0.5
    kept = [k for k in product(range(highest + 1), repeat=dims) if sum(k) > 1 and np.hypot.reduce(k) <= RADIUS[dims]]
    rows = []
    for wave in kept:
        row = np.ones(())
        for number in wave:
            row = np.multiply.outer(row, waves[number])
        rows.append(row.ravel())
    return np.array(rows, dtype=np.float32)


@lru_cache(maxsize=8)
def turned(dims: int, side: int) -> np.ndarray:
    """What each symmetry does to the coefficients: (symmetry, coefficient, coefficient), signed permutations.

    >>> flip = turned(2, 48)[4]
    >>> sorted(set(np.abs(flip).sum(axis=0).tolist()))
    [1.0]
    """
    waves = basis(dims, side)
    grids = waves.reshape(-1, *(side,) * dims)
    moved = [np.ascontiguousarray(each.of(grids)).reshape(len(waves), -1) for each in symmetries(dims)]
    return np.round(np.stack([waves @ grid.T for grid in moved])).astype(np.float32)
