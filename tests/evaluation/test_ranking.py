import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, top_k_accuracy_score

from hypercolumn.evaluation.ranking import auprc, auroc, auroc_within, top_k_hits


def tied(seed, size=300):
    chance = np.random.default_rng(seed)
    truth = chance.random(size) < 0.3
    return truth, np.round(truth + chance.normal(size=size), 1)


@pytest.mark.parametrize("seed", range(4))
def test_areas_are_those_of_scikit_learn_with_ties(seed):
    truth, score = tied(seed)
    assert auroc(truth, score) == pytest.approx(roc_auc_score(truth, score))
    assert auprc(truth, score) == pytest.approx(average_precision_score(truth, score))


def test_weights_are_those_of_scikit_learn():
    truth, score = tied(9)
    weights = np.random.default_rng(0).integers(0, 4, (5, len(truth))).astype(float)
    for area, known in ((auroc, roc_auc_score), (auprc, average_precision_score)):
        expected = [known(truth, score, sample_weight=row) for row in weights]
        np.testing.assert_allclose(area(truth, score, weights=weights), expected)


def test_a_weight_of_two_is_the_record_twice():
    truth, score = tied(3, size=40)
    weights = np.where(np.arange(40) < 10, 2.0, 1.0)
    twice = np.r_[np.arange(10), np.arange(40)]
    for area in (auroc, auprc):
        assert area(truth, score, weights=weights) == pytest.approx(float(area(truth[twice], score[twice])))


def test_only_the_order_of_scores_matters_and_reversing_it_reverses_the_area():
    truth, score = tied(5)
    assert auroc(truth, np.exp(score)) == pytest.approx(float(auroc(truth, score)))
    assert auroc(truth, -score) == pytest.approx(1 - float(auroc(truth, score)))


def test_scores_all_alike_rank_nothing():
    truth = np.array([True, False, True, False, False])
    assert auroc(truth, np.full(5, 0.7)) == 0.5
    assert auprc(truth, np.full(5, 0.7)) == pytest.approx(2 / 5)


@pytest.mark.parametrize("truth", [np.zeros(4, bool), np.ones(4, bool), np.zeros(0, bool)])
def test_one_class_alone_is_undefined_and_no_error(truth):
    assert np.isnan(auroc(truth, np.arange(len(truth))))
    assert np.isnan(auprc(truth, np.arange(len(truth))))


def test_many_draws_are_the_same_as_one_by_one():
    truth, score = tied(1, size=60)
    weights = np.random.default_rng(0).random((50_000, 60))
    at_once = auroc(truth, score, weights=weights)
    assert at_once.shape == (50_000,)
    assert at_once[-1] == pytest.approx(float(auroc(truth, score, weights=weights[-1])))


def test_top_k_is_that_of_scikit_learn():
    chance = np.random.default_rng(2)
    truth, probabilities = chance.integers(0, 6, 200), chance.dirichlet(np.ones(6), 200)
    for k in (1, 3, 5):
        assert top_k_hits(truth, probabilities, k=k).mean() == pytest.approx(
            top_k_accuracy_score(truth, probabilities, k=k)
        )


def test_a_network_that_says_the_same_of_every_class_hits_nothing():
    assert not top_k_hits(np.arange(5), np.full((5, 5), 0.2), k=3).any()


def test_within_groups_only_pairs_of_one_group_count():
    chance = np.random.default_rng(11)
    group, truth = chance.integers(0, 4, 80), chance.random(80) < 0.4
    score = np.round(truth + 2 * group + chance.normal(size=80), 1)
    won, pairs = 0.0, 0
    for one in np.flatnonzero(truth):
        for other in np.flatnonzero(~truth & (group == group[one])):
            won += (score[one] > score[other]) + (score[one] == score[other]) / 2
            pairs += 1
    assert auroc_within(truth, score, group) == pytest.approx(won / pairs)
    weights = chance.integers(0, 3, (5, 80)).astype(float)
    drawn = [np.repeat(np.arange(80), row.astype(int)) for row in weights]
    known = [auroc_within(truth[rows], score[rows], group[rows]) for rows in drawn]
    assert auroc_within(truth, score, group, weights=weights) == pytest.approx(known)


def test_within_one_group_it_is_the_area_and_without_pairs_it_is_undefined():
    truth, score = np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.2, 0.3])
    assert auroc_within(truth, score, np.zeros(4)) == auroc(truth, score)
    assert np.isnan(auroc_within(truth, score, truth))
