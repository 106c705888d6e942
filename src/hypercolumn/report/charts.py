"""Where the marks of a figure lie: axes with round ticks, and lines as SVG points. The templates draw them.

An axis maps a range of values to 0..100 per cent. Nothing is smoothed, fitted or clipped: a figure shows the numbers it
was given, at most `MOST_POINTS` a line, evenly taken, with the first and the last.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_POINTS = 400


@dataclass(frozen=True)
class Axis:
    """A range of values with round ticks.

    >>> axis = Axis.around([0.71, 0.94])
    >>> axis.ticks, axis.place(0.8)
    ((0.7, 0.75, 0.8, 0.85, 0.9, 0.95), 40.0)
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int

    @classmethod
    def around(cls, values: Iterable[float | None], *, most: int = 6) -> "Axis":
        """The smallest axis with round ends that holds all values; missing ones are passed over."""
        known = [float(value) for value in values if value is not None and math.isfinite(value)]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):
            margin = abs(low) * 0.1 or 0.5
            low, high = low - margin, high + margin
        step = _round_up((high - low) / (most - 1))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if _leading(step) == 2.5 else 0)
        ticks = tuple(round(index * step, decimals) for index in range(first, last + 1))
        return cls(ticks[0], ticks[-1], ticks, decimals)

    def place(self, value: float) -> float:
        """Where a value lies, in per cent from the low end."""
        return round(100 * (value - self.low) / (self.high - self.low), 3)

    def label(self, tick: float) -> str:
        """A tick in words, with as many decimals as the step needs."""
        if abs(tick) >= 10000 and tick % 100 == 0 and self.decimals == 0:
            return f"{tick / 1000:.10g}k".replace("-", "−")
        return f"{tick:.{self.decimals}f}".replace("-", "−")


@dataclass(frozen=True)
class Frame:
    """A chart's plotting area inside its drawing, in drawing units.

    >>> Frame(400, 240).x(Axis.around([0, 10]), 5), Frame(400, 240).y(Axis.around([0, 10]), 10)
    (219.0, 10.0)
    """

    width: int
    height: int
    left: int = 50
    right: int = 12
    top: int = 10
    bottom: int = 40

    def x(self, axis: Axis, value: float) -> float:
        return round(self.left + (self.width - self.left - self.right) * axis.place(value) / 100, 1)

    def y(self, axis: Axis, value: float) -> float:
        return round(self.height - self.bottom - (self.height - self.top - self.bottom) * axis.place(value) / 100, 1)

    def path(self, across: Axis, up: Axis, xs: Sequence[float], ys: Sequence[float | None]) -> str:
        """The `d` of an SVG path: straight past what was not taken (None), broken where there is no number (NaN)."""
        kept = thin([(x, y) for x, y in zip(xs, ys, strict=True) if y is not None], most=MOST_POINTS)
        words, pen_down = [], False
        for x, y in kept:
            if not math.isfinite(y):
                pen_down = False
                continue
            words.append(f"{'L' if pen_down else 'M'}{self.x(across, x):g} {self.y(up, y):g}")
            pen_down = True
        return "".join(words)


def is_known(value: float | None) -> bool:
    """Whether there is a number to draw.

    >>> is_known(0.5), is_known(None), is_known(float("nan"))
    (True, False, False)
    """
    return value is not None and math.isfinite(value)


def thin(items: Sequence, *, most: int) -> list:
    """At most `most` items, evenly taken, with the first and the last.

    >>> thin(range(11), most=3)
    [0, 5, 10]
    """
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


def columns(*columns: Sequence) -> list[tuple]:
    """Columns of one length as rows.

    >>> columns([0, 10], [0.9, None])
    [(0, 0.9), (10, None)]
    """
    return list(zip(*columns, strict=True))


def joined(lines: Iterable[object], name: str) -> list:
    """One attribute of several lines, end to end."""
    return [value for line in lines for value in getattr(line, name)]


def values(points: Iterable[tuple]) -> list[float]:
    """Everything that points (name, across, up) hold along either axis, for one axis that serves both.

    >>> values([("p7", 1.5, 2.0), ("p8", 3.0, 2.5)])
    [1.5, 2.0, 3.0, 2.5]
    """
    return [value for _, across, up in points for value in (across, up)]


def value_at(steps: Sequence[int], values: Sequence[float | None], step: int | None) -> float | None:
    """The value at a step, or None where there is none.

    >>> value_at([0, 10], [0.9, 0.4], 10), value_at([0, 10], [0.9, 0.4], 5)
    (0.4, None)
    """
    return next((y for x, y in zip(steps, values, strict=True) if x == step and is_known(y)), None)


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(leading * power for leading in (1, 2, 2.5, 5, 10) if leading * power >= step * (1 - 1e-9))


def _leading(step: float) -> float:
    return round(step / 10.0 ** math.floor(math.log10(step) + 1e-9), 6)
