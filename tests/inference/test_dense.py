"""A dense map against cutting every tile and running it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference import dense_map
from hypercolumn.networks import ResNet

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
MAXIMUM = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
MEAN = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
GLOBAL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
GLOBAL_MAXIMUM = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}


def tile_by_tile(network: nn.Module, image: np.ndarray, tile: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    counts = [(n - t) // s + 1 for n, t, s in zip(image.shape[1:], tile, stride, strict=True)]
    answers = []
    for place in np.ndindex(*counts):
        cut = tuple(slice(o * s, o * s + t) for o, s, t in zip(place, stride, tile, strict=True))
        with torch.no_grad():
            answers.append(network(torch.from_numpy(image[(slice(None), *cut)].copy())[None]).flatten().numpy())
    return np.stack(answers, axis=1).reshape(-1, *counts)


def settled(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean = torch.randn(module.num_features, generator=generator)
            module.running_var = torch.rand(module.num_features, generator=generator) + 0.5
    return network.double().eval()


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@st.composite
def classifiers(draw: st.DrawFn) -> tuple[nn.Module, int, int]:
    """A classifier of tiles of some length along each of one or two axes."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    dims, tile, channels = draw(st.sampled_from([1, 1, 2])), draw(st.integers(13, 22)), 2
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 3))):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        dilation = draw(st.integers(1, 2))
        layers.append(CONVOLUTION[dims](channels, 4, kernel, stride=stride, dilation=dilation))
        channels = 4
        layers.append(draw(st.sampled_from([nn.ReLU(), nn.Tanh(), NORM[dims](4), nn.Dropout(), nn.Identity()])))
        pool = draw(st.sampled_from(["none", "max", "mean"]))
        if pool != "none":
            kind = MAXIMUM if pool == "max" else MEAN
            layers.append(kind[dims](draw(st.integers(1, 3)), draw(st.integers(1, 3))))
        with torch.no_grad():
            try:
                left = nn.Sequential(*layers).eval()(torch.zeros(1, 2, *(tile,) * dims)).shape[2:]
            except RuntimeError:
                left = (0,)
        if min(left) < 1:
            layers = [CONVOLUTION[dims](2, 4, 3), nn.ReLU()]
            left = (tile - 2,) * dims
            break
    head = draw(st.sampled_from(["dense", "mean", "largest", "convolution"]))
    features = int(np.prod(left))
    tail: list[nn.Module]
    if head == "dense":
        tail = [nn.Flatten(), nn.Linear(4 * features, 5), nn.ReLU(), nn.Linear(5, 3), nn.Softmax(dim=1)]
    elif head == "convolution":
        tail = [CONVOLUTION[dims](4, 3, tuple(left)), nn.Flatten()]
    else:
        tail = [(GLOBAL if head == "mean" else GLOBAL_MAXIMUM)[dims](1), nn.Flatten(), nn.Linear(4, 3)]
    return settled(nn.Sequential(*layers, *tail)), dims, tile


@given(classifiers(), st.integers(1, 7), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_any_classifier_laid_out_is_every_tile_by_itself(
    drawn: tuple[nn.Module, int, int], first: int, second: int
) -> None:
    network, dims, tile = drawn
    image = picture(2, *(tile + 11, tile + 6)[:dims])
    stride = (first, second)[:dims]
    expected = tile_by_tile(network, image, (tile,) * dims, stride)
    found = dense_map(network, image, tile=(tile,) * dims, stride=stride, way="laid out")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def stem(dims: int = 2) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        CONVOLUTION[dims](1, 3, 3),
        nn.ReLU(),
        MAXIMUM[dims](2),
        CONVOLUTION[dims](3, 4, 3),
        nn.ReLU(),
        MAXIMUM[dims](2),
        nn.Flatten(),
        nn.Linear(4 * 3**dims, 2),
    )


def test_a_volume() -> None:
    network, image = settled(stem(3)), picture(1, 22, 20, 19)
    found = dense_map(network, image, tile=(18, 18, 18), stride=(2, 1, 1), way="laid out")
    np.testing.assert_allclose(found, tile_by_tile(network, image, (18, 18, 18), (2, 1, 1)), rtol=0, atol=1e-10)


def test_a_pool_that_drops_samples_does_not_move_the_map() -> None:
    """A tile of 19 gives the network no more than one of 18: the map ends with the last whole tile all the same."""
    network, image = settled(stem()), picture(1, 40, 31)
    found = dense_map(network, image, tile=(19, 19), stride=3, way="laid out")
    np.testing.assert_allclose(found, tile_by_tile(network, image, (19, 19), (3, 3)), rtol=0, atol=1e-10)


def test_little_memory_gives_the_same_in_blocks() -> None:
    network, image = stem().eval(), picture(1, 130, 97).astype(np.float32)
    shares: list[float] = []
    whole = dense_map(network, image, tile=(18, 18), stride=2)
    parts = dense_map(network, image, tile=(18, 18), stride=2, memory_bytes=(32 << 20) + 90_000, progress=shares.append)
    assert len(shares) > 3
    assert shares[-1] == 1
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-5)


def test_tiles_that_do_not_overlap_are_run_as_they_are() -> None:
    network, image = settled(stem()), picture(1, 60, 41)
    expected = tile_by_tile(network, image, (18, 18), (18, 20))
    np.testing.assert_allclose(dense_map(network, image, tile=(18, 18), stride=(18, 20)), expected, rtol=0, atol=1e-12)


class Joined(nn.Module):
    """A skip with a crop, a sum and a concatenation, as in networks without padding."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.last = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(4, 2, 1)
        self.head = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        cropped = x[:, :, 1:-1, 1:-1]
        y = self.two(x)
        y = torch.cat([cropped + y, y * 2], dim=1)
        return self.head(self.last(y).mean(dim=(2, 3)))


def test_branches_with_crops() -> None:
    torch.manual_seed(0)
    network, image = settled(Joined()), picture(1, 20, 17)
    found = dense_map(network, image, tile=(10, 9), stride=(2, 3), way="laid out")
    np.testing.assert_allclose(found, tile_by_tile(network, image, (10, 9), (2, 3)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([nn.Conv2d(1, 2, 3, padding=1)], r"0 \(conv2d\).*pads inside the tile"),
        ([nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2)], r"1 \(instance_norm\)"),
        ([nn.Conv2d(1, 2, 3), nn.MaxPool2d(3, ceil_mode=True)], r"1 \(max_pool2d\).*overhangs"),
        ([nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(5)], r"1 \(adaptive_avg_pool2d\).*not all of one size"),
    ],
)
def test_what_cannot_be_laid_out_is_refused_by_name_and_can_be_run_by_tiles(layers: list[nn.Module], said: str) -> None:
    torch.manual_seed(0)
    network = settled(nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2)))
    network(torch.zeros(1, 1, 18, 18, dtype=torch.float64))
    image = picture(1, 26, 22)
    with pytest.raises(NetworkError, match=rf"(?s){said}.*way=\"tiles\""):
        dense_map(network, image, tile=(18, 18), stride=2)
    found = dense_map(network, image, tile=(18, 18), stride=2, way="tiles")
    np.testing.assert_allclose(found, tile_by_tile(network, image, (18, 18), (2, 2)), rtol=0, atol=1e-12)


def test_a_residual_network_pads_and_says_so() -> None:
    with pytest.raises(NetworkError, match="pads inside the tile"):
        dense_map(ResNet(2, 1, 2, depth=18, width=4).eval(), picture(1, 80, 80), tile=(64, 64), stride=8)


def test_not_a_number_reaches_the_tiles_that_hold_it_and_no_other() -> None:
    network, image = settled(stem()), picture(1, 40, 40)
    image[0, 20, 20] = np.nan
    found = np.isnan(dense_map(network, image, tile=(18, 18), stride=1, way="laid out"))
    np.testing.assert_array_equal(found, np.isnan(tile_by_tile(network, image, (18, 18), (1, 1))))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"tile": (18,), "stride": 1}, ShapeMismatch),
        ({"tile": (0, 18)}, InvalidArgument),
        ({"tile": (60, 18)}, ShapeMismatch),
        ({"tile": (5, 5)}, ShapeMismatch),
        ({"stride": 0}, InvalidArgument),
        ({"stride": (1, 1, 1)}, InvalidArgument),
        ({"way": "fast"}, InvalidArgument),
        ({"memory_bytes": 0}, InvalidArgument),
        ({"memory_bytes": 1000}, InvalidArgument),
    ],
)
def test_what_makes_no_map_is_refused(wrong: dict[str, object], error: type[Exception]) -> None:
    given: dict[str, object] = {"tile": (18, 18), "stride": 2, **wrong}
    with pytest.raises(error):
        dense_map(stem().eval(), picture(1, 40, 40).astype(np.float32), **given)


def test_a_network_that_gives_a_map_is_sent_elsewhere() -> None:
    network = nn.Conv2d(1, 2, 3).eval()
    for way in ("auto", "tiles"):
        with pytest.raises(NetworkError, match="not one answer"):
            dense_map(network, picture(1, 30, 30).astype(np.float32), tile=(18, 18), stride=4, way=way)
