import numpy as np
import pytest

from hypercolumn.data.planted import plant_raters
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.rater_errors import rater_errors, votes_of


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_errors_of_each_rater_are_learnt_without_the_truth(missing: float):
    _, said = plant_raters(0, rates=(0.05, 0.15, 0.25, 0.4), records=4000, missing=missing)
    found = rater_errors(said, classes=3)
    right = np.diagonal(found.errors, axis1=1, axis2=2).mean(axis=1)
    np.testing.assert_allclose(right, [0.95, 0.85, 0.75, 0.6], atol=0.03)
    np.testing.assert_allclose(found.errors.sum(axis=2), 1)
    np.testing.assert_allclose(found.prior, 1 / 3, atol=0.03)


def test_what_was_meant_is_nearer_to_the_truth_than_the_vote_of_most():
    true, said = plant_raters(1, rates=(0.02, 0.35, 0.35), records=1500)
    meant = rater_errors(said, classes=3).meant.argmax(axis=1)
    most = votes_of(said, classes=3).sum(axis=1).argmax(axis=1)
    assert (meant == true).mean() > (most == true).mean() + 0.05


def test_full_agreement_is_what_was_meant_and_an_unrated_record_is_unknown():
    said = np.tile(np.arange(6)[:, None] % 2, 3).astype(float)
    said[5] = np.nan
    found = rater_errors(said, classes=2)
    np.testing.assert_allclose(found.meant[:5], np.eye(2)[[0, 1, 0, 1, 0]], atol=1e-6)
    assert np.isnan(found.meant[5]).all()


def test_a_class_that_nobody_named_has_no_errors():
    found = rater_errors(np.zeros((4, 3)), classes=2)
    assert np.isnan(found.errors[:, 1]).all()
    assert found.prior.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        (np.zeros((4, 2)), "three raters"),
        (np.zeros((4, 1)), "agrees with nobody"),
        (np.full((4, 3), np.nan), "no record has a rating"),
        (np.full((4, 3), 2.0), "there are 2 classes"),
        (np.full((4, 3), 0.5), "class indices"),
        (np.full((4, 3), -1.0), "there are 2 classes"),
    ],
)
def test_what_cannot_tell_raters_apart_is_refused(ratings, words):
    with pytest.raises(InvalidArgument, match=words):
        rater_errors(ratings, classes=2)
