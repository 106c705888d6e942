"""Brightness, contrast, gamma, noise and blur: what their equations say, on numbers."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from hypercolumn.augment import (
    Blur,
    BlurRecord,
    Brightness,
    BrightnessRecord,
    Contrast,
    ContrastRecord,
    Gamma,
    GammaRecord,
    Greying,
    GreyingRecord,
    Noise,
    NoiseRecord,
)
from hypercolumn.errors import InvalidArgument

IMAGE = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_brightness_moves_the_mean_and_nothing_else() -> None:
    brighter = Brightness().apply_image(BrightnessRecord(0.7), IMAGE)
    assert float(brighter.mean() - IMAGE.mean()) == pytest.approx(0.7)
    assert float(brighter.std()) == pytest.approx(float(IMAGE.std()))


def test_contrast_keeps_each_channels_mean_and_scales_its_deviation() -> None:
    harder = Contrast().apply_image(ContrastRecord(1.5), IMAGE)
    torch.testing.assert_close(harder.mean(dim=(1, 2)), IMAGE.mean(dim=(1, 2)))
    torch.testing.assert_close(harder.std(dim=(1, 2)), 1.5 * IMAGE.std(dim=(1, 2)))


def test_gamma_keeps_order_and_extremes_and_is_undone_by_its_inverse() -> None:
    bent = Gamma().apply_image(GammaRecord(1.6), IMAGE)
    for channel in range(3):
        assert torch.equal(bent[channel].flatten().argsort(), IMAGE[channel].flatten().argsort())
        torch.testing.assert_close(torch.stack(bent[channel].aminmax()), torch.stack(IMAGE[channel].aminmax()))
    torch.testing.assert_close(Gamma().apply_image(GammaRecord(1 / 1.6), bent), IMAGE)
    assert bool((bent <= IMAGE + 1e-12).all())


def test_noise_has_the_deviation_asked_for_and_no_memory() -> None:
    noise = Noise().apply_image(NoiseRecord(0.3, seed=11), torch.zeros(1, 200, 200))
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert abs(float(noise.mean())) < 0.01
    beside = np.corrcoef(noise[0, :, :-1].flatten(), noise[0, :, 1:].flatten())[0, 1]
    assert abs(beside) < 0.02
    assert not torch.equal(noise, Noise().apply_image(NoiseRecord(0.3, seed=12), torch.zeros(1, 200, 200)))


@pytest.mark.parametrize("deviation", [0.4, 1.0, 2.7])
def test_blur_is_scipys_gaussian(deviation: float) -> None:
    expected = ndimage.gaussian_filter(
        IMAGE.numpy(), (0, deviation, deviation), mode="mirror", radius=int(np.ceil(4 * deviation))
    )
    found = Blur().apply_image(BlurRecord((deviation, deviation)), IMAGE)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_blur_in_three_dimensions_of_unequal_spacing() -> None:
    volume = IMAGE.reshape(1, 3, 40, 50).repeat(1, 5, 1, 1)
    record = Blur(2.0, spacing=(4.0, 1.0, 1.0)).draw(np.random.default_rng(0), 3)
    assert record.deviations[1] == record.deviations[2] == pytest.approx(4 * record.deviations[0])
    radius = [int(np.ceil(4 * deviation)) for deviation in record.deviations]
    expected = volume[0].numpy()
    for axis, (deviation, reach) in enumerate(zip(record.deviations, radius, strict=True)):
        expected = ndimage.gaussian_filter1d(expected, deviation, axis=axis, mode="mirror", radius=reach)
    np.testing.assert_allclose(Blur().apply_image(record, volume)[0], expected, atol=1e-12)


def test_blur_of_an_axis_shorter_than_its_kernel() -> None:
    constant = torch.ones(1, 2, 1)
    torch.testing.assert_close(Blur().apply_image(BlurRecord((5.0, 5.0)), constant), constant)


@pytest.mark.parametrize("kind", [Brightness, Contrast, Gamma, Noise, Blur])
def test_a_negative_strength_is_refused(kind: type) -> None:
    with pytest.raises(InvalidArgument):
        kind(-0.1)


def test_greying_is_one_weighted_mean_in_every_channel() -> None:
    grey = Greying().apply_image(GreyingRecord(1.0, seed=5), IMAGE)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    weights = torch.linalg.lstsq(IMAGE.flatten(1).T, grey[0].flatten()[:, None]).solution.flatten()
    assert float(weights.sum()) == pytest.approx(1)
    assert bool((weights > 0).all())


def test_greying_leaves_a_grey_image_as_it_is() -> None:
    grey = IMAGE[:1].expand(3, -1, -1)
    torch.testing.assert_close(Greying().apply_image(GreyingRecord(1.0, seed=5), grey), grey.clone())


def test_greying_filters_are_spread_evenly_over_all_weights() -> None:
    """Each weight of a flat Dirichlet of three has mean 1/3 and variance 1/18."""
    weights = np.array([GreyingRecord(1.0, seed=seed).weights(3) for seed in range(2000)])
    np.testing.assert_allclose(weights.mean(axis=0), 1 / 3, atol=0.02)
    np.testing.assert_allclose(weights.var(axis=0), 1 / 18, atol=0.005)
