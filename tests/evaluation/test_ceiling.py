import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from hypercolumn.data.planted import plant_raters
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.agreement import cohen_kappa
from hypercolumn.evaluation.ceiling import mask_ceiling, rater_ceiling
from hypercolumn.evaluation.intervals import CORRELATION
from hypercolumn.evaluation.overlap import dice


def test_one_rater_by_another_is_the_mean_over_ordered_pairs():
    _, said = plant_raters(0, rates=(0.1, 0.3), records=400)
    first, second = said.T
    known = (balanced_accuracy_score(first, second) + balanced_accuracy_score(second, first)) / 2
    assert rater_ceiling(said, classes=3).rater.value == pytest.approx(known)


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_a_model_that_knows_the_truth_scores_what_the_ceiling_says(missing: float):
    true, said = plant_raters(3, rates=(0.1, 0.15, 0.2), records=4000, missing=missing)
    found = rater_ceiling(said, classes=3)
    there = ~np.isnan(said)
    scores = [balanced_accuracy_score(said[seen, r], true[seen]) for r, seen in enumerate(there.T)]
    assert found.truth.low < np.mean(scores) < found.truth.high
    assert found.rater.high < found.truth.low


def test_raters_who_agree_put_no_ceiling():
    same = np.tile(np.arange(30)[:, None] % 3, 3)
    found = rater_ceiling(same, classes=3)
    assert found.rater.value == 1
    assert found.truth.value == pytest.approx(1)
    assert found.rater.low < 1


def test_two_raters_leave_open_who_is_right():
    _, said = plant_raters(0, rates=(0.1, 0.1))
    found = rater_ceiling(said, classes=3)
    assert found.truth.value is None
    assert "who is right is open" in found.truth.note
    assert found.rater.value is not None


def test_any_formula_of_a_confusion_matrix_will_do():
    _, said = plant_raters(0, rates=(0.0, 0.0, 0.5), records=600)
    found = rater_ceiling(said, classes=3, formula=cohen_kappa, scale=CORRELATION)
    assert found.rater.value == pytest.approx((1 + 2 * 0.25) / 3, abs=0.05)


def test_dice_of_masks_is_pooled_over_samples_and_records():
    chance = np.random.default_rng(0)
    masks = [chance.random((2, 9, 9)) < 0.4 for _ in range(12)]
    first, second = (np.concatenate([mask[r].ravel() for mask in masks]) for r in (0, 1))
    known = dice((first & second).sum(), (first & ~second).sum(), (~first & second).sum())
    assert mask_ceiling(masks).rater.value == pytest.approx(float(known))


def test_a_mask_that_knows_the_region_scores_what_the_ceiling_says():
    chance = np.random.default_rng(1)
    region = np.zeros((40, 40), dtype=bool)
    region[8:30, 8:30] = True
    masks = [np.where(chance.random((3, 40, 40)) < 0.1, ~region, region) for _ in range(12)]
    found = mask_ceiling(masks)
    scores = [2 * (m & region).sum() / (m.sum() + region.sum()) for mask in masks for m in mask]
    assert found.truth.value == pytest.approx(np.mean(scores), abs=0.01)
    assert found.rater.value < found.truth.value


def test_patients_are_left_out_whole():
    _, said = plant_raters(0, records=40)
    repeated, patient = np.repeat(said, 8, axis=0), np.repeat(np.arange(40), 8)
    alone, by_patient = (rater_ceiling(repeated, classes=3, units=units).rater for units in (None, patient))
    assert by_patient.high - by_patient.low > 2 * (alone.high - alone.low)


def test_records_rated_once_have_no_ceiling():
    said = np.full((6, 3), np.nan)
    said[:, 0] = 1
    found = rater_ceiling(said, classes=2)
    assert (found.rater.value, found.truth.value, found.records) == (None, None, 0)


def test_what_has_no_ceiling_is_refused():
    with pytest.raises(InvalidArgument, match="agrees with nobody"):
        rater_ceiling(np.zeros((4, 1)), classes=2)
    with pytest.raises(InvalidArgument, match="there are 2 classes"):
        rater_ceiling(np.full((4, 2), 5.0), classes=2)
    with pytest.raises(ShapeMismatch, match="unit of each record"):
        rater_ceiling(np.zeros((4, 2)), classes=2, units=np.arange(3))
    with pytest.raises(ShapeMismatch, match="two at least"):
        mask_ceiling([np.ones((1, 4), dtype=bool)])
    with pytest.raises(ShapeMismatch, match="boolean"):
        mask_ceiling([np.ones((2, 4))])
    for wrong in ([], [np.ones((2, 4), dtype=bool), np.ones((3, 4), dtype=bool)]):
        with pytest.raises(ShapeMismatch, match="same raters"):
            mask_ceiling(wrong)
