"""How well membranes part the cells of a section: the measures of the ISBI 2012 challenge.

    pixel error    samples whose class is wrong / samples
    V Rand         sum p_ij^2 / (sum s_i^2 + sum t_j^2) * 2                        the Rand error is 1 - V Rand
    V info         2 I(S; T) / (H(S) + H(T))

p_ij is the share of samples in predicted cell i and true cell j, s and t its sums; only samples that truly lie in a
cell count (foreground-restricted). Cells are the parts that hang together by faces, so that a membrane one sample wide
and diagonal still parts them. A sample predicted to be membrane belongs to no cell: each is a cell of its own. How wide
a membrane was drawn should not count, so the predicted cells are first grown until they meet (border thinning,
`thinned`). The two parts of V Rand tell what went wrong: `rand_split` (recall) falls where cells are cut, `rand_merge`
(precision) where they are run together.

Arganda-Carreras et al. 2015, doi 10.3389/fnana.2015.00142. Arrays of any number of axes are taken as they are. The
warping error is `warping`. A threshold that was chosen on the slices it is scored on flatters: `best_threshold` is for
training slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.agreement import mean_of_defined
from hypercolumn.evaluation.contingency import contingency
from hypercolumn.evaluation.overlap import ratio
from hypercolumn.evaluation.warping import warped


@dataclass(frozen=True)
class CellAgreement:
    """How predicted cells agree with true ones on `samples` samples of true cells; NaN where there is none.

    `both`, `predicted` and `truth` are the sums of squares sum p_ij^2, sum s_i^2 and sum t_j^2; `information`,
    `predicted_entropy` and `true_entropy` are in nats.
    """

    samples: int
    both: float
    predicted: float
    truth: float
    information: float
    predicted_entropy: float
    true_entropy: float

    @property
    def rand(self) -> float:
        """V Rand, 1 where the cells are the same."""
        return float(ratio(np.array(2 * self.both), np.array(self.predicted + self.truth)))

    @property
    def rand_split(self) -> float:
        """Of two samples of one true cell, how often they are in one predicted cell."""
        return float(ratio(np.array(self.both), np.array(self.truth)))

    @property
    def rand_merge(self) -> float:
        """Of two samples of one predicted cell, how often they are in one true cell."""
        return float(ratio(np.array(self.both), np.array(self.predicted)))

    @property
    def info(self) -> float:
        """V info; 1 where truth and prediction are both a single cell."""
        if self.samples and self.predicted_entropy + self.true_entropy <= 0:
            return 1.0
        return float(ratio(np.array(2 * self.information), np.array(self.predicted_entropy + self.true_entropy)))


def cells(inside: np.ndarray) -> np.ndarray:
    """The cells (*space) of a boolean array that is true inside cells, counted from 1.

    >>> cells(np.array([[1, 0], [0, 1]], dtype=bool))
    array([[1, 0],
           [0, 2]], dtype=int32)
    """
    return ndimage.label(np.asarray(inside, dtype=bool))[0]


def thinned(labels: np.ndarray, membrane: np.ndarray) -> np.ndarray:
    """Cells grown into the membrane until they meet, the least likely membrane first: (*space), no 0 left.

    `labels` are cells, 0 in the membrane; `membrane` (*space) is its probability. Without any cell all stays 0.

    >>> thinned(np.array([1, 0, 0, 0, 2]), np.array([0.1, 0.6, 0.7, 0.9, 0.2]))
    array([1, 1, 1, 2, 2], dtype=int32)
    """
    _same_shape(labels, membrane)
    return watershed(np.asarray(membrane, dtype=np.float64), np.asarray(labels, dtype=np.int32), connectivity=1)


def cell_agreement(truth: np.ndarray, predicted: np.ndarray) -> CellAgreement:
    """The agreement of two maps of cells (*space), 0 in the membrane, over the samples of true cells.

    >>> found = cell_agreement(np.array([1, 1, 1, 0, 2, 2]), np.array([1, 1, 1, 1, 1, 1]))
    >>> round(found.rand, 3), found.rand_split, round(found.rand_merge, 2)
    (0.684, 1.0, 0.52)
    """
    _same_shape(truth, predicted)
    inside = np.asarray(truth) > 0
    table = contingency(np.asarray(truth), np.where(inside, predicted, 0))
    samples = int(table.truth_size.sum())
    alone = samples - int(table.predicted_size.sum())
    share = 1 / max(samples, 1)
    both, own, true = (sizes * share for sizes in (table.pair_samples, table.predicted_size, table.truth_size))
    joint, predicted_entropy, true_entropy = _entropy(both, alone), _entropy(own, alone), _entropy(true, 0)
    return CellAgreement(
        samples,
        both=float(np.square(both).sum() + alone * share**2),
        predicted=float(np.square(own).sum() + alone * share**2),
        truth=float(np.square(true).sum()),
        information=predicted_entropy + true_entropy - joint,
        predicted_entropy=predicted_entropy,
        true_entropy=true_entropy,
    )


def membrane_row(truth: np.ndarray, membrane: np.ndarray, *, threshold: float) -> dict[str, object]:
    """The numbers of one slice: truth (*space) true inside cells, and the probability of membrane (*space).

    Cells are where the probability is below the threshold; for the Rand and information figures they are grown until
    they meet. The warping error is for slices of two axes; it is NaN for others.

    >>> truth = np.array([[1, 1, 0, 1, 1]] * 3, dtype=bool)
    >>> row = membrane_row(truth, np.where(truth, 0.2, 0.6), threshold=0.5)
    >>> row["wrong_samples"], row["warped_samples"], row["samples"], row["rand"], row["info"]
    (0, 0, 15, 1.0, 1.0)
    """
    truth, membrane = np.asarray(truth, dtype=bool), np.asarray(membrane)
    _same_shape(truth, membrane)
    inside = membrane < threshold
    found = cell_agreement(cells(truth), thinned(cells(inside), membrane))
    return {
        "samples": int(truth.size),
        "wrong_samples": int(np.count_nonzero(truth != inside)),
        "warped_samples": int(np.count_nonzero(warped(truth, inside) != inside)) if truth.ndim == 2 else np.nan,
        "rand": found.rand,
        "rand_split": found.rand_split,
        "rand_merge": found.rand_merge,
        "info": found.info,
    }


def best_threshold(
    slices: Sequence[tuple[np.ndarray, np.ndarray]], *, thresholds: Sequence[float] = tuple(np.arange(5, 100, 5) / 100)
) -> float:
    """The threshold with the highest mean V Rand over training slices (truth inside cells, probability of membrane).

    Of equally good ones the middle one, so that neither side of a plateau is favoured.

    >>> truth = np.array([[1, 1, 0, 1, 1]] * 3, dtype=bool)
    >>> best_threshold([(truth, np.where(truth, 0.2, 0.6))])
    0.4
    """
    true_cells = [cells(truth) for truth, _ in slices]
    if not thresholds or not any(labels.any() for labels in true_cells):
        raise InvalidArgument("slices", f"{len(slices)} slices", fix="give at least one with a true cell")
    values = []
    for threshold in thresholds:
        found = [thinned(cells(membrane < threshold), membrane) for _, membrane in slices]
        each = [cell_agreement(truth, one).rand for truth, one in zip(true_cells, found, strict=True)]
        values.append(float(mean_of_defined(np.asarray(each))))
    equal = np.flatnonzero(np.asarray(values) >= max(values) - 1e-12)
    return float(thresholds[int(equal[(len(equal) - 1) // 2])])


def _entropy(shares: np.ndarray, alone: int) -> float:
    """- sum p log p of these shares, in nats, and of `alone` more of one sample each: together they are 1."""
    single = (1 - shares.sum()) / alone if alone else 1.0
    return float(-(shares * np.log(shares)).sum() - alone * single * np.log(single))


def _same_shape(truth: np.ndarray, other: np.ndarray) -> None:
    if np.shape(truth) != np.shape(other):
        raise ShapeMismatch(f"the arrays are {np.shape(truth)} and {np.shape(other)}", why="they are compared in place")
