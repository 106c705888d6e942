import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.site_only import site_only_auroc


def test_the_published_hospital_counts() -> None:
    """Zech 2018: pneumonia in 34.2 % of 42,396 and in 1.2 % of 112,120 radiographs; the paper's test set had .861."""
    found = site_only_auroc(np.array([0.342 * 42_396, 0.012 * 112_120]), np.array([42_396, 112_120]))
    assert found == pytest.approx(0.857, abs=0.0005)
    true_positive_rate = 0.342 * 42_396 / (0.342 * 42_396 + 0.012 * 112_120)
    false_positive_rate = 0.658 * 42_396 / (0.658 * 42_396 + 0.988 * 112_120)
    assert found == pytest.approx((1 + true_positive_rate - false_positive_rate) / 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8))
def test_it_is_the_area_of_records_scored_by_the_prevalence_of_their_site(sites: list[tuple[int, int]]) -> None:
    positives, negatives = np.array(sites).T
    records = positives + negatives
    if not positives.sum() > 0:
        assert np.isnan(site_only_auroc(positives, records))
        return
    truth = np.concatenate([np.repeat([1, 0], pair) for pair in sites])
    score = np.repeat(positives / records, records)
    assert site_only_auroc(positives, records) == pytest.approx(roc_auc_score(truth, score))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="positives"):
        site_only_auroc(np.array([1, 2]), np.array([3]))
    with pytest.raises(InvalidArgument, match="positives"):
        site_only_auroc(np.array([4, 1]), np.array([3, 3]))
    with pytest.raises(InvalidArgument, match="positives"):
        site_only_auroc(np.array([0]), np.array([0]))
