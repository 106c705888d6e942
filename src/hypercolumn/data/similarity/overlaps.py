"""Signals that hold the same stretch of time: windows that overlap, copies that were shifted or amplified.

    anchor       a local extremum of the signal's detail, the strongest of its surroundings
    snippet      what lies around an anchor, mean 0 and length 1: amplitude and offset do not matter
    lag          how far apart the anchors of two signals lie whose snippets agree
    share        of the anchors in the stretch that two signals then have in common, those that name the lag
    score        the correlation of the two over all of that stretch: at least 1 - (1 - threshold) w^2, w being the
                 stretch over half the shorter signal, at most 1

Anchors go with the content, so a copy has them wherever it begins. One beat of a heart looks like the next, and beats
of one patient agree at many lags; but between the beats there are anchors too, in what never comes again, and those
agree in a copy alone. Signals must have one sampling rate. Time stretched or played backwards is not found, nor a
stretch without any detail. Every anchor is compared with every other: this is for some thousand windows, and
`copies` says how many are looked at where nobody asked for it.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from scipy import ndimage

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.pairs import Pair, Similarity
from hypercolumn.errors import InvalidArgument, ShapeMismatch

HALF = 32
"""Snippets reach so many samples to either side."""
APART = 12
"""An anchor is the strongest within so many samples to either side."""
DETAIL = (1.0, 16.0)
"""Detail is what lies between these two smoothings, in samples."""
LIKE = 0.95
"""The correlation of snippets that name a lag."""
MOST_ANCHORS = 128
"""Of each signal the strongest so many."""
SHARE, VOTES = 0.5, 3
"""A lag is tried where this share of the anchors names it, and so many at least."""
BLOCK = 1024


def find_overlaps(
    cohort: Cohort, read: Callable[[str], np.ndarray], *, threshold: float = 0.98, least: int = 160
) -> Similarity:
    """Every pair of records that share `least` samples or more; `read(record)` gives (channel, time), once a record.

    The channel of greatest deviation is compared. Raises ShapeMismatch for what is no signal.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"signal": ["a", "b", "c"]}), Columns(input="signal"), folder=".")
    >>> long = ndimage.gaussian_filter1d(np.random.default_rng(0).standard_normal((2, 3000)), 3)
    >>> signals = {"a": long[:1, :1000], "b": 7 * long[:1, 400:1400], "c": long[1:, :1000]}
    >>> [pair] = find_overlaps(cohort, signals.__getitem__).pairs
    >>> pair.first, pair.second, pair.kind, pair.transform, pair.score
    ('a', 'b', 'overlap', 'shifted by 400 samples', 1.0)
    """
    if not 0 < threshold <= 1:
        raise InvalidArgument("threshold", threshold, fix="give a correlation above 0 and up to 1")
    if least < 2 * HALF:
        raise InvalidArgument("least", least, fix=f"give {2 * HALF} samples or more")
    signals = [_strongest(read(record), record) for record in cohort.records]
    places = [_anchors(signal) for signal in signals]
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for i, j, lag in _named_lags(signals, places):
        score = _agreement(signals[i], signals[j], lag, least, threshold)
        if score >= threshold and score > best.get((i, j), (0.0, 0))[0]:
            best[i, j] = score, lag
    return Similarity(
        tuple(
            Pair(
                cohort.records[i],
                cohort.records[j],
                "overlap",
                f"shifted by {abs(lag):,} samples" if lag else "none",
                round(min(1.0, score), 4),
            )
            for (i, j), (score, lag) in best.items()
        ),
        among="signals",
    )


def _strongest(array: np.ndarray, record: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2:
        raise ShapeMismatch(f"{record} is {array.shape}", fix="give (channel, time)")
    if array.size == 0:
        return np.zeros(0)
    filled = np.nan_to_num(array.astype(np.float64), posinf=0, neginf=0)
    return filled[filled.std(axis=1).argmax()]


def _anchors(signal: np.ndarray) -> np.ndarray:
    """The places (anchor,) of the strongest extrema, each with room for its snippet."""
    if len(signal) < 2 * HALF or not np.ptp(signal):
        return np.zeros(0, dtype=int)
    detail = np.abs(ndimage.gaussian_filter1d(signal, DETAIL[0]) - ndimage.gaussian_filter1d(signal, DETAIL[1]))
    highest = ndimage.maximum_filter1d(detail, 2 * APART + 1, mode="nearest")
    at = np.flatnonzero((detail == highest) & (detail > 1e-9 * np.ptp(signal)))
    at = at[(at >= HALF) & (at < len(signal) - HALF)]
    return np.sort(at[np.argsort(-detail[at], kind="stable")[:MOST_ANCHORS]])


def _snippets(signal: np.ndarray, at: np.ndarray) -> np.ndarray:
    found = signal[at[:, None] + np.arange(-HALF, HALF)]
    found = found - found.mean(axis=1, keepdims=True)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.divide(found, length, out=np.zeros_like(found), where=length > 0).astype(np.float32)


def _named_lags(signals: list[np.ndarray], places: list[np.ndarray]) -> Iterator[tuple[int, int, int]]:
    """Pairs of signals i < j and the lags that enough of the anchors of the first name, give or take a sample.

    A key (i * signals + j) * span + lag stands for a pair and a lag: as often as it comes, so many votes it has.
    """
    owner = np.repeat(np.arange(len(signals)), [len(at) for at in places])
    if not len(owner):
        return
    at = np.concatenate(places)
    snippets = np.concatenate([_snippets(signal, own) for signal, own in zip(signals, places, strict=True)])
    lengths = np.array([len(signal) for signal in signals])
    span = 2 * int(lengths.max()) + 4
    ordered = owner * span + at
    for block in _blocks(owner):
        rows, columns = _alike(snippets, block)
        apart = owner[rows] < owner[columns]
        rows, columns = rows[apart], columns[apart]
        named = (owner[rows] * len(signals) + owner[columns]) * span + at[rows] - at[columns] + span // 2
        keys, near = _voted(named)
        pair, lag = np.divmod(keys, span)
        lag -= span // 2
        i, j = np.divmod(pair, len(signals))
        start = i * span + np.maximum(0, lag) + HALF
        stop = i * span + np.minimum(lengths[i], lengths[j] + lag) - HALF
        room = np.searchsorted(ordered, stop) - np.searchsorted(ordered, start)
        chosen = near >= SHARE * room
        yield from zip(i[chosen].tolist(), j[chosen].tolist(), lag[chosen].tolist(), strict=True)


def _blocks(owner: np.ndarray) -> Iterator[slice]:
    """Anchors (anchor,) in blocks of whole signals, as many as BLOCK holds: all the votes of a pair are in one."""
    starts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist()]
    first = 0
    for start, end in pairwise([*starts, len(owner)]):
        if start > first and end - first > BLOCK:
            yield slice(first, start)
            first = start
    yield slice(first, len(owner))


def _alike(snippets: np.ndarray, block: slice) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of all snippets that agree, one of them in the block, the other there or later."""
    found = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
    for later in range(block.start, len(snippets), BLOCK):
        row, column = np.nonzero(snippets[block] @ snippets[later : later + BLOCK].T >= LIKE)
        found.append((row + block.start, column + later))
    return np.concatenate([row for row, _ in found]), np.concatenate([column for _, column in found])


def _voted(named: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys of VOTES or more votes, those of a neighbouring lag among them, and how many."""
    keys, votes = np.unique(named, return_counts=True)
    if not len(keys):
        return keys, votes
    near = votes.copy()
    for step in (-1, 1):
        found = np.searchsorted(keys, keys + step).clip(max=len(keys) - 1)
        near += np.where(keys[found] == keys + step, votes[found], 0)
    return keys[near >= VOTES], near[near >= VOTES]


def _agreement(first: np.ndarray, second: np.ndarray, lag: int, least: int, threshold: float) -> float:
    """The correlation where the second, moved by `lag`, lies over the first; -1 where they share too little for it."""
    start, stop = max(0, lag), min(len(first), len(second) + lag)
    if stop - start < least:
        return -1.0
    a, b = first[start:stop], second[start - lag : stop - lag]
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    score = float(a @ b) / size if size > 0 else -1.0
    whole = min(1.0, 2 * (stop - start) / min(len(first), len(second)))
    return score if score >= 1 - (1 - threshold) * whole**2 else -1.0
