"""The AUROC of a plain model against scikit-learn's, p against permuted labels, and what cannot be read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation import readability


def labels_and_features(seed: int, *, shift: float, units: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(["ill", "well"], units // 2)
    return labels, rng.standard_normal((units, 3)) + shift * (labels == "ill")[:, None]


def test_the_auroc_is_that_of_ridge_regression_by_scikit_learn_over_the_pairs_of_each_fold() -> None:
    labels, features = labels_and_features(0, shift=0.5)
    areas, pairs = [], []
    truth = (labels == "ill").astype(float)
    for training, test in StratifiedKFold(5, shuffle=True, random_state=0).split(truth, truth):
        mean, spread = features[training].mean(axis=0), features[training].std(axis=0)
        x = (features - mean) / spread
        score = Ridge(alpha=1.0).fit(x[training], truth[training]).predict(x[test])
        areas.append(roc_auc_score(truth[test], score))
        pairs.append(truth[test].sum() * (1 - truth[test]).sum())
    found = readability({"light": features}, labels)["light"]
    assert found.auroc == pytest.approx(np.average(areas, weights=pairs), abs=1e-9)


@given(scale=st.floats(0.01, 100), offset=st.floats(-50, 50), swap=st.booleans())
@settings(max_examples=20, deadline=None)
def test_units_of_measurement_and_the_names_of_the_labels_change_nothing(scale, offset, swap) -> None:
    labels, features = labels_and_features(1, shift=0.4, units=60)
    plain = readability({"light": features}, labels, permutations=19)["light"]
    renamed = np.where(labels == "ill", "z", "a") if swap else labels
    moved = readability({"light": scale * features + offset}, renamed, permutations=19)["light"]
    assert moved.auroc == pytest.approx(plain.auroc, abs=1e-6)


def test_labels_that_are_in_the_features_are_read_and_p_is_the_least_there_is() -> None:
    labels, _ = labels_and_features(0, shift=0)
    found = readability({"name": (labels == "ill").astype(float)[:, None]}, labels, permutations=99)["name"]
    assert (found.auroc, found.p, found.classes, found.units) == (1.0, 0.01, 2, 120)
    assert found.low is not None
    assert found.low > 0.9


def test_p_is_uniform_where_nothing_is_there() -> None:
    """200 null runs of two sources: the best p is below 0.1 in about a tenth of them, since both are answered for."""
    best = []
    for seed in range(200):
        labels, features = labels_and_features(seed, shift=0, units=40)
        found = readability({"a": features[:, :1], "b": features[:, 1:]}, labels, permutations=19, seed=seed)
        best.append(min(reading.p for reading in found.values()))
    assert 0.04 < np.mean(np.array(best) <= 0.1) < 0.16


def test_three_classes_are_read_one_against_the_rest() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["I", "II", "III"], 30)
    site = np.stack([labels == name for name in ("I", "II", "III")], axis=1) + 0.01 * rng.standard_normal((90, 3))
    found = readability({"site": site, "noise": rng.standard_normal((90, 2))}, labels)
    assert found["site"].auroc > 0.99
    assert found["noise"].auroc < 0.65
    assert found["noise"].p > 0.02


def test_a_constant_feature_tells_nothing() -> None:
    labels, _ = labels_and_features(0, shift=0)
    found = readability({"constant": np.full((120, 2), 7.0)}, labels, permutations=19)["constant"]
    assert (found.auroc, found.p) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("sources", "labels", "error", "words"),
    [
        ({"a": np.zeros((4, 1))}, np.repeat(["x"], 4), InvalidArgument, "one class alone"),
        ({"a": np.zeros((12, 1))}, np.array(["x"] * 10 + ["y"] * 2), InvalidArgument, "fewer than 5"),
        ({"a": np.zeros((9, 1))}, np.repeat(["x", "y"], 5), ShapeMismatch, "10 units"),
        ({"a": np.zeros(10)}, np.repeat(["x", "y"], 5), ShapeMismatch, "unit, feature"),
        ({"a": np.full((10, 1), np.nan)}, np.repeat(["x", "y"], 5), InvalidArgument, "NaN"),
        ({}, np.repeat(["x", "y"], 5), InvalidArgument, "sources"),
    ],
)
def test_what_cannot_be_read_is_refused(sources, labels, error, words) -> None:
    with pytest.raises(error, match=words):
        readability(sources, labels)
