from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.convolution.composition import Convolution, compose
from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch

KINDS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def deviation(stack: list[Convolution], shape: tuple[int, ...], seed: int = 0) -> float:
    """How far the one layer is from the stack on random numbers, the shapes being equal."""
    torch.manual_seed(seed)
    signal = torch.randn(2, stack[0].in_channels, *shape, dtype=torch.float64)
    one, expected = compose(*stack)(signal), signal
    for layer in stack:
        expected = layer(expected)
    assert one.shape == expected.shape
    return float((one - expected).abs().max().detach())


@st.composite
def stacks(draw: st.DrawFn) -> list[Convolution]:
    dims = draw(st.integers(1, 3))
    channels = [draw(st.sampled_from([1, 2, 4])) for _ in range(3)]
    axes = [st.tuples(*[st.integers(1, most)] * dims) for most in (3, 2, 2)]
    return [
        KINDS[dims](
            incoming,
            outgoing,
            draw(axes[0]),
            stride=draw(axes[1]),
            dilation=draw(axes[2]),
            groups=draw(st.sampled_from([g for g in (1, 2, 4) if incoming % g == 0 and outgoing % g == 0])),
            padding=draw(st.integers(0, 2)) if place == 0 else 0,
            bias=draw(st.booleans()),
            dtype=torch.float64,
        )
        for place, (incoming, outgoing) in enumerate(pairwise(channels))
    ]


@settings(max_examples=60, deadline=None)
@given(stack=stacks(), extra=st.integers(0, 3), seed=st.integers(0, 10**6))
def test_the_one_layer_is_the_stack(stack: list[Convolution], extra: int, seed: int) -> None:
    dims = stack[0].weight.ndim - 2
    one = compose(*stack)
    shape = tuple(d * (k - 1) + 1 + extra for k, d in zip(one.kernel_size, one.dilation, strict=True))
    assert len(shape) == dims
    assert deviation(stack, shape, seed) < 1e-10


def test_three_layers_with_strides() -> None:
    stack = [nn.Conv1d(2, 3, 3, stride=2), nn.Conv1d(3, 3, 5, stride=3), nn.Conv1d(3, 1, 2, stride=2)]
    stack = [layer.double() for layer in stack]
    one = compose(*stack)
    assert (one.stride, one.kernel_size) == ((12,), (3 + 2 * 4 + 6 * 1,))
    assert deviation(stack, (60,)) < 1e-10


def test_two_dilated_layers_keep_what_they_have_in_common() -> None:
    one = compose(nn.Conv1d(1, 1, 3, dilation=2), nn.Conv1d(1, 1, 3, dilation=4))
    assert (one.dilation, one.kernel_size) == ((2,), (7,))


def test_depthwise_layers_stay_depthwise() -> None:
    stack = [nn.Conv2d(4, 4, 3, groups=4).double(), nn.Conv2d(4, 8, 3, groups=4).double()]
    assert compose(*stack).groups == 4
    assert deviation(stack, (7, 8)) < 1e-10


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_the_padding_of_the_first_layer_is_kept(mode: str) -> None:
    stack = [nn.Conv2d(1, 2, 3, padding="same", padding_mode=mode).double(), nn.Conv2d(2, 1, 3).double()]
    assert deviation(stack, (8, 9)) < 1e-10


def test_padding_after_a_1x1_layer_that_makes_nothing_of_zeros() -> None:
    stack = [
        nn.Conv2d(2, 3, 1, stride=2, padding=1, bias=False).double(),
        nn.Conv2d(3, 2, 3, padding=(1, 2)).double(),
    ]
    for shape in ((6, 7), (7, 6), (9, 9)):
        assert deviation(stack, shape) < 1e-10


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_with_samples_of_the_image_goes_through_a_1x1_layer(mode: str) -> None:
    stack = [nn.Conv2d(2, 3, 1).double(), nn.Conv2d(3, 2, 3, padding=1, padding_mode=mode).double()]
    assert deviation(stack, (6, 7)) < 1e-10


@pytest.mark.parametrize(
    "stack",
    [
        [nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 3, padding=1)],
        [nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 3, padding=1)],
        [nn.Conv1d(1, 1, 1, stride=2), nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect")],
        [nn.Conv1d(1, 1, 1, padding=1, bias=False), nn.Conv1d(1, 1, 3, padding=1, padding_mode="replicate")],
        [nn.Conv1d(1, 1, 1, bias=False), nn.Conv1d(1, 1, 4, padding="same")],
    ],
)
def test_padding_between_is_refused(stack: list[Convolution]) -> None:
    with pytest.raises(NetworkError, match="pads"):
        compose(*stack)


def test_it_is_a_layer_like_the_first_and_changes_nothing() -> None:
    first, second = nn.Conv2d(1, 2, 3).bfloat16().eval(), nn.Conv2d(2, 1, 3).bfloat16()
    before: list[Tensor] = [weight.clone() for weight in (*first.parameters(), *second.parameters())]
    one = compose(first, second)
    assert (one.weight.dtype, one.training, one.weight.requires_grad) == (torch.bfloat16, False, True)
    assert all(map(torch.equal, before, (*first.parameters(), *second.parameters())))


@pytest.mark.parametrize(
    ("stack", "error", "message"),
    [
        ([nn.Conv1d(1, 1, 3), nn.ReLU()], InvalidArgument, "ReLU"),
        ([nn.ConvTranspose1d(1, 1, 3), nn.Conv1d(1, 1, 3)], InvalidArgument, "ConvTranspose1d"),
        ([nn.Conv1d(1, 2, 3), nn.Conv1d(3, 1, 3)], ShapeMismatch, "does not take"),
        ([nn.Conv1d(1, 1, 3), nn.Conv2d(1, 1, 3)], ShapeMismatch, "does not take"),
    ],
)
def test_what_does_not_compose_is_refused(stack: list[nn.Module], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compose(*stack)  # type: ignore[arg-type]
