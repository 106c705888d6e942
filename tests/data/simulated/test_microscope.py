from dataclasses import replace

import numpy as np
import pytest

from hypercolumn.data.simulated.microscope import SCANNERS, expose, illumination, point_spread

QUIET = replace(SCANNERS[0], read_noise=0.0, gain=100.0, offset=10.0, photons=50.0)


def test_photon_noise_has_the_variance_of_its_mean() -> None:
    """var(Poisson(Q l) / Q) = l / Q, times gain squared; rounding adds 1/12."""
    for light in (0.2, 0.8):
        grey = expose(np.random.default_rng(0), np.full((400, 400), light), QUIET).astype(float)
        assert grey.mean() == pytest.approx(100 * light + 10, rel=0.01)
        assert grey.var() == pytest.approx(100**2 * light / 50 + 1 / 12, rel=0.03)


def test_a_four_times_longer_exposure_is_as_much_brighter_and_doubles_the_signal_to_noise_ratio() -> None:
    light, ratios = np.full((300, 300), 0.3), []
    for exposure in (1.0, 4.0):
        signal = expose(np.random.default_rng(0), light, QUIET, exposure=exposure).astype(float) - QUIET.offset
        assert signal.mean() == pytest.approx(100 * 0.3 * exposure, rel=0.01)
        ratios.append(signal.mean() / signal.std())
    assert ratios[1] == pytest.approx(2 * ratios[0], rel=0.03)


def test_light_beyond_the_range_is_clipped() -> None:
    assert np.all(expose(np.random.default_rng(0), np.full((8, 8), 100.0), QUIET) == 255)
    assert np.all(expose(np.random.default_rng(0), np.full((8, 8), -1.0), QUIET) == 10)


def test_blur_keeps_the_light_and_spreads_it_by_its_deviation() -> None:
    point = np.zeros((81, 81), np.float32)
    point[40, 40] = 1
    spread = point_spread(point, 3.0)
    assert float(spread.sum()) == pytest.approx(1, abs=1e-4)
    second_moment = float((spread.sum(axis=0) * (np.arange(81) - 40) ** 2).sum())
    assert second_moment == pytest.approx(9, rel=0.02)


def test_scanners_differ_in_what_they_do_to_one_scene() -> None:
    assert len({scanner.name for scanner in SCANNERS}) == 3
    fields = [illumination(scanner, (64, 64)) for scanner in SCANNERS]
    for scanner, field in zip(SCANNERS, fields, strict=True):
        assert float(field.max()) <= 1
        assert float(field.min()) == pytest.approx(1 - scanner.vignetting, abs=0.02)
    brightest = {np.unravel_index(field.argmax(), field.shape) for field in fields}
    assert len(brightest) == 3
    assert len({scanner.blur for scanner in SCANNERS}) == 3
