import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hypercolumn.convolution.pooling import (
    average_pool,
    flatten,
    global_average,
    global_max,
    max_pool,
    pooled_length,
)
from hypercolumn.errors import InvalidArgument, ShapeMismatch

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEAN = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


@settings(max_examples=60, deadline=None)
@given(
    dims=st.sampled_from([1, 2, 3]),
    window=st.integers(1, 4),
    step=st.integers(1, 4),
    pad=st.integers(0, 2),
    ceil_mode=st.booleans(),
    count=st.booleans(),
    shape=st.tuples(*[st.integers(2, 9)] * 3),
    seed=st.integers(0, 2**31),
)
def test_pooling_is_that_of_torch(
    dims: int, window: int, step: int, pad: int, ceil_mode: bool, count: bool, shape: tuple[int, ...], seed: int
) -> None:
    step, pad = min(step, window), min(pad, window // 2)
    assume(all(length >= window for length in shape[:dims]))
    x = np.random.default_rng(seed).normal(size=(2, *shape[:dims]))
    tensor = torch.from_numpy(x)[None]
    given = {"stride": step, "padding": pad, "ceil_mode": ceil_mode}
    largest = MAX[dims](tensor, window, step, pad, ceil_mode=ceil_mode)[0].numpy()
    assert_allclose(max_pool(x, window, **given), largest)
    mean = MEAN[dims](tensor, window, step, pad, ceil_mode=ceil_mode, count_include_pad=count)[0].numpy()
    assert_allclose(average_pool(x, window, **given, count_padding=count), mean, atol=1e-12)
    lengths = [pooled_length(n, window, stride=step, padding=(pad, pad), ceil_mode=ceil_mode) for n in shape[:dims]]
    assert list(largest.shape[1:]) == lengths


def test_the_worked_example() -> None:
    x = [[[3, 2, 0, 0], [0, 7, 1, 3], [5, 2, 3, 0], [0, 9, 2, 3]]]
    assert max_pool(x, 2).tolist() == [[[7, 3], [9, 3]]]
    assert average_pool(x, 2).tolist() == [[[3, 1], [4, 2]]]


def test_shapes_as_printed() -> None:
    """A 2 x 2 pool halves 32 x 32; 8 x 8 maps of 32 channels flatten to 2,048; AlexNet pools 55 to 27 by 3 / 2."""
    assert max_pool(np.zeros((5, 32, 32)), 2).shape == (5, 16, 16)
    assert flatten(np.zeros((32, 8, 8))).shape == (2048,)
    assert pooled_length(55, 3, stride=2) == 27


def test_flatten_and_global_pooling_are_what_torch_does() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    tensor = torch.from_numpy(x)[None]
    assert flatten(x).tolist() == torch.flatten(tensor, 1)[0].tolist()
    assert_allclose(global_average(x), F.adaptive_avg_pool3d(tensor, 1).flatten().numpy())
    assert_allclose(global_max(x), F.adaptive_max_pool3d(tensor, 1).flatten().numpy())


def test_padding_never_wins_and_asymmetry_is_by_axis() -> None:
    assert max_pool([[-3, -2, -5]], 2, stride=1, padding=[(1, 0)]).tolist() == [[-3, -2, -2]]
    assert max_pool(np.array([[-3, -2]], np.int8), 2, padding=[(1, 1)]).tolist() == [[-3, -2]]
    assert average_pool([[4.0, 2.0, 6.0]], 2, stride=1, padding=[(1, 0)]).tolist() == [[4, 3, 4]]
    assert average_pool([[4.0, 2.0, 6.0]], 2, stride=1, padding=[(1, 0)], count_padding=True).tolist() == [[2, 3, 4]]


def test_nan_is_never_lost_and_types_stay() -> None:
    assert np.isnan(max_pool([[1.0, np.nan, 2.0, 3.0]], 2)).tolist() == [[True, False]]
    assert np.isnan(average_pool([[1.0, np.nan, 2.0, 3.0]], 2)).tolist() == [[True, False]]
    assert np.isnan(global_max([[1.0, np.nan]])).all()
    assert max_pool(np.ones((1, 4), np.uint8), 2).dtype == np.uint8
    assert average_pool(np.ones((1, 4), np.float32), 2).dtype == np.float32
    assert average_pool(np.array([[1j, 1]]), 2).tolist() == [[0.5 + 0.5j]]


@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_bad_input(pool) -> None:
    x = np.ones((1, 6))
    for chosen, said in (
        ({"window": 0}, "window"),
        ({"window": 2, "stride": 3}, "never be read"),
        ({"window": 2, "padding": 2}, "wholly in it"),
        ({"window": 2, "stride": -1}, "stride"),
        ({"window": (2, 2)}, "window"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            pool(x, **chosen)
    with pytest.raises(ShapeMismatch, match="does not fit"):
        pool(x, 7)
    with pytest.raises(ShapeMismatch, match="no channels"):
        pool(np.ones(6), 2)
    with pytest.raises(InvalidArgument, match="no samples"):
        pool(np.ones((1, 0)), 2)


def test_complex_numbers_have_no_largest() -> None:
    with pytest.raises(InvalidArgument, match="no largest"):
        max_pool(np.array([[1j, 2]]), 2)
