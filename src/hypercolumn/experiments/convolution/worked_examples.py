"""Examples small enough for paper: a sharpening kernel over a 6 x 6 image, and 2 x 2 pooling. Computed against printed.

The numbers are those of a lecture, "Introduction to convolutional neural networks" (Manzini, Fonollosa, Perera, 2026).
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.convolution.definition import convolve
from hypercolumn.convolution.kernels import sharpening
from hypercolumn.convolution.layer import cross_correlation_layer
from hypercolumn.convolution.pooling import average_pool, flatten, max_pool
from hypercolumn.experiments.outcome import Table

BOWL = np.array(
    [
        [7, 6, 5, 5, 6, 7],
        [6, 4, 3, 3, 4, 6],
        [5, 3, 2, 2, 3, 5],
        [5, 3, 2, 2, 3, 5],
        [6, 4, 3, 3, 4, 6],
        [7, 6, 5, 5, 6, 7],
    ]
)
SHARPENING = sharpening().weights.astype(int)
TO_POOL = np.array([[3, 2, 0, 0], [0, 7, 1, 3], [5, 2, 3, 0], [0, 9, 2, 3]])


@dataclass(frozen=True, eq=False)
class Example:
    """What goes in, what comes out, and what is printed."""

    name: str
    computed: np.ndarray
    printed: np.ndarray

    @property
    def agrees(self) -> bool:
        return np.array_equal(self.computed, self.printed)


def worked_examples() -> tuple[Example, ...]:
    """All of them, computed.

    >>> [example.agrees for example in worked_examples()]
    [True, True, True, True, True, True, True]
    """
    upper = np.array([[23, 14, 11, 11, 14, 23], [14, 2, 1, 1, 2, 14], [11, 1, 0, 0, 1, 11]])
    colour, kernels = np.zeros((3, 32, 32), np.int8), np.zeros((64, 3, 3, 3), np.int8)
    maps = cross_correlation_layer(colour, kernels, padding=1)
    return (
        Example(
            "sharpening, valid",
            convolve(BOWL, SHARPENING, mode="valid"),
            np.array([[2, 1, 1, 2], [1, 0, 0, 1], [1, 0, 0, 1], [2, 1, 1, 2]]),
        ),
        Example(
            "sharpening, same, zeros outside", convolve(BOWL, SHARPENING, mode="same"), np.vstack([upper, upper[::-1]])
        ),
        Example("max pooling 2 x 2", max_pool(TO_POOL[None], 2)[0], np.array([[7, 3], [9, 3]])),
        Example("average pooling 2 x 2", average_pool(TO_POOL[None], 2)[0], np.array([[3, 1], [4, 2]])),
        Example("64 kernels on 32 x 32", np.array(maps.shape), np.array([64, 32, 32])),
        Example("2 x 2 pooling of 32 x 32", np.array(max_pool(maps, 2).shape), np.array([64, 16, 16])),
        Example("flatten 8 x 8 x 32", np.array(flatten(np.zeros((32, 8, 8))).shape), np.array([2048])),
    )


def examples_table(examples: tuple[Example, ...]) -> Table:
    rows = tuple((item.name, _written(item.computed), item.agrees) for item in examples)
    return Table("worked-examples", "Worked examples", ("example", "computed", "as printed"), rows)


def _written(array: np.ndarray) -> str:
    rows = array if array.ndim > 1 else array[None]
    return " / ".join(" ".join(f"{value:g}" for value in row) for row in rows)
