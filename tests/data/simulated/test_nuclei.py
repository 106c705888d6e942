import numpy as np
import pytest

from hypercolumn.data.simulated.nuclei import Nucleus, Tissue, outline, paint, scatter, smooth_noise


def test_an_ellipse_has_the_area_of_its_harmonic_series() -> None:
    """A = pi r0^2 (1 + e^2 / 2) for r = r0 (1 + e cos 2 theta)."""
    patch = outline(Nucleus((60.0, 60.0), 30.0, ((0.2, 0.7),), 1.0), (120, 120))
    assert float((patch.depth > 0).sum()) == pytest.approx(np.pi * 30**2 * (1 + 0.2**2 / 2), rel=0.01)


def test_a_nucleus_at_the_corner_stays_inside_the_scene() -> None:
    patch = outline(Nucleus((0.5, 39.0), 10.0, (), 1.0), (40, 40))
    assert patch.depth.shape == tuple(part.stop - part.start for part in patch.place)
    assert patch.place[0].start == 0
    assert patch.place[1].stop == 40


def test_touching_nuclei_share_no_pixel_and_no_dye() -> None:
    tissue = Tissue.draw(np.random.default_rng(0))
    nuclei = [Nucleus((30.0, 30.0 + 17 * step), 10.0, (), 0.5) for step in range(2)]
    dye, coverage, labels = paint(np.random.default_rng(0), nuclei, tissue, (60, 80))
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert float(coverage.max()) <= 1 + 1e-6
    assert np.all(dye[coverage == 0] == 0)


def test_scattered_nuclei_keep_their_distance_and_some_touch() -> None:
    rng = np.random.default_rng(1)
    nuclei = scatter(rng, Tissue.draw(rng), (400, 400))
    centres, radii = np.array([one.centre for one in nuclei]), np.array([one.radius for one in nuclei])
    distances = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1)) / (radii[:, None] + radii)
    nearest = (distances + 9 * np.eye(len(nuclei))).min(axis=1)
    assert len(nuclei) > 50
    assert nearest.min() >= 0.9 - 1e-9
    assert 0.3 < np.mean(nearest < 1) < 1


def test_patients_differ_more_than_nuclei_of_one_patient() -> None:
    """Mean radii between patients against their standard error within one: the reason to split by patient."""
    means, errors = [], []
    for patient in range(12):
        rng = np.random.default_rng(patient)
        radii = [one.radius for one in scatter(rng, Tissue.draw(rng), (300, 300))]
        means.append(np.mean(radii))
        errors.append(np.std(radii) / np.sqrt(len(radii)))
    assert np.std(means) > 3 * np.mean(errors)


@pytest.mark.parametrize("scale", [1.0, 5.0, 30.0])
def test_smooth_noise_is_standard_and_as_smooth_as_asked(scale: float) -> None:
    field = smooth_noise(np.random.default_rng(0), (300, 200), scale)
    assert field.shape == (300, 200)
    assert float(field.mean()) == pytest.approx(0, abs=1e-4)
    assert float(field.std()) == pytest.approx(1, abs=1e-4)
    step = max(1, round(scale))
    beside = np.corrcoef(field[:-step].ravel(), field[step:].ravel())[0, 1]
    assert beside == pytest.approx(np.exp(-0.25), abs=0.12)
