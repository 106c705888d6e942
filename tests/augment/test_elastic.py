"""Elastic deformation and the field under it: laws of the spline, numbers of U-Net, and what folds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.augment import Affine, Elastic, ElasticRecord, Pipeline, Step, sample_window
from hypercolumn.augment.control_grid import field
from hypercolumn.augment.sampling import centred
from hypercolumn.errors import InvalidArgument


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3), count=st.integers(2, 6))
def test_the_field_goes_through_its_control_points(seed: int, dims: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    controls = torch.from_numpy(rng.standard_normal((2, *(count,) * dims)))
    size = (4 * (count - 1) + 1,) * dims
    found = field(controls, centred(size), size)
    torch.testing.assert_close(
        found[(slice(None), *(slice(None, None, 4),) * dims)].double(), controls, atol=1e-5, rtol=0
    )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), dims=st.integers(1, 3))
def test_squares_are_reproduced_up_to_the_border(seed: int, dims: int) -> None:
    """Third-order convergence of Keys' kernel with his border means that parabolas are exact."""
    rng = np.random.default_rng(seed)
    grid = tuple(int(n) for n in rng.integers(3, 7, dims))
    factors = [rng.standard_normal(3) for _ in grid]

    def polynomial(axes: list[np.ndarray]) -> np.ndarray:
        total = np.ones(())
        for axis, coefficients in zip(axes, factors, strict=True):
            total = total * np.polyval(coefficients, axis)
        return total

    size = tuple(int(n) for n in rng.integers(5, 12, dims))
    controls = polynomial(list(np.meshgrid(*(np.linspace(0, 1, n) for n in grid), indexing="ij")))
    expected = polynomial(list(np.meshgrid(*(np.linspace(0, 1, n) for n in size), indexing="ij")))
    found = field(torch.from_numpy(controls)[None], tuple(axis.double() for axis in centred(size)), size)
    np.testing.assert_allclose(found[0], expected, atol=1e-9)


def test_places_that_lie_on_no_grid_read_the_same_field() -> None:
    size, rng = (20, 30), np.random.default_rng(0)
    controls = torch.from_numpy(rng.standard_normal((2, 3, 4)))
    on_grid = field(controls, centred(size), size)
    spread = torch.broadcast_tensors(*centred(size))
    torch.testing.assert_close(field(controls, spread, size), on_grid, atol=1e-5, rtol=0)
    far = field(controls, (torch.tensor([1e6]), torch.tensor([-1e6])), size)
    torch.testing.assert_close(far[:, 0].double(), controls[:, -1, 0], atol=1e-5, rtol=0)


def test_the_defaults_are_those_of_unet() -> None:
    """3 x 3 arrows with a standard deviation of 10 samples."""
    rng = np.random.default_rng(0)
    drawn = [Elastic().draw(rng, 2) for _ in range(300)]
    arrows = np.array([record.arrows for record in drawn])
    assert {record.grid for record in drawn} == {(3, 3)}
    assert arrows.shape == (300, 18)
    assert arrows.std() == pytest.approx(10, rel=0.05)
    assert abs(arrows.mean()) < 0.5


def test_with_a_spacing_the_body_bends_alike_in_all_directions() -> None:
    rng = np.random.default_rng(0)
    arrows = np.array([Elastic(6.0, spacing=(3.0, 1.0, 1.0)).draw(rng, 3).arrows for _ in range(200)])
    along = arrows.reshape(200, 3, 27).std(axis=(0, 2))
    np.testing.assert_allclose(along, (2.0, 6.0, 6.0), rtol=0.05)


def test_arrows_that_agree_are_a_translation() -> None:
    record = ElasticRecord((3, 3), (2.0,) * 9 + (-1.0,) * 9)
    image = torch.randn(2, 20, 30, generator=torch.Generator().manual_seed(0))
    moved = Elastic().apply_image(record, image)
    torch.testing.assert_close(moved[:, :17, 2:], image[:, 2:19, 1:-1], atol=1e-4, rtol=0)


def test_in_one_dimension_it_is_time_warp() -> None:
    """The middle a quarter of the signal late: events keep their order and their heights."""
    record = ElasticRecord((3,), (0.0, 12.0, 0.0))
    beats = torch.zeros(1, 97)
    beats[0, [20, 48, 60, 80]] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    warped = Elastic().apply_image(record, ndimage_smooth(beats))[0]
    peaks = [
        place for place in range(1, 96) if warped[place] > warped[place - 1] and warped[place] >= warped[place + 1]
    ]
    assert len([place for place in peaks if warped[place] > 0.05]) == 4
    heights = [float(warped[place]) for place in peaks if warped[place] > 0.05]
    assert heights == sorted(heights)
    assert abs([place for place in peaks if warped[place] > 0.05][2] - 48) <= 1


def ndimage_smooth(signal: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(ndimage.gaussian_filter1d(signal.numpy(), 1.5, axis=1))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_the_warp_is_scipys_with_the_same_field(interpolation: str) -> None:
    """On a smooth image: SciPy's cubic spline and cubic convolution differ by a few hundredths there."""
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.standard_normal((60, 80)), 4)
    image /= image.std()
    record = Elastic(3.0).draw(rng, 2)
    size = image.shape
    arrows = torch.tensor(record.arrows, dtype=torch.float64).reshape(2, 3, 3)
    shift = field(arrows, tuple(axis.double() for axis in centred(size)), size).numpy()
    places = np.indices(size) + shift
    expected = ndimage.map_coordinates(image, places, order=1 if interpolation == "linear" else 3, mode="mirror")
    pipeline = Pipeline((Step(Elastic()),))
    found, _ = sample_window(
        torch.from_numpy(image)[None],
        centre=(30.0, 40.0),
        size=size,
        records=(record,),
        pipeline=pipeline,
        interpolation=interpolation,
    )
    np.testing.assert_allclose(found[0], expected, atol=2e-5 if interpolation == "linear" else 0.04)


def test_before_a_rotation_and_after_it_are_both_one_interpolation() -> None:
    """Elastic then affine reads the field between its own samples: the same as warping twice, but for blur."""
    smooth = torch.from_numpy(ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((64, 64)), 5))[None]
    smooth = (smooth / smooth.std()).float()
    rng = np.random.default_rng(1)
    for steps in ((Elastic(2.0), Affine(rotation=30)), (Affine(rotation=30), Elastic(2.0))):
        pipeline = Pipeline(tuple(Step(step) for step in steps))
        records = pipeline.draw(rng, 2)
        twice, _ = pipeline.apply(records, smooth)
        once, _ = sample_window(smooth, centre=(32, 32), size=(64, 64), records=records, pipeline=pipeline)
        middle = (0, slice(16, 48), slice(16, 48))
        torch.testing.assert_close(once[middle], twice[middle], atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("kind", "wrong"), [(Elastic, {"deviation": -1.0}), (Elastic, {"grid": 1}), (Elastic, {"grid": (3, 1)})]
)
def test_what_cannot_be_is_refused(kind: type, wrong: dict) -> None:
    with pytest.raises(InvalidArgument):
        kind(**wrong)


def test_a_grid_or_a_record_for_another_rank_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="grid"):
        Elastic(grid=(3, 3)).draw(np.random.default_rng(0), 3)
    with pytest.raises(InvalidArgument, match="2 axes"):
        Elastic().apply_image(Elastic().draw(np.random.default_rng(0), 2), torch.zeros(1, 9, 9, 9))
