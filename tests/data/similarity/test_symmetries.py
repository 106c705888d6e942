import numpy as np
import pytest

from hypercolumn.data.similarity.symmetries import inverse, symmetries
from hypercolumn.errors import InvalidArgument


@pytest.mark.parametrize(("dims", "order"), [(1, 1), (2, 8), (3, 8)])
def test_the_symmetries_are_as_many_as_the_group_has_and_all_differ(dims: int, order: int) -> None:
    grid = np.random.default_rng(0).random((5,) * dims)
    moved = {symmetry.of(grid).tobytes() for symmetry in symmetries(dims)}
    assert len(moved) == order
    assert len({symmetry.words for symmetry in symmetries(dims)}) == order


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_first_symmetry_changes_nothing(dims: int) -> None:
    grid = np.random.default_rng(0).random((4,) * dims)
    assert symmetries(dims)[0].words == "none"
    np.testing.assert_array_equal(symmetries(dims)[0].of(grid), grid)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_symmetry_and_its_inverse_give_the_grid_back(dims: int) -> None:
    grid = np.random.default_rng(0).random((5,) * dims)
    by_words = {symmetry.words: symmetry for symmetry in symmetries(dims)}
    for words, symmetry in by_words.items():
        np.testing.assert_array_equal(by_words[inverse(words)].of(symmetry.of(grid)), grid)


def test_symmetries_act_on_the_last_axes_of_a_stack() -> None:
    grids = np.random.default_rng(0).random((3, 4, 4))
    for symmetry in symmetries(2):
        np.testing.assert_array_equal(symmetry.of(grids)[1], symmetry.of(grids[1]))


def test_four_spatial_axes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="1, 2 or 3 spatial axes"):
        symmetries(4)
