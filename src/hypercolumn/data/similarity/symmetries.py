"""The ways in which a grid can be laid on itself, in words and as array operations.

signal   itself alone: time has a direction
image    4 quarter turns, each as it is or flipped: 8
volume   each axis flipped or not: 8 (scanners store volumes in either direction; nobody turns them)
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class Symmetry:
    """Quarter turns of an image (counter-clockwise), and then axes reversed.

    >>> Symmetry("turned by 90 degrees", turns=1).of(np.array([[1, 2], [3, 4]]))
    array([[2, 4],
           [1, 3]])
    """

    words: str
    turns: int = 0
    reversed_axes: tuple[int, ...] = ()

    def of(self, grids: np.ndarray) -> np.ndarray:
        """The grids (..., *space) laid over; `reversed_axes` count from the last axis, as -1, -2, -3."""
        turned = np.rot90(grids, self.turns, axes=(-2, -1)) if self.turns else grids
        return np.flip(turned, self.reversed_axes) if self.reversed_axes else turned


NONE = "none"
TURNS = {0: NONE, 1: "turned by 90 degrees", 2: "turned by 180 degrees", 3: "turned by 270 degrees"}


def symmetries(dims: int) -> tuple[Symmetry, ...]:
    """All symmetries looked for among grids of that many spatial axes, the identity first.

    >>> [symmetry.words for symmetry in symmetries(2)][3:6]
    ['turned by 270 degrees', 'flipped', 'turned by 90 degrees and flipped']
    """
    if dims == 1:
        return (Symmetry(NONE),)
    if dims == 2:
        plain = [Symmetry(words, turns) for turns, words in TURNS.items()]
        flipped = [
            Symmetry(f"{words} and flipped" if turns else "flipped", turns, (-1,)) for turns, words in TURNS.items()
        ]
        return (*plain, *flipped)
    if dims == 3:
        chosen = [
            tuple(axis for axis, flip in zip((-3, -2, -1), flips, strict=True) if flip)
            for flips in product((0, 1), repeat=3)
        ]
        return tuple(Symmetry(_flipped_along(axes), reversed_axes=axes) for axes in chosen)
    raise InvalidArgument("dims", dims, fix="give 1, 2 or 3 spatial axes")


def _flipped_along(axes: tuple[int, ...]) -> str:
    names = [("first", "second", "third")[axis + 3] for axis in axes]
    return f"flipped along the {' and '.join(names)} axis" if names else NONE


def inverse(words: str) -> str:
    """The words for the way back. Every flip undoes itself; a turn by 90 degrees is undone by one of 270.

    >>> inverse("turned by 90 degrees"), inverse("turned by 90 degrees and flipped")
    ('turned by 270 degrees', 'turned by 90 degrees and flipped')
    >>> inverse("turned by 90 degrees and cropped")
    'turned by 270 degrees and cropped'
    """
    turn, cropped, _ = words.partition(" and cropped")
    return {TURNS[1]: TURNS[3], TURNS[3]: TURNS[1]}.get(turn, turn) + cropped
