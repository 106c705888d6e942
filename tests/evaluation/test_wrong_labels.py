import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.planted import plant_noise
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.wrong_labels import surest_records, wrong_labels


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 1000))
def test_of_every_class_called_the_surest_are_looked_at_and_nobody_surer_is_left_out(called: list[int], seed: int):
    classes, chance = np.array(called), np.random.default_rng(seed).random(len(called))
    surest = surest_records(classes, chance)
    for name in np.unique(classes):
        own = classes == name
        assert surest[own].any()
        if (own & ~surest).any():
            assert chance[own & surest].min() >= chance[own & ~surest].max()


@pytest.mark.parametrize(("records", "share"), [(100, 0.25), (800, 0.25), (1000, 0.2), (10_000, 0.1)])
def test_a_quarter_is_looked_at_and_of_very_many_a_tenth(records: int, share: float):
    surest = surest_records(np.zeros(records, int), np.linspace(0, 1, records))
    assert surest.sum() == share * records


def test_the_share_is_that_of_the_surest_weighted_by_how_often_each_class_is_called():
    """Six called 0, of whose two surest one is given 1; two called 1, the surest given 1: 6/8 * 1/2 + 2/8 * 0."""
    first = np.array([0.99, 0.98, 0.8, 0.8, 0.8, 0.8, 0.1, 0.2])
    given_ = np.array([1, 0, 0, 0, 0, 0, 1, 1])
    found = wrong_labels(given_, np.stack([first, 1 - first], axis=1), np.arange(8))
    assert found.share.value == pytest.approx(0.375)
    assert np.flatnonzero(found.surest).tolist() == [0, 1, 6]
    assert np.flatnonzero(found.contradicted).tolist() == [0]


@pytest.mark.parametrize("accuracy", [0.9, 0.95, 0.999])
def test_the_share_is_near_the_planted_one_where_classes_overlap_and_nought_where_labels_are_right(accuracy: float):
    noisy = [plant_noise(seed, rate=0.15, units=1000, accuracy=accuracy) for seed in range(5)]
    shares = [wrong_labels(each.given, each.probabilities, each.units).share.value for each in noisy]
    assert np.mean(shares) == pytest.approx(0.15, abs=0.02)
    clean = plant_noise(1, rate=0.0, units=2000, accuracy=accuracy)
    assert wrong_labels(clean.given, clean.probabilities, clean.units).share.value < 0.002


def test_labels_wrong_by_patient_are_less_certain_than_labels_wrong_one_by_one():
    single, gathered = (plant_noise(3, rate=0.2, units=60, records_per_unit=20, clustering=c) for c in (0.0, 0.5))
    widths = [
        (share := wrong_labels(each.given, each.probabilities, each.units).share).high - share.low
        for each in (single, gathered)
    ]
    assert widths[1] > 1.5 * widths[0]


def test_without_contradiction_the_interval_is_that_of_no_wrong_label_in_so_many_patients():
    clean = plant_noise(0, rate=0.0, accuracy=0.9999)
    found = wrong_labels(clean.given, clean.probabilities, clean.units)
    assert found.share.value == found.share.low == 0
    assert found.share.high == pytest.approx(1 - 0.025 ** (1 / len(np.unique(clean.units[found.surest]))))


def test_one_unit_alone_has_no_interval_and_equal_answers_no_agreement():
    found = wrong_labels(np.array([0, 1, 0, 1]), np.full((4, 2), 0.5), np.zeros(4, int))
    assert found.share.low is None
    assert found.agreement == 0
    assert np.isnan(wrong_labels(np.zeros(4, int), np.full((4, 2), 0.5), np.arange(4)).agreement)


def test_units_of_other_records_are_refused():
    with pytest.raises(ShapeMismatch, match="unit of each record"):
        wrong_labels(np.array([0, 1]), np.full((2, 2), 0.5), np.arange(3))
    with pytest.raises(InvalidArgument, match="probabilities"):
        wrong_labels(np.array([0, 1]), np.full((2, 2), np.nan), np.arange(2))
