"""Which forms are alike: a matrix product proposes, a finer correlation decides.

Records i and j are near-duplicates where, under the best symmetry T and for the best version v of one of them,

    r = f_i . T f_jv  >=  max(lowest, 1 - max(0.01, 3 sqrt(e_i e_jv)))

with the form f and the loss e of `appearance`: as alike as a compressed copy would be, with room for two compressions,
and never less than `lowest`. A fixed threshold cannot do this: two handwritten ones correlate at 0.97, more than a
noisy image with its own copy. Measured on seven collections, copies fell short of 1 by 0.7 to 1.4 times the loss in the
median. Other images that correlate above 0.7 at all were found in three: nearest 284 times (blood cells), 11 times
(digits) and 3.7 times (600 chest radiographs of 28 x 28). There the margin is thin: among all 5,030 of these
radiographs two pairs were taken for copies that look like two exposures of one child.

The same is asked first of the coarse forms, with twice the room and the greater loss, in blocks: 20,000 images cost
matrix products over 256 numbers each, about a minute on one core, and not a comparison of images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from hypercolumn.data.similarity.appearance import COARSE, FINE, Appearance
from hypercolumn.data.similarity.symmetries import Symmetry, inverse, symmetries

ROOM = 0.01
"""How far below 1 the correlation of a near-duplicate may always be."""
LOSSES = 3.0
"""How many times its own loss by compression it may be further below."""
BLOCK = 512
"""How many records are compared with all others at once."""
MOST = 50
"""How many pairs a record are kept; above that the pairs are thinned to those that join the same clusters."""


@dataclass(frozen=True)
class Match:
    """Two records by their numbers, how well they match and under which symmetry of the second."""

    first: int
    second: int
    score: float
    transform: str


@dataclass(frozen=True, eq=False)
class Forms:
    """All versions of many records, one under the other: `owner` (version,) is the record of each."""

    owner: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray
    coarse_loss: np.ndarray
    fine_loss: np.ndarray

    @classmethod
    def of(cls, seen: Sequence[Appearance], *, versions: slice) -> "Forms":
        chosen = [(number, a) for number, a in enumerate(seen) if len(a.coarse[versions])]
        owner = [np.full(len(a.coarse[versions]), number) for number, a in chosen]
        if not chosen:
            nothing = np.zeros((0, 1), dtype=np.float32)
            return cls(np.zeros(0, dtype=int), nothing, nothing, np.zeros(0), np.zeros(0))
        return cls(
            np.concatenate(owner),
            np.concatenate([a.coarse[versions] for _, a in chosen]),
            np.concatenate([a.fine[versions] for _, a in chosen]),
            np.concatenate([a.coarse_loss[versions] for _, a in chosen]),
            np.concatenate([a.fine_loss[versions] for _, a in chosen]),
        )


def matches(seen: Sequence[Appearance], *, dims: int, lowest: float) -> list[Match]:
    """All pairs of records (numbered as given, first < second) whose forms are alike.

    >>> from hypercolumn.data.similarity.appearance import appearance
    >>> image = np.random.default_rng(0).integers(0, 256, (1, 64, 64), dtype=np.uint8)
    >>> [found] = matches([appearance(image), appearance(image[:, :, ::-1])], dims=2, lowest=0.85)
    >>> found.first, found.second, round(found.score, 3), found.transform
    (0, 1, 1.0, 'flipped')
    """
    plain, versions = Forms.of(seen, versions=slice(0, 1)), Forms.of(seen, versions=slice(1, None))
    best: dict[tuple[int, int], Match] = {}
    for start in range(0, len(seen), BLOCK):
        rows = slice(start, start + BLOCK)
        for others in (plain, versions):
            for match in _block(plain, rows, others, dims=dims, lowest=lowest):
                key = match.first, match.second
                if key not in best or match.score > best[key].score:
                    best[key] = match
        if len(best) > MOST * len(seen):
            best = _joining(best, len(seen))
    return [best[key] for key in sorted(best)]


def _block(plain: Forms, rows: slice, others: Forms, *, dims: int, lowest: float) -> Iterator[Match]:
    """The matches of some records, as they are, with all versions of others under all symmetries."""
    columns = slice(rows.start, None) if others is plain else slice(None)
    if not len(others.owner[columns]):
        return
    grid = (-1, *(COARSE[dims].side,) * dims)
    needed = np.minimum(
        _needed(plain.coarse_loss[rows], room=2, lowest=lowest - 0.05)[:, None],
        _needed(others.coarse_loss[columns], room=2, lowest=lowest - 0.05)[None],
    )
    coarse = others.coarse[columns].reshape(grid)
    for symmetry in symmetries(dims):
        moved = np.ascontiguousarray(symmetry.of(coarse)).reshape(len(coarse), -1)
        row, column = np.nonzero(plain.coarse[rows] @ moved.T >= needed)
        row, column = row + rows.start, column + (columns.start or 0)
        apart = row < others.owner[column] if others is plain else row != others.owner[column]
        yield from _verified(plain, row[apart], others, column[apart], symmetry, dims=dims, lowest=lowest)


def _verified(
    plain: Forms, row: np.ndarray, others: Forms, column: np.ndarray, symmetry: Symmetry, *, dims: int, lowest: float
) -> Iterator[Match]:
    for start in range(0, len(row), BLOCK):
        i, v = row[start : start + BLOCK], column[start : start + BLOCK]
        moved = symmetry.of(others.fine[v].reshape(-1, *(FINE[dims].side,) * dims)).reshape(len(v), -1)
        score = np.einsum("pb,pb->p", plain.fine[i], moved, dtype=np.float32)
        needed = _needed(np.sqrt(plain.fine_loss[i] * others.fine_loss[v]), room=1, lowest=lowest)
        for k in np.flatnonzero(score >= needed):
            first, second, reached = int(i[k]), int(others.owner[v[k]]), min(1.0, float(score[k]))
            if first < second:
                yield Match(first, second, reached, symmetry.words)
            else:
                yield Match(second, first, reached, inverse(symmetry.words))


def _needed(loss: np.ndarray, *, room: float, lowest: float) -> np.ndarray:
    return np.maximum(lowest, 1 - room * np.maximum(ROOM, LOSSES * loss)).astype(np.float32)


def _joining(best: dict[tuple[int, int], Match], records: int) -> dict[tuple[int, int], Match]:
    """The surest matches that join the same clusters: a spanning forest of greatest score."""
    keys = list(best)
    first, second = np.array(keys).T
    cost = 2 - np.array([best[key].score for key in keys])
    forest = minimum_spanning_tree(coo_array((cost, (first, second)), shape=(records, records))).tocoo()
    return {key: best[key] for key in zip(forest.row.tolist(), forest.col.tolist(), strict=True)}
