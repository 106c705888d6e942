"""Which records show the same thing: identical bytes, identical pixels, near-duplicates.

Two records are near-duplicates when one is the other flipped, turned by quarter turns, made brighter or darker, stored
anew as JPEG, or several of these together. What makes two arrays x and y alike is their normalised cross-correlation

    r(x, y) = sum_p (x_p - mean x)(y_p - mean y) / sqrt(sum_p (x_p - mean x)^2 * sum_p (y_p - mean y)^2)

after the best of the symmetries of the grid (Lewis 1995, Fast normalized cross-correlation). It is found in two stages:
a coarse grey image of every record (`thumbnail`) proposes pairs by matrix products, a finer one decides (`matching`).

`audit.duplicates` judges what is found here; the splits keep a cluster on one side. What this does not do: no learnt
embedding, so a second photograph of the same field, a crop, a shift by more than a pixel or two of the thumbnail or a small angle is
not found; no homology between sequences yet.
"""

from hypercolumn.data.similarity.finding_duplicates import find_duplicates
from hypercolumn.data.similarity.pairs import KINDS, Pair, Similarity, large_clusters, units_of

__all__ = ["KINDS", "Pair", "Similarity", "find_duplicates", "large_clusters", "units_of"]
