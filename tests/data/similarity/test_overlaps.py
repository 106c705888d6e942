"""Signals that share a stretch of time, and rhythms that only look alike."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, find_overlaps, overlaps
from hypercolumn.errors import InvalidArgument, ShapeMismatch


def search(signals: dict[str, np.ndarray], **settings) -> Similarity:
    cohort = Cohort.from_table(pd.DataFrame({"signal": list(signals)}), Columns(input="signal"), folder=".")
    return find_overlaps(cohort, signals.__getitem__, **settings)


def noise(seed: int, length: int = 2000, width: float = 3) -> np.ndarray:
    return ndimage.gaussian_filter1d(np.random.default_rng(seed).standard_normal(length), width)[None]


def heart(seed: int, length: int = 8000) -> np.ndarray:
    """Beats of one shape, at intervals that vary by a few per cent, and a little noise (1, time)."""
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.normal(250, 10, length // 200))
    time = np.arange(length)
    signal = np.zeros(length)
    for beat in beats[beats < length - 100]:
        signal += np.exp(-(((time - beat) / 6) ** 2)) - 0.3 * np.exp(-(((time - beat - 12) / 5) ** 2))
        signal += 0.25 * np.exp(-(((time - beat - 70) / 25) ** 2))
    return (signal + 0.01 * rng.standard_normal(length))[None]


@given(shift=st.integers(0, 700), gain=st.floats(0.05, 50), offset=st.floats(-10, 10), seed=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_a_shifted_amplified_copy_is_found_with_its_shift(shift: int, gain: float, offset: float, seed: int) -> None:
    long = noise(seed, 1800)
    [pair] = search({"a": long[:, :1000], "b": gain * long[:, shift : shift + 1000] + offset, "c": noise(99)}).pairs
    assert (pair.first, pair.second, pair.kind, pair.score) == ("a", "b", "overlap", 1.0)
    assert pair.transform == (f"shifted by {shift} samples" if shift else "none")


@pytest.mark.parametrize("overlap", [300, 500])
def test_windows_of_one_heart_are_joined_where_they_overlap_and_only_there(overlap: int) -> None:
    long = heart(0)
    starts = {"a": 0, "b": 1000 - overlap, "c": 3000, "d": 5000, "e": 6000 - overlap}
    windows = {name: long[:, start : start + 1000] for name, start in starts.items()}
    windows |= {f"other {seed}": heart(seed)[:, :1000] for seed in range(1, 6)}
    assert [(pair.first, pair.second) for pair in search(windows).pairs] == [("a", "b"), ("d", "e")]


def test_noise_of_a_second_digitization_does_not_hide_a_copy() -> None:
    one = noise(0)
    copy = one[:, 300:1500] + 0.05 * one.std() * np.random.default_rng(1).standard_normal((1, 1200))
    assert search({"a": one, "b": copy, "c": noise(2)}).clusters() == (("a", "b"),)


def test_how_many_are_compared_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    long = noise(0, 8000)
    windows = {f"{start:04d}": long[:, start : start + 1000] for start in range(0, 7000, 600)}
    at_once = search(windows)
    assert len(at_once.pairs) == 11, "each with the next"
    monkeypatch.setattr(overlaps, "BLOCK", 40)
    assert search(windows) == at_once


def test_unlike_signals_are_not_joined() -> None:
    assert search({str(n): noise(n, 1500) for n in range(60)}).pairs == ()


def test_the_strongest_channel_is_compared() -> None:
    silent = np.zeros((1, 2000))
    assert search({"a": np.concatenate([silent, noise(0)]), "b": 3 * noise(0)}).clusters() == (("a", "b"),)


def test_a_short_overlap_is_found_where_less_is_asked_for() -> None:
    long = noise(4, 2000)
    windows = {"a": long[:, :1000], "b": long[:, 850:1850]}
    assert search(windows).pairs == ()
    assert search(windows, least=120).clusters() == (("a", "b"),)


@pytest.mark.parametrize("signal", [np.zeros((1, 500)), np.full((1, 500), np.nan), np.zeros((1, 0)), np.ones((1, 10))])
def test_signals_that_show_nothing_have_no_overlap(signal: np.ndarray) -> None:
    assert search({"a": signal, "b": signal}).pairs == ()


def test_what_is_no_signal_and_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="channel, time"):
        search({"a": np.zeros(100)})
    with pytest.raises(InvalidArgument, match="threshold"):
        search({"a": noise(0)}, threshold=0)
    with pytest.raises(InvalidArgument, match="least"):
        search({"a": noise(0)}, least=10)
