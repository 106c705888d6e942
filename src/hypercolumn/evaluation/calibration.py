"""Whether a probability means what it says: of all the cases given 0.8, eight in ten should be so.

    Brier score     mean over records of sum_c (p_c - y_c)^2; for two classes half of it, so that it runs from 0 to 1
    reliability     in bins of probability: how many, their mean probability, how often it was true
    ECE             sum_b n_b / n * |mean probability - how often true|

Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017,
arXiv 1706.04599. The expected calibration error is never below 0, so chance alone makes it positive with few records.
"""

import numpy as np

from hypercolumn.evaluation.overlap import ratio

BINS = 10
"""Bins of equal width over probability, the last one closed."""


def brier(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared error of each record: class indices (record,), probabilities (record, class) -> (record,).

    >>> brier(np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]]))
    array([0.0625, 0.25  ])
    """
    probabilities = np.asarray(probabilities, dtype=float)
    known = np.eye(probabilities.shape[1])[np.asarray(truth, dtype=int)]
    squared = np.square(probabilities - known).sum(axis=1)
    return squared / 2 if probabilities.shape[1] == 2 else squared


def reliability_counts(true: np.ndarray, probability: np.ndarray, *, bins: int = BINS) -> np.ndarray:
    """Counts (3, bin): how many, sum of their probability, how many true; arrays of one shape.

    >>> reliability_counts(np.array([1, 0, 1]), np.array([0.9, 0.05, 0.5]), bins=2)
    array([[1.  , 2.  ],
           [0.05, 1.4 ],
           [0.  , 2.  ]])
    """
    true, probability = np.asarray(true).ravel(), np.asarray(probability, dtype=float).ravel()
    place = np.clip((probability * bins).astype(np.int64), 0, bins - 1)
    return np.stack(
        [np.bincount(place, weights=values, minlength=bins) for values in (None, probability, true)]
    ).astype(float)


def expected_calibration_error(counts: np.ndarray) -> np.ndarray:
    """ECE of counts (..., 3, bin) as `reliability_counts` gives them; NaN where nothing was counted.

    >>> float(expected_calibration_error(reliability_counts(np.array([1, 0]), np.array([0.9, 0.4]))))
    0.25
    """
    counts = np.asarray(counts, dtype=float)
    return ratio(np.abs(counts[..., 1, :] - counts[..., 2, :]).sum(axis=-1), counts[..., 0, :].sum(axis=-1))
