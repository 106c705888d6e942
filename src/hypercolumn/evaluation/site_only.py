"""What knowing the hospital alone would score: each record is given the prevalence of its own site.

    AUROC = sum_i positives_i (sum_{j: prevalence_j < prevalence_i} negatives_j + negatives_i / 2)
            / (all positives * all negatives)

For two sites it is the area under a curve of one threshold, (1 + TPR - FPR) / 2. Zech and others 2018
(doi 10.1371/journal.pmed.1002683) sorted chest radiographs of two hospitals by hospital alone, at prevalences of
pneumonia of 34.2 and 1.2 %. The prevalences are those of the records judged, so with many small sites the figure is
above 0.5 by chance.
"""

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.ranking import auroc


def site_only_auroc(positives: np.ndarray, records: np.ndarray) -> float:
    """From how many records each site has (site,), and how many of them have the disease; NaN where all or none have.

    >>> round(site_only_auroc(np.array([0.342 * 42_396, 0.012 * 112_120]), np.array([42_396, 112_120])), 3)
    0.857
    """
    with_it, everybody = np.asarray(positives, dtype=float), np.asarray(records, dtype=float)
    if with_it.shape != everybody.shape or with_it.ndim != 1:
        raise ShapeMismatch(f"positives are {with_it.shape}, records {everybody.shape}", fix="give one of each a site")
    if not (np.isfinite(everybody).all() and (everybody > 0).all() and ((with_it >= 0) & (with_it <= everybody)).all()):
        raise InvalidArgument("positives", with_it.tolist(), fix="give 0 up to the number of records of each site")
    prevalence = with_it / everybody
    truth = np.repeat([1, 0], len(prevalence))
    return float(auroc(truth, np.tile(prevalence, 2), weights=np.concatenate([with_it, everybody - with_it])))
