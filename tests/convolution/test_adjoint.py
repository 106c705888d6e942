"""The gradients of layers: against autograd, against central differences, and by the law of the adjoint."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hypercolumn.convolution.adjoint import input_gradient, kernel_gradient
from hypercolumn.convolution.definition import convolve, cross_correlate
from hypercolumn.convolution.layer import cross_correlation_layer
from hypercolumn.errors import InvalidArgument, ShapeMismatch

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
LONGEST = {1: 16, 2: 8, 3: 5}


@dataclass(frozen=True)
class Drawn:
    signal: np.ndarray
    kernel: np.ndarray
    settings: dict
    rng: np.random.Generator

    def forward(self, signal: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return cross_correlation_layer(signal, kernel, **self.settings)

    def input_gradient(self, upstream: np.ndarray) -> np.ndarray:
        return input_gradient(upstream, self.kernel, shape=self.signal.shape[1:], **self.settings)

    def kernel_gradient(self, upstream: np.ndarray) -> np.ndarray:
        return kernel_gradient(upstream, self.signal, kernel=self.kernel.shape[2:], **self.settings)


@st.composite
def layers(draw: st.DrawFn, *, is_complex: bool = False) -> Drawn:
    dims = draw(st.sampled_from([1, 2, 3]))
    numbers = lambda low, high: draw(st.tuples(*[st.integers(low, high)] * dims))  # noqa: E731
    groups = draw(st.integers(1, 2))
    into, out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kernel, dilation, shape = numbers(1, 3), numbers(1, 3), numbers(1, LONGEST[dims])
    reach = [hole * (length - 1) + 1 for hole, length in zip(dilation, kernel, strict=True)]
    stride = tuple(min(step, far) for step, far in zip(numbers(1, 3), reach, strict=True))
    padding = tuple(zip(numbers(0, 2), numbers(0, 2), strict=True))
    assume(all(n + sum(ends) >= far for n, ends, far in zip(shape, padding, reach, strict=True)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    chosen = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    arrays = [rng.normal(size=(into, *shape)), rng.normal(size=(out, into // groups, *kernel))]
    if is_complex:
        arrays = [array + 1j * rng.normal(size=array.shape) for array in arrays]
    return Drawn(*arrays, chosen, rng)


def autograd(drawn: Drawn, upstream: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    signal, kernel = (torch.from_numpy(array).requires_grad_() for array in (drawn.signal, drawn.kernel))
    ends = [end for pair in reversed(drawn.settings["padding"]) for end in pair]
    rest = {name: value for name, value in drawn.settings.items() if name != "padding"}
    made = CONV[drawn.signal.ndim - 1](F.pad(signal[None], ends), kernel, **rest)[0]
    made.backward(torch.from_numpy(upstream))
    return signal.grad.numpy(), kernel.grad.numpy()


@settings(max_examples=50, deadline=None)
@given(layers())
def test_both_gradients_are_those_of_autograd(drawn: Drawn) -> None:
    upstream = drawn.rng.normal(size=drawn.forward(drawn.signal, drawn.kernel).shape)
    of_input, of_kernel = autograd(drawn, upstream)
    assert_allclose(drawn.input_gradient(upstream), of_input, atol=1e-12)
    assert_allclose(drawn.kernel_gradient(upstream), of_kernel, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(layers(is_complex=True))
def test_complex_gradients_are_conjugated_as_in_torch(drawn: Drawn) -> None:
    upstream = drawn.forward(drawn.signal, drawn.kernel).conj()
    of_input, of_kernel = autograd(drawn, upstream)
    assert_allclose(drawn.input_gradient(upstream), of_input, atol=1e-11)
    assert_allclose(drawn.kernel_gradient(upstream), of_kernel, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(layers())
def test_the_law_of_the_adjoint(drawn: Drawn) -> None:
    """<A x, g> = <x, A* g>, and the same for the kernel, in which the layer is linear too."""
    made = drawn.forward(drawn.signal, drawn.kernel)
    upstream = drawn.rng.normal(size=made.shape)
    inner = np.vdot(made, upstream)
    assert_allclose(np.vdot(drawn.signal, drawn.input_gradient(upstream)), inner, rtol=1e-10, atol=1e-10)
    assert_allclose(np.vdot(drawn.kernel, drawn.kernel_gradient(upstream)), inner, rtol=1e-10, atol=1e-10)


def loss(made: np.ndarray) -> float:
    return float(np.sum(np.sin(made) + made**2 / 3))


def slope(made: np.ndarray) -> np.ndarray:
    return np.cos(made) + 2 * made / 3


def central(function, array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        for sign in (1, -1):
            moved = array.copy()
            moved[place] += sign * step
            found[place] += sign * function(moved) / (2 * step)
    return found


@settings(max_examples=12, deadline=None)
@given(layers())
def test_both_gradients_are_those_of_central_differences(drawn: Drawn) -> None:
    assume(drawn.signal.size <= 100)
    upstream = slope(drawn.forward(drawn.signal, drawn.kernel))
    by_input = central(lambda x: loss(drawn.forward(x, drawn.kernel)), drawn.signal)
    by_kernel = central(lambda k: loss(drawn.forward(drawn.signal, k)), drawn.kernel)
    for found, measured in ((drawn.input_gradient(upstream), by_input), (drawn.kernel_gradient(upstream), by_kernel)):
        assert np.abs(found - measured).max() <= 1e-6 * max(np.abs(measured).max(), 1e-3)


def test_one_channel_in_the_words_of_the_definition() -> None:
    """The full convolution of gradient and kernel, and the valid correlation of input and gradient."""
    rng = np.random.default_rng(0)
    x, k, g = rng.normal(size=(7, 6)), rng.normal(size=(3, 2)), rng.normal(size=(5, 5))
    assert_allclose(input_gradient(g[None], k[None, None], shape=x.shape)[0], convolve(g, k, mode="full"))
    assert_allclose(kernel_gradient(g[None], x[None], kernel=k.shape)[0, 0], cross_correlate(x, g, mode="valid"))


def test_a_stride_that_skips_samples_has_gradients_too() -> None:
    """Residual networks shorten by a 1 x 1 kernel of stride 2: three of four samples are not read, and get nought."""
    found = input_gradient(np.ones((1, 2, 2)), np.full((1, 1, 1, 1), 3.0), shape=(4, 4), stride=2)
    assert found[0].tolist() == [[3, 0, 3, 0], [0] * 4, [3, 0, 3, 0], [0] * 4]
    assert kernel_gradient(np.ones((1, 2)), [[1.0, 2.0, 4.0, 8.0]], kernel=(1,), stride=2).tolist() == [[[5.0]]]


def test_bad_input() -> None:
    with pytest.raises(ShapeMismatch, match="the layer's output"):
        input_gradient(np.ones((1, 5)), np.ones((1, 1, 3)), shape=(5,))
    with pytest.raises(ShapeMismatch, match="the layer's output"):
        kernel_gradient(np.ones((1, 5)), np.ones((1, 5)), kernel=(3,))
    with pytest.raises(ShapeMismatch, match="not of one layer"):
        kernel_gradient(np.ones((1, 5)), np.ones((1, 5, 5)), kernel=(3,))
    with pytest.raises(ShapeMismatch, match="divide both"):
        kernel_gradient(np.ones((3, 3)), np.ones((2, 5)), kernel=(3,), groups=2)
    with pytest.raises(InvalidArgument, match="shape"):
        input_gradient(np.ones((1, 3)), np.ones((1, 1, 3)), shape=(0,))
    with pytest.raises(ShapeMismatch, match="does not fit"):
        kernel_gradient(np.ones((1, 1)), np.ones((1, 2)), kernel=(3,))
