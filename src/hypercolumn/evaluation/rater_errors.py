"""What several raters most probably meant, and how each of them errs, from their ratings alone.

    T[i, k]      = P(record i is k | its ratings)  ~ g_k prod_{r rated i} E_r[k, said]
    g_k          = mean of T[i, k] over records
    E_r[k, l]    = P(rater r says l | k)           ~ sum_{i rated l by r} T[i, k]

repeated from the share of votes until nothing moves: maximum likelihood where raters err independently of each other
once the class is given. Three raters are the fewest from whom this can be learnt. What STAPLE is for the samples of a
mask (`staple`), this is for records and any number of classes; ratings may be missing.

Raters who share a wrong rule count as right. Dawid and Skene 1979, doi 10.2307/2346806.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, RunError
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.raters import checked_ratings

STILL = 1e-6
MOST = 10_000


@dataclass(frozen=True, eq=False)
class RaterErrors:
    """`meant` (record, class) sums to one a record, NaN where nobody rated it; `errors` (rater, class, said) has rows
    that sum to one, NaN where a rater was never shown the class; `prior` (class,).
    """

    meant: np.ndarray
    errors: np.ndarray
    prior: np.ndarray
    steps: int


def rater_errors(ratings: np.ndarray, *, classes: int) -> RaterErrors:
    """From class indices (record, rater) of at least three raters, NaN where one is missing.

    >>> from hypercolumn.data.planted import plant_raters
    >>> true, said = plant_raters(0, rates=(0.05, 0.1, 0.3), records=3000)
    >>> found = rater_errors(said, classes=3)
    >>> np.diagonal(found.errors, axis1=1, axis2=2).mean(axis=1).round(2)
    array([0.95, 0.9 , 0.7 ])
    """
    votes = votes_of(ratings, classes=classes)
    if votes.shape[1] < 3:
        raise InvalidArgument(
            "raters", votes.shape[1], why="two who differ leave open who is right", fix="give at least three raters"
        )
    rated = votes.any(axis=(1, 2))
    if not rated.any():
        raise InvalidArgument("ratings", np.nan, why="no record has a rating", fix="give class indices")
    shown = votes[rated]
    meant = shown.sum(axis=1) / shown.sum(axis=(1, 2))[:, None]
    for step in range(1, MOST + 1):
        prior = meant.mean(axis=0)
        said = np.einsum("ik,irl->rkl", meant, shown)
        errors = ratio(said, np.broadcast_to(said.sum(axis=2, keepdims=True), said.shape))
        likely = np.log(np.maximum(np.nan_to_num(errors), 1e-12))
        score = np.einsum("irl,rkl->ik", shown, likely) + np.log(np.maximum(prior, 1e-300))
        raised = np.exp(score - score.max(axis=1, keepdims=True))
        before, meant = meant, raised / raised.sum(axis=1, keepdims=True)
        if np.abs(meant - before).max() < STILL:
            everything = np.full((len(votes), classes), np.nan)
            everything[rated] = meant
            return RaterErrors(everything, errors, prior, step)
    raise RunError(
        "what raters meant could not be learnt", why=f"it still moves after {MOST:,} steps", fix="give more records"
    )


def votes_of(ratings: np.ndarray, *, classes: int) -> np.ndarray:
    """Class indices (record, rater) as votes (record, rater, class), one each or none; InvalidArgument for others.

    >>> votes_of(np.array([[0.0, 1.0], [1.0, np.nan]]), classes=2).astype(int).tolist()
    [[[1, 0], [0, 1]], [[0, 1], [0, 0]]]
    """
    ratings = checked_ratings(ratings)
    there = ~np.isnan(ratings)
    known = ratings[there]
    if (known != np.round(known)).any() or (known.size and not 0 <= known.min() <= known.max() < classes):
        raise InvalidArgument(
            "ratings", known[:5].tolist(), why=f"there are {classes} classes", fix="give class indices"
        )
    return np.where(there[..., None], np.eye(classes)[np.where(there, ratings, 0).astype(int)], 0.0)
