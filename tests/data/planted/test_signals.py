"""Planted cohorts of signals: the flaw has the size that was asked for, and the twin has none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hypercolumn.data.planted.signals import GAIN, LATER, MAINS, RATE, WINDOW, plant_signals
from hypercolumn.errors import InvalidArgument


def _table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv").set_index("signal")


def test_copies_lie_later_in_the_same_recording_and_are_amplified(tmp_path: Path) -> None:
    planted = plant_signals(tmp_path, 0, flaw="overlapping windows", size=0.2, patients=20, windows_a_patient=3)
    table = _table(tmp_path)
    assert len(planted.pairs) == len(planted.planted) == 4 * 3
    assert table["patient"].nunique() == 24
    for first, second in planted.pairs:
        assert table.loc[first, "patient"] != table.loc[second, "patient"]
        assert table.loc[first, "label"] == table.loc[second, "label"]
        one, other = (np.load(tmp_path / name)[0].astype(float) for name in (first, second))
        shifts = range(int(LATER[0] * WINDOW), int(LATER[1] * WINDOW) + 1)
        agreement = [np.corrcoef(one[shift:], other[: WINDOW - shift])[0, 1] for shift in shifts]
        assert max(agreement) == pytest.approx(1, abs=1e-6)


def test_the_twin_has_the_same_signals_and_no_second_patient(tmp_path: Path) -> None:
    plant_signals(tmp_path / "a", 3, flaw="overlapping windows", size=0.3, patients=10)
    twin = plant_signals(tmp_path / "b", 3, flaw="overlapping windows", size=0.0, patients=10)
    assert twin.planted == twin.pairs == ()
    one, other = _table(tmp_path / "a"), _table(tmp_path / "b")
    assert (len(one), len(other)) == (13 * 4, 10 * 4)
    assert one.loc[other.index].equals(other)
    for name in other.index:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_overlay_changes_the_copies_alone(tmp_path: Path) -> None:
    asked = {"flaw": "overlapping windows", "size": 0.5, "patients": 6}
    planted = plant_signals(tmp_path / "a", 4, **asked, overlay=0.02)  # type: ignore[arg-type]
    plant_signals(tmp_path / "b", 4, **asked)  # type: ignore[arg-type]
    for name in _table(tmp_path / "a").index:
        same = (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert same == (name not in planted.planted)
    first, second = planted.pairs[0]
    noisy, clean = (np.load(tmp_path / place / second).astype(float) for place in "ab")
    gain = clean.std() / np.load(tmp_path / "a" / first).std()
    assert (noisy - clean).std() == pytest.approx(0.02 * gain, rel=0.2)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        plant_signals(tmp_path / name, seed, flaw="device", size=0.5, patients=6, windows_a_patient=2)
    files = [path.relative_to(tmp_path / "a") for path in sorted((tmp_path / "a").rglob("*.*"))]
    assert len(files) == 6 * 2 + 1
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert not any((tmp_path / "a" / file).read_bytes() == (tmp_path / "c" / file).read_bytes() for file in files)


@pytest.mark.parametrize(("size", "low", "high"), [(0.0, -0.2, 0.2), (0.6, 0.4, 0.8)])
def test_the_device_goes_with_the_label_as_asked_and_hums(size: float, low: float, high: float, tmp_path: Path) -> None:
    plant_signals(tmp_path, 1, flaw="device", size=size, patients=150, windows_a_patient=1)
    table = _table(tmp_path)
    second = (table["device"] == "device 2").to_numpy()
    assert low < np.corrcoef(table["label"] == "diseased", second)[0, 1] < high
    signals = np.stack([np.load(tmp_path / name)[0] for name in table.index])
    spectrum = np.abs(np.fft.rfft(signals, axis=1))
    mains = round(MAINS / RATE * WINDOW)
    hum = spectrum[:, mains] / spectrum[:, [mains - 5, mains + 5]].mean(axis=1)
    assert hum[second].min() > 5 > hum[~second].max()
    heights = np.quantile(signals, 0.999, axis=1)
    assert heights[second].mean() / heights[~second].mean() == pytest.approx(GAIN, abs=0.1)


def test_the_diseased_have_broad_beats(tmp_path: Path) -> None:
    """The share of samples high up in the main wave is that of a wave 2.5 times as broad."""
    plant_signals(tmp_path, 2, flaw="device", size=0.0, patients=30, windows_a_patient=1)
    table = _table(tmp_path)
    ill = (table["label"] == "diseased").to_numpy()
    signals = [np.load(tmp_path / name)[0] for name in table.index]
    above = np.array([(signal > 0.6 * np.quantile(signal, 0.998)).mean() for signal in signals])
    assert above[ill].mean() / above[~ill].mean() == pytest.approx(2.5, abs=0.3)
    assert np.median(above[ill]) > above[~ill].max()


@pytest.mark.parametrize("wrong", [{"flaw": "fire"}, {"size": 1.5}, {"patients": 1}, {"windows_a_patient": 0}])
def test_what_cannot_be_planted_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    asked = {"flaw": "device", "size": 0.3, "patients": 20} | wrong
    with pytest.raises(InvalidArgument):
        plant_signals(tmp_path / "a", 0, **asked)  # type: ignore[arg-type]
