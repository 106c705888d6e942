"""Who is in a planted cohort on disk: patients with a label and a scanner, some of them a second time.

    label       half of the patients each
    scanner     two; scanner = label with probability (1 + V) / 2        V: Cramer's V, 0 in a clean twin
    order       the patients in a drawn order: a flaw of a share takes the first of them, whatever the share
    copies      patients who come a second time under the next free names

Shared by the planted images, signals, volumes and sequences: one draws what it shows of them, the rest is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from hypercolumn.errors import InvalidArgument

CLASSES = ("healthy", "diseased")


@dataclass(frozen=True)
class PlantedFiles:
    """A folder with files and `manifest.csv`, and what was planted."""

    folder: Path
    flaw: str
    size: float
    planted: tuple[str, ...]
    """The records that carry the flaw: copies, wrong labels, members of a group; none for a scanner."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Of copies: the record and its copy, sorted."""


@dataclass(frozen=True, eq=False)
class Patients:
    """The label and the scanner (patient,), 0 or 1 each, and the order in which patients are chosen."""

    label: np.ndarray
    scanner: np.ndarray
    order: np.ndarray

    def first(self, share: float) -> list[int]:
        """The patients that a flaw of this share takes."""
        return [int(number) for number in self.order[: round(share * len(self.order))]]


def check_asked(flaw: str, flaws: Any, *, size: float, patients: int, records_a_patient: int = 1) -> None:
    """Raise InvalidArgument for a flaw that `flaws`, a Literal, does not name, or a size that cannot be."""
    if flaw not in get_args(flaws):
        raise InvalidArgument("flaw", flaw, fix=f"use one of {', '.join(get_args(flaws))}")
    if not 0 <= size <= 1:
        raise InvalidArgument("size", size, fix="give a share from 0 (the clean twin) to 1")
    if patients < 4 or records_a_patient < 1:
        raise InvalidArgument(
            "patients", (patients, records_a_patient), fix="give 4 patients and a record each at least"
        )


def draw_patients(chance: np.random.Generator, patients: int, *, association: float) -> Patients:
    """Labels, scanners that go with them at Cramer's V `association`, and an order.

    >>> drawn = draw_patients(np.random.default_rng(0), 6, association=1.0)
    >>> drawn.label.tolist(), drawn.scanner.tolist(), drawn.first(0.5)
    ([1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 0, 1], [2, 1, 3])
    """
    label = chance.permutation(patients) % 2
    agrees = chance.random(patients) < (1 + association) / 2
    return Patients(label, np.where(agrees, label, 1 - label), chance.permutation(patients))


def name_of(patient: int) -> str:
    """The name of a patient by number, from 0.

    >>> name_of(7)
    'P007'
    """
    return f"P{patient:03d}"


def write_manifest(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The rows as `manifest.csv`."""
    table = pd.DataFrame([list(row) for row in rows], columns=list(columns))
    table.to_csv(folder / "manifest.csv", index=False, lineterminator="\n")
