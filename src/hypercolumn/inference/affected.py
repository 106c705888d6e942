"""What a change at one place of a sequence can reach, layer by layer: a window for each place.

An operator with kernel k, stride s, dilation d and padding p spreads a change at input places [low, high] to outputs

    ceil((low + p - d (k - 1)) / s) .. floor((high + p) / s)                                (`SlidingWindow.reached`)

within the ends of the axis, so a window widens by d (k - 1) under a convolution and shrinks by s under pooling. For all
places alike the window is as wide as the widest (`Span`), and at the ends it is moved inwards, so it never leaves the
axis. A layer that is not linear, such as maximum pooling, must hold besides what its outputs read beside the change.
Schreiber et al. 2022, doi 10.1093/bioinformatics/btac135 (fastISM); only the geometry is here, no numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Rows = slice | np.ndarray


@dataclass(frozen=True)
class SlidingWindow:
    """How an operator slides along the axis: output o reads the inputs o * stride - lead + dilation * tap."""

    kernel: int
    stride: int
    dilation: int
    lead: int

    @property
    def reach(self) -> int:
        """From the first tap to the last."""
        return self.dilation * (self.kernel - 1)

    def reached(self, low: np.ndarray, high: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The first and last of `length` outputs that read anything of inputs [low, high].

        Where none does, one output that does not change stands for them.

        >>> low, high = SlidingWindow(3, 1, 1, 1).reached(np.array([0, 5]), np.array([0, 5]), 10)
        >>> low.tolist(), high.tolist()
        ([0, 4], [1, 6])
        """
        first = np.clip(-((self.reach - low - self.lead) // self.stride), 0, length - 1)
        last = np.clip((high + self.lead) // self.stride, 0, length - 1)
        return first, np.maximum(first, last)

    def read(self, low: np.ndarray, high: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The first and last of `length` inputs that outputs [low, high] read."""
        first = np.clip(low * self.stride - self.lead, 0, length - 1)
        last = np.clip(high * self.stride - self.lead + self.reach, 0, length - 1)
        return first, np.maximum(first, last)


@dataclass(frozen=True)
class Span:
    """For each place that is changed a window of one width: it begins at `starts[place]`."""

    starts: np.ndarray
    width: int

    @classmethod
    def covering(cls, low: np.ndarray, high: np.ndarray, length: int) -> "Span":
        """The narrowest windows that hold [low, high] and stay within the axis.

        >>> Span.covering(np.array([0, 4, 8]), np.array([1, 6, 9]), 10)
        Span(starts=array([0, 4, 7]), width=3)
        """
        width = int((high - low).max()) + 1
        return cls(np.clip(low, 0, length - width), width)

    @property
    def last(self) -> np.ndarray:
        return self.starts + (self.width - 1)

    def same(self, other: "Span") -> bool:
        return self.width == other.width and bool(np.array_equal(self.starts, other.starts))


@dataclass(frozen=True)
class Reached:
    """The places [low, high] that a change can alter, one pair for each place that is changed, and the axis' length."""

    low: np.ndarray
    high: np.ndarray
    length: int

    @classmethod
    def itself(cls, length: int) -> "Reached":
        return cls(np.arange(length), np.arange(length), length)

    def through(self, sliding: SlidingWindow, length: int) -> "Reached":
        return Reached(*sliding.reached(self.low, self.high, length), length)

    def span(self) -> Span:
        return Span.covering(self.low, self.high, self.length)

    def widened(self, spans: Sequence[Span]) -> Span:
        """The window that holds what can change and these windows too."""
        low = np.min([self.low, *(span.starts for span in spans)], axis=0)
        high = np.max([self.high, *(span.last for span in spans)], axis=0)
        return Span.covering(low, high, self.length)


def join(parts: Sequence[Reached]) -> Reached:
    """What can change where branches meet."""
    low, high = np.min([part.low for part in parts], axis=0), np.max([part.high for part in parts], axis=0)
    return Reached(low, high, parts[0].length)


def alike(offsets: np.ndarray, *, fewest: int = 1) -> Iterator[tuple[int, Rows]]:
    """The rows that have the same offset: each offset with its rows, a slice where they stand together.

    Where equal offsets stand in runs that hold `fewest` rows or more on average, each run is given by itself.

    >>> list(alike(np.array([2, 2, 5, 5, 5, 2])))
    [(2, slice(0, 2, None)), (5, slice(2, 5, None)), (2, slice(5, 6, None))]
    >>> list(alike(np.array([2, 2, 5, 5, 5, 2]), fewest=3))
    [(2, array([0, 1, 5])), (5, slice(2, 5, None))]
    """
    ends = [*(np.flatnonzero(np.diff(offsets)) + 1).tolist(), len(offsets)]
    values = np.unique(offsets)
    if len(ends) <= max(len(values), len(offsets) // fewest):
        for begin, end in zip([0, *ends], ends, strict=False):
            yield int(offsets[begin]), slice(begin, end)
        return
    for value in values.tolist():
        rows = np.flatnonzero(offsets == value)
        together = int(rows[-1] - rows[0]) + 1 == len(rows)
        yield value, slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
