import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from hypercolumn.data.planted import plant_noise, plant_raters
from hypercolumn.data.planted.noise import separation_of, symmetric_noise
from hypercolumn.errors import InvalidArgument


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0, 0.4))
def test_the_same_seed_plants_the_same_and_probabilities_sum_to_one(seed: int, classes: int, rate: float):
    first, second = (plant_noise(seed, rate=rate, classes=classes, units=10) for _ in range(2))
    for name in ("true", "given", "probabilities", "units"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1)
    assert first.joint.sum() == pytest.approx(1)


def test_the_clean_twin_has_the_same_truth_and_no_wrong_label():
    noisy, clean = plant_noise(4, rate=0.3), plant_noise(4, rate=0.0)
    np.testing.assert_array_equal(noisy.true, clean.true)
    assert noisy.wrong.any()
    assert not clean.wrong.any()


@pytest.mark.parametrize("accuracy", [0.7, 0.9, 0.99])
def test_the_model_is_as_good_as_was_asked(accuracy: float):
    planted = plant_noise(0, rate=0.0, accuracy=accuracy, classes=4, units=4000)
    assert (planted.probabilities.argmax(axis=1) == planted.true).mean() == pytest.approx(accuracy, abs=0.01)


def test_the_separation_of_two_classes_is_that_of_two_normal_scores():
    assert separation_of(0.8, classes=2) == pytest.approx(norm.ppf(0.8) * np.sqrt(2), abs=1e-6)


def test_labels_are_flipped_by_the_matrix_and_believed_by_the_model():
    matrix = np.array([[0.8, 0.1], [0.2, 0.9]])
    planted = plant_noise(0, matrix=matrix, prior=(0.7, 0.3), units=6000, accuracy=0.999)
    np.testing.assert_allclose(planted.joint, matrix * [0.7, 0.3], atol=0.01)
    believed = planted.probabilities[planted.true == 0].mean(axis=0)
    np.testing.assert_allclose(believed, matrix[:, 0], atol=0.01)


def test_clustered_flips_are_as_many_and_gather_in_few_patients():
    spread = [
        np.bincount(p.units.astype(int), p.wrong).var()
        for p in (plant_noise(0, rate=0.2, units=500, records_per_unit=10, clustering=c) for c in (0.0, 0.4))
    ]
    assert plant_noise(0, rate=0.2, units=2000, clustering=0.4).wrong.mean() == pytest.approx(0.2, abs=0.02)
    assert spread[1] > 3 * spread[0]


def test_a_surer_model_says_the_same_with_more_extreme_probabilities():
    plain, sure = (plant_noise(0, confidence=c) for c in (1.0, 3.0))
    np.testing.assert_array_equal(plain.probabilities.argmax(axis=1), sure.probabilities.argmax(axis=1))
    assert sure.probabilities.max(axis=1).mean() > plain.probabilities.max(axis=1).mean()


def test_raters_err_as_often_as_was_asked_and_do_not_look_at_everything():
    true, said = plant_raters(0, rates=(0.0, 0.3), records=4000, missing=0.25)
    assert np.isnan(said).mean() == pytest.approx(0.25, abs=0.02)
    for column, rate in zip(said.T, (0.0, 0.3), strict=True):
        looked = ~np.isnan(column)
        assert (column[looked] != true[looked]).mean() == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rate": 1.0}, "rate"),
        ({"classes": 1}, "classes"),
        ({"accuracy": 0.2}, "above 0.333"),
        ({"accuracy": 1.0}, "accuracy"),
        ({"prior": (0.5, 0.5)}, "3 shares"),
        ({"matrix": np.ones((2, 2))}, "columns each sum to one"),
        ({"matrix": np.ones((2, 3))}, "square"),
        ({"units": 0}, "at least one patient"),
        ({"clustering": 1.0}, "correlation"),
        ({"clustering": 0.5, "matrix": np.array([[0.8, 0.1], [0.2, 0.9]])}, "one rate"),
    ],
)
def test_what_cannot_be_planted_is_refused(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        plant_noise(0, **arguments)


def test_missing_ratings_are_a_share():
    with pytest.raises(InvalidArgument, match="missing"):
        plant_raters(0, missing=1.0)
    np.testing.assert_allclose(symmetric_noise(0.0, 4), np.eye(4))
