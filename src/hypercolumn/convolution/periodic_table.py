"""What one output reads, along one axis: a table that repeats.

An operator reads a few neighbours of its input, the same ones again every `period` outputs, `advance` inputs further
on:

    taps(o + period) = taps(o) + advance                                            (`Reach`)

so the first and the last input sample that an output of a whole network depends on repeat too:

    low(o + P) = low(o) + Q        high(o + P) = high(o) + Q                        (`PeriodicTable`)

Convolution and pooling have period 1 and advance by their stride; upsampling by two has period 2 and advances by 1.
Tables compose by least common multiples and join by minimum and maximum, and stay exact, which one affine map from
output to input does not: under a U-Net the size of the field depends on the phase o mod P. A table is a hull: the
holes that dilation leaves are inside it, but both of its ends are really read. It knows no border: see
`receptive_field` for those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil, floor, gcd, lcm

import numpy as np

from hypercolumn.errors import NetworkError

NOTHING = 1 << 60
"""The low end of a field that holds nothing (its high end is -NOTHING): an output that no input reaches."""

_LONGEST_PERIOD = 1 << 16


class Border(Enum):
    """What an operator reads where its taps leave the input."""

    CONSTANT = "a constant, so nothing"
    REFLECT = "the mirror image, the edge sample once"
    REPLICATE = "the edge sample"
    LINEAR = "the edge sample; before the first one the kernel also reads the second, with weight nought"


@dataclass(frozen=True)
class Reach:
    """What one operator reads along one axis: output o reads `(o // period) * advance + tap` for its phase's taps.

    >>> window(3, stride=2, lead=1).of(5)
    (9, 10, 11)
    """

    period: int
    advance: int
    taps: tuple[tuple[int, ...], ...]
    border: Border = Border.CONSTANT

    def of(self, output: int) -> tuple[int, ...]:
        """The input positions of one output, borders not regarded."""
        turn, phase = divmod(output, self.period)
        return tuple(turn * self.advance + tap for tap in self.taps[phase])

    def reads(self, outputs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (output indices, the position that each reads), phase by phase, tap by tap, borders not regarded."""
        for phase, taps in enumerate(self.taps):
            index = np.arange(phase, outputs, self.period)
            start = (index // self.period) * self.advance
            for tap in taps:
                yield index, start + tap

    def at_border(self, position: np.ndarray, extent: int) -> tuple[np.ndarray, np.ndarray]:
        """Where positions outside of [0, extent) are really read, and a mask of those that read anything at all."""
        if self.border is Border.CONSTANT:
            inside = (position >= 0) & (position < extent)
            return np.clip(position, 0, extent - 1), inside
        if self.border is Border.REFLECT:
            position = np.abs(position)
            position = np.where(position >= extent, 2 * (extent - 1) - position, position)
        if self.border is Border.LINEAR:
            position = np.where(position < 0, 1, position)
        return np.clip(position, 0, extent - 1), np.ones(len(position), dtype=bool)


def window(kernel: int, *, stride: int = 1, dilation: int = 1, lead: int = 0) -> Reach:
    """A convolution or a pooling whose first tap lies `lead` samples before its place.

    >>> window(3, dilation=2, lead=2).taps
    ((-2, 0, 2),)
    """
    return Reach(1, stride, (tuple(dilation * tap - lead for tap in range(kernel)),))


def transposed_window(kernel: int, *, stride: int = 1, dilation: int = 1, lead: int = 0) -> Reach:
    """A transposed convolution: output o reads every i with stride * i + dilation * tap = o + lead.

    >>> transposed_window(3, stride=2).taps
    ((-1, 0), (0,))
    """
    phases = []
    for phase in range(stride):
        ends = [phase + lead - dilation * tap for tap in range(kernel)]
        phases.append(tuple(sorted(end // stride for end in ends if end % stride == 0)))
    return Reach(stride, 1, tuple(phases))


def shift(start: int, *, step: int = 1, border: Border = Border.CONSTANT) -> Reach:
    """A slice that begins at `start`; with a negative start, padding.

    >>> shift(-2).of(0), shift(1, step=2).of(3)
    ((-2,), (7,))
    """
    return Reach(1, step, ((start,),), border)


def nearest(scale: Fraction, *, centred: bool = False) -> Reach:
    """Nearest-neighbour interpolation: output o reads floor(scale * o), or floor(scale * (o + 1/2)) where `centred`.

    `scale` is input over output: 1/2 doubles.

    >>> nearest(Fraction(1, 2)).taps, nearest(Fraction(3, 2), centred=True).taps
    (((0,), (0,)), ((0,), (2,)))
    """
    half = Fraction(1, 2) if centred else Fraction(0)
    taps = tuple((floor(scale * (phase + half)),) for phase in range(scale.denominator))
    return Reach(scale.denominator, scale.numerator, taps, Border.REPLICATE)


def linear(scale: Fraction, *, corners: bool = False) -> Reach:
    """Linear interpolation: the samples on either side of scale * (o + 1/2) - 1/2, or of scale * o where `corners`
    meet.

    >>> linear(Fraction(1, 2)).taps
    ((-1, 0), (0, 1))
    """
    return Reach(scale.denominator, scale.numerator, _between(scale, 0, 1, corners=corners), Border.LINEAR)


def cubic(scale: Fraction, *, corners: bool = False) -> Reach:
    """Cubic interpolation: two samples on either side.

    >>> cubic(Fraction(1, 2)).taps
    ((-2, -1, 0, 1), (-1, 0, 1, 2))
    """
    return Reach(scale.denominator, scale.numerator, _between(scale, 1, 2, corners=corners), Border.REPLICATE)


def _between(scale: Fraction, before: int, after: int, *, corners: bool) -> tuple[tuple[int, ...], ...]:
    half = Fraction(0) if corners else Fraction(1, 2)
    sources = [floor(scale * (phase + half) - half) for phase in range(scale.denominator)]
    return tuple(tuple(range(source - before, source + after + 1)) for source in sources)


def adaptive_window(extent: int, outputs: int) -> Reach:
    """Adaptive pooling from `extent` samples to `outputs`: output o averages floor(o * n / m) up to ceil((o + 1) * n
    / m).

    >>> adaptive_window(7, 3).taps
    ((0, 1, 2), (2, 3, 4), (4, 5, 6))
    """
    scale = Fraction(extent, outputs)
    phases = tuple(tuple(range(floor(scale * o), ceil(scale * (o + 1)))) for o in range(scale.denominator))
    return Reach(scale.denominator, scale.numerator, phases)


@dataclass(frozen=True)
class PeriodicTable:
    """The first and last input sample that each output depends on; `low(o + period) = low(o) + advance`, high alike.

    >>> pooled = IDENTITY.through(window(3, lead=1)).through(window(2, stride=2))
    >>> pooled.at(0), pooled.at(10), pooled.size, pooled.stride
    ((-1, 2), (19, 22), (4, 4), Fraction(2, 1))
    >>> pooled.through(transposed_window(3, stride=2)).size
    (4, 6)
    """

    period: int
    advance: int
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def stride(self) -> Fraction:
        """How many input samples the field moves on for one output, on average over a period."""
        return Fraction(self.advance, self.period)

    @property
    def size(self) -> tuple[int, int]:
        """The smallest and the largest size over the phases."""
        sizes = [max(high - low + 1, 0) for low, high in zip(self.low, self.high, strict=True)]
        return min(sizes), max(sizes)

    @property
    def offset(self) -> Fraction:
        """The mean over the phases of `(low + high) / 2 - o * stride`: where the middle of the field lies."""
        ends = [(o, low, high) for o, (low, high) in enumerate(zip(self.low, self.high, strict=True)) if low <= high]
        middles = [Fraction(low + high, 2) - o * self.stride for o, low, high in ends]
        return sum(middles, Fraction(0)) / len(middles) if middles else Fraction(0)

    def at(self, output: int) -> tuple[int, int]:
        """The first and last input sample of one output."""
        turn, phase = divmod(output, self.period)
        return self.low[phase] + turn * self.advance, self.high[phase] + turn * self.advance

    def ends(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`at` for many outputs."""
        turn, phase = np.divmod(outputs, self.period)
        return np.asarray(self.low)[phase] + turn * self.advance, np.asarray(self.high)[phase] + turn * self.advance

    def through(self, reach: Reach) -> "PeriodicTable":
        """The table of what comes out of an operator, given this table of what goes in."""
        turns = self.period // gcd(self.period, reach.advance)
        period = _checked(reach.period * turns)
        low, high = np.full(period, NOTHING), np.full(period, -NOTHING)
        for outputs, positions in reach.reads(period):
            lows, highs = self.ends(positions)
            filled = lows <= highs
            low[outputs] = np.where(filled, np.minimum(low[outputs], lows), low[outputs])
            high[outputs] = np.where(filled, np.maximum(high[outputs], highs), high[outputs])
        advance = self.advance * (reach.advance * turns // self.period)
        return PeriodicTable(period, advance, tuple(low.tolist()), tuple(high.tolist()))._shortest()

    def _repeated(self, times: int) -> tuple[np.ndarray, np.ndarray]:
        return self.ends(np.arange(self.period * times))

    def _shortest(self) -> "PeriodicTable":
        """The same table with its least period."""
        for period in range(1, self.period):
            turns, rest = divmod(self.period, period)
            if rest or self.advance % turns:
                continue
            short = PeriodicTable(period, self.advance // turns, self.low[:period], self.high[:period])
            low, high = short._repeated(turns)
            if NOTHING not in self.low and tuple(low) == self.low and tuple(high) == self.high:
                return short
        return self


IDENTITY = PeriodicTable(1, 1, (0,), (0,))
"""The input itself: sample o depends on sample o."""


def join(tables: Sequence[PeriodicTable]) -> PeriodicTable | None:
    """The table of a sum or a concatenation: minimum of lows, maximum of highs; None where strides differ.

    Branches of different stride slide against each other, and no table that repeats describes them.

    >>> join([IDENTITY, IDENTITY.through(window(5, lead=2))])
    PeriodicTable(period=1, advance=1, low=(-2,), high=(2,))
    """
    if len({table.stride for table in tables}) > 1:
        return None
    period = _checked(lcm(*(table.period for table in tables)))
    ends = [table._repeated(period // table.period) for table in tables]
    low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
    advance = tables[0].advance * (period // tables[0].period)
    return PeriodicTable(period, advance, tuple(low.tolist()), tuple(high.tolist()))._shortest()


def _checked(period: int) -> int:
    if period > _LONGEST_PERIOD:
        raise NetworkError(
            f"the receptive field repeats only every {period} outputs",
            why="its interpolations have ratios whose common multiple is this large",
            fix="interpolate by whole factors (scale_factor=2), or give a size that they divide",
        )
    return period
