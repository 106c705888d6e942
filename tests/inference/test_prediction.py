"""Laws of prediction: the definition, tiles equal to the whole, sizes of every kind, and what is refused by name."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference import Precision, Predictor, predict
from hypercolumn.inference.memory import needed_bytes, needed_strip_bytes
from hypercolumn.inference.prediction import Extension
from hypercolumn.networks import ResNet, UNet


class CropThenPad(nn.Module):
    """A halo taken from the receptive field alone is too small here: what is cropped away is not zero."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 2, 3), nn.Conv1d(2, 1, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x)[:, :, 7:-5])


class AlignedCorners(nn.Module):
    """A U-Net as many are written: bilinear with align_corners, whose places depend on the size of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        return x + self.up(self.two(F.max_pool2d(x, 2)))


class FirstSixteen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x)[:, :, :40]


class Places(nn.Module):
    """Adds to each place a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + torch.arange(x.shape[2], dtype=x.dtype)


class Viewed(nn.Module):
    """Channels set apart and put together again: sizes are written into it, so it cannot be run in strips."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], 1, *x.shape[1:]).flatten(1, 2)


class ToTheSkip(nn.Module):
    """Upsampled to the size of the skip, whatever it is: at odd sizes the two slide against each other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        return x + F.interpolate(self.two(F.max_pool2d(x, 2)), size=x.shape[-2:], mode="bilinear")


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "1-D, strides": (lambda: nn.Sequential(nn.Conv1d(1, 2, 7, 3, 3), nn.ReLU(), nn.Conv1d(2, 2, 5, 2)), 1),
    "1-D, dilated": (lambda: nn.Sequential(nn.Conv1d(1, 2, 3, dilation=4, padding=4), nn.AvgPool1d(3, 2, 1)), 1),
    "1-D, up": (lambda: nn.Sequential(nn.Conv1d(1, 2, 3, 2, 1), nn.ConvTranspose1d(2, 2, 5, 3, 1, 2)), 1),
    "1-D, crop then pad": (CropThenPad, 1),
    "1-D, reflected": (lambda: nn.Sequential(nn.Conv1d(1, 2, 9, padding=4, padding_mode="reflect"), nn.PReLU()), 1),
    "1-D, ceil": (lambda: nn.Sequential(nn.Conv1d(1, 2, 3), nn.MaxPool1d(3, 2, ceil_mode=True), nn.Conv1d(2, 1, 2)), 1),
    "1-D, linear": (lambda: UNet(1, 1, 2, width=2, depth=3, padding="same", up="linear"), 1),
    "1-D, valid": (lambda: UNet(1, 1, 2, width=2, depth=2), 1),
    "2-D, same": (lambda: UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="batch"), 2),
    "2-D, valid": (lambda: UNet(2, 1, 2, width=2, depth=1), 2),
    "2-D, to the skip": (ToTheSkip, 2),
    "3-D, same": (lambda: UNet(3, 1, 2, width=2, depth=1, padding="same"), 3),
}
LENGTHS = {1: (150, 320), 2: (50, 80), 3: (34, 44)}


def whole(network: nn.Module, image: np.ndarray, extension: Extension) -> np.ndarray:
    """The definition, by other means: the network over the whole image extended by reflection, and cropped."""
    added = [
        (lead, length - lead - extent)
        for lead, length, extent in zip(extension.lead, extension.shape, image.shape[1:], strict=True)
    ]
    extended = torch.from_numpy(np.pad(image, [(0, 0), *added], mode="reflect"))
    with torch.no_grad():
        made = network.eval()(extended[None])[0].numpy()
    return made[(slice(None), *(slice(outputs) for outputs in extension.outputs))]


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=2, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_tiles_give_the_whole_image_at_any_size(name: str, data: st.DataObject) -> None:
    make, dims = NETWORKS[name]
    torch.manual_seed(0)
    network = make().double()
    low, high = LENGTHS[dims]
    shape = tuple(data.draw(st.integers(low, high), label=f"length {axis}") for axis in range(dims))
    mirror = data.draw(st.booleans(), label="mirror")
    image = np.random.default_rng(0).standard_normal((1, *shape))
    tile = tuple(data.draw(st.integers(low * 4 // 5, low), label="tile") for length in shape)
    predictor = Predictor(network, tile=tile, mirror=mirror)
    try:
        extension, _ = predictor.prepare(image.shape)
    except InvalidArgument:
        assume(False)
    tiled = predictor(image)
    assert tiled.dtype == np.float64
    assert tiled.shape[1:] == extension.outputs
    np.testing.assert_allclose(tiled, whole(network, image, extension), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["1-D, linear", "2-D, valid"])
def test_in_float32_tiles_differ_by_rounding_alone(name: str) -> None:
    make, dims = NETWORKS[name]
    torch.manual_seed(0)
    network, length = make(), LENGTHS[dims][1]
    image = np.random.default_rng(0).standard_normal((1,) + (length,) * dims, dtype=np.float32)
    predictor = Predictor(network, tile=(length * 3 // 4,) * dims)
    expected = whole(network, image, predictor.prepare(image.shape)[0])
    tiled = predictor(image)
    assert tiled.dtype == np.float32
    assert np.abs(tiled - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


def test_several_tiles_were_really_cut() -> None:
    predictor = Predictor(UNet(2, 1, 2, width=2, depth=1, padding="same"), tile=(32, 32))
    _, plan = predictor.prepare((1, 64, 90))
    assert plan.shape == (32, 32)
    assert len(plan) > 6


def test_an_image_of_a_size_that_fits_is_given_to_the_network_as_it_is() -> None:
    network = UNet(2, 3, 2, width=2, depth=2, padding="same").eval()
    image = np.random.default_rng(0).standard_normal((3, 40, 24), dtype=np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_array_equal(predict(network, image), expected)


def test_other_sizes_are_extended_by_reflection_at_the_far_end_and_cropped() -> None:
    network = UNet(2, 1, 2, width=2, depth=2, padding="same").eval()
    image = np.random.default_rng(0).standard_normal((1, 37, 21), dtype=np.float32)
    extended = np.pad(image, ((0, 0), (0, 3), (0, 3)), mode="reflect")
    with torch.no_grad():
        expected = network(torch.from_numpy(extended)[None])[0, :, :37, :21].numpy()
    np.testing.assert_array_equal(predict(network, image), expected)


def test_the_published_u_net_makes_388_of_572_and_with_mirror_572_of_572() -> None:
    network = UNet(1, 1, 2, width=1).eval()
    signal = np.random.default_rng(0).standard_normal((1, 572), dtype=np.float32)
    assert predict(network, signal).shape == (2, 388)
    extended = np.pad(signal, ((0, 0), (92, 100)), mode="reflect")
    with torch.no_grad():
        expected = network(torch.from_numpy(extended)[None])[0, :, :572].numpy()
    np.testing.assert_array_equal(predict(network, signal, mirror=True), expected)


@pytest.mark.parametrize("length", [1, 2, 3, 15, 17, 40])
def test_images_smaller_than_anything_have_an_answer_of_their_size(length: int) -> None:
    image = np.ones((1, length, length + 1), dtype=np.float32)
    assert predict(UNet(2, 1, 3, width=1, depth=2, padding="same"), image).shape == (3, length, length + 1)
    assert predict(UNet(2, 1, 3, width=1, depth=1), image, mirror=True).shape == (3, length, length + 1)


def test_a_network_without_padding_says_that_an_image_is_too_small() -> None:
    with pytest.raises(ShapeMismatch, match="mirror=True"):
        predict(UNet(1, 1, 2, width=1), np.zeros((1, 100)))


@pytest.mark.parametrize("image", [np.zeros((1, 0, 4)), np.zeros(5)])
def test_an_empty_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ShapeMismatch):
        predict(nn.Conv2d(1, 1, 1), image)


def test_integers_and_tensors_are_images_too() -> None:
    network = nn.Conv2d(1, 1, 3, padding=1)
    image = np.arange(30, dtype=np.uint8).reshape(1, 5, 6)
    expected = predict(network, image.astype(np.float64))
    np.testing.assert_array_equal(predict(network, image), expected)
    np.testing.assert_array_equal(predict(network, torch.from_numpy(image)), expected)


def test_a_classifier_runs_whole() -> None:
    assert predict(ResNet(2, 3, 5, width=2), np.zeros((3, 65, 70))).shape == (5,)


def test_a_network_that_mixes_the_image_is_refused_by_its_layer_when_it_does_not_fit() -> None:
    image = np.zeros((1, 64, 64))
    network = UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="instance")
    assert predict(network, image).shape == (2, 64, 64)
    with pytest.raises(NetworkError, match=r"contracting\.0\.1 \((instance|group)_norm\)"):
        predict(network, image, tile=(32, 32))
    with pytest.raises(NetworkError, match="mean"):
        predict(ResNet(2, 3, 5, width=2), np.zeros((3, 64, 64)), memory_bytes=1 << 20)


@pytest.mark.parametrize(
    ("network", "shape", "culprit"),
    [
        (AlignedCorners(), (64, 64), "add"),
        (FirstSixteen(), (90,), "slice"),
        (Places(), (90,), "add"),
        (nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.AdaptiveMaxPool1d(30)), (90,), "1 (adaptive_max_pool1d)"),
    ],
    ids=["aligned corners", "the first samples", "numbered places", "adaptive pooling"],
)
def test_what_depends_on_the_size_runs_whole_and_is_never_tiled_on_trust(
    network: nn.Module, shape: tuple[int, ...], culprit: str
) -> None:
    image = np.random.default_rng(0).standard_normal((1, *shape))
    with torch.no_grad():
        expected = network(torch.from_numpy(image[None]).float())[0].numpy()
    np.testing.assert_array_equal(predict(network, image), expected)
    with pytest.raises(NetworkError) as caught:
        predict(network, image, tile=(60,) * len(shape))
    assert culprit in caught.value.problem.where


def test_a_budget_bounds_the_tiles_and_one_too_small_says_how_much_it_takes() -> None:
    network = UNet(2, 1, 2, width=8, depth=2, padding="same")
    predictor = Predictor(network, memory_bytes=64 << 20)
    _, plan = predictor.prepare((1, 1000, 1500))
    assert (len(plan), plan.shape) == (1, (1000, 1500))
    strips = predictor._planner.strips(1, plan.shape)
    assert needed_strip_bytes(network, strips, rows=plan.rows, precision=Precision()) <= 64 << 20
    viewed = nn.Sequential(network, Viewed())
    _, plan = Predictor(viewed, memory_bytes=64 << 20).prepare((1, 1000, 1500))
    assert plan.rows is None
    assert len(plan) > 1
    assert needed_bytes(viewed, plan.shape, precision=Precision()) <= 64 << 20
    with pytest.raises(InvalidArgument, match="give at least"):
        Predictor(network, memory_bytes=1 << 20).prepare((1, 1000, 1500))


def test_every_output_is_written_once() -> None:
    predictor = Predictor(UNet(1, 1, 2, width=1, depth=2), tile=(100,), mirror=True)
    extension, plan = predictor.prepare((1, 701))
    written = np.zeros(extension.outputs, dtype=int)
    for (cut,) in plan:
        written[slice(*cut.write)] += 1
    assert extension.outputs == (701,)
    assert (written == 1).all()


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    predict(nn.Conv1d(1, 1, 3, padding=1), np.zeros((1, 100)), tile=(30,), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 3


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    strides = [weight.stride() for weight in network.parameters()]
    predict(network, np.ones((1, 9, 9)), precision=Precision("bfloat16", channels_last=True))
    assert [module.training for module in network.modules()] == [True, True, False, True]
    assert [weight.stride() for weight in network.parameters()] == strides
    assert not any(weight.is_inference() for weight in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_bfloat16_stays_near_float32() -> None:
    network = UNet(2, 1, 2, width=4, depth=1, padding="same")
    image = np.random.default_rng(0).standard_normal((1, 30, 40))
    plain = predict(network, image)
    fast = predict(network, image, precision=Precision("bfloat16", channels_last=True))
    assert fast.dtype == np.float32
    assert np.abs(fast - plain).max() < 0.05 * np.abs(plain).max()


@pytest.mark.parametrize(
    "context", [torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)]
)
def test_what_the_caller_runs_under_changes_nothing(context: Callable[[], AbstractContextManager[None]]) -> None:
    """Autocast warns where warnings are errors: that must not look like a size that the network does not take."""
    network = UNet(2, 1, 2, width=2, depth=2, padding="same")
    image = np.random.default_rng(0).standard_normal((1, 61, 90))
    expected = predict(network, image)
    with context():
        np.testing.assert_array_equal(predict(network, image), expected)


@pytest.mark.parametrize("tile", [(8,), (8, 8, 8), (0, 8)])
def test_a_tile_with_other_axes_is_refused(tile: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="2 lengths"):
        predict(nn.Conv2d(1, 1, 3), np.zeros((1, 9, 9)), tile=tile)


def test_an_image_with_other_channels_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="3 channels where the network takes 1"):
        predict(UNet(2, 1, 2, width=1, depth=1), np.zeros((3, 40, 40)))


@pytest.mark.parametrize(("megabytes", "cut"), [(60, False), (40, True)], ids=["strips", "strips of columns"])
def test_strips_give_the_whole_image_in_little_memory(megabytes: int, cut: bool) -> None:
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=4, depth=2, padding="same", normalization="batch")
    image = np.random.default_rng(0).standard_normal((1, 90, 8000), dtype=np.float32)
    predictor = Predictor(network, memory_bytes=megabytes << 20)
    extension, plan = predictor.prepare(image.shape)
    assert plan.rows is not None
    assert (len(plan) > 1) is cut
    expected = whole(network, image, extension)
    told: list[float] = []
    found = predictor(image, progress=told.append)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_strips_serve_a_network_without_padding_and_a_mirrored_image() -> None:
    network = UNet(1, 1, 2, width=4, depth=2).double()
    signal = np.random.default_rng(0).standard_normal((1, 200_001))
    predictor = Predictor(network, memory_bytes=60 << 20, mirror=True)
    extension, plan = predictor.prepare(signal.shape)
    assert (len(plan), extension.outputs) == (1, (200_001,))
    assert plan.rows is not None
    np.testing.assert_allclose(predictor(signal), whole(network, signal, extension), rtol=0, atol=1e-10)


def test_a_folded_network_gives_the_same_and_leaves_the_own_as_it_was() -> None:
    torch.manual_seed(0)
    network = UNet(2, 1, 2, width=2, depth=1, padding="same", normalization="batch")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean), nn.init.uniform_(module.running_var, 0.5, 2.0)
    image = np.random.default_rng(0).standard_normal((1, 30, 40), dtype=np.float32)
    expected = predict(network, image)
    folded = predict(network, image, precision=Precision(folded=True))
    assert 0 < np.abs(folded - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())
    np.testing.assert_array_equal(predict(network, image), expected)


def test_auto_chooses_on_the_middle_of_the_first_image(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def choosing(network: nn.Module, example: Tensor) -> Precision:
        seen.append(example)
        return Precision("bfloat16", channels_last=True)

    monkeypatch.setattr("hypercolumn.inference.prediction.remembered", choosing)
    network = UNet(2, 1, 2, width=2, depth=1, padding="same")
    image = np.random.default_rng(0).standard_normal((1, 300, 41), dtype=np.float32)
    predictor = Predictor(network, precision="auto")
    with pytest.raises(InvalidArgument, match="decided on the first image"):
        predictor.prepare(image.shape)
    expected = predict(network, image, precision=Precision("bfloat16", channels_last=True))
    np.testing.assert_array_equal(predictor(image), expected)
    np.testing.assert_array_equal(predictor(image), expected)
    assert [tuple(example.shape) for example in seen] == [(1, 1, 256, 42)]
    np.testing.assert_array_equal(seen[0][0, :, :, :41].numpy(), image[:, 22:278])


def test_float32_is_the_default_and_other_words_are_refused() -> None:
    assert Predictor(nn.Conv1d(1, 1, 1)).precision == Precision()
    with pytest.raises(InvalidArgument, match="auto"):
        Predictor(nn.Conv1d(1, 1, 1), precision="fast")  # type: ignore[arg-type]
