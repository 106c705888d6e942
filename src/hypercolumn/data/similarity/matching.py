"""Which records are alike: slow waves propose, a finer correlation decides, a crop is tried where it does not.

Records i and j are near-duplicates where, under the best symmetry T and for the best version v of one of them,

    r = f_i . T f_jv  >=  max(lowest, 1 - max(0.01, 3 sqrt(e_i e_jv)))

with the form f and the loss e of `appearance`: as alike as a compressed copy would be, with room for two compressions,
and never less than `lowest`. A fixed threshold cannot do this: two handwritten ones correlate at 0.97, more than a
noisy image with its own copy. Measured on seven collections, copies fell short of 1 by 0.7 to 1.4 times the loss in the
median. Images that are no copies but correlate above 0.7 were found in three: nearest 284 times (blood cells), 11 times
(digits) and 3.7 times (600 chest radiographs of 28 x 28).

Images that do not agree as they are may be crops of each other: they are laid over each other by `cropping`, and then

    r = f_i . (T f_j cropped)  >=  max(lowest, 1 - (0.05 + 3.5 sqrt(e_i e_j)))

since interpolation costs 0.005 to 0.04, and the rest agrees as well once what stands out of either is cut off (REST): a
bar or a ruler that two images share makes them no copies. Two kinds of images are not asked, for they are laid over
others too easily:

    small     fewer than SHORTEST samples along an axis: of 5,030 radiographs of 28 x 28, 850 pairs would pass
    sparse    detail spread over fewer than SPREAD boxes, 1 / sum f^4: of the quarters of 128 micrographs of nuclei,
              21 pairs of a few spots each would pass (4 to 44 boxes; textures have 150 to 900)
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from hypercolumn.data.similarity.appearance import FINE, Appearance
from hypercolumn.data.similarity.cosines import basis, turned
from hypercolumn.data.similarity.cropping import align, clipped_agreement
from hypercolumn.data.similarity.proposal import Proposals, propose, whitened
from hypercolumn.data.similarity.symmetries import symmetries

ROOM = 0.01
"""How far below 1 the correlation of a near-duplicate may always be."""
LOSSES = 3.0
"""How many times its own loss by compression it may be further below."""
CROP_ROOM, CROP_LOSSES = 0.05, 3.5
"""The same for a crop."""
REST = 0.78
"""What two images must agree where nothing stands out: 717 crops of copies had 0.857 or more, images that share a
bright bar and nothing else 0.700 or less.
"""
SHORTEST = 40
SPREAD = 100
"""Boxes that the detail of a crop must be spread over."""
WAVES_SIDE = 16
"""Waves are laid over each other on a grid of so many boxes a side."""
SMOOTH = 1.5
"""The width in boxes by which forms are smoothed before they are laid over each other."""
BLOCK = 512
"""How many proposals are looked at at once."""
MOST = 50
"""How many pairs a record are kept; above that the pairs are thinned to those that join the same clusters."""
CROPPED = "cropped"


@dataclass(frozen=True)
class Match:
    """Two records by their numbers, how well they match and under which symmetry of the second."""

    first: int
    second: int
    score: float
    transform: str


def matches(seen: Sequence[Appearance], *, dims: int, lowest: float, workers: int = 2) -> list[Match]:
    """All pairs of records (numbered as given, first < second) whose forms are alike, as they are or after a crop.

    >>> from hypercolumn.data.similarity.appearance import appearance
    >>> image = np.random.default_rng(0).integers(0, 256, (1, 64, 64), dtype=np.uint8)
    >>> [found] = matches([appearance(image), appearance(image[:, :, ::-1])], dims=2, lowest=0.85)
    >>> found.first, found.second, round(found.score, 3), found.transform
    (0, 1, 1.0, 'flipped')
    """
    if len(seen) < 2:
        return []
    waves = np.stack([each.waves for each in seen])
    turns = turned(dims, FINE[dims].side)
    proposed = propose(waves, turns, workers=workers)
    best: dict[tuple[int, int], Match] = {}
    agreed: set[tuple[int, int]] = set()
    for start in range(0, len(proposed.first), BLOCK):
        part = Proposals(*(getattr(proposed, name)[start : start + BLOCK] for name in Proposals.FIELDS))
        for match in _as_they_are(part, seen, dims=dims, lowest=lowest):
            _keep(best, match)
            agreed.add((match.first, match.second))
        if len(best) > MOST * len(seen):
            best = _joining(best, len(seen))
    if dims == 2:
        for match in _crops(proposed, seen, whitened(waves, turns), agreed, lowest=lowest, workers=workers):
            _keep(best, match)
    return [best[key] for key in sorted(best)]


def _keep(best: dict[tuple[int, int], Match], match: Match) -> None:
    key = match.first, match.second
    if key not in best or match.score > best[key].score:
        best[key] = match


def _as_they_are(part: Proposals, seen: Sequence[Appearance], *, dims: int, lowest: float) -> Iterator[Match]:
    """The proposals that agree box by box, for the records as they are and for the versions of either."""
    for number, symmetry in enumerate(symmetries(dims)):
        chosen = part.symmetry == number
        pairs = zip(part.first[chosen].tolist(), part.second[chosen].tolist(), strict=True)
        compared = [versions for i, j in pairs for versions in _versions(i, j, seen)]
        if not compared:
            continue
        near = np.stack([seen[i].forms[v] for i, v, _, _ in compared])
        far = np.stack([seen[j].forms[v] for _, _, j, v in compared])
        moved = symmetry.of(far.reshape(-1, *(FINE[dims].side,) * dims)).reshape(len(far), -1)
        score = np.einsum("pb,pb->p", near, moved, dtype=np.float32)
        loss = np.array([seen[i].losses[v] * seen[j].losses[w] for i, v, j, w in compared]) ** 0.5
        for k in np.flatnonzero(score >= np.maximum(lowest, 1 - np.maximum(ROOM, LOSSES * loss))):
            i, _, j, _ = compared[k]
            yield Match(i, j, min(1.0, float(score[k])), symmetry.words)


def _versions(i: int, j: int, seen: Sequence[Appearance]) -> Iterator[tuple[int, int, int, int]]:
    """One record as it is, against all versions of the other: (record, version, record, version)."""
    yield from ((i, 0, j, version) for version in range(len(seen[j].forms)))
    yield from ((i, version, j, 0) for version in range(1, len(seen[i].forms)))


def _crops(
    proposed: Proposals,
    seen: Sequence[Appearance],
    waves: np.ndarray,
    agreed: set[tuple[int, int]],
    *,
    lowest: float,
    workers: int,
) -> Iterator[Match]:
    """The proposals that did not agree as they are and do after a crop; of records with detail enough to tell."""
    forms = np.stack([each.forms[0] for each in seen])
    losses = np.array([each.losses[0] for each in seen])
    grids = (waves @ basis(2, WAVES_SIDE)).reshape(-1, WAVES_SIDE, WAVES_SIDE)
    spread = np.array([1 / np.square(np.square(form, dtype=np.float32)).sum() for form in forms])
    rich = (spread >= SPREAD) & (np.array([each.shortest for each in seen]) >= SHORTEST)
    pairs = enumerate(zip(proposed.first, proposed.second, strict=True))
    asked = np.array([k for k, (i, j) in pairs if rich[i] and rich[j] and (i, j) not in agreed], dtype=int)

    def laid_over(start: int) -> list[Match]:
        chosen = asked[start : start + BLOCK]
        part = Proposals(*(getattr(proposed, name)[chosen] for name in Proposals.FIELDS))
        return list(_cropped(part, grids, forms, losses, lowest=lowest))

    with ThreadPoolExecutor(workers) as pool:
        for found in pool.map(laid_over, range(0, len(asked), BLOCK)):
            yield from found


def _cropped(
    part: Proposals, waves: np.ndarray, forms: np.ndarray, losses: np.ndarray, *, lowest: float
) -> Iterator[Match]:
    """The proposals that agree after a crop."""
    side = FINE[2].side
    smooth = ndimage.gaussian_filter1d(np.eye(side), SMOOTH, axis=0).astype(np.float32)
    for number, symmetry in enumerate(symmetries(2)):
        chosen = part.symmetry == number
        i, j = part.first[chosen], part.second[chosen]
        if not len(i):
            continue
        near = forms[i].astype(np.float32).reshape(-1, side, side)
        far = np.ascontiguousarray(symmetry.of(forms[j].astype(np.float32).reshape(-1, side, side)))
        slow = np.ascontiguousarray(symmetry.of(waves[j]))
        found = align([waves[i], smooth @ near @ smooth.T, near], [slow, smooth @ far @ smooth.T, far])
        needed = np.maximum(lowest, 1 - (CROP_ROOM + CROP_LOSSES * np.sqrt(losses[i] * losses[j])))
        words = CROPPED if symmetry.words == "none" else f"{symmetry.words} and {CROPPED}"
        agree = np.flatnonzero(found.score >= needed)
        if not len(agree):
            continue
        rest = clipped_agreement(near[agree], far[agree], found.crop[agree])
        for k in agree[rest >= REST]:
            yield Match(int(i[k]), int(j[k]), min(1.0, float(found.score[k])), words)


def _joining(best: dict[tuple[int, int], Match], records: int) -> dict[tuple[int, int], Match]:
    """The surest matches that join the same clusters: a spanning forest of greatest score."""
    keys = list(best)
    first, second = np.array(keys).T
    cost = 2 - np.array([best[key].score for key in keys])
    forest = minimum_spanning_tree(coo_array((cost, (first, second)), shape=(records, records))).tocoo()
    return {key: best[key] for key in zip(forest.row.tolist(), forest.col.tolist(), strict=True)}
