"""The outlines of the objects of an instance map, along the edges of their pixels.

    edge     a side of a pixel beyond which another number stands; on a screen the object lies to its right
    ring     edges one after the other until they close; only the corners stay

Painting the rings by the rule of `outlines` gives back the pixels, all of them and no others: nothing is smoothed. The
pixels of an object that hang together by their sides are a part with one outer ring; where they meet at a corner only,
they are two parts. A ring meets another at corners at most and never itself, so that geometry programs take the polygon
as it is. Smooth curves through pixel centres are not made here: see `skimage.measure.find_contours`.
"""

import numpy as np

from hypercolumn.data.instance_map import as_instances
from hypercolumn.data.outlines import Polygon
from hypercolumn.errors import ShapeMismatch

_AHEAD = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Rows and columns from a pixel to the next along its edge: above to the right, right down, below left, left up."""
_BEYOND = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""From a pixel to the one on the other side of its edge."""
_FIRST_CORNER = ((0, 0), (1, 0), (1, 1), (0, 1))
"""x and y from a pixel's own to where its edge begins."""


def traced(labels: np.ndarray) -> tuple[np.ndarray, list[Polygon]]:
    """The numbers of the objects of an instance map (y, x), ascending, and the outline of each.

    Outer rings have a positive area, holes a negative one. It takes about ten times the memory of the map. Raises
    LabelError where it is no instance map, ShapeMismatch where it is none of an image.

    >>> numbers, outlines = traced(np.array([[0, 0, 0], [0, 7, 7]]))
    >>> numbers, outlines[0].parts[0][0].tolist()
    (array([7]), [[1.0, 1.0], [3.0, 1.0], [3.0, 2.0], [1.0, 2.0]])
    """
    from skimage.measure import label  # a tenth of a second, and most cohorts have no instance map

    labels = as_instances(labels)
    if labels.ndim != 2:
        raise ShapeMismatch(f"an instance map of shape {labels.shape}", fix="give (y, x), one number a pixel")
    pieces = np.pad(label(labels, background=0, connectivity=1), 1)
    rings, pixels = _rings(pieces)
    parts: dict[int, list[np.ndarray]] = {}
    number_of: dict[int, int] = {}
    width = pieces.shape[1]
    for ring, pixel in zip(rings, pixels.tolist(), strict=True):
        row, column = divmod(pixel, width)
        piece = int(pieces[row, column])
        found = parts.setdefault(piece, [])
        found.insert(0 if _area(ring) > 0 else len(found), ring)
        number_of[piece] = int(labels[row - 1, column - 1])
    outlines: dict[int, list[tuple[np.ndarray, ...]]] = {}
    for piece in sorted(parts):
        outlines.setdefault(number_of[piece], []).append(tuple(parts[piece]))
    numbers = sorted(outlines)
    return np.array(numbers, dtype=np.int64), [Polygon(tuple(outlines[number])) for number in numbers]


def _rings(pieces: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """All rings (corner, 2) of x and y, and a pixel of the piece of each; the map has a border of zeros."""
    pixel, side, following = _edges(pieces)
    origin = np.stack((pixel % pieces.shape[1], pixel // pieces.shape[1]), axis=1) - 1
    corner = origin + np.array(_FIRST_CORNER)[side]
    turns = np.zeros(len(pixel), dtype=bool)
    turns[following] = side[following] != side
    order, begins = _walked(following.tolist())
    places = np.array(order, dtype=np.int64)
    kept = places[turns[places]]
    counts = np.add.reduceat(turns[places], begins) if begins else np.zeros(0, dtype=np.int64)
    rings = np.split(corner[kept].astype(np.float64), np.cumsum(counts)[:-1]) if begins else []
    return rings, pixel[places[begins]] if begins else np.zeros(0, dtype=np.int64)


def _edges(pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixel (row * width + column) and the side of each edge, and the place of the edge that follows it.

    Where two pixels of one piece meet at a corner, the walk stays beside the pixel between them: what lies beyond the
    piece hangs together by sides, as the piece does.
    """
    width, flat = pieces.shape[1], pieces.reshape(-1)
    inner = np.flatnonzero(flat)
    found = [inner[flat[inner] != flat[inner + down * width + right]] for down, right in _BEYOND]
    pixel = np.concatenate(found)
    side = np.repeat(np.arange(4), [len(pixels) for pixels in found])
    ahead = np.array([down * width + right for down, right in _AHEAD])[side]
    beyond = np.array([down * width + right for down, right in _BEYOND])[side]
    piece = flat[pixel]
    to_the_right, straight = flat[pixel + ahead + beyond] == piece, flat[pixel + ahead] == piece
    next_pixel = pixel + np.where(to_the_right, ahead + beyond, np.where(straight, ahead, 0))
    next_side = (side + np.where(to_the_right, -1, np.where(straight, 0, 1))) % 4
    key = pixel * 4 + side
    order = np.argsort(key)
    return pixel, side, order[np.searchsorted(key, next_pixel * 4 + next_side, sorter=order)]


def _walked(following: list[int]) -> tuple[list[int], list[int]]:
    """Every edge once, ring after ring, and where in that order each ring begins."""
    seen = bytearray(len(following))
    order: list[int] = []
    begins: list[int] = []
    for first in range(len(following)):
        if seen[first]:
            continue
        begins.append(len(order))
        edge = first
        while not seen[edge]:
            seen[edge] = 1
            order.append(edge)
            edge = following[edge]
    return order, begins


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
