"""Cohorts of signals on disk with one flaw of known size, and their clean twins: windows of heartbeats, 250 samples a
second.

    healthy                 each beat has a narrow main wave        diseased        a broad one
    overlapping windows     a share of the patients is there a second time under another name: every window of theirs
                            begins later in the same recording, 0.1 to 0.6 of its length, and is amplified
    device                  two devices (gain, mains hum); the label goes with the device at Cramer's V

Beats of one patient have one shape and come at intervals that vary by 4 %; in the noise between them no two stretches
are alike. Windows of one patient do not overlap. A clean twin has the same draws and no flaw: both devices are in every
cohort, but neither has to do with the label.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from hypercolumn.data.planted.patients import CLASSES, PlantedFiles, check_asked, draw_patients, name_of, write_manifest

Flaw = Literal["overlapping windows", "device"]
RATE, WINDOW = 250, 1000
LATER = (0.1, 0.6)
"""By how much of a window the copy begins later."""
NOISE, GAIN, HUM, MAINS = 0.03, 0.6, 0.05, 50.0
"""The deviation of the noise, the second device's gain and hum, all over the height of a beat; mains in hertz."""


def plant_signals(
    folder: Path,
    seed: int,
    *,
    flaw: Flaw,
    size: float,
    patients: int = 60,
    windows_a_patient: int = 4,
    overlay: float = 0.0,
) -> PlantedFiles:
    """Write signals (1, time) and `manifest.csv` (signal, label, patient, device) into an empty folder.

    size: the share of patients (overlapping windows) or Cramer's V (device); 0 is the clean twin.
    overlay: the deviation of noise of its own over each copy, as a second digitization has it, in heights of a beat.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planted = plant_signals(Path(folder), 0, flaw="overlapping windows", size=0.1, patients=10)
    ...     np.load(Path(folder) / planted.planted[0]).shape, len(planted.pairs), planted.pairs[0]
    ((1, 1000), 4, ('signals/P002-0.npy', 'signals/P010-0.npy'))
    """
    check_asked(flaw, Flaw, size=size, patients=patients, records_a_patient=windows_a_patient)
    chance, again = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    drawn = draw_patients(chance, patients, association=size if flaw == "device" else 0.0)
    twice = drawn.first(size) if flaw == "overlapping windows" else []
    (folder / "signals").mkdir(parents=True)
    rows: list[tuple[str, str, str, str]] = []
    pairs: list[tuple[str, str]] = []
    for patient in range(patients):
        heart = _heart(chance, 2 * WINDOW * windows_a_patient, broad=bool(drawn.label[patient]))
        recording = _recorded(chance, heart, drawn.scanner[patient])
        later, gain = int(chance.uniform(*LATER) * WINDOW), chance.uniform(0.5, 2)
        shown = {name_of(patient): recording}
        if patient in twice:
            copy = recording[later:] + overlay * again.standard_normal(len(recording) - later)
            shown[name_of(patients + twice.index(patient))] = gain * copy
        files = {name: _windows(folder, name, signal, windows_a_patient) for name, signal in shown.items()}
        for name, own in files.items():
            label, device = CLASSES[drawn.label[patient]], f"device {drawn.scanner[patient] + 1}"
            rows += [(file, label, name, device) for file in own]
        if patient in twice:
            pairs += zip(*files.values(), strict=True)
    write_manifest(folder, ("signal", "label", "patient", "device"), sorted(rows))
    return PlantedFiles(folder, flaw, size, tuple(sorted(copy for _, copy in pairs)), tuple(sorted(pairs)))


def _heart(chance: np.random.Generator, length: int, *, broad: bool) -> np.ndarray:
    """A recording (time,): beats of one patient's shape, a slow wander and noise."""
    time, signal = np.arange(length), np.zeros(length)
    interval, width = chance.uniform(0.7, 1.1) * RATE, chance.uniform(3.0, 4.5) * (2.5 if broad else 1)
    early, dip, late = chance.uniform((0.05, 0.1, 0.15), (0.2, 0.4, 0.4))
    beats = np.cumsum(interval * chance.normal(1, 0.04, int(length / interval * 1.5) + 2)) - interval
    for beat in beats[beats < length + RATE]:
        near = slice(max(0, int(beat) - RATE // 2), int(beat) + RATE)
        for height, after, wide in ((early, -45, 10), (1, 0, width), (-dip, 3 * width, width), (late, 75, 20)):
            signal[near] += height * np.exp(-(((time[near] - beat - after) / wide) ** 2))
    wander = 0.1 * np.sin(2 * np.pi * (chance.uniform(0.15, 0.4) * time / RATE + chance.random()))
    return signal + wander + NOISE * chance.standard_normal(length)


def _recorded(chance: np.random.Generator, heart: np.ndarray, device: int) -> np.ndarray:
    """What a device makes of it: the second has another gain, and the mains hum in it."""
    hum = HUM * np.sin(2 * np.pi * (MAINS / RATE * np.arange(len(heart)) + chance.random()))
    return GAIN * heart + hum if device else heart


def _windows(folder: Path, name: str, recording: np.ndarray, count: int) -> list[str]:
    """Every second window of a recording, written under a patient's name; the names of the files."""
    files = [f"signals/{name}-{number}.npy" for number in range(count)]
    for number, file in enumerate(files):
        start = 2 * WINDOW * number
        np.save(folder / file, recording[None, start : start + WINDOW].astype(np.float32))
    return files
