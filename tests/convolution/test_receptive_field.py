"""What the receptive field says of networks; that it is right is shown in `tests/oracles/test_receptive_field`."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.convolution import receptive_field
from hypercolumn.errors import InvalidArgument, NetworkError


class Causal(nn.Module):
    """A temporal convolutional network: two dilated causal convolutions a level, cut off at the end, and a sum."""

    def __init__(self, kernel: int, levels: int) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            nn.ModuleList(nn.Conv1d(1, 1, kernel, dilation=2**i, padding=(kernel - 1) * 2**i) for _ in range(2))
            for i in range(levels)
        )

    def forward(self, x: Tensor) -> Tensor:
        for pair in self.pairs:
            y = x
            for layer in pair:
                y = torch.relu(layer(y)[:, :, : x.shape[2]])
            x = torch.relu(x + y)
        return x


@pytest.mark.parametrize(("kernel", "levels", "size"), [(2, 4, 31), (3, 4, 61), (7, 6, 757), (7, 8, 3061)])
def test_temporal_convolutional_networks(kernel: int, levels: int, size: int) -> None:
    """1 + 2 (k - 1) (2^n - 1), all of it in the past. Bai, Kolter and Koltun 2018."""
    field = receptive_field(Causal(kernel, levels), (4000,))
    assert field.size == ((size, size),)
    assert field.halo == ((size - 1, 0),)
    assert field.required((3999,)) == (range(3999 - size + 1, 4000),)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5))
def test_the_recursion_of_araujo_norris_and_sim(layers: list[tuple[int, int, int]]) -> None:
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size, jump = size + (kernel - 1) * dilation * jump, jump * stride
    stack = nn.Sequential(*(nn.Conv1d(1, 1, k, s, dilation=d, padding=10) for k, s, d in layers))
    field = receptive_field(stack, (600,))
    assert field.size == ((size, size),)
    assert field.stride == (Fraction(jump),)


def test_a_shape_is_found_where_none_is_given() -> None:
    class Fussy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv2d(5, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            if x.shape[2] % 64 != 13 or x.shape[3] % 64 != 13:
                raise ValueError("13 more than a multiple of 64")
            return self.one(x)

    field = receptive_field(Fussy())
    assert field.shape[0] % 64 == 13
    assert field.size == ((3, 3), (3, 3))


def test_sizes_in_physical_units() -> None:
    field = receptive_field(nn.Conv3d(1, 1, (3, 5, 5)), (9, 9, 9), spacing=(2.0, 0.5, 0.5))
    assert field.physical_size == ((6.0, 6.0), (2.5, 2.5), (2.5, 2.5))
    assert "6 in units of the spacing" in str(field)
    assert receptive_field(nn.Conv3d(1, 1, 3), (9, 9, 9)).physical_size is None
    with pytest.raises(InvalidArgument, match="3 numbers"):
        receptive_field(nn.Conv3d(1, 1, 3), (9, 9, 9), spacing=(1.0,))


GLOBAL: dict[str, nn.Module] = {
    "1 (adaptive_avg_pool2d)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Upsample((6, 6))),
    "1 (instance_norm)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.Conv2d(2, 2, 3)),
    "1 (group_norm)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2)),
    "1 (flatten)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3)),
    "1 (softmax)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softmax(dim=3)),
    "1 (batch_norm)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)),
}


@pytest.mark.parametrize("culprit", GLOBAL)
def test_infinite_where_a_layer_mixes_an_axis_and_the_layer_is_named(culprit: str) -> None:
    field = receptive_field(GLOBAL[culprit], (8, 8))
    assert field.axes[1].mixed_by == culprit
    assert field.largest[1] == math.inf
    assert not field.bounded
    assert culprit in str(field)


def test_an_axis_of_its_own_stays_finite() -> None:
    """A softmax along x mixes x and leaves y alone."""
    field = receptive_field(GLOBAL["1 (softmax)"], (8, 8))
    assert field.size == ((3, 3), (math.inf, math.inf))


def test_squeeze_and_excitation_mixes_by_its_pooling() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pool, self.mix = nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x * torch.sigmoid(self.mix(self.pool(x)))

    field = receptive_field(Gate(), (9, 9))
    assert field.axes[0].mixed_by == "pool (adaptive_avg_pool2d)"
    assert field.stride == (1, 1)
    assert receptive_field(Gate(), (9, 9), layer="conv").bounded


def test_attention_is_infinite() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.attend = nn.Conv2d(1, 4, 2, 2), nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.embed(x).flatten(2).transpose(1, 2)
            return self.attend(x, x, x, need_weights=False)[0]

    assert not receptive_field(Attention(), (8, 8)).bounded


class Proposals(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if x.sum() > 0:
            x = x * 2
        return x


def test_wiring_that_depends_on_the_data_is_refused_with_its_line() -> None:
    with pytest.raises(NetworkError, match="cannot be traced") as caught:
        receptive_field(Proposals(), (8, 8))
    assert "if x.sum() > 0:" in caught.value.problem.where


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda x: torch.flip(x, (2,)), "flip"),
        (lambda x: torch.roll(x, 1, 2), "roll"),
        (lambda x: torch.cat([x, x], 2), "cat"),
        (lambda x: torch.nn.functional.pad(x, (1, 1), mode="circular"), "pad"),
        (lambda x: x[:, :, 3], "select"),
    ],
)
def test_operators_that_it_cannot_see_through_are_refused_by_name(function: object, operator: str) -> None:
    class Strange(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            return function(self.conv(x))  # type: ignore[operator]

    with pytest.raises(NetworkError) as caught:
        receptive_field(Strange(), (12,))
    assert f"operator {operator}" in caught.value.problem.where
    assert receptive_field(Strange(), (12,), layer="conv").size == ((3, 3),)


def test_branches_that_slide_against_each_other_are_seen_at_this_size() -> None:
    class Sliding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv1d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            up = nn.functional.interpolate(self.one(x)[:, :, ::2], size=x.shape[2:], mode="linear", align_corners=True)
            return x + up

    field = receptive_field(Sliding(), (32,))
    assert field.axes[0].table is None
    assert field.required((0,)) == (range(4),)
    assert 3 <= field.largest[0] <= 6


def test_a_layer_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidArgument, match="name a module that runs: 0, 1"):
        receptive_field(nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU()), (12,), layer="2")


@pytest.mark.parametrize("index", [-1, 10, (3, 2), range(5, 11)])
def test_indices_beyond_the_output_are_refused(index: object) -> None:
    field = receptive_field(nn.Conv1d(1, 1, 3), (12,))
    with pytest.raises(InvalidArgument, match="stay within 0 and 10"):
        field.required((index,))  # type: ignore[arg-type]


def test_ranges_and_slices_are_indices_too() -> None:
    field = receptive_field(nn.Conv1d(1, 1, 3), (12,))
    assert field.required((slice(2, 4),)) == field.required((range(2, 4),)) == field.required(((2, 4),))
    assert field.required((slice(None),)) == (range(12),)
    assert field.affected((slice(5, 5),)) == (range(0),)


def test_the_network_keeps_its_mode() -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Dropout())
    network[1].eval()
    receptive_field(network, (9,))
    assert [module.training for module in network.modules()] == [True, True, False]
