import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from hypercolumn.data.planted import plant_slice
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.mixture import fit_error_mixture


def cohort(seed: int, records: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    return chance.normal(size=(records, 5)), chance.integers(0, 3, records), chance.dirichlet(np.ones(3), records)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 12), st.sampled_from([0.5, 1.0, 2.0]))
def test_each_round_raises_the_likelihood_and_memberships_are_shares(seed: int, components: int, weight: float) -> None:
    vectors, truth, answers = cohort(seed)
    found = fit_error_mixture(vectors, truth, answers, components=components, answer_weight=weight)
    assert (np.diff(found.trace) > -1e-3 * np.abs(found.trace[0])).all()
    for given_labels, given_answers in ((None, None), (truth, None), (truth, answers)):
        held = found.memberships(vectors, given_labels, given_answers)
        assert held.shape == (120, components)
        assert held.sum(axis=1) == pytest.approx(np.ones(120))
    for shares in (found.shares, found.labels, found.answers):
        assert shares.sum(axis=-1) == pytest.approx(np.ones(shares.shape[:-1]))


def test_memberships_are_bayes_rule() -> None:
    vectors, truth, answers = cohort(0)
    found = fit_error_mixture(vectors, truth, answers, components=3, label_weight=0.5, answer_weight=2.0)
    z = (vectors - found.centre) @ found.axes
    joint = np.stack(
        [
            found.shares[one]
            * multivariate_normal(found.means[one], np.diag(found.variances[one])).pdf(z)
            * found.labels[one, truth] ** 0.5
            * np.prod(found.answers[one] ** (2.0 * answers), axis=1)
            for one in range(3)
        ],
        axis=1,
    )
    assert found.memberships(vectors, truth, answers) == pytest.approx(joint / joint.sum(axis=1, keepdims=True))


def test_a_planted_slice_is_the_worst_component() -> None:
    """FACTS: of the 50 surest records of the slice with the largest gap more than 0.7 belong to the planted one."""
    planted = plant_slice(3, share=0.08)
    truth, answers = planted.table["truth"].to_numpy(), planted.table[["p_0", "p_1"]].to_numpy()
    found = fit_error_mixture(planted.embeddings, truth, answers, components=10)
    held = found.memberships(planted.embeddings, truth, answers)
    gap = held.T @ (1 - answers[np.arange(len(truth)), truth]) / held.sum(axis=0)
    surest = np.argsort(-found.memberships(planted.embeddings, truth)[:, gap.argmax()])[:50]
    assert planted.inside[surest].mean() > 0.7


def test_nonsense_is_refused() -> None:
    vectors, truth, answers = cohort(1)
    with pytest.raises(ShapeMismatch, match="119"):
        fit_error_mixture(vectors, truth[:119], answers)
    with pytest.raises(InvalidArgument, match="sum to one"):
        fit_error_mixture(vectors, truth, 2 * answers)
    with pytest.raises(InvalidArgument, match="components"):
        fit_error_mixture(vectors, truth, answers, components=121)
    with pytest.raises(InvalidArgument, match="same embedding"):
        fit_error_mixture(np.ones((120, 5)), truth, answers)
