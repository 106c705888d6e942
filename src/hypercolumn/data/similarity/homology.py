"""Sequences that are one another, one another's other strand, or kin: shared k-mers, counted through a sketch.

    h(w)    = mix(min(w, reverse complement of w))              w: a k-mer, two bits a base
    sketch  = { h(w) <= 2^64 / scale }                          the same scale for all records
    J       = shared / (one + other - shared)                   Jaccard index of two sketches
    score   = (2 J / (1 + J))^(1 / k)                           identity by base, if changes are scattered

Both strands have the same sketch, so strand does not matter; which one it is follows from where the minimum lay.
`scale` is 1 until the sketches of all records together pass MOST_HASHES and is then doubled: memory is bounded however
long the sequences are. A k-mer that more than MOST_RECORDS records have (a repeat, an adapter) tells nothing.

Broder 1997, doi 10.1109/SEQUEN.1997.666900; Ondov and others 2016 (Mash), doi 10.1186/s13059-016-0997-x; Irber and
others 2022 on sketches of one scale, doi 10.1101/2022.01.11.475838. Nothing is aligned: kin below an identity of about
0.85, or proteins, are not found.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.similarity.pairs import Pair, Similarity
from hypercolumn.errors import DataError, InvalidArgument

MOST_HASHES = 20_000_000
MOST_RECORDS = 1_000
BLOCK = 2_000
"""How many records are compared with all others at once."""
OTHER_STRAND = "reverse complement"


def find_homologues(
    cohort: Cohort, read: Callable[[str], str], *, k: int = 12, threshold: float = 0.9, least: int = 4
) -> Similarity:
    """Every pair of records whose sequences are alike; `read(record)` gives its bases (A, C, G, T or U, N and others).

    `threshold` is the lowest identity, `least` the fewest k-mers that must be shared. Letters that are no nucleotide
    code are a DataError; a k-mer with an ambiguous base counts for nothing.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> cohort = Cohort.from_table(pd.DataFrame({"id": ["a", "b", "c"]}), Columns(input="id"), folder=".")
    >>> a, c = ("".join("ACGT"[i] for i in np.random.default_rng(n).integers(0, 4, 200)) for n in (0, 1))
    >>> other_strand = a[::-1].translate(str.maketrans("ACGT", "TGCA"))
    >>> [pair] = find_homologues(cohort, {"a": a, "b": other_strand, "c": c}.__getitem__).pairs
    >>> pair.first, pair.second, pair.kind, pair.transform
    ('a', 'b', 'identical', 'reverse complement')
    """
    if not 4 <= k <= 31:
        raise InvalidArgument("k", k, fix="give 4 to 31 bases")
    if not 0 < threshold <= 1:
        raise InvalidArgument("threshold", threshold, fix="give an identity above 0 and up to 1")
    if least < 1:
        raise InvalidArgument("least", least, fix="give 1 or more")
    sketches, whole = _sketches(cohort, read, k)
    pairs = [*_identical(cohort.records, whole)]
    for i, j, shared, turned in _shared(sketches, least):
        jaccard = shared / (sketches.counts[i] + sketches.counts[j] - shared)
        score = min(1.0, (2 * jaccard / (1 + jaccard)) ** (1 / k))
        if score >= threshold:
            transform = OTHER_STRAND if turned else "none"
            pairs.append(Pair(cohort.records[i], cohort.records[j], "homologous", transform, round(score, 4)))
    return Similarity(tuple(pairs), "sequences")


def _identical(records: tuple[str, ...], whole: list[tuple[bytes, bytes]]) -> Iterator[Pair]:
    """Enough pairs to join every group of sequences that are the same or one another's other strand."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for number, digests in enumerate(whole):
        groups[min(digests)].append(number)
    for group in groups.values():
        for i, j in pairwise(group):
            yield Pair(records[i], records[j], "identical", "none" if whole[i] == whole[j] else OTHER_STRAND)


@dataclass(frozen=True, eq=False)
class _Sketches:
    """All hashes (hash,), the record and the strand (1 or -1) of each, and how many each record has."""

    hashes: np.ndarray
    owner: np.ndarray
    strand: np.ndarray
    counts: np.ndarray


def _sketches(cohort: Cohort, read: Callable[[str], str], k: int) -> tuple[_Sketches, list[tuple[bytes, bytes]]]:
    """The sketches of all records, and two digests of each whole sequence: its own and its other strand's.

    Of records that are identical only the first has a sketch.
    """
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    whole: list[tuple[bytes, bytes]] = []
    met: set[bytes] = set()
    held, limit = 0, np.uint64(2**64 - 1)
    for record in cohort.records:
        codes = _codes(read(record), record)
        whole.append((_digest(codes), _digest(np.where(codes < 4, 3 - codes, 4)[::-1])))
        hashes, strand = _hashed(codes if min(whole[-1]) not in met else codes[:0], k)
        met.add(min(whole[-1]))
        kept = hashes <= limit
        parts.append((hashes[kept], strand[kept]))
        held += int(kept.sum())
        while held > MOST_HASHES:
            limit = limit // np.uint64(2)
            parts = [(own[own <= limit], sign[own <= limit]) for own, sign in parts]
            held = sum(len(own) for own, _ in parts)
    counts = np.array([len(own) for own, _ in parts])
    hashes = np.concatenate([own for own, _ in parts]) if parts else np.zeros(0, np.uint64)
    strand = np.concatenate([sign for _, sign in parts]) if parts else np.zeros(0, np.int8)
    return _Sketches(hashes, np.repeat(np.arange(len(parts)), counts), strand, counts), whole


def _shared(sketches: _Sketches, least: int) -> Iterator[tuple[int, int, int, bool]]:
    """Pairs i < j with the number of hashes they share, and whether most of these lie on opposite strands."""
    if not len(sketches.hashes):
        return
    names, column, times = np.unique(sketches.hashes, return_inverse=True, return_counts=True)
    telling = (times[column] > 1) & (times[column] <= MOST_RECORDS)
    shape = (len(sketches.counts), len(names))
    places = sketches.owner[telling], column[telling]
    there = csr_array((np.ones(int(telling.sum()), np.int32), places), shape=shape)
    signed = csr_array((sketches.strand[telling].astype(np.int32), places), shape=shape)
    for start in range(0, shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        counts = (there[rows] @ there.T).tocoo()
        sense = (signed[rows] @ signed.T).tocsr()
        row, other = counts.coords
        for place in np.flatnonzero((counts.data >= least) & (row + start < other)):
            i, j = int(row[place]), int(other[place])
            yield i + start, j, int(counts.data[place]), bool(sense[i, j] < 0)


CODES = np.full(256, 255, dtype=np.uint8)
for _letters, _code in (("Aa", 0), ("Cc", 1), ("Gg", 2), ("TtUu", 3), ("NnRrYySsWwKkMmBbDdHhVv-", 4)):
    for _letter in _letters:
        CODES[ord(_letter)] = _code


def _codes(sequence: str, record: str) -> np.ndarray:
    """Bases as 0 to 3, 4 where ambiguous."""
    codes = CODES[np.frombuffer("".join(sequence.split()).encode("latin-1", "replace"), dtype=np.uint8)]
    if (codes == 255).any():
        place = int(np.flatnonzero(codes == 255)[0])
        raise DataError(
            f"letter {''.join(sequence.split())[place]!r} is no nucleotide code",
            where=f"{record}, base {place + 1}",
            fix="give DNA or RNA; proteins are not compared",
        )
    return codes


def _digest(codes: np.ndarray) -> bytes:
    return hashlib.sha256(codes.astype(np.uint8).tobytes()).digest()


def _hashed(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct hashes of a sequence's k-mers, and on which strand each was found."""
    if len(codes) < k:
        return np.zeros(0, np.uint64), np.zeros(0, np.int8)
    bases = codes.astype(np.uint64)
    windows = len(codes) - k + 1
    forward, backward = np.zeros(windows, np.uint64), np.zeros(windows, np.uint64)
    known = np.ones(windows, dtype=bool)
    for place in range(k):
        base = bases[place : place + windows]
        known &= base < 4
        forward |= (base & np.uint64(3)) << np.uint64(2 * (k - 1 - place))
        backward |= (np.uint64(3) - (base & np.uint64(3))) << np.uint64(2 * place)
    strand = np.where(forward <= backward, 1, -1).astype(np.int8)[known]
    hashes, first = np.unique(_mixed(np.minimum(forward, backward)[known]), return_index=True)
    return hashes, strand[first]


def _mixed(words: np.ndarray) -> np.ndarray:
    """Steele, Lea and Flood's 64-bit finalizer (2014, doi 10.1145/2660193.2660195): neighbours fall far apart."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
