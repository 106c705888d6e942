import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import euler_number

from hypercolumn.errors import ShapeMismatch
from hypercolumn.evaluation.warping import _SIMPLE, warped, warping_error

BOTH = np.ones((3, 3))


def topology(inside: np.ndarray) -> tuple[int, int]:
    """How many cells (by faces) and pieces of membrane (by faces and corners), beyond the edge all being membrane."""
    framed = np.pad(inside, 1)
    return ndimage.label(framed)[1], ndimage.label(~framed, BOTH)[1]


def two_cells() -> np.ndarray:
    inside = np.ones((9, 11), dtype=bool)
    inside[:, 5] = False
    return inside


def test_a_drawing_one_sample_off_here_and_there_is_no_error() -> None:
    truth = two_cells()
    bent = np.ones_like(truth)
    bent[np.arange(9), [5, 6, 6, 5, 4, 4, 5, 6, 6]] = False
    assert warping_error(truth, bent) == 0


def test_a_thin_membrane_is_not_carried_across_a_cell() -> None:
    """Where truth and prediction agree on cell between the two places, nothing may be flipped there."""
    truth = two_cells()
    assert warping_error(truth, np.roll(truth, 1, axis=1)) == 0
    assert warping_error(truth, np.roll(truth, 3, axis=1)) > 0.1


def test_a_drawing_grown_wide_is_no_error() -> None:
    wide = two_cells()
    wide[:, 2:9] = False
    assert warping_error(two_cells(), wide) == 0


def test_two_cells_run_together_cost_the_width_of_the_leak() -> None:
    """No sample of the membrane can be opened without joining the cells."""
    leaking = two_cells()
    leaking[4, 5] = True
    assert warping_error(two_cells(), leaking) == 1 / 99
    leaking[3:6, 5] = True
    assert warping_error(two_cells(), leaking) == 3 / 99


def test_a_cell_cut_in_two_costs_one_sample() -> None:
    cut = two_cells()
    cut[4, :5] = False
    assert warping_error(two_cells(), cut) == pytest.approx(1 / 99)


def test_a_hole_costs_its_samples_and_a_lost_cell_the_last_of_them() -> None:
    hole, lost = two_cells(), two_cells()
    hole[3:6, 1:4] = False
    lost[:, 6:] = False
    assert warping_error(two_cells(), hole) == pytest.approx(9 / 99)
    assert warping_error(two_cells(), lost) == pytest.approx(1 / 99)


def test_a_diagonal_membrane_parts_cells_and_a_diagonal_of_cell_does_not_join_them() -> None:
    diagonal = np.ones((7, 7), dtype=bool)
    diagonal[np.arange(7), np.arange(7)] = False
    thick = diagonal & ~np.eye(7, k=1, dtype=bool)
    assert warping_error(thick, diagonal) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_warped_truth_keeps_its_topology(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, predicted = (ndimage.gaussian_filter(chance.random((24, 24)), 1.5) > 0.5 for _ in range(2))
    bent = warped(truth, predicted)
    assert topology(bent) == topology(truth)
    assert (bent != predicted).sum() <= (truth != predicted).sum()
    assert not ((bent != truth) & (bent != predicted)).any()


def test_simple_samples_are_those_whose_flip_changes_nothing() -> None:
    """All 512 neighbourhoods: by counting pieces of the 3 x 3 block, and by the Euler number around it."""
    ring = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
    for code in range(256):
        block = np.zeros((5, 5), dtype=bool)
        for bit, (row, column) in enumerate(ring):
            block[2 + row, 2 + column] = code >> bit & 1
        with_it = block.copy()
        with_it[2, 2] = True
        same_euler = euler_number(block, connectivity=1) == euler_number(with_it, connectivity=1)
        same_cells = topology(block) == topology(with_it)
        assert _SIMPLE[code] == (same_euler and same_cells), code
    assert sum(_SIMPLE) == 116


def test_one_and_the_same_is_no_error() -> None:
    assert warping_error(two_cells(), two_cells()) == 0


@pytest.mark.parametrize("shape", [(9, 10), (9,), (1, 9, 11)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch):
        warping_error(two_cells(), np.ones(shape, dtype=bool))
