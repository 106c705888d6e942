"""Chance as a function of (seed, epoch, record): the same draw whoever makes it, and whenever.

    generator = PCG64( seed, stream, *where )

A run that was killed and resumed, or that is fed by other loader workers or on more processes, draws the same windows
and the same augmentations, since nothing is remembered between two draws. What torch itself draws inside a network
(dropout) is seeded anew at each step.
"""

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What a draw is for; two streams never share a number."""

    WEIGHTS = 0
    ORDER = 1
    WINDOW = 2
    DROPOUT = 3


def generator(seed: int, stream: Stream, *where: int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments.

    >>> float(generator(0, Stream.WINDOW, 3, 7).random()) == float(generator(0, Stream.WINDOW, 3, 7).random())
    True
    """
    return np.random.default_rng([seed, int(stream), *where])


def seed_torch(seed: int, stream: Stream, *where: int) -> None:
    """Seed what torch draws next, by the same rule."""
    torch.manual_seed(int(generator(seed, stream, *where).integers(2**62)))
