"""Layers as direct sums against torch in float64, and what they refuse."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from hypercolumn.convolution.geometry import Geometry
from hypercolumn.convolution.layer import convolution_layer, cross_correlation_layer, transposed_layer
from hypercolumn.errors import InvalidArgument, ShapeMismatch

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
LONGEST = {1: 20, 2: 9, 3: 6}


@dataclass(frozen=True)
class Drawn:
    signal: np.ndarray
    kernel: np.ndarray
    settings: dict
    extra: tuple[int, ...]


@st.composite
def layers(draw: st.DrawFn, *, transposed: bool = False) -> Drawn:
    dims = draw(st.sampled_from([1, 2, 3]))
    numbers = lambda low, high: draw(st.tuples(*[st.integers(low, high)] * dims))  # noqa: E731
    groups = draw(st.integers(1, 3))
    into, out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kernel, dilation = numbers(1, 3), numbers(1, 2)
    stride = tuple(
        min(step, hole * (length - 1) + 1) for step, hole, length in zip(numbers(1, 3), dilation, kernel, strict=True)
    )
    padding = tuple(zip(numbers(0, 2), numbers(0, 2), strict=True))
    shape = numbers(1, 4) if transposed else numbers(1, LONGEST[dims])
    reach = [hole * (length - 1) + 1 for hole, length in zip(dilation, kernel, strict=True)]
    for n, far, ends, step in zip(shape, reach, padding, stride, strict=True):
        assume(((n - 1) * step + far - sum(ends) if transposed else n + sum(ends) - far) >= (1 if transposed else 0))
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    channels = (into, out // groups) if transposed else (out, into // groups)
    chosen = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    return Drawn(rng.normal(size=(into, *shape)), rng.normal(size=(*channels, *kernel)), chosen, extra)


def by_torch(drawn: Drawn) -> np.ndarray:
    """torch pads both ends alike, so what is asymmetric is padded first."""
    ends = [end for pair in reversed(drawn.settings["padding"]) for end in pair]
    padded = F.pad(torch.from_numpy(drawn.signal)[None], ends)
    rest = {name: value for name, value in drawn.settings.items() if name != "padding"}
    return CONV[drawn.signal.ndim - 1](padded, torch.from_numpy(drawn.kernel), **rest)[0].numpy()


@settings(max_examples=60, deadline=None)
@given(layers())
def test_the_layer_of_networks_is_a_cross_correlation(drawn: Drawn) -> None:
    assert_allclose(cross_correlation_layer(drawn.signal, drawn.kernel, **drawn.settings), by_torch(drawn), atol=1e-12)
    flipped = np.flip(drawn.kernel, tuple(range(2, drawn.kernel.ndim)))
    assert_array_equal(
        convolution_layer(drawn.signal, flipped, **drawn.settings),
        cross_correlation_layer(drawn.signal, drawn.kernel, **drawn.settings),
    )


@settings(max_examples=60, deadline=None)
@given(layers(transposed=True))
def test_the_transposed_layer_is_that_of_torch(drawn: Drawn) -> None:
    rest = {name: value for name, value in drawn.settings.items() if name != "padding"}
    tensors = torch.from_numpy(drawn.signal)[None], torch.from_numpy(drawn.kernel)
    whole = TRANSPOSED[drawn.signal.ndim - 1](*tensors, output_padding=drawn.extra, **rest)[0].numpy()
    cut = tuple(
        slice(lead, length - trail)
        for (lead, trail), length in zip(drawn.settings["padding"], whole.shape[1:], strict=True)
    )
    made = transposed_layer(drawn.signal, drawn.kernel, **drawn.settings, extra=drawn.extra)
    assert_allclose(made, whole[(slice(None), *cut)], atol=1e-12)


def test_same_of_tensorflow_with_a_stride_pads_the_trailing_end() -> None:
    """ceil(in / stride) outputs, the odd sample of padding on the right: 4 samples, kernel 3, stride 2 pad (0, 1)."""
    assert cross_correlation_layer([[1, 2, 3, 4]], [[[1, 1, 1]]], stride=2, padding=[(0, 1)]).tolist() == [[6, 7]]


def test_integers_complex_numbers_and_nan() -> None:
    counted = cross_correlation_layer(np.ones((2, 4), np.uint8), np.ones((3, 2, 2), np.int8))
    assert counted.dtype == np.int64
    assert counted.tolist() == [[4, 4, 4]] * 3
    assert cross_correlation_layer([[1j, 2]], [[[1j]]]).tolist() == [[-1, 2j]]
    sick = cross_correlation_layer([[0.0, np.nan, 0.0, 0.0]], [[[0.0, 1.0]]])
    assert np.isnan(sick).tolist() == [[True, True, False]]
    assert np.isnan(transposed_layer([[np.nan, 1.0]], [[[0.0, 1.0]]])).tolist() == [[True, True, False]]


@pytest.mark.parametrize("layer", [convolution_layer, cross_correlation_layer, transposed_layer])
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"stride": 0}, "stride"),
        ({"stride": -1}, "stride"),
        ({"stride": (1, 1)}, "stride"),
        ({"stride": 1.5}, "stride"),
        ({"stride": 4}, "would never be read"),
        ({"dilation": 0}, "dilation"),
        ({"groups": 0}, "groups"),
        ({"padding": -1}, "padding"),
        ({"padding": [1]}, "padding"),
        ({"padding": [(1, 1), (1, 1)]}, "padding"),
    ],
)
def test_settings_that_cannot_be(layer, given: dict, name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        layer(np.ones((1, 8)), np.ones((1, 1, 3)), **given)


@pytest.mark.parametrize("layer", [convolution_layer, cross_correlation_layer, transposed_layer])
def test_arrays_that_do_not_match(layer) -> None:
    with pytest.raises(ShapeMismatch, match="are no layer"):
        layer(np.ones(8), np.ones((1, 1, 3)))
    with pytest.raises(ShapeMismatch, match="does not take 2 channels"):
        layer(np.ones((2, 8)), np.ones((3, 3, 3)))
    with pytest.raises(ShapeMismatch, match="in 2 groups"):
        layer(np.ones((2, 8)), np.ones((3, 1, 3)), groups=2)
    with pytest.raises(InvalidArgument, match="no samples"):
        layer(np.ones((1, 0)), np.ones((1, 1, 3)))


def test_what_does_not_fit_or_is_cut_away() -> None:
    with pytest.raises(ShapeMismatch, match="does not fit"):
        cross_correlation_layer(np.ones((1, 4)), np.ones((1, 1, 3)), dilation=2)
    with pytest.raises(ShapeMismatch, match="whole output"):
        transposed_layer(np.ones((1, 2)), np.ones((1, 1, 3)), padding=2)
    with pytest.raises(InvalidArgument, match="extra"):
        transposed_layer(np.ones((1, 2)), np.ones((1, 1, 3)), stride=2, extra=2)


def test_one_number_holds_for_every_axis() -> None:
    assert Geometry.of((3, 3), stride=2, padding=1) == Geometry.of((3, 3), stride=(2, 2), padding=[(1, 1), (1, 1)])
