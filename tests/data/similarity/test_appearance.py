import numpy as np
import pytest
from skimage.measure import block_reduce

from hypercolumn.data.similarity.appearance import Appearance, appearance, box_means, grey
from hypercolumn.data.similarity.symmetries import symmetries
from hypercolumn.errors import InvalidArgument


def texture(channels: int = 1, size: tuple[int, ...] = (80, 80), *, seed: int = 0) -> np.ndarray:
    """Smooth grey values between 60 and 180, so that no change of brightness by a tenth cuts any off."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((channels, *(n // 8 for n in size)))
    for axis in range(1, coarse.ndim):
        coarse = coarse.repeat(8, axis)
    return (60 + 120 * coarse).astype(np.uint8)


def seen(array: np.ndarray) -> Appearance:
    found = appearance(array)
    assert found is not None
    return found


def test_box_means_of_whole_blocks_are_block_means() -> None:
    image = np.random.default_rng(0).random((24, 36))
    np.testing.assert_allclose(box_means(image, (8, 9)), block_reduce(image, (3, 4), np.mean), rtol=1e-5)


@pytest.mark.parametrize(("size", "sides"), [((7, 5), (3, 4)), ((3, 3), (8, 5)), ((10,), (7,)), ((1, 2), (4, 4))])
def test_box_means_keep_the_mean(size: tuple[int, ...], sides: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(size)
    assert box_means(image, sides).shape == sides
    assert box_means(image, sides).mean() == pytest.approx(image.mean(), rel=1e-5)


@pytest.mark.parametrize("symmetry", symmetries(2), ids=lambda symmetry: symmetry.words)
def test_the_form_of_a_moved_image_is_the_moved_form(symmetry) -> None:
    image = texture(size=(72, 56))
    form = seen(image).forms[0].reshape(48, 48)
    np.testing.assert_allclose(seen(symmetry.of(image)).forms[0].reshape(48, 48), symmetry.of(form), atol=1e-4)


@pytest.mark.parametrize(("dims", "size"), [(1, (500,)), (2, (60, 70)), (3, (20, 24, 28))])
def test_forms_have_mean_zero_and_length_one_so_that_a_product_is_a_correlation(dims: int, size) -> None:
    found = seen(np.random.default_rng(dims).random((2, *size)))
    for form in (found.forms[0].astype(np.float32),):
        assert form.mean() == pytest.approx(0, abs=1e-4)
        assert np.linalg.norm(form) == pytest.approx(1, abs=1e-3)


def test_brightness_by_factor_and_offset_leaves_the_form_alone() -> None:
    image = texture().astype(np.float32)
    np.testing.assert_allclose(seen(0.9 * image + 7).forms[0], seen(image).forms[0], atol=1e-3)


def test_shading_that_all_images_share_is_not_part_of_the_form() -> None:
    """Two fields that differ, under one strong vignette: the images correlate, their forms do not."""
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    shade = 200 - 60 * (x**2 + y**2)
    one, two = (shade + 0.1 * texture(size=(128, 128), seed=seed)[0] for seed in (1, 2))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.95
    assert float(seen(one[None]).forms[0].astype(np.float32) @ seen(two[None]).forms[0].astype(np.float32)) < 0.3


def test_a_noisy_image_loses_more_by_compression_than_a_smooth_one() -> None:
    noise = np.random.default_rng(0).integers(100, 120, (1, 80, 80), dtype=np.uint8)
    assert seen(noise).losses[0] > 10 * seen(texture()).losses[0] > 0


def test_only_an_image_that_brightness_cuts_off_has_more_versions() -> None:
    assert len(seen(texture()).forms) == 1
    dark = (np.maximum(texture().astype(int) - 60, 0) / 3).astype(np.uint8)
    assert len(seen(dark).forms) > 1


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_shows_nothing(value: int) -> None:
    assert appearance(np.full((3, 40, 40), value, dtype=np.uint8)) is None


def test_an_empty_array_and_more_than_three_axes_show_nothing() -> None:
    assert appearance(np.zeros((1, 0, 5))) is None
    assert appearance(np.random.default_rng(0).random((1, 3, 3, 3, 3))) is None


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    image = texture(3)
    with_alpha = np.concatenate([image, np.full_like(image[:1], 255)])
    np.testing.assert_array_equal(seen(with_alpha).forms, seen(image).forms)


def test_grey_of_a_grey_image_stored_in_colour_is_the_grey_image() -> None:
    image = texture()
    np.testing.assert_allclose(grey(np.repeat(image, 3, axis=0).astype(np.float32)), image[0], rtol=1e-5)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32, np.float16, np.float32, np.float64, bool])
def test_every_number_type_has_a_form(kind: type) -> None:
    array = texture() > 120 if kind is bool else texture().astype(kind)
    assert np.isfinite(seen(array).forms).all()


def test_values_that_are_no_numbers_are_passed_over() -> None:
    image = texture().astype(np.float32)
    holed = image.copy()
    holed[0, 3, 3], holed[0, 50, 50] = np.nan, np.inf
    assert float(seen(holed).forms[0].astype(float) @ seen(image).forms[0].astype(float)) > 0.99
    assert appearance(np.full((1, 8, 8), np.nan)) is None


def test_complex_values_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="whole numbers or floats"):
        appearance(np.ones((1, 8, 8), dtype=complex))


def test_a_large_image_is_looked_at_without_its_full_size() -> None:
    image = texture(size=(1600, 800))
    assert 0 <= seen(image).losses[0] < 0.1
