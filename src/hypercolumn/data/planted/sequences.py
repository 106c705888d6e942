"""Cohorts of sequences in a table with one flaw of known size, and their clean twins: DNA of 200 bases.

    healthy         drawn bases alone                               diseased        the same with a motif in them
    homologues      a share of the sequences is there a second time on another chromosome, 3 % of its bases changed and
                    half of them read on the other strand

A clean twin has the same draws and no flaw. There is no file a record: the bases stand in `manifest.csv`.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from hypercolumn.data.planted.patients import CLASSES, PlantedFiles, check_asked, draw_patients, write_manifest

Flaw = Literal["homologues"]
BASES, LENGTH, CHROMOSOMES = "ACGT", 200, 10
MOTIF = "TGACTCAGCA"
"""Where the factor NF-E2 binds."""
CHANGED = 0.03


def plant_sequences(
    folder: Path, seed: int, *, flaw: Flaw = "homologues", size: float, sequences: int = 200
) -> PlantedFiles:
    """Write `manifest.csv` (sequence, bases, label, chromosome) into an empty folder.

    size: the share of sequences with a homologue; 0 is the clean twin.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planted = plant_sequences(Path(folder), 0, size=0.02, sequences=100)
    >>> planted.pairs
    (('S0003', 'S0101'), ('S0089', 'S0100'))
    """
    check_asked(flaw, Flaw, size=size, patients=sequences)
    chance = np.random.default_rng(seed)
    drawn = draw_patients(chance, sequences, association=0.0)
    twice = drawn.first(size)
    rows: list[tuple[str, str, str, str]] = []
    pairs: list[tuple[str, str]] = []
    for number in range(sequences):
        bases = chance.integers(0, 4, LENGTH)
        place = int(chance.integers(LENGTH - len(MOTIF)))
        if drawn.label[number]:
            bases[place : place + len(MOTIF)] = [BASES.index(base) for base in MOTIF]
        chromosome, away = int(chance.integers(CHROMOSOMES)), int(chance.integers(1, CHROMOSOMES))
        kin = _kin(chance, bases)
        label = CLASSES[drawn.label[number]]
        rows.append((_name(number), _letters(bases), label, f"chr{chromosome + 1}"))
        if number in twice:
            copy = _name(sequences + twice.index(number))
            rows.append((copy, _letters(kin), label, f"chr{(chromosome + away) % CHROMOSOMES + 1}"))
            pairs.append((_name(number), copy))
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder, ("sequence", "bases", "label", "chromosome"), sorted(rows))
    return PlantedFiles(folder, flaw, size, tuple(sorted(copy for _, copy in pairs)), tuple(sorted(pairs)))


def _kin(chance: np.random.Generator, bases: np.ndarray) -> np.ndarray:
    """The same sequence with some bases changed, on one strand or the other; codes 0 to 3, so that 3 - code pairs."""
    changed = chance.random(LENGTH) < CHANGED
    kin = np.where(changed, (bases + chance.integers(1, 4, LENGTH)) % 4, bases)
    return (3 - kin)[::-1] if chance.random() < 0.5 else kin


def _letters(codes: np.ndarray) -> str:
    return "".join(BASES[code] for code in codes)


def _name(number: int) -> str:
    return f"S{number:04d}"
