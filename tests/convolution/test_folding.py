import pytest
import torch
from torch import Tensor, nn

from hypercolumn.convolution.folding import Folding, fold
from hypercolumn.errors import NetworkError
from hypercolumn.networks import ResNet, UNet


def trained(network: nn.Module) -> nn.Module:
    """Weights and statistics as training might leave them: nothing is 0 or 1."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)
    return network


def check(network: nn.Module, shape: tuple[int, ...], *, bound: float = 1e-10) -> Folding:
    """Folded in float64: equal on another shape's numbers than those `fold` itself compares."""
    network = trained(network).double()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    found = fold(network, shape)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert len(state) == len(network.state_dict())
    assert [module.training for module in network.modules()] == modes
    assert not any(module.training for module in found.network.modules())
    signal = torch.randn(2, next(iter(network.parameters())).shape[1], *shape, dtype=torch.float64)
    with torch.no_grad():
        expected = network.eval()(signal)
        assert float((found.network(signal) - expected).abs().max() / expected.abs().max()) < bound
    return found


def normalizations(network: nn.Module) -> int:
    return sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


@pytest.mark.parametrize(
    ("network", "shape", "count"),
    [
        (UNet(2, 1, 2, width=4, depth=2, padding="same", normalization="batch"), (16, 24), 10),
        (UNet(1, 3, 2, width=4, depth=2, normalization="batch"), (44,), 10),
        (UNet(3, 1, 2, width=2, depth=1, padding="same", normalization="batch", up="linear"), (4, 6, 4), 6),
        (ResNet(2, 3, 10, width=8), (32, 32), 20),
        (ResNet(1, 2, 3, depth=50, width=4, stem="small"), (32,), 53),
    ],
)
def test_every_normalization_of_the_projects_networks_is_folded(
    network: nn.Module, shape: tuple[int, ...], count: int
) -> None:
    assert normalizations(network) == count
    found = check(network, shape)
    assert (len(found.folded), normalizations(found.network), found.left_out) == (count, 0, ())
    assert found.parameters[1] < found.parameters[0]
    assert found.multiply_adds[1] < found.multiply_adds[0]


@pytest.mark.parametrize("network", [UNet(2, 1, 2, width=8, depth=2, normalization="batch"), ResNet(2, 1, 4, width=8)])
def test_in_float32_the_difference_is_rounding(network: nn.Module) -> None:
    found = fold(trained(network), (76, 76))
    assert 0 < found.difference < 1e-5


def test_what_folding_saves_in_a_hand_count() -> None:
    """A normalization of c channels has 2 c parameters, the bias it leaves c; it multiplies once a number."""
    found = check(nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()), (12, 10))
    assert found.parameters == (3 * 8 * 9 + 16, 3 * 8 * 9 + 8)
    assert found.multiply_adds == (80 * 3 * 8 * 9 + 8 * 80, 80 * 3 * 8 * 9)
    assert [(one.layers, one.into) for one in found.folded] == [(("0", "1"), "0")]


def test_dropout_between_does_nothing() -> None:
    found = check(nn.Sequential(nn.Conv1d(1, 3, 3), nn.Dropout(), nn.BatchNorm1d(3)), (9,))
    assert found.folded[0].layers == ("0", "2")


def test_transposed_convolutions_and_dense_layers() -> None:
    network = nn.Sequential(
        nn.ConvTranspose2d(2, 3, 2, stride=2),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * 8 * 8, 4),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.BatchNorm1d(4),
        nn.Linear(4, 2),
    )
    trained(network).double()
    found = fold(network, (4, 4), in_channels=2)
    assert [one.layers for one in found.folded] == [("0", "1"), ("4", "5"), ("7", "8")]
    assert found.difference < 1e-12


def test_a_normalization_before_a_convolution() -> None:
    found = check(nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU(), nn.BatchNorm1d(2), nn.Conv1d(2, 3, 3)), (9,))
    assert [(one.layers, one.into) for one in found.folded] == [(("2", "3"), "3")]


def test_a_normalization_before_zero_padding_is_left_and_said() -> None:
    network = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU(), nn.BatchNorm1d(2), nn.Conv1d(2, 3, 3, padding=1))
    found = check(network, (9,))
    assert not found.folded
    assert found.left_out[0].layers == ("2", "3")
    assert "zeros are padded" in found.left_out[0].why


def test_linear_convolutions_become_one_where_that_is_cheaper() -> None:
    cheaper = check(nn.Sequential(nn.Conv2d(1, 16, 3), nn.Conv2d(16, 1, 3)), (12, 12))
    assert [(one.layers, one.into) for one in cheaper.folded] == [(("0", "1"), "0")]
    assert cheaper.multiply_adds == (16 * 9 * 100 + 16 * 9 * 64, 25 * 64)
    dearer = check(nn.Sequential(nn.Conv2d(16, 1, 1), nn.Conv2d(1, 16, 3)), (12, 12))
    assert not dearer.folded
    single, stacked = 16 * 16 * 9 * 100, 16 * 144 + 16 * 9 * 100
    assert dearer.left_out[0].why == f"one convolution would take {single} multiply-adds, the two take {stacked}"


def test_a_chain_becomes_one_layer() -> None:
    network = nn.Sequential(
        nn.Conv1d(1, 8, 3), nn.BatchNorm1d(8), nn.Conv1d(8, 8, 1), nn.BatchNorm1d(8), nn.Dropout(), nn.Conv1d(8, 1, 1)
    )
    found = check(network, (16,))
    assert len(found.folded) == 4
    assert sum(isinstance(module, nn.Conv1d) for module in found.network) == 1
    assert found.multiply_adds[1] == 14 * 3


def test_padding_between_convolutions_is_left_and_said() -> None:
    found = check(nn.Sequential(nn.Conv1d(1, 8, 3), nn.Conv1d(8, 1, 3, padding=1)), (16,))
    assert not found.folded
    assert "borders differ" in found.left_out[0].why


class Skip(nn.Module):
    """The convolution's output is read by the normalization and by the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y + self.norm(y)


def test_an_output_that_goes_elsewhere_too_is_not_folded() -> None:
    found = check(Skip(), (9,))
    assert not found.folded
    assert found.left_out[0].layers == ("conv", "norm")
    assert "elsewhere" in found.left_out[0].why


class Preactivated(nn.Module):
    """A normalization that goes into the convolution after it, while what it reads goes on beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv1d(1, 8, 1), nn.BatchNorm1d(8), nn.Conv1d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return y + self.second(self.norm(y))


def test_a_skip_around_a_folded_normalization_keeps_the_first_convolution() -> None:
    found = check(Preactivated(), (9,))
    assert [one.layers for one in found.folded] == [("norm", "second")]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, 2, 3, padding=1), nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.conv(x)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, 2, 1), nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv1d(self.norm(self.conv(x)), self.conv.weight)


def hooked() -> nn.Module:
    network = nn.Sequential(nn.Conv1d(2, 2, 3), nn.BatchNorm1d(2))
    network[0].register_forward_hook(lambda module, given, made: made.relu())
    return network


@pytest.mark.parametrize(
    ("network", "why"), [(Twice(), "more than once"), (Tied(), "used elsewhere"), (hooked(), "hook")]
)
def test_layers_that_others_depend_on_stay(network: nn.Module, why: str) -> None:
    found = check(network, (9,))
    assert not found.folded
    assert why in found.left_out[0].why


class Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 1, 3), nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.BatchNorm1d(2)), "stands beside"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2, track_running_stats=False)), "by the batch"),
        (Idle(), "does not run"),
    ],
)
def test_normalizations_that_stand_alone_stay(network: nn.Module, why: str) -> None:
    trained_already = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    found = fold(network.double(), (9,)) if trained_already[0].running_mean is None else check(network, (9,))
    assert not found.folded
    assert why in found.left_out[0].why


def test_a_module_known_under_two_names_is_gone_under_both() -> None:
    class Known(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)
            self.alias = self.norm

        def forward(self, x: Tensor) -> Tensor:
            return self.alias(self.conv(x))

    found = check(Known(), (9,))
    assert len(found.folded) == 1
    assert normalizations(found.network) == 0


def test_several_outputs_are_compared_each() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2))
            self.two = nn.Sequential(nn.Conv1d(1, 3, 5), nn.BatchNorm1d(3))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"one": self.one(x), "two": self.two(x)}

    assert len(fold(trained(Two()), (9,)).folded) == 2


def test_a_shape_is_found_where_none_is_given() -> None:
    assert fold(nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2))).shape == (4096,)


def test_a_network_that_cannot_be_traced_is_refused() -> None:
    class Fickle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) if x.sum() > 0 else x

    with pytest.raises(NetworkError, match="cannot be traced"):
        fold(Fickle(), (9,))


def test_an_answer_that_differs_is_an_error() -> None:
    """Dropout that is always on: two runs never agree, so nothing can be said for the folded network."""

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x)) + torch.rand_like(x[..., 2:])

    with pytest.raises(NetworkError, match="differs"):
        fold(Noisy(), (9,))


def test_a_layer_alone_is_a_network_of_which_nothing_is_folded() -> None:
    """Once, what the recorded program does outside of all modules was taken for a step of the layer."""
    layer = nn.Conv1d(1, 1, 3)
    found = fold(layer, (64,))
    assert found.folded == ()
    assert torch.equal(found.network.weight, layer.weight)
