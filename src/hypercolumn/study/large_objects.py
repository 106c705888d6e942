"""The objects of a map that is too large for memory: each measured and traced whole, a few at a time.

    boxes     the map is gone through once, window by window: where each number begins and ends
    groups    objects that begin in one window together; what holds all of them is read, the others are taken out
    rows      `measure_objects` of a group, moved to where it lies; polygons likewise

Memory is that of a group, and a row an object. What is measured is what `measure_objects` gives for the whole map.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import ndimage

from hypercolumn.data import OpenedImage, measure_objects
from hypercolumn.data.geojson import object_features, write_features
from hypercolumn.data.instance_map import with_small_numbers
from hypercolumn.data.readers.header import LIMIT_BYTES, grant

SIDE = 2048
"""Where objects begin together: windows of so many samples."""


class Map(Protocol):
    """Object numbers (y, x) that can be cut."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, place: tuple[slice, ...], /) -> np.ndarray: ...


def write_large_objects(labels: Map, image: OpenedImage, stem: Path, *, named: str) -> list[Path]:
    """Write `stem`.csv, one row an object, and `stem`.geojson, whose polygons carry the same numbers.

    Raises FileTooLarge where one object is so large that its box cannot be taken into memory.
    """
    rows: list[pd.DataFrame] = []

    def features() -> Iterator[str]:
        for part, offset, table in measured_groups(labels, image):
            rows.append(table)
            yield from object_features(part, names=(named,), measurements=table, offset=offset)

    polygons = write_features(stem.with_name(stem.name + ".geojson"), features())
    sheet = stem.with_name(stem.name + ".csv")
    table = pd.concat(rows).sort_values("object") if rows else measure_objects(np.zeros((1, 1), dtype=np.uint32))
    table.to_csv(sheet, index=False, lineterminator="\n")
    return [polygons, sheet]


def measured_groups(labels: Map, image: OpenedImage) -> Iterator[tuple[np.ndarray, tuple[int, int], pd.DataFrame]]:
    """Group by group: its objects alone (y, x), where that lies in the map, and their rows in places of the map."""
    boxes = object_boxes(labels)
    numbers = np.flatnonzero(boxes[:, 0, 1] > 0)
    group = boxes[numbers, :, 0] // SIDE
    for window in np.unique(group, axis=0):
        chosen = numbers[(group == window).all(axis=1)]
        low, high = boxes[chosen, :, 0].min(axis=0).tolist(), boxes[chosen, :, 1].max(axis=0).tolist()
        grant(16 * (high[0] - low[0]) * (high[1] - low[1]), LIMIT_BYTES, where=f"objects that begin near {low}")
        part = labels[slice(low[0], high[0]), slice(low[1], high[1])]
        part = np.where(np.isin(part, chosen), part, 0)
        seen = image.read(((low[0], high[0]), (low[1], high[1])))
        yield part, (low[0], low[1]), _moved(measure_objects(part, image=seen), low, labels.shape, seen.spacing)


def object_boxes(labels: Map) -> np.ndarray:
    """The half-open box (number, axis, 2) of each number from 0 on; zeros where there is none.

    >>> object_boxes(np.array([[0, 2], [0, 2]]))[2].tolist()
    [[0, 2], [1, 2]]
    """
    boxes = np.zeros((1, 2, 2), dtype=np.int64)
    for top in range(0, labels.shape[0], SIDE):
        for left in range(0, labels.shape[1], SIDE):
            part = labels[slice(top, top + SIDE), slice(left, left + SIDE)]
            found = np.unique(part[part > 0]).astype(np.int64)
            if not len(found):
                continue
            if found[-1] >= len(boxes):
                boxes = np.concatenate([boxes, np.zeros((int(found[-1]) + 1 - len(boxes), 2, 2), dtype=np.int64)])
            places = [place for place in ndimage.find_objects(with_small_numbers(part)) if place is not None]
            here = np.array([[(side.start, side.stop) for side in place] for place in places])
            here += np.array([top, left])[:, None]
            known = boxes[found, 0, 1] > 0
            before = boxes[found]
            here[known, :, 0] = np.minimum(here[known, :, 0], before[known, :, 0])
            here[known, :, 1] = np.maximum(here[known, :, 1], before[known, :, 1])
            boxes[found] = here
    return boxes


def _moved(
    table: pd.DataFrame, low: Sequence[int], shape: tuple[int, ...], spacing: Sequence[float] | None
) -> pd.DataFrame:
    """Rows of a part of a map in places of the map."""
    at_border = np.zeros(len(table), dtype=bool)
    for axis, start, length, step in zip("yx", low, shape, spacing or (1.0, 1.0), strict=True):
        table[axis] += start * step
        table[[f"first_{axis}", f"stop_{axis}"]] += start
        at_border |= (table[f"first_{axis}"] == 0) | (table[f"stop_{axis}"] == length)
    return table.assign(at_border=at_border)
