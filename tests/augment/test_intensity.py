"""What does not move: brightness to JPEG, what their equations say, on numbers."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from hypercolumn.augment import (
    Blur,
    BlurRecord,
    Brightness,
    BrightnessRecord,
    ChannelDropout,
    ChannelDropoutRecord,
    Compression,
    CompressionRecord,
    Contrast,
    ContrastRecord,
    Gamma,
    GammaRecord,
    Greying,
    GreyingRecord,
    Illumination,
    IlluminationRecord,
    Noise,
    NoiseRecord,
    Vignetting,
    VignettingRecord,
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


@pytest.mark.parametrize(
    "kind", [Brightness, Contrast, Gamma, Noise, Blur, Illumination, Vignetting, ChannelDropout, Compression]
)
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


def test_light_multiplies_what_lies_above_the_darkest_and_the_same_in_every_channel() -> None:
    record = Illumination(0.4).draw(np.random.default_rng(0), 2)
    low = IMAGE.amin(dim=(1, 2), keepdim=True)
    light = (Illumination().apply_image(record, IMAGE) - low) / (IMAGE - low)
    known = (IMAGE - low > 1e-6).all(dim=0)
    torch.testing.assert_close(light[0][known], light[1][known], atol=1e-5, rtol=0)
    assert bool((light[:, known] > 0).all())
    corners = light[0][[0, 0, -1, -1], [0, -1, 0, -1]].log()
    expected = torch.tensor(record.logarithms, dtype=torch.float64).reshape(3, 3)[[0, 0, -1, -1], [0, -1, 0, -1]]
    torch.testing.assert_close(corners, expected, atol=1e-5, rtol=0)


def test_light_that_is_the_same_everywhere_is_contrast_above_the_darkest() -> None:
    even = IlluminationRecord((2, 2), (float(np.log(2)),) * 4)
    low = IMAGE.amin(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(Illumination().apply_image(even, IMAGE), 2 * IMAGE - low, atol=1e-5, rtol=0)


def test_vignetting_leaves_the_optical_axis_and_takes_its_share_from_the_corners() -> None:
    bright = torch.ones(1, 41, 61, dtype=torch.float64)
    bright[0, 0, 30] = 0
    dark = Vignetting().apply_image(VignettingRecord(0.4), bright)
    assert float(dark[0, 20, 30]) == pytest.approx(1)
    assert [float(dark[0, y, x]) for y in (0, -1) for x in (0, -1)] == pytest.approx([0.6] * 4)
    aside = Vignetting().apply_image(VignettingRecord(0.4, centre=(0.0, 0.5)), bright)
    assert aside[0, 20].argmax() == 45


@pytest.mark.parametrize("channels", [3, 1])
def test_compression_is_pillows_jpeg_on_the_range_of_the_image(channels: int) -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((channels, 48, 64)), (0, 2, 2))
    low, extent = smooth.min(), smooth.max() - smooth.min()
    pixels = np.rint((smooth - low) / extent * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(pixels, 0, -1) if channels == 3 else pixels[0]).save(
        file, "jpeg", quality=60, subsampling="4:2:0"
    )
    decoded = np.asarray(Image.open(file), dtype=np.float64).reshape(48, 64, -1)
    expected = np.moveaxis(decoded, -1, 0) / 255 * extent + low
    found = Compression().apply_image(CompressionRecord(60), torch.from_numpy(smooth)).numpy()
    assert np.abs(found - expected).mean() < 0.003 * extent
    assert np.abs(found - expected).max() < 0.05 * extent


def test_less_quality_loses_more() -> None:
    image = IMAGE.float()
    losses = [
        float((Compression().apply_image(CompressionRecord(quality), image) - image).abs().mean())
        for quality in (95, 60, 20, 5)
    ]
    assert losses == sorted(losses)
    assert losses[0] > 0


def test_dropped_channels_are_empty_and_one_always_stays() -> None:
    many = torch.ones(5, 3)
    kept = [
        int(ChannelDropout().apply_image(ChannelDropoutRecord(0.5, seed), many)[:, 0].sum()) for seed in range(4000)
    ]
    assert min(kept) == 1
    assert np.mean(kept) == pytest.approx(2.5 + 1 / 32, abs=0.06)  # where chance would drop all five, one stays
    all_but_one = ChannelDropout().apply_image(ChannelDropoutRecord(1.0, 7), many)
    assert int(all_but_one[:, 0].sum()) == 1
    assert torch.equal(ChannelDropout().apply_image(ChannelDropoutRecord(1.0, 7), many[:1]), many[:1])


def test_strengths_beyond_what_can_be_are_refused() -> None:
    for kind, wrong in ((Vignetting, {"loss": 1.0}), (Vignetting, {"offset": 2.0}), (Compression, {"lowest": 0})):
        with pytest.raises(InvalidArgument):
            kind(**wrong)
