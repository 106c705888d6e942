"""Which records show the same thing: identical bytes, identical pixels, near-duplicates.

Two images are near-duplicates when one is the other flipped, turned by quarter turns, made brighter or darker by a
tenth, stored anew as JPEG down to quality 50, cropped by up to 5 % a side, or several of these together; two volumes
when one is the other flipped or resampled. How alike two arrays x and y are is said by their normalised
cross-correlation

    r(x, y) = sum_p (x_p - mean x)(y_p - mean y) / sqrt(sum_p (x_p - mean x)^2 * sum_p (y_p - mean y)^2)

(Lewis 1995, Fast normalized cross-correlation), taken over a grid of 48 x 48 boxes (16 x 16 x 16 for volumes) under the
best of the eight symmetries. `appearance` says what is compared, `proposal` finds which pairs are worth it, `cropping`
lays crops over each other, `matching` says how close is close enough, `search` goes through a cohort, `pairs` is what
comes of it. Signals that overlap are found by `overlaps`, sequences of one origin by `homology`; `copies` asks
for all that the records of a cohort can be asked for.

`audit.duplicates` judges what is found here, and the splits keep a cluster on one side. What this does not do: no
learnt embedding, so a second photograph of the same field, a crop of more than 5 % a side or a turn by a small angle is
not found; an image that shows nothing (a constant, an empty field) is a copy only where it is identical.
"""

from hypercolumn.data.similarity.copies import MOST_SIGNALS, find_copies
from hypercolumn.data.similarity.homology import find_homologues
from hypercolumn.data.similarity.overlaps import find_overlaps
from hypercolumn.data.similarity.pairs import AMONG, KINDS, Pair, Similarity, joined_units, large_clusters
from hypercolumn.data.similarity.search import find_duplicates

__all__ = [
    "AMONG",
    "KINDS",
    "MOST_SIGNALS",
    "Pair",
    "Similarity",
    "find_copies",
    "find_duplicates",
    "find_homologues",
    "find_overlaps",
    "joined_units",
    "large_clusters",
]
