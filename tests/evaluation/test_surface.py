import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.surface import surface, surface_distances


def square(start, stop, *, size=12):
    region = np.zeros((size, size), dtype=bool)
    region[start:stop, start:stop] = True
    return region


def test_the_surface_of_a_square_is_its_rim():
    rim = square(2, 7) & ~square(3, 6)
    np.testing.assert_array_equal(surface(square(2, 7)), rim)


def test_the_edge_of_the_array_counts_as_outside():
    np.testing.assert_array_equal(surface(np.ones((3, 3), dtype=bool)), [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def test_one_region_lies_at_no_distance_from_itself():
    found = surface_distances(square(2, 9), square(2, 9))
    assert (found.mean, found.percentile_95, found.to_truth, found.to_predicted) == (0, 0, 0, 0)


def test_two_points_three_rows_and_four_columns_apart_with_a_spacing():
    truth, predicted = np.zeros((6, 6), dtype=bool), np.zeros((6, 6), dtype=bool)
    truth[0, 0] = predicted[3, 4] = True
    assert surface_distances(truth, predicted).mean == 5.0
    assert surface_distances(truth, predicted, spacing=(2.0, 0.5)).mean == pytest.approx(np.hypot(6, 2))


def test_a_square_drawn_one_sample_too_large_is_one_sample_off_but_for_its_corners():
    found = surface_distances(square(3, 8), square(2, 9))  # 16 and 24 samples of rim, 4 corners a diagonal away
    assert found.to_predicted == 1.0
    assert found.to_truth == pytest.approx((20 + 4 * np.sqrt(2)) / 24)
    assert found.mean == pytest.approx((16 + 20 + 4 * np.sqrt(2)) / 40)


@pytest.mark.parametrize("shape", [(40,), (15, 17), (8, 9, 7)])
def test_any_number_of_axes_agrees_with_all_pairs(shape):
    chance = np.random.default_rng(len(shape))
    truth, predicted = chance.random((2, *shape)) < 0.15
    spacing = tuple(chance.uniform(0.3, 3, len(shape)))
    pairs = cdist(np.argwhere(surface(predicted)) * spacing, np.argwhere(surface(truth)) * spacing)
    to_truth, to_predicted = pairs.min(axis=1), pairs.min(axis=0)
    found = surface_distances(truth, predicted, spacing=spacing)
    assert found.to_truth == pytest.approx(to_truth.mean())
    assert found.to_predicted == pytest.approx(to_predicted.mean())
    assert found.mean == pytest.approx(np.concatenate([to_truth, to_predicted]).mean())
    assert found.percentile_95 == pytest.approx(max(np.percentile(to_truth, 95), np.percentile(to_predicted, 95)))


def test_changing_sides_changes_only_which_direction_is_which():
    forth, back = surface_distances(square(2, 6), square(4, 11)), surface_distances(square(4, 11), square(2, 6))
    assert (forth.mean, forth.percentile_95) == pytest.approx((back.mean, back.percentile_95))
    assert forth.to_truth == pytest.approx(back.to_predicted)


@pytest.mark.parametrize(
    ("truth", "predicted"), [(square(2, 5), square(0, 0)), (square(0, 0), square(2, 5)), (square(0, 0), square(0, 0))]
)
def test_where_one_surface_is_empty_the_distance_is_undefined(truth, predicted):
    found = surface_distances(truth, predicted)
    assert np.isnan([found.mean, found.percentile_95, found.to_truth, found.to_predicted]).all()


def test_shapes_must_agree_and_spacing_must_be_lengths():
    with pytest.raises(ShapeMismatch):
        surface_distances(square(2, 5), square(2, 5, size=9))
    for spacing in ((1.0,), (1.0, 0.0), (1.0, -2.0)):
        with pytest.raises(InvalidArgument, match="spacing"):
            surface_distances(square(2, 5), square(2, 5), spacing=spacing)
