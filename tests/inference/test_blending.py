import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference import Precision, blend, predict
from hypercolumn.inference.blending import gaussian_window
from hypercolumn.networks import UNet


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    window=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]),
)
def test_what_every_window_agrees_on_is_what_comes_out(
    shape: tuple[int, int], window: tuple[int, int], overlap: float
) -> None:
    """A mean of equal answers is that answer, whatever the weights: a network that looks at each sample alone."""
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Tanh())
    image = np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32)
    np.testing.assert_allclose(
        blend(network, image, window=window, overlap=overlap), predict(network, image), atol=1e-6
    )


def test_one_window_as_large_as_the_image_is_the_network_itself() -> None:
    network = UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="instance")
    image = np.random.default_rng(0).standard_normal((1, 20, 24), dtype=np.float32)
    np.testing.assert_allclose(blend(network, image, window=(20, 24)), predict(network, image), atol=1e-6)


def test_it_serves_where_exact_tiles_are_refused() -> None:
    network = UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="instance")
    image = np.random.default_rng(0).standard_normal((1, 50, 70), dtype=np.float32)
    with pytest.raises(NetworkError, match="in tiles"):
        predict(network, image, tile=(32, 32))
    told: list[float] = []
    assert blend(network, image, window=(32, 32), progress=told.append).shape == (2, 50, 70)
    assert (told[-1], len(told)) == (1.0, 3 * 4)


def test_two_windows_are_weighted_by_where_a_sample_lies_in_them() -> None:
    """A network that answers with the window's mean: two windows of 4 over 6 samples, by hand."""

    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean(dim=2, keepdim=True).expand(x.shape)

    signal = np.arange(6.0)[None]
    made = blend(Mean(), signal, window=(4,))
    weights = gaussian_window((4,))
    first, last = 1.5, 3.5
    middle = [(weights[2] * first + weights[0] * last) / (weights[2] + weights[0])]
    middle += [(weights[3] * first + weights[1] * last) / (weights[3] + weights[1])]
    np.testing.assert_allclose(made[0], [first, first, *middle, last, last], rtol=1e-6)


def test_weights_fall_off_from_the_middle_alike_on_all_sides_and_are_never_nought() -> None:
    weights = gaussian_window((8, 5))
    assert weights.shape == (8, 5)
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])
    assert (np.diff(weights[:4, 2]) > 0).all()
    assert weights.min() > 0


def test_bfloat16_may_be_asked_for() -> None:
    network, image = nn.Conv2d(1, 1, 3, padding=1), np.ones((1, 9, 9), dtype=np.float32)
    fast = blend(network, image, window=(8, 8), precision=Precision("bfloat16", channels_last=True))
    np.testing.assert_allclose(fast, blend(network, image, window=(8, 8)), atol=0.02)


@pytest.mark.parametrize(
    "options",
    [
        {"window": (4,)},
        {"window": (0, 4)},
        {"window": (4, 4), "overlap": 1.0},
        {"window": (4, 4), "overlap": -0.1},
        {"window": (4, 4), "precision": Precision(folded=True)},
    ],
)
def test_bad_arguments_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        blend(nn.Conv2d(1, 1, 1), np.zeros((1, 8, 8)), **options)  # type: ignore[arg-type]


def test_an_output_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match=r"\(6, 6\) of a window of \(8, 8\)"):
        blend(nn.Conv2d(1, 1, 3), torch.zeros(1, 9, 9), window=(8, 8))
    with pytest.raises(ShapeMismatch):
        blend(nn.Conv2d(1, 1, 1), np.zeros((1, 0, 9)), window=(8, 8))
