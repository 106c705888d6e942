"""Reading between samples, held against scipy.ndimage."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.augment.sampling import bounds, centred, moved, sample_image, sample_target
from hypercolumn.errors import InvalidArgument


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3), reach=st.sampled_from([0.0, 3.0, 40.0]))
def test_linear_and_nearest_agree_with_scipy_also_far_beyond_the_border(seed: int, dims: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(length) for length in rng.integers(2, 12, size=dims))
    array = rng.standard_normal(shape)
    places = [rng.uniform(-reach, length - 1 + reach, size=(5,) * dims) for length in shape]
    tensors = tuple(torch.from_numpy(axis) for axis in places)
    expected = ndimage.map_coordinates(array, places, order=1, mode="mirror")
    np.testing.assert_allclose(sample_image(torch.from_numpy(array)[None], tensors)[0], expected, atol=1e-9)
    labels = rng.integers(0, 1000, size=shape)
    nearest = ndimage.map_coordinates(labels, np.round(places), order=0, mode="mirror")
    np.testing.assert_array_equal(sample_target(torch.from_numpy(labels), tensors), nearest)


@given(length=st.integers(1, 9), start=st.integers(-30, 30), up=st.booleans())
def test_whole_samples_are_copied_exactly(length: int, start: int, up: bool) -> None:
    values = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    wanted = np.arange(start, start + 12)[:: 1 if up else -1]
    padded = np.pad(values, 60, mode="reflect") if length > 1 else np.repeat(values, 121)
    places = (torch.from_numpy(wanted.copy()).float(),)
    np.testing.assert_array_equal(sample_image(torch.from_numpy(values)[None], places)[0], padded[wanted + 60])


def test_a_cut_is_a_new_array() -> None:
    image = torch.zeros(1, 8)
    sample_image(image, (torch.arange(3.0),)).add_(1)
    assert float(image.sum()) == 0


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_targets_of_any_integer_type_come_back_as_int64_with_the_mark(kind: type) -> None:
    target = torch.from_numpy(np.array([[1, 2], [3, 4]], dtype=kind))
    skewed = (torch.tensor([[0.0, 0.2], [0.9, -3.0]]), torch.tensor([[0.1, 1.0], [0.0, 0.0]]))
    found = sample_target(target, skewed, outside=-1)
    assert found.dtype == torch.int64
    assert found.tolist() == [[1, 2], [3, -1]]
    assert sample_target(target, (torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0, 0.0]]))).tolist() == [
        [4, 3],
        [2, 1],
    ]


def test_a_view_of_a_larger_array_is_read_like_a_copy() -> None:
    whole = torch.arange(7 * 9 * 11).reshape(7, 9, 11)
    places = tuple(torch.rand(4, 4, 4, generator=torch.Generator().manual_seed(seed)) * 3 for seed in range(3))
    for view in (whole[1:6, 2:7, 3:9], whole.transpose(0, 2)[2:7, 1:8, 1:6], whole[::2, ::2, ::2]):
        assert torch.equal(sample_target(view, places), sample_target(view.contiguous(), places))


def test_object_numbers_beyond_the_precision_of_float32_are_kept() -> None:
    numbers = torch.tensor([[2**40 + 1, 2**40 + 2], [2**24 + 1, 7]])
    turned = (torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert torch.equal(sample_target(numbers, turned), numbers.T)


def test_centred_places_are_symmetric_and_move_as_told() -> None:
    assert bounds(centred((5, 4))) == ((-2.0, 2.0), (-1.5, 1.5))
    assert bounds(moved(centred((5, 4)), (2.0, 1.5))) == ((0.0, 4.0), (0.0, 3.0))


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys 1981, equation 15, with a = -3/4."""
    d, a = np.abs(distance), -0.75
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 2), reach=st.sampled_from([0.0, 3.0, 40.0]))
def test_cubic_is_the_sum_of_keys_over_the_mirrored_array(seed: int, dims: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(length) for length in rng.integers(1, 12, size=dims))
    array = rng.standard_normal(shape)
    places = [rng.uniform(-reach, length - 1 + reach, size=(5,) * dims) for length in shape]
    far = np.pad(array, 60, mode="reflect")
    weights = [cubic(axis[..., None] - np.arange(-60, length + 60)) for axis, length in zip(places, shape, strict=True)]
    expected = np.einsum("pi,i->p", *weights, far) if dims == 1 else np.einsum("pqi,pqj,ij->pq", *weights, far)
    tensors = tuple(torch.from_numpy(axis) for axis in places)
    found = sample_image(torch.from_numpy(array)[None], tensors, interpolation="cubic")[0]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_cubic_keeps_samples_and_a_straight_line() -> None:
    line = torch.arange(20.0, dtype=torch.float64)[None] * 0.5
    between = torch.tensor([3.0, 7.25, 11.9], dtype=torch.float64)
    torch.testing.assert_close(sample_image(line, (between,), interpolation="cubic")[0][0], line[0, 3])
    found = sample_image(line, (torch.tensor([5.5], dtype=torch.float64),), interpolation="cubic")
    torch.testing.assert_close(found, torch.tensor([[2.75]], dtype=torch.float64))


def test_an_interpolation_that_is_not_there_is_refused() -> None:
    for image, kind in ((torch.zeros(1, 4, 4, 4), "cubic"), (torch.zeros(1, 4), "spline")):
        with pytest.raises(InvalidArgument, match="interpolation"):
            sample_image(image, centred(tuple(image.shape[1:])), interpolation=kind)


def test_axes_that_change_places_are_copied_exactly() -> None:
    volume = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    z, y, x = (torch.arange(3.0).reshape(shape) for shape in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)))
    assert torch.equal(sample_image(volume, (x, z, y.flip(1))), volume[:, :3, :3, :3].permute(0, 2, 3, 1).flip(2))
