"""Normalization: laws of scale and offset, and what was fitted stays with the training records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.errors import DataError, InvalidArgument
from hypercolumn.preprocessing import Normalization, fit_normalization


def image(seed: int = 0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, 40, 50))


@given(gain=st.floats(0.1, 50), offset=st.floats(-100, 100))
def test_by_image_a_scanners_gain_and_offset_are_forgiven(gain: float, offset: float) -> None:
    plain = Normalization("image").apply(image())
    np.testing.assert_allclose(Normalization("image").apply(image() * gain + offset), plain, atol=2e-3)


def test_by_cohort_brightness_is_kept_as_evidence() -> None:
    fitted = fit_normalization([image(0), image(1)], kind="cohort")
    assert fitted.apply(image(2) + 3).mean() > fitted.apply(image(2)).mean() + 2


def test_by_cohort_the_training_records_have_mean_zero_and_deviation_one() -> None:
    arrays = [image(seed) * 3 + 7 for seed in range(4)]
    done = np.concatenate(
        [fit_normalization(arrays, kind="cohort").apply(array).reshape(2, -1) for array in arrays], axis=1
    )
    np.testing.assert_allclose(done.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(done.std(1), 1, atol=1e-5)


def test_in_a_sparse_field_the_object_not_the_noise_sets_the_range() -> None:
    """One nucleus of 300 pixels in 65,536, a hundred times brighter than the noise."""
    field = np.random.default_rng(0).normal(0, 1, (1, 256, 256))
    field[0, 100:120, 100:115] += 100
    done = Normalization("image").apply(field)
    background = done[0, :90, :90]
    assert background.std() < 0.1
    assert 1.5 < done[0, 110, 107] < 2.5
    assert abs(background.mean() + 2) < 0.5


@pytest.mark.parametrize("kind", ["image", "cohort"])
def test_a_constant_image_gives_finite_numbers(kind: str) -> None:
    flat = np.full((1, 8, 8), 5.0)
    assert np.isfinite(fit_normalization([flat], kind=kind).apply(flat)).all()


def test_what_was_fitted_comes_back_from_its_record() -> None:
    fitted = fit_normalization([image()], kind="cohort")
    assert Normalization.from_dict(fitted.to_dict()) == fitted


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="3 channels"):
        fit_normalization([image()], kind="cohort").apply(image(channels=3))
    with pytest.raises(InvalidArgument):
        Normalization("batch")
    with pytest.raises(InvalidArgument):
        fit_normalization([], kind="cohort")
