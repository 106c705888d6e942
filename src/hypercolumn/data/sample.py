"""One example in memory: an array with its axes named, and the spacing of its samples where it is known.

    array (channel, *space)      axes ("y", "x")      spacing (0.25, 0.25)      unit "um"

A signal, an image and a volume differ in the number of spatial axes, not in kind. A reader that cannot know the spacing
leaves it None; nothing here ever assumes 1. No file is read here: see `readers`.
"""

from dataclasses import dataclass, field

import numpy as np

from hypercolumn.errors import InvalidArgument


@dataclass(frozen=True)
class Sample:
    """An array (channel, *space) with what is known of its geometry.

    >>> Sample(np.zeros((3, 40, 60)), axes=("y", "x"), spacing=(0.5, 0.5), unit="um").extent()
    (20.0, 30.0)
    """

    array: np.ndarray
    axes: tuple[str, ...]
    spacing: tuple[float, ...] | None = None
    unit: str | None = None
    channels: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.array.ndim != len(self.axes) + 1:
            raise InvalidArgument("array.shape", self.array.shape, fix=f"give (channel, {', '.join(self.axes)})")
        if self.spacing is not None and len(self.spacing) != len(self.axes):
            raise InvalidArgument("spacing", self.spacing, fix=f"give one number for each of {self.axes}")
        if (self.spacing is None) != (self.unit is None):
            raise InvalidArgument("unit", self.unit, why="a spacing has a unit, and an unknown spacing has none")
        if self.channels and len(self.channels) != self.array.shape[0]:
            raise InvalidArgument("channels", self.channels, fix=f"name all {self.array.shape[0]} of them, or none")

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape, without the channel."""
        return self.array.shape[1:]

    def extent(self) -> tuple[float, ...] | None:
        """The size in physical units, or None where the spacing is unknown."""
        if self.spacing is None:
            return None
        return tuple(length * step for length, step in zip(self.shape, self.spacing, strict=True))
