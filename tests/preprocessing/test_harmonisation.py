import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import DataError, InvalidArgument, ShapeMismatch
from hypercolumn.preprocessing import Harmonisation, fit_harmonisation
from hypercolumn.preprocessing.harmonisation import _of_batch


def scanners(seed: int, records: int = 120, features: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Three scanners, each with a shift and a scale of its own in each feature."""
    chance = np.random.default_rng(seed)
    batch = np.array(["A", "B", "C"])[np.arange(records) % 3]
    shift, scale = chance.normal(size=(3, features)), chance.uniform(0.5, 2, (3, features))
    code = np.arange(records) % 3
    return 10 + shift[code] + scale[code] * chance.normal(size=(records, features)), batch


def test_the_starred_equations_hold_where_they_stand_still() -> None:
    z = np.random.default_rng(0).normal(0.3, 1.4, (12, 30)) * np.random.default_rng(1).uniform(0.5, 2, 30)
    shift, scale = _of_batch(z)
    mean, variance = z.mean(axis=0), z.var(axis=0, ddof=1)
    width, middle, spread = mean.var(ddof=1), variance.mean(), variance.var(ddof=1)
    shape, rate = 2 + middle**2 / spread, middle + middle**3 / spread
    assert shift == pytest.approx((12 * width * mean + scale**2 * mean.mean()) / (12 * width + scale**2), abs=1e-5)
    known = (rate + np.square(z - shift).sum(axis=0) / 2) / (12 / 2 + shape - 1)
    assert scale**2 == pytest.approx(known, abs=1e-5)


def test_the_inverse_gamma_has_the_moments_of_the_variances() -> None:
    """Mean rate / (shape - 1), variance rate^2 / ((shape - 1)^2 (shape - 2)): solved for by hand in the module."""
    middle, spread = 1.7, 0.4
    shape, rate = (2 * spread + middle**2) / spread, (middle * spread + middle**3) / spread
    assert rate / (shape - 1) == pytest.approx(middle)
    assert rate**2 / ((shape - 1) ** 2 * (shape - 2)) == pytest.approx(spread)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000))
def test_means_and_deviations_of_batches_come_together(seed: int) -> None:
    features, batch = scanners(seed)
    harmonised = fit_harmonisation(features, batch).apply(features, batch)
    assert harmonised.mean() == pytest.approx(features.mean(), abs=0.3)
    for figure in (np.mean, np.std):
        before, after = (
            np.ptp([figure(values[batch == name], axis=0) for name in "ABC"], axis=0).mean()
            for values in (features, harmonised)
        )
        assert after < before / 3


def test_a_few_records_are_drawn_towards_what_their_batch_has_in_common() -> None:
    """Four records of a scanner that shifts every feature by 2: shrunk estimates lie nearer to 2 than means do."""
    chance = np.random.default_rng(2)
    batch = np.repeat(["A", "B"], [200, 4])
    features = chance.normal(size=(204, 60)) + 2.0 * (batch == "B")[:, None]
    fitted = fit_harmonisation(features, batch)
    raw = (features[batch == "B"].mean(axis=0) - np.array(fitted.centre)) / np.array(fitted.spread)
    shrunk = np.array(fitted.shifts["B"])
    assert shrunk.std() < 0.75 * raw.std()
    assert shrunk.mean() == pytest.approx(raw.mean(), abs=0.05)


def test_a_test_row_is_the_same_whatever_stands_beside_it() -> None:
    features, batch = scanners(3)
    fitted = fit_harmonisation(features[:60], batch[:60])
    together = fitted.apply(features[60:], batch[60:])
    alone = np.concatenate([fitted.apply(features[[row]], batch[[row]]) for row in range(60, 120)])
    assert together == pytest.approx(alone)


def test_what_a_covariate_explains_is_kept() -> None:
    chance = np.random.default_rng(4)
    batch = np.repeat(["A", "B"], 150)
    age = chance.normal(50, 10, 300) + 10 * (batch == "B")
    features = 0.1 * age[:, None] + 1.5 * (batch == "B")[:, None] + chance.normal(size=(300, 20))
    fitted = fit_harmonisation(features, batch, covariates=age[:, None])
    assert np.array(fitted.coefficients) == pytest.approx(np.full((1, 20), 0.1), abs=0.03)
    harmonised = fitted.apply(features, batch, covariates=age[:, None])
    left = np.linalg.lstsq(np.stack([np.ones(300), age, batch == "B"], axis=1), harmonised, rcond=None)[0]
    assert left[1].mean() == pytest.approx(0.1, abs=0.01)
    assert left[2].mean() == pytest.approx(0, abs=0.1)
    bare = fit_harmonisation(features, batch).apply(features, batch)
    assert bare[batch == "B"].mean() - bare[batch == "A"].mean() == pytest.approx(0, abs=0.1)  # age went with it


def test_the_record_is_json_and_back() -> None:
    features, batch = scanners(5)
    fitted = fit_harmonisation(features, batch, covariates=np.arange(120.0)[:, None])
    again = Harmonisation.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted


def test_a_batch_never_seen_is_refused_in_words() -> None:
    features, batch = scanners(6)
    fitted = fit_harmonisation(features, batch)
    with pytest.raises(DataError, match="'D' was not among the training records"):
        fitted.apply(features[:2], ["A", "D"])


def test_constant_features_stay_as_they_are() -> None:
    features, batch = scanners(7)
    features[:, 3] = 5.0
    harmonised = fit_harmonisation(features, batch).apply(features, batch)
    assert harmonised[:, 3] == pytest.approx(np.full(120, 5.0))
    one = fit_harmonisation(features[:, [0]], batch).apply(features[:, [0]], batch)
    assert np.ptp([one[batch == name].mean() for name in "ABC"]) == pytest.approx(0, abs=1e-6)


def test_nonsense_is_refused() -> None:
    features, batch = scanners(8)
    with pytest.raises(InvalidArgument, match="two batches"):
        fit_harmonisation(features, ["A"] * 120)
    with pytest.raises(InvalidArgument, match="'D'"):
        fit_harmonisation(features, ["D", *batch[1:]])
    with pytest.raises(InvalidArgument, match="told by the batch"):
        fit_harmonisation(features, batch, covariates=(batch == "A")[:, None].astype(float))
    with pytest.raises(ShapeMismatch, match="batches 119"):
        fit_harmonisation(features, batch[1:])
    with pytest.raises(InvalidArgument, match="NaN"):
        fit_harmonisation(np.where(features > 12, np.nan, features), batch)
    with pytest.raises(ShapeMismatch, match="fitted on 40 and 0"):
        fit_harmonisation(features, batch).apply(features[:, 1:], batch)
