"""A split: who is learnt from, who is watched while learning, and who is kept for the score.

A split is made of pieces, each a whole record or a box of it, and can only be built from lineage (`splitting`):
nothing in this package splits windows. Its unit is a connected component over all lineage columns and near-duplicate
clusters, so a patient with two slides, or two patients who share one image, stay on one side. `generalises_to` says
what a score from this split speaks of, and every score's title says it again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

GENERALISES_TO = ("site", "patient", "specimen", "region")
"""What a score can be said to hold for, from the farthest to the nearest."""

SIDES = ("training", "validation", "test")

Box = tuple[tuple[int, int], ...]
"""A half-open range (start, stop) in samples for each spatial axis."""


@dataclass(frozen=True, order=True)
class Piece:
    """A record, or a box of it.

    >>> Piece("slide-3", ((0, 512), (256, 768))).name
    'slide-3[0:512,256:768]'
    """

    record: str
    box: Box | None = None

    @property
    def name(self) -> str:
        if self.box is None:
            return self.record
        return f"{self.record}[{','.join(f'{start}:{stop}' for start, stop in self.box)}]"


@dataclass(frozen=True)
class Fold:
    """One way round: train on `training`, stop early by `validation`, score `test`."""

    name: str
    training: tuple[Piece, ...]
    validation: tuple[Piece, ...]
    test: tuple[Piece, ...]

    def sides(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        for side in SIDES:
            yield side, getattr(self, side)


@dataclass(frozen=True)
class Split:
    """Folds with the units that they are made of.

    `units` maps a unit's name to its pieces; every unit lies wholly on one side of every fold. `gap` is the distance in
    samples kept free between training and test along each axis, for a split by region; `notes` say in words what was
    decided and how well it could be done (for a solver: whether it proved the optimum before its time was up).
    """

    kind: str
    generalises_to: str
    units: Mapping[str, tuple[Piece, ...]]
    folds: tuple[Fold, ...]
    seed: int
    gap: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def unit_of(self) -> dict[str, str]:
        """The unit of each piece, by the piece's name."""
        return {piece.name: unit for unit, pieces in self.units.items() for piece in pieces}
