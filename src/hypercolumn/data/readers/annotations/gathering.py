"""The records of one image, each checked as it comes, until they are `Objects`.

    a box        cut to the image; refused where nothing is left, or where it has no area
    a polygon    cut to the image; refused with less than three corners, or where it crosses itself
    runs         as they are; refused where they cover nothing

A record that is refused is told to the caller as a Problem with its place; the others are gathered nevertheless, so
that one pass finds all that is wrong with a file.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from hypercolumn.data.objects import Objects
from hypercolumn.data.outlines import Outline, Polygon, RunLength, clipped, crosses_itself
from hypercolumn.errors import InvalidArgument, LabelError, Problem

Crossing = Literal["refuse", "even-odd"]
"""What to do with a ring that crosses itself: refuse it, or take what it encloses an odd number of times."""

LARGEST_SIDE = 1 << 24


class Gathering:
    """The objects of one image of `shape` (y, x), and the problems of all images in one list."""

    def __init__(
        self, shape: tuple[int, int], names: Sequence[str], problems: list[Problem], *, crossing: Crossing = "refuse"
    ) -> None:
        if crossing not in get_args(Crossing):
            raise InvalidArgument("crossing", crossing, fix=f"use one of {', '.join(get_args(Crossing))}")
        self.shape, self.names, self.problems, self.crossing = shape, tuple(names), problems, crossing
        self._found: list[tuple[tuple[float, ...], int, bool, Outline | None]] = []
        self._cut: list[str] = []
        self._repaired: list[str] = []

    def box(self, where: str, sides: Sequence[object], name: object, *, ignored: bool = False) -> None:
        """A box x0, y0, x1, y1 in pixels."""
        self._take(where, name, lambda: (self._within(where, numbers(sides)), None), ignored=ignored)

    def polygon(
        self, where: str, parts: Sequence[Sequence[Sequence[object]]], name: object, *, ignored: bool = False
    ) -> None:
        """Parts, each of rings, each of x, y, x, y, ...; a part's further rings are holes."""

        def outline() -> tuple[tuple[float, ...], Outline]:
            rings = [[self._ring(where, ring) for ring in part] for part in parts]
            kept = tuple(tuple(ring for ring in part if len(ring)) for part in rings if part and len(part[0]))
            if not kept:
                raise LabelError("the polygon lies outside of the image", why=self._size())
            found = Polygon(kept)
            return self._within(where, found.bounds), found

        self._take(where, name, outline, ignored=ignored)

    def runs(self, where: str, mask: RunLength, name: object, *, ignored: bool = False) -> None:
        """Pixels by their runs."""

        def outline() -> tuple[tuple[float, ...], Outline]:
            if not mask.area:
                raise LabelError("the mask covers no pixel", fix="leave the record out")
            return mask.bounds, mask

        self._take(where, name, outline, ignored=ignored)

    def refuse(self, problem: Problem, where: str) -> None:
        self.problems.append(replace(problem, where=where))

    def objects(self) -> Objects:
        """What was gathered."""
        boxes = np.array([sides for sides, _, _, _ in self._found], dtype=np.float64).reshape(-1, 4)
        classes = np.array([index for _, index, _, _ in self._found], dtype=np.int64)
        ignored = np.array([flag for _, _, flag, _ in self._found], dtype=bool)
        outlines = [outline for _, _, _, outline in self._found if outline is not None]
        notes = []
        if self._cut:
            notes.append(f"{_counted(self._cut)} left the image and was cut at its border")
        if self._repaired:
            notes.append(f"{_counted(self._repaired)} crossed itself and was read by the even-odd rule")
        if 0 < len(outlines) < len(boxes):
            notes.append(f"only {len(outlines)} of {len(boxes)} objects have an outline, so boxes alone are taken")
        whole = len(outlines) == len(boxes)
        kept = tuple(outlines) if whole and outlines else None
        return Objects(self.shape, self.names, boxes, classes, ignored, kept, tuple(notes))

    def _take(
        self, where: str, name: object, made: Callable[[], tuple[tuple[float, ...], Outline | None]], *, ignored: bool
    ) -> None:
        try:
            index = self._class(name)
            sides, outline = made()
        except LabelError as error:
            self.refuse(error.problem, where)
            return
        self._found.append((sides, index, ignored, outline))

    def _class(self, name: object) -> int:
        if name not in self.names:
            raise LabelError(
                f"class {name!r} is not one of {', '.join(self.names)}",
                fix="add it to the classes of the study, or correct the annotation",
            )
        return self.names.index(str(name))

    def _within(self, where: str, sides: Sequence[float]) -> tuple[float, ...]:
        """A box cut to the image."""
        x0, y0, x1, y1 = sides
        if not (x0 < x1 and y0 < y1):
            raise LabelError(f"the box {x0:g}, {y0:g} to {x1:g}, {y1:g} has no area", fix="leave the record out")
        height, width = self.shape
        inside = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        if not (inside[0] < inside[2] and inside[1] < inside[3]):
            raise LabelError(
                f"the box {x0:g}, {y0:g} to {x1:g}, {y1:g} lies outside of the image",
                why=self._size(),
                fix="is it the annotation of another image, or of another resolution?",
            )
        if inside != tuple(sides):
            self._cut.append(where)
        return inside

    def _ring(self, where: str, ring: Sequence[object]) -> np.ndarray:
        """A ring (corner, 2), open, cut to the image; no corners where it lies outside."""
        values = numbers(ring)
        if len(values) % 2:
            raise LabelError(f"a ring of {len(values)} numbers", why="corners are pairs of x and y")
        corners = np.array(values, dtype=np.float64).reshape(-1, 2)
        corners = corners[(corners != np.concatenate((corners[-1:], corners[:-1]))).any(axis=1)]
        if len(set(map(tuple, corners.tolist()))) < 3:
            raise LabelError("a ring with less than three corners", fix="leave the record out, or give it as a box")
        if crosses_itself(corners):
            if self.crossing == "refuse":
                raise LabelError(
                    "the polygon crosses itself",
                    why="which of its loops are inside is not written in it",
                    fix="draw it again, or ask for the even-odd rule",
                )
            self._repaired.append(where)
        inside = clipped(corners, self.shape)
        if len(inside) != len(corners) or not np.array_equal(inside, corners):
            self._cut.append(where)
        return inside

    def _size(self) -> str:
        return f"the image has {self.shape[1]} x {self.shape[0]} pixels"


def numbers(values: Sequence[object]) -> list[float]:
    """Finite numbers; raises LabelError for anything else.

    >>> numbers([1, 2.5])
    [1.0, 2.5]
    """
    found = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
            raise LabelError(f"{str(value)[:40]!r} is not a coordinate", fix="give finite numbers, in pixels")
        found.append(float(value))
    return found


def image_shape(height: object, width: object) -> tuple[int, int]:
    """The shape (y, x) of an image as a file states it; raises LabelError where it states none that can be.

    >>> image_shape(480, 640)
    (480, 640)
    """
    for side in (height, width):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= LARGEST_SIDE:
            raise LabelError(
                f"an image of {str(width)[:20]} x {str(height)[:20]} pixels", fix="state its width and height"
            )
    assert isinstance(height, int)
    assert isinstance(width, int)
    return height, width


def _counted(places: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(places))
    return distinct[0] if len(distinct) == 1 else f"each of {len(distinct)} objects, {distinct[0]} for example,"
