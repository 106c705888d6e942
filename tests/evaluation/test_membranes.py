from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.membrane_figures import MEMBRANE_COLUMNS, membrane_figures
from hypercolumn.evaluation.membranes import best_threshold, cell_agreement, cells, membrane_row, thinned

REAL = Path(__file__).parents[2] / "../shared/data/isbi2012_em/label"


def cells_and_blurred(seed: int, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Cells around random points with membranes between them, and a probability of membrane that is blurred."""
    chance = np.random.default_rng(seed)
    points = chance.uniform(0, size, (12, 2))
    rows, columns = np.mgrid[:size, :size]
    far = np.sort([np.hypot(rows - row, columns - column) for row, column in points], axis=0)
    inside = far[1] - far[0] > 3
    return inside, ndimage.gaussian_filter((~inside).astype(float), 1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_where_nothing_is_predicted_to_be_membrane_it_is_scikit_images(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, predicted = chance.integers(0, 5, (12, 15)), chance.integers(1, 6, (12, 15))
    found = cell_agreement(truth, predicted)
    error, of_truth, of_predicted = adapted_rand_error(truth, predicted, ignore_labels=(0,))
    n = found.samples  # scikit-image leaves out the pairs of a sample with itself
    both, own, true = (share * n * n - n for share in (found.both, found.predicted, found.truth))
    assert (1 - 2 * both / (own + true), both / true, both / own) == pytest.approx((error, of_truth, of_predicted))
    inside = truth > 0
    split, merge = variation_of_information(truth[inside], predicted[inside])
    lost = found.predicted_entropy + found.true_entropy - 2 * found.information
    assert lost / np.log(2) == pytest.approx(split + merge)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_sample_of_predicted_membrane_is_a_cell_of_its_own(seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth, predicted = chance.integers(0, 4, 80), chance.integers(0, 5, 80)
    single = np.where(predicted > 0, predicted, 100 + np.arange(80))
    one, other = cell_agreement(truth, predicted), cell_agreement(truth, single)
    assert (one.rand, one.info, one.rand_merge) == pytest.approx((other.rand, other.info, other.rand_merge))


def test_the_rand_index_by_counting_pairs() -> None:
    """Two true cells of 3 and 2 run together: 5^2 pairs predicted in one cell, 3^2 + 2^2 of them truly."""
    found = cell_agreement(np.array([1, 1, 1, 2, 2]), np.ones(5, dtype=int))
    assert found.rand_merge == pytest.approx(13 / 25)
    assert found.rand_split == pytest.approx(1)
    assert found.rand == pytest.approx(26 / 38)


def test_the_same_cells_under_other_numbers_agree_wholly() -> None:
    inside, _ = cells_and_blurred(0)
    labels = cells(inside)
    found = cell_agreement(labels, labels * 13)
    assert (found.rand, found.info) == pytest.approx((1, 1))


def test_a_diagonal_membrane_of_one_sample_parts_two_cells() -> None:
    assert cells(~np.eye(6, dtype=bool)).max() == 2


def test_the_width_of_a_membrane_does_not_count_after_thinning() -> None:
    """The same middle line drawn one and five samples wide."""
    truth, wide = np.ones((20, 31), dtype=bool), np.ones((20, 31), dtype=bool)
    truth[:, 15], wide[:, 13:18] = False, False
    far = np.abs(np.arange(31) - 15)[None].repeat(20, axis=0)
    grown = thinned(cells(wide), 1 / (1 + far))
    assert cell_agreement(cells(truth), grown).rand == 1
    assert cell_agreement(cells(truth), cells(wide)).rand < 0.95


def test_thinning_leaves_no_membrane_unless_there_is_no_cell() -> None:
    inside, membrane = cells_and_blurred(1)
    grown = thinned(cells(inside), membrane)
    assert (grown > 0).all()
    np.testing.assert_array_equal(grown[inside], cells(inside)[inside])
    assert not thinned(np.zeros((4, 4), dtype=int), np.ones((4, 4))).any()


def test_a_leak_through_a_membrane_costs_more_than_its_samples() -> None:
    inside, _ = cells_and_blurred(2)
    leaking = inside.copy()
    leaking[30:32] = True
    row = membrane_row(inside, 1.0 - leaking, threshold=0.5)
    assert row["wrong_samples"] / row["samples"] < 0.03
    assert row["rand"] < 0.9
    assert row["rand_split"] > row["rand_merge"]
    assert 0 < row["warped_samples"] <= row["wrong_samples"]


def test_the_best_threshold_is_that_of_the_training_slices() -> None:
    slices = [cells_and_blurred(seed) for seed in range(2)]
    threshold = best_threshold(slices)
    values = {
        one: np.mean([membrane_row(*each, threshold=one)["rand"] for each in slices]) for one in (0.05, threshold, 0.95)
    }
    assert max(values, key=values.get) == threshold


def test_slices_without_a_cell_have_no_rand_figure() -> None:
    row = membrane_row(np.zeros((5, 5), dtype=bool), np.zeros((5, 5)), threshold=0.5)
    assert np.isnan(row["rand"])
    assert np.isnan(row["info"])
    with pytest.raises(InvalidArgument, match="true cell"):
        best_threshold([(np.zeros((5, 5), dtype=bool), np.zeros((5, 5)))])


def test_a_volume_has_no_warping_error() -> None:
    row = membrane_row(np.ones((3, 4, 5), dtype=bool), np.zeros((3, 4, 5)), threshold=0.5)
    assert np.isnan(row["warped_samples"])
    assert row["rand"] == 1


def test_figures_are_means_over_slices_and_pooled_samples() -> None:
    rows = [
        {"unit": f"block {number}", "record": str(number)} | membrane_row(*cells_and_blurred(number), threshold=0.4)
        for number in range(3)
    ]
    table = pd.DataFrame(rows)
    assert set(MEMBRANE_COLUMNS) <= set(table.columns)
    found = {
        figure.metric: float(figure.statistic(np.ones((1, figure.units)))[0]) for figure in membrane_figures(table)
    }
    assert found["V Rand after thinning"] == pytest.approx(table["rand"].mean())
    assert found["pixel error"] == pytest.approx(table["wrong_samples"].sum() / table["samples"].sum())
    assert next(iter(found)) == "V Rand after thinning"


def test_arrays_of_two_shapes_are_refused() -> None:
    with pytest.raises(ShapeMismatch):
        membrane_row(np.ones((3, 3), dtype=bool), np.ones((3, 4)), threshold=0.5)
    with pytest.raises(ShapeMismatch):
        cell_agreement(np.ones(3, dtype=int), np.ones(4, dtype=int))


@pytest.mark.skipif(not REAL.exists(), reason="the real slices are not here")
def test_a_real_slice_against_itself_one_sample_aside() -> None:
    """Bent boundaries cost samples, and hardly any cell."""
    from hypercolumn.data import read_labels

    truth = read_labels(REAL / "00.png") > 0
    row = membrane_row(truth, 1.0 - np.roll(truth, 1, axis=0), threshold=0.5)
    assert row["wrong_samples"] / row["samples"] > 0.04
    assert row["rand"] > 0.95
    assert row["warped_samples"] < row["wrong_samples"] / 20
