from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypercolumn.convolution import method as room
from hypercolumn.convolution.costs import Costs
from hypercolumn.convolution.definition import Mode, convolve
from hypercolumn.convolution.method import Method, Way, fast_convolve, measured, ways
from hypercolumn.errors import InvalidArgument, ShapeMismatch

METHODS = get_args(Method)
MODES = get_args(Mode)


@pytest.fixture(autouse=True)
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Costs]:
    """Nothing is known, and what is measured is kept apart from the user's own; timing is cut short."""
    fresh = Costs(tmp_path)
    monkeypatch.setattr(room, "_costs", fresh)
    monkeypatch.setattr(room, "_chosen", {})
    monkeypatch.setattr("hypercolumn.convolution.costs._LONGEST", 0.0)
    return fresh


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def takes(method: str, axes: int) -> bool:
    return not (method == "separable" and axes == 1) and not (method == "toeplitz" and axes > 2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), axes=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_every_way_is_the_definition(data: st.DataObject, axes: int, seed: int) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 20 if axes == 1 else 9)] * axes))
    mode = data.draw(st.sampled_from(MODES))
    lengths = st.integers(1, 7) if mode != "same" else st.sampled_from([1, 3, 5])
    kernel = data.draw(st.tuples(*[lengths] * axes))
    if mode == "valid":
        kernel = tuple(map(min, kernel, shape))
    f, k = drawn(shape, seed), drawn(kernel, seed + 1)
    wanted = convolve(f, k, mode=mode)
    where = room.places(shape, kernel, mode)
    factors = room._factors(k, "separable") if axes > 1 else None
    for way in ways(shape, kernel, separable=axes > 1):
        made = room.run(way, f, k, where, factors)
        assert made.shape == wanted.shape, way
        assert np.abs(made - wanted).max() < 1e-10, way


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
@pytest.mark.parametrize("method", METHODS)
def test_by_every_name(method: Method, axes: int) -> None:
    f, k = drawn((7, 6, 5, 4)[:axes]), drawn((3,) * axes, 1)
    if not takes(method, axes):
        with pytest.raises(InvalidArgument, match="method"):
            fast_convolve(f, k, mode="same", method=method)
        return
    assert np.abs(fast_convolve(f, k, mode="same", method=method) - convolve(f, k, mode="same")).max() < 1e-10


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axes", [1, 2])
def test_in_float32(method: Method, axes: int) -> None:
    if takes(method, axes):
        f, k = drawn((64, 48)[:axes]).astype(np.float32), drawn((9, 7)[:axes], 1).astype(np.float32)
        made = fast_convolve(f, k, mode="valid", method=method)
        wanted = convolve(f.astype(float), k.astype(float), mode="valid")
        assert made.dtype == np.float32
        assert np.abs(made - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_goes_where_the_definition_has_it_go(method: Method, axes: int, value: float) -> None:
    if not takes(method, axes):
        return
    f, k = drawn((12, 11, 10)[:axes]), drawn((3, 3, 3)[:axes], 1)
    f[(5,) * axes] = value
    for mode in MODES:
        made, wanted = fast_convolve(f, k, mode=mode, method=method), convolve(f, k, mode=mode)
        far = ~(np.abs(wanted) < 1e100)
        assert far.any()
        with np.errstate(all="ignore"):
            assert np.allclose(made[far], wanted[far], equal_nan=True)
        assert np.abs(made[~far] - wanted[~far]).max() < 1e-10


@pytest.mark.parametrize("method", METHODS)
def test_a_kernel_that_is_not_finite(method: Method) -> None:
    f, k = drawn((12, 11)), drawn((3, 3), 1)
    k[1, 1] = np.nan
    assert np.isnan(fast_convolve(f, k, mode="valid", method=method)).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.complex64, complex])
def test_other_numbers_are_as_the_definition_has_them(dtype: type) -> None:
    f, k = (drawn((9, 8)) * 3).astype(dtype), (drawn((3, 3), 1) * 3).astype(dtype)
    wanted = convolve(f, k, mode="full")
    for method in ("auto", "direct"):
        made = fast_convolve(f, k, mode="full", method=method)
        assert made.dtype == wanted.dtype
        assert np.array_equal(made, wanted)
    for method in ("fft", "overlap-add", "toeplitz", "separable"):
        with pytest.raises(InvalidArgument, match="rounds"):
            fast_convolve(f, k, mode="full", method=method)
    with pytest.raises(InvalidArgument, match="one way only"):
        measured(f, k, mode="full")


def test_mixed_formats_and_lists_are_computed_in_float64() -> None:
    f = drawn((30,)).astype(np.float32)
    for kernel in (drawn((3,)), [1, 2, 3], [0.5, 1.0]):
        assert fast_convolve(f, np.asarray(kernel), mode="full", method="fft").dtype == np.float64
    assert fast_convolve([1.0, 2.0], [1.0], mode="full", method="fft").dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
def test_arrays_of_any_layout_and_their_values_stay(method: Method) -> None:
    base = drawn((20, 30))
    frozen = base.copy()
    frozen.flags.writeable = False
    swapped = base.astype(">f8")
    k = drawn((3, 5), 1)
    for f in (base, base.T, base[::2, ::-1], frozen, swapped):
        before = f.copy()
        made = fast_convolve(f, k[::-1], mode="same", method=method)
        assert np.abs(made - convolve(f, k[::-1], mode="same")).max() < 1e-10
        assert np.array_equal(f, before)
    assert np.array_equal(k, drawn((3, 5), 1))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("signal", "kernel", "mode", "error", "message"),
    [
        ((4, 4), (5, 3), "valid", ShapeMismatch, "does not fit"),
        ((9, 9), (4, 3), "same", InvalidArgument, "even kernel"),
        ((0, 3), (3, 3), "full", InvalidArgument, "no samples"),
        ((3, 3), (3, 0), "full", InvalidArgument, "no samples"),
        ((9, 9), (3, 3, 3), "full", ShapeMismatch, "axes"),
        ((9, 9), (3, 3), "reflect", InvalidArgument, "mode"),
    ],
)
@pytest.mark.parametrize("fill", [1.0, np.nan])
def test_bad_input_is_refused_whatever_the_method(
    method: Method,
    signal: tuple[int, ...],
    kernel: tuple[int, ...],
    mode: Mode,
    error: type[Exception],
    message: str,
    fill: float,
) -> None:
    with pytest.raises(error, match=message):
        fast_convolve(np.full(signal, fill), np.ones(kernel), mode=mode, method=method)


def test_a_method_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="winograd"):
        fast_convolve(np.ones(9), np.ones(3), mode="full", method="winograd")  # type: ignore[arg-type]


def test_texts_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="dtype"):
        fast_convolve(["a"], [1.0], mode="full")  # type: ignore[list-item]


def test_the_fastest_measured_way_is_taken(costs: Costs, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Way] = []
    plain = room.run

    def run(way: Way, *rest: object) -> np.ndarray:
        taken.append(way)
        return plain(way, *rest)  # type: ignore[arg-type]

    asked: list[str] = []

    def seconds(question: str, candidates: object) -> dict[str, float]:
        asked.append(question)
        return {"gone since": 0.5, "overlap-add 256": 1.0, "fft": 2.0}

    monkeypatch.setattr(room, "run", run)
    monkeypatch.setattr(costs, "seconds", seconds)
    f, k = drawn((1000,)), drawn((33,), 1)
    for _ in range(3):
        assert np.abs(fast_convolve(f, k, mode="valid") - np.convolve(f, k, "valid")).max() < 1e-10
    assert taken == [Way("overlap-add", 256)] * 3
    assert len(asked) == 1


def test_what_was_measured_once_is_not_measured_again(costs: Costs) -> None:
    f, k = drawn((300,)), drawn((33,), 1)
    fast_convolve(f, k, mode="valid")
    known = dict(costs.known())
    assert len(known) == 1
    fast_convolve(drawn((305,)), k, mode="valid")
    room._chosen.clear()
    fast_convolve(f, k, mode="valid")
    assert costs.known() == known
    fast_convolve(f, k, mode="full")
    assert len(costs.known()) == 2


def test_only_the_method_asked_for_is_timed() -> None:
    found = measured(drawn((200,)), drawn((15,)), mode="valid", method="toeplitz")
    assert {name.split()[0] for name in found} == {"toeplitz"}


def test_where_there_is_nothing_to_choose_nothing_is_kept(costs: Costs) -> None:
    assert list(measured(drawn((200,)), drawn((15,)), mode="valid", method="fft")) == ["fft"]
    assert not costs.known()


def test_separable_ways_only_for_separable_kernels() -> None:
    flat, random = np.ones((3, 3)), drawn((3, 3))
    names = {way.name for way in ways((20, 20), (3, 3), separable=True)}
    assert "separable 16" in names
    assert room._factors(flat, "auto") is not None
    assert room._factors(random, "auto") is None
    assert not any("separable" in name for name in measured(drawn((20, 20)), random, mode="full"))


def test_a_large_signal_is_timed_on_a_part_of_it() -> None:
    assert room._measured_shape((1 << 24,), (15,)) == (1 << 20,)
    assert room._measured_shape((1 << 12, 1 << 12), (15, 15)) == (1 << 10, 1 << 10)
    assert room._measured_shape((1 << 24,), (1 << 20,)) == (1 << 22,)
    assert room._measured_shape((1000,), (15,)) == (1000,)


def test_a_kernel_of_zeros_separates_into_zeros() -> None:
    assert not fast_convolve(drawn((9, 9)), np.zeros((3, 3)), mode="full", method="separable").any()
