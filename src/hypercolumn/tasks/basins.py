"""Basins of a relief and how far each peak stands out: one flood, cut afterwards at any height.

    basin of a peak      the samples from which steepest ascent ends there
    saddle of two        the highest sample pair on the line where they meet:  max min(relief_p, relief_q)
    prominence           peak - the highest saddle over which a higher peak is reached       (a lone peak: infinite)
    objects at h         basins whose prominence is below h join the neighbour beyond that saddle

Objects at h are the watershed from the h-maxima of the relief (Vincent 1993, doi 10.1109/83.217222; the prominence of a
peak is its "dynamics", Grimaud 1992, doi 10.1117/12.60650), without flooding anew for each h: saddles are visited from
the highest down, the higher peak surviving. Neighbours touch by a face, an edge or a corner. A plateau drains to the
nearest of its higher neighbours; one without any is a peak. Only samples inside the mask are visited, so that an
image which is mostly background costs little. No smoothing and no smallest size here: see `instances`.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from hypercolumn.errors import ShapeMismatch


@dataclass(frozen=True, eq=False)
class Basins:
    """The basins of a relief over a mask of this `shape`; `flood` makes them.

    `samples` are the places inside (as in the flattened array, ascending) and `basin` the basin of each, from 0.
    `joins` (join, 2) are pairs of basins that meet, in the order in which they are joined into one, each with the
    `prominence` of the peak that is lost by it.
    """

    shape: tuple[int, ...]
    samples: np.ndarray
    basin: np.ndarray
    count: int
    joins: np.ndarray
    prominence: np.ndarray

    def objects(self, height: float | None) -> np.ndarray:
        """The object of each basin, from 0, where peaks of a prominence below `height` are none of their own.

        None joins everything that is connected.

        >>> relief = np.array([0, 1, 3, 2, 5, 4, 4, 0.0])  # peaks of 3 and 5, the saddle at 2
        >>> basins = flood(relief, relief > 0)
        >>> basins.objects(1.0).tolist(), basins.objects(1.5).tolist()
        ([0, 1], [0, 0])
        """
        low = slice(None) if height is None else self.prominence < height
        return _connected(self.joins[low], self.count)

    def labels(self, height: float | None) -> np.ndarray:
        """The object of each sample, counted from 1 in the order of their first samples: (*shape), uint32.

        >>> relief = np.array([0, 1, 3, 2, 5, 4, 4, 0.0])
        >>> flood(relief, relief > 0).labels(0.5)
        array([0, 1, 1, 2, 2, 2, 2, 0], dtype=uint32)
        """
        of_sample = self.objects(height)[self.basin] if self.count else self.basin
        return painted(self.shape, self.samples, of_sample)


def painted(shape: tuple[int, ...], samples: np.ndarray, object_of: np.ndarray) -> np.ndarray:
    """An instance map (*shape) of the samples' objects (numbers from 0, or -1 for none), uint32.

    Objects are counted from 1 in the order of their first samples.

    >>> painted((4,), np.array([0, 2, 3]), np.array([7, -1, 2]))
    array([1, 0, 0, 2], dtype=uint32)
    """
    labels = np.zeros(int(np.prod(shape)), dtype=np.uint32)
    kept = object_of >= 0
    samples, object_of = samples[kept], object_of[kept]
    if len(samples):
        first = np.full(int(object_of.max()) + 1, len(object_of))
        first[object_of[::-1]] = np.arange(len(object_of) - 1, -1, -1)
        number = np.zeros(len(first), dtype=np.uint32)
        there = np.flatnonzero(first < len(object_of))
        number[there[np.argsort(first[there])]] = np.arange(1, len(there) + 1)
        labels[samples] = number[object_of]
    return labels.reshape(shape)


def flood(relief: np.ndarray, inside: np.ndarray) -> Basins:
    """The basins of a relief (*space) over the samples that are inside (*space, boolean).

    Raises ShapeMismatch where the two differ in shape. What is not a number counts as the lowest there is.

    >>> flood(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[True, True], [False, True]])).count
    1
    """
    if relief.shape != inside.shape:
        raise ShapeMismatch(f"the relief is {relief.shape} and its mask {inside.shape}", fix="give arrays of one shape")
    grid = _Grid.of(relief, inside)
    parent, peaks = _ascent(grid)
    for_peak = np.full(len(grid.places), -1, dtype=np.int32)
    for_peak[peaks.samples] = peaks.number
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            break
        parent = further
    basin = for_peak[parent]
    joins, prominence = _joins(grid, basin, peaks)
    return Basins(inside.shape, np.flatnonzero(inside), basin, peaks.count, joins, prominence)


@dataclass(frozen=True, eq=False)
class _Grid:
    """The samples inside, with a frame of one sample around the array so that every neighbour exists.

    `places` are their places in the framed, flattened array; `heights` the framed relief, -inf outside; `number` the
    sample at a place, or -1; `around` the way to each neighbour, those across a face first: of equally high neighbours
    a sample takes the nearest.
    """

    places: np.ndarray
    heights: np.ndarray
    number: np.ndarray
    around: tuple[int, ...]

    @classmethod
    def of(cls, relief: np.ndarray, inside: np.ndarray) -> "_Grid":
        kind = np.float64 if relief.dtype == np.float64 else np.float32
        framed = np.full([length + 2 for length in inside.shape], -np.inf, dtype=kind)
        middle = (slice(1, -1),) * inside.ndim
        framed[middle][inside] = np.maximum(np.nan_to_num(relief[inside], nan=-np.inf), np.finfo(kind).min)
        places = np.flatnonzero(np.pad(inside, 1))
        number = np.full(framed.size, -1, dtype=np.int32)
        number[places] = np.arange(len(places))
        strides = [step // framed.itemsize for step in framed.strides]
        moves = sorted(product((-1, 0, 1), repeat=inside.ndim), key=lambda move: sum(map(abs, move)))
        around = tuple(int(np.dot(move, strides)) for move in moves if any(move))
        return cls(places, framed.reshape(-1), number, around)

    @property
    def steps(self) -> tuple[int, ...]:
        """The way to each neighbour that comes later in memory: every pair of neighbours once."""
        return tuple(step for step in self.around if step > 0)


@dataclass(frozen=True, eq=False)
class _Peaks:
    """The samples of plateaus without a higher neighbour, and the number of the plateau of each."""

    samples: np.ndarray
    number: np.ndarray
    height: np.ndarray
    count: int


def _ascent(grid: _Grid) -> tuple[np.ndarray, _Peaks]:
    """The next sample on the way up from each sample, itself at a peak."""
    own = grid.heights[grid.places]
    best, target = own.copy(), grid.places.copy()
    for step in grid.around:
        beside = grid.places + step
        height = grid.heights[beside]
        higher = height > best
        np.copyto(best, height, where=higher)
        np.copyto(target, beside, where=higher)
    parent = grid.number[target]
    settled = best > own
    _drain_plateaus(grid, own, parent, settled)
    samples = np.flatnonzero(~settled)
    pairs = []
    for step in grid.steps:
        beside = grid.number[grid.places[samples] + step]
        flat = (beside >= 0) & ~settled[beside]
        pairs.append(np.stack([samples[flat], beside[flat]], axis=1))
    rank = np.cumsum(~settled) - 1
    number = _connected(rank[np.concatenate(pairs)], len(samples))
    count = int(number.max()) + 1 if len(number) else 0
    height = np.zeros(count, dtype=own.dtype)
    height[number] = own[samples]
    return parent, _Peaks(samples, number, height, count)


def _drain_plateaus(grid: _Grid, own: np.ndarray, parent: np.ndarray, settled: np.ndarray) -> None:
    """Send each sample of a plateau that has a higher neighbour somewhere towards the nearest such place, in place."""
    flat = np.flatnonzero(~settled)
    edge = []
    for step in grid.around:
        beside = grid.number[grid.places[flat] + step]
        edge.append(beside[(beside >= 0) & settled[beside] & (own[beside] == own[flat])])
    front = np.unique(np.concatenate(edge))
    while len(front):
        reached = []
        for step in grid.around:
            beside = grid.number[grid.places[front] + step]
            new = (beside >= 0) & ~settled[beside] & (own[beside] == own[front])
            parent[beside[new]] = front[new]
            settled[beside[new]] = True
            reached.append(beside[new])
        front = np.concatenate(reached)


def _joins(grid: _Grid, basin: np.ndarray, peaks: _Peaks) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of basins as they are joined, from the highest saddle down, and the prominence of the peak lost by each."""
    pairs, saddles = _saddles(grid, basin, peaks.count)
    order = np.argsort(-saddles, kind="stable")
    pairs, saddles = pairs[order], saddles[order]
    turn = np.arange(1.0, len(pairs) + 1)
    graph = sparse.coo_array((turn, (pairs[:, 0], pairs[:, 1])), shape=(peaks.count, peaks.count))
    kept = np.sort(csgraph.minimum_spanning_tree(graph.tocsr()).data).astype(np.int64) - 1
    return pairs[kept], _prominence(pairs[kept], saddles[kept], peaks.height)


def _saddles(grid: _Grid, basin: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each pair of basins that meet, the lower number first, and the height of their saddle."""
    framed = np.full(len(grid.number), -1, dtype=np.int32)
    framed[grid.places] = basin
    codes, heights = [], []
    for step in grid.steps:
        beside = framed[grid.places + step]
        meet = np.flatnonzero((beside >= 0) & (beside != basin))
        one, other, places = basin[meet].astype(np.int64), beside[meet], grid.places[meet]
        codes.append(np.minimum(one, other) * count + np.maximum(one, other))
        heights.append(np.minimum(grid.heights[places], grid.heights[places + step]))
    code, height = np.concatenate(codes), np.concatenate(heights)
    order = np.lexsort((-height, code))
    code, height = code[order], height[order]
    highest = np.flatnonzero(np.diff(code, prepend=-1))
    found = code[highest]
    return np.stack([found // max(count, 1), found % max(count, 1)], axis=1), height[highest]


def _prominence(joins: np.ndarray, saddles: np.ndarray, height: np.ndarray) -> np.ndarray:
    """For each join, how far the lower of the two highest peaks reached so far stands above the saddle."""
    above = list(range(len(height)))
    peak, lost = height.tolist(), []
    for (one, other), saddle in zip(joins.tolist(), saddles.tolist(), strict=True):
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        while above[other] != other:
            above[other] = above[above[other]]
            other = above[other]
        high, low = (one, other) if peak[one] >= peak[other] else (other, one)
        lost.append(peak[low] - saddle)
        above[low] = high
    return np.asarray(lost, dtype=np.float64)


def _connected(pairs: np.ndarray, count: int) -> np.ndarray:
    """The number of the group of each of `count` things, of which these pairs belong together."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return csgraph.connected_components(graph, directed=False)[1]
