import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.augment import Affine, AffineRecord
from hypercolumn.errors import InvalidArgument


def turn(*angles: float, dims: int = 2) -> AffineRecord:
    return AffineRecord(angles, (1.0,) * dims, (0.0,) * len(angles), (0.0,) * dims)


def test_quarter_turns_are_those_of_numpy() -> None:
    image = torch.randn(2, 17, 17, generator=torch.Generator().manual_seed(0))
    for quarters in range(1, 4):
        expected = torch.rot90(image, quarters, (1, 2))
        torch.testing.assert_close(Affine().apply_image(turn(90.0 * quarters), image), expected, atol=1e-4, rtol=0)
        labels = (image[0] > 0).long()
        assert torch.equal(Affine().apply_target(turn(90.0 * quarters), labels), torch.rot90(labels, quarters))


@pytest.mark.parametrize(("plane", "axes"), [(0, (0, 1)), (1, (0, 2)), (2, (1, 2))])
def test_quarter_turns_of_a_volume_turn_the_plane_named(plane: int, axes: tuple[int, int]) -> None:
    volume = torch.arange(125).reshape(5, 5, 5)
    angles = [0.0, 0.0, 0.0]
    angles[plane] = 90.0
    assert torch.equal(Affine().apply_target(turn(*angles, dims=3), volume), torch.rot90(volume, 1, axes))


def test_inside_it_is_scipys_affine_transform() -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((40, 50)), 2)
    record = AffineRecord((33.0,), (1.2, 0.9), (0.15,), (0.1, -0.05))
    back = np.linalg.inv(record.matrix())
    middle, shift = (np.array(smooth.shape) - 1) / 2, np.array(record.shifts) * smooth.shape
    expected = ndimage.affine_transform(smooth, back, middle - back @ (middle + shift), order=1, mode="mirror")
    found = Affine().apply_image(record, torch.from_numpy(smooth)[None])[0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_scale_magnifies_and_shift_moves_towards_higher_indices() -> None:
    target = torch.zeros(41, 41, dtype=torch.int64)
    target[15:26, 15:26] = 1
    twice = Affine().apply_target(AffineRecord((0.0,), (2.0, 2.0), (0.0,), (0.0, 0.0)), target)
    assert int(twice.sum()) == 21 * 21
    along = Affine().apply_target(AffineRecord((0.0,), (1.0, 1.0), (0.0,), (0.0, 5 / 41)), target)
    assert torch.equal(along, target.roll(5, dims=1))


def test_with_a_spacing_the_body_turns_not_the_array() -> None:
    """A bar 20 mm long across thick slices is, turned by 90 degrees, 20 mm long within them."""
    body = torch.zeros(11, 41, dtype=torch.int64)
    body[3:8, 20] = 1
    turned = Affine(spacing=(4.0, 1.0)).apply_target(turn(90.0), body)
    assert set(turned.nonzero()[:, 0].tolist()) == {5}
    assert abs(int(turned.sum()) - 20) <= 1


def test_the_matrix_keeps_volume_as_its_scales_say() -> None:
    record = Affine(rotation=180, scale=0.5, stretch=0.3, shear=0.5).draw(np.random.default_rng(0), 3)
    assert np.linalg.det(record.matrix()) == pytest.approx(np.prod(record.scales))


def test_growing_is_as_likely_as_shrinking() -> None:
    rng = np.random.default_rng(0)
    scales = np.array([Affine(scale=0.25).draw(rng, 1).scales[0] for _ in range(4000)])
    assert scales.min() >= 1 / 1.25
    assert scales.max() <= 1.25
    assert abs(np.log(scales).mean()) < 0.01


def test_only_named_planes_turn() -> None:
    record = Affine(rotation=30, shear=0.1, planes=((1, 2),)).draw(np.random.default_rng(0), 3)
    assert record.angles[:2] == record.shears[:2] == (0.0, 0.0)
    assert record.angles[2] != 0


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3))
def test_the_way_back_is_the_inverse_matrix(seed: int, dims: int) -> None:
    affine = Affine(rotation=180, scale=0.5, stretch=0.3, shear=0.5)
    record = affine.draw(np.random.default_rng(seed), dims)
    product = affine.invert(record).matrix() @ record.matrix()
    np.testing.assert_allclose(product, np.eye(dims), atol=1e-9)


@pytest.mark.parametrize("angles", [(0.0, 90.0, 0.0), (90.0, 90.0, 90.0), (180.0, -90.0, 30.0)])
def test_turns_that_line_two_axes_up_have_a_way_back(angles: tuple[float, ...]) -> None:
    record = turn(*angles, dims=3)
    np.testing.assert_allclose(Affine().invert(record).matrix() @ record.matrix(), np.eye(3), atol=1e-9)


@pytest.mark.parametrize("spacing", [None, (3.0, 1.0)])
def test_a_smooth_image_turned_scaled_and_sheared_comes_back(spacing: tuple[float, float] | None) -> None:
    smooth = torch.from_numpy(ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((1, 64, 64)), (0, 5, 5)))
    affine = Affine(spacing=spacing)
    record = AffineRecord((20.0,), (1.1, 1.2), (0.1,), (0.0, 0.0))
    back = affine.apply_image(affine.invert(record), affine.apply_image(record, smooth))
    middle = (0, slice(26, 38), slice(26, 38))
    assert float((back - smooth)[middle].abs().max()) < 0.02 * float(smooth.max() - smooth.min())


def test_a_shift_has_a_way_back_alone_but_not_beside_a_turn() -> None:
    image = torch.arange(64.0).reshape(1, 8, 8)
    affine, shift = Affine(), AffineRecord((0.0,), (1.0, 1.0), (0.0,), (0.25, 0.0))
    back = affine.apply_image(affine.invert(shift), affine.apply_image(shift, image))
    assert torch.equal(back[:, :6], image[:, :6])
    with pytest.raises(InvalidArgument, match="step of its own"):
        affine.invert(AffineRecord((10.0,), (1.0, 1.0), (0.0,), (0.25, 0.0)))


def test_a_negative_strength_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="rotation"):
        Affine(rotation=-10)


def test_planes_and_spacings_that_fit_no_array_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="planes"):
        Affine(planes=((2, 1),))
    for augmentation, record in (
        (Affine(spacing=(1.0, 2.0, 2.0)), turn(10.0)),
        (Affine(), turn(1.0, 2.0, 3.0, dims=3)),
    ):
        with pytest.raises(InvalidArgument, match="size"):
            augmentation.apply_image(record, torch.zeros(1, 8, 8))
