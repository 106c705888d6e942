import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from hypercolumn.data.planted import plant_raters
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.raters import fleiss_kappa, krippendorff_alpha, pairwise_kappa

N = np.nan
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T
"""Four observers, twelve units: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, example D."""

FLEISS = np.array(
    [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
     [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
)  # fmt: skip
"""Fourteen raters, ten subjects, five categories; the kappa that is published with it is 0.210."""

SCALES = ("nominal", "ordinal", "interval")


@pytest.mark.parametrize(("scale", "known"), list(zip(SCALES, (0.743, 0.815, 0.849), strict=True)))
def test_alpha_of_the_published_example(scale, known):
    assert krippendorff_alpha(KRIPPENDORFF, scale=scale).value == pytest.approx(known, abs=5e-4)


def test_fleiss_kappa_of_the_published_example():
    ratings = np.array([np.repeat(np.arange(5), row) for row in FLEISS])
    assert fleiss_kappa(ratings).value == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(("weights", "known"), [("nominal", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_the_kappa_of_each_pair_is_that_of_scikit_learn_over_what_both_rated(weights, known):
    _, said = plant_raters(0, rates=(0.2, 0.3, 0.4), missing=0.2)
    for (first, second), found in pairwise_kappa(said, weights=weights).items():
        both = ~np.isnan(said[:, [first, second]]).any(axis=1)
        expected = cohen_kappa_score(said[both, first], said[both, second], weights=known)
        assert found.value == pytest.approx(expected)
        assert found.low < expected < found.high


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(SCALES))
def test_alpha_does_not_depend_on_the_order_of_raters_or_records_nor_on_shift_and_stretch(seed, scale):
    chance = np.random.default_rng(seed)
    _, said = plant_raters(seed, records=25, missing=0.3)
    turned = said[chance.permutation(25)][:, chance.permutation(3)] * 2.5 + 7
    first, second = (krippendorff_alpha(each, scale=scale).value for each in (said, turned))
    assert first == pytest.approx(second)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_of_two_values_all_scales_are_one(seed):
    _, said = plant_raters(seed, classes=2, records=30, missing=0.2)
    values = [krippendorff_alpha(said, scale=scale).value for scale in SCALES]
    np.testing.assert_allclose(values, values[0])


def test_full_agreement_is_one_and_ratings_by_chance_are_near_nought():
    same = np.tile(np.arange(40)[:, None] % 3, 3)
    chance = np.random.default_rng(0).integers(0, 3, (4000, 3))
    for figure in (krippendorff_alpha, fleiss_kappa):
        assert figure(same).value == 1
        assert abs(figure(chance).value) < 0.02


def test_patients_with_many_records_make_the_interval_wider_than_records_alone():
    _, said = plant_raters(0, records=60)
    repeated, patient = np.repeat(said, 10, axis=0), np.repeat(np.arange(60), 10)
    alone, by_patient = krippendorff_alpha(repeated), krippendorff_alpha(repeated, units=patient)
    assert by_patient.high - by_patient.low > 2 * (alone.high - alone.low)


def test_one_value_alone_and_records_rated_once_are_undefined():
    for scale in SCALES:
        assert krippendorff_alpha(np.ones((5, 2)), scale=scale).value is None
    assert fleiss_kappa(np.ones((5, 2))).value is None
    once = np.array([[1.0, N], [N, 2.0]])
    assert krippendorff_alpha(once).note == "no record has two ratings"
    assert pairwise_kappa(once)[0, 1].note == "no record was rated by both"


@pytest.mark.parametrize("figure", [krippendorff_alpha, fleiss_kappa, pairwise_kappa])
def test_what_are_no_ratings_is_refused(figure):
    with pytest.raises(InvalidArgument, match="agrees with nobody"):
        figure(np.ones((4, 1)))
    with pytest.raises(InvalidArgument, match="finite"):
        figure(np.array([[1.0, np.inf]]))
    for wrong in (np.ones(4), np.zeros((0, 2))):
        with pytest.raises(ShapeMismatch, match="record, rater"):
            figure(wrong)
    with pytest.raises(ShapeMismatch, match="unit of each record"):
        figure(np.ones((4, 2)), units=np.arange(3))


def test_missing_ratings_and_unknown_scales_are_refused_where_they_have_no_meaning():
    with pytest.raises(InvalidArgument, match="krippendorff_alpha"):
        fleiss_kappa(KRIPPENDORFF)
    with pytest.raises(InvalidArgument, match="nominal, ordinal, interval"):
        krippendorff_alpha(KRIPPENDORFF, scale="ratio")
