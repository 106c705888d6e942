"""Which of many records may be alike: slow waves, whitened, in one large product.

    C       = mean over records i and symmetries T of  T c_i (T c_i)'           what the collection has in common
    z_i     = C^(-1/2) c_i / |C^(-1/2) c_i|
    s       = z_i . T z_j  >=  FLOOR                                            for every pair and every symmetry T

Chest radiographs share one anatomy and micrographs one lamp: their slow waves correlate at 0.97 and more whoever is
shown. Whitened over all symmetries alike (so that C commutes with every T), what they share counts for little, and two
records that are no copies correlate like random directions: with 55 coefficients, deviation 0.14. Crops of up to 5 % a
side keep 0.66 to 0.95, of all of 5 % 0.5 to 0.9. The highest proposals are kept; `matching` decides.

100,000 images are 5e9 pairs under 8 symmetries: 4e12 operations, most of a minute on two cores.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

FLOOR = 0.35
"""The lowest correlation of whitened waves that is ever proposed; many records raise it, see MORE."""
MORE = 20_000
"""So many proposals are kept, and one for every two records: of 100,000 records those above 0.57 or so."""
SAMPLED = 4096
"""The common part is learnt from at most so many records, evenly spaced."""
FEW = 20
"""So few records have nothing in common that could be told from what makes each its own: nothing is whitened then."""
LEAST_VARIANCE = 0.005
"""Directions in which records hardly differ are not blown up beyond this share of the mean variance."""
A_RECORD = 30
"""Of one record so many proposals are kept at most: a thousand empty tiles must not crowd out all others."""
TILE = 1024


@dataclass(frozen=True, eq=False)
class Proposals:
    """Pairs of records (proposal,), first < second, the symmetry of the second, and how alike their waves are."""

    FIELDS: ClassVar = ("first", "second", "symmetry", "score")
    first: np.ndarray
    second: np.ndarray
    symmetry: np.ndarray
    score: np.ndarray

    def best(self, most: int) -> "Proposals":
        """The `most` highest, and no more than A_RECORD of one first record, in the order of the pairs."""
        order = np.lexsort((self.symmetry, self.second, -self.score, self.first))
        begins = np.searchsorted(self.first[order], self.first[order], side="left")
        order = order[np.arange(len(order)) - begins < A_RECORD]
        order = order[np.lexsort((self.symmetry[order], self.second[order], self.first[order], -self.score[order]))]
        order = order[:most]
        order = order[np.lexsort((self.symmetry[order], self.second[order], self.first[order]))]
        return Proposals(self.first[order], self.second[order], self.symmetry[order], self.score[order])


def propose(waves: np.ndarray, turns: np.ndarray, *, workers: int = 2) -> Proposals:
    """Pairs of records whose waves (record, coefficient) are alike under one of `turns` (symmetry, to, from).

    >>> waves = np.random.default_rng(0).standard_normal((30, 55)).astype(np.float32)
    >>> waves[7] = 1.2 * waves[3]
    >>> found = propose(waves, np.eye(55, dtype=np.float32)[None])
    >>> found.first.tolist(), found.second.tolist()
    ([3], [7])
    """
    records = len(waves)
    most = records // 2 + MORE
    white = whitened(waves, turns)
    moved = np.stack([white @ turn.T for turn in turns], axis=1)
    kept: list[Proposals] = []
    lock, floor = threading.Lock(), [FLOOR]

    def tile_row(start: int) -> None:
        rows = max(1, TILE // len(turns))
        block = white[start : start + TILE]
        for column in range(start, records, rows):
            others = moved[column : column + rows]
            score = block @ others.reshape(-1, others.shape[2]).T
            hit = np.flatnonzero(score >= np.float32(floor[0]))
            if not len(hit):
                continue
            row, rest = np.divmod(hit, score.shape[1])
            second, symmetry = np.divmod(rest, len(turns))
            row, second, reached = row + start, second + column, score.ravel()[hit]
            apart = row < second
            with lock:
                kept.append(Proposals(row[apart], second[apart], symmetry[apart], reached[apart]))
                if sum(len(part.score) for part in kept) > 3 * most:
                    kept[:] = [_joined(kept).best(most)]
                    if len(kept[0].score) == most:
                        floor[0] = max(floor[0], float(kept[0].score.min()))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(tile_row, range(0, records, TILE)))
    return _joined(kept).best(most)


def whitened(waves: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Unit vectors (record, coefficient) in which what all records share counts for little; nothing stays nothing."""
    unit = _unit(waves)
    sample = unit[:: max(1, -(-len(unit) // SAMPLED))]
    common = sample.T.astype(np.float64) @ sample / max(1, len(sample))
    common = np.mean([turn @ common @ turn.T for turn in turns.astype(np.float64)], axis=0)
    trust = max(0.0, 1 - (FEW / max(1, len(sample))) ** 2)
    size = waves.shape[1]
    variance, directions = np.linalg.eigh(trust * common + (1 - trust) * np.eye(size) / size)
    scale = 1 / np.sqrt(variance + LEAST_VARIANCE / size)
    return _unit((unit @ ((directions * scale) @ directions.T)).astype(np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-12)


def _joined(parts: list[Proposals]) -> Proposals:
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Proposals(nothing, nothing, nothing, np.zeros(0, dtype=np.float32))
    return Proposals(*(np.concatenate([getattr(part, name) for part in parts]) for name in Proposals.FIELDS))
