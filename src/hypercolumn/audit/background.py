"""Background: the labels can be read from the pixels where the disease is not.

A network that reaches as much from the border of an image, or from the image with the tissue cut out, has learnt the
lamp, the ruler, the pen marks or the scanner's table. Features of those pixels alone are given as arrays (`data.border`
computes them), and a plain model reads the labels from them, held against permuted labels. Networks trained on chest
radiographs with the lungs blacked out kept most of their score (Maguolo and Nanni 2021, doi
10.1016/j.inffus.2021.04.008).

Linear on means and deviations: a pattern in the background that changes neither is not found.
"""

from collections.abc import Mapping

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.reading import SURE, answers_of, figures, read_from, span, witnesses
from hypercolumn.audit.wording import counted
from hypercolumn.data.cohort import Cohort
from hypercolumn.errors import InvalidArgument


def background(
    cohort: Cohort,
    features: Mapping[str, np.ndarray],
    *,
    where: str = "the border",
    permutations: int = 199,
    seed: int = 0,
) -> list[Finding]:
    """Read the labels from features (feature,) of each record, taken at `where` the disease is not.

    Raises InvalidArgument where `features` does not name each record with as many numbers. A number that is not finite
    counts as the mean of the others; where none is, there is nothing to read.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": [f"{n}.png" for n in range(60)], "label": ["ill", "well"] * 30})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label"), folder=".")
    >>> light = {record: np.array([n % 2 + n / 60]) for n, record in enumerate(cohort.records)}
    >>> [finding] = background(cohort, light)
    >>> finding.code, finding.evidence["AUROC from the border"]
    ('A-BACKGROUND-READABLE', 1.0)
    """
    cohort = witnesses(cohort, seed=seed)
    table = feature_table(cohort, features)
    answers = answers_of(cohort)
    if isinstance(answers, str):
        return [_not_checked(where, answers)]
    if not any(np.isfinite(np.asarray(features[record], dtype=float)).any() for record in cohort.records):
        return [_not_checked(where, "the images go on to their edges, and what lies behind cannot be told")]
    if table.shape[1] == 0 or not (np.ptp(table, axis=0) > 0).any():
        return [_not_checked(where, "it is the same in all records")]
    found = read_from(answers, {where: table}, permutations=permutations, seed=seed)[where]
    evidence = {f"{answers.noun}s": len(answers.labels), "features": table.shape[1], **figures({where: found})}
    if found.p > SURE:
        return [
            Finding(
                "A-BACKGROUND-PASSED",
                Severity.PASSED,
                f"The labels of {counted(len(answers.labels), answers.noun)} cannot be read from {where} alone: AUROC "
                f"{span(found)}, which permuted labels reach as well (p = {found.p:.2g}).",
                evidence=evidence,
                remedy="Nothing to do.",
            )
        ]
    return [
        Finding(
            "A-BACKGROUND-READABLE",
            Severity.WARNING,
            f"The labels can be read from {where} alone, where the disease is not: a plain model reaches an AUROC of "
            f"{span(found)}; permuted labels {found.chance:.2f} (p = {found.p:.2g}). A network can reach as much "
            "without looking at what it is meant to see.",
            evidence=evidence,
            remedy=f"Look at {where} of images of each label, side by side. Cut it off or blacken it in all images, in "
            "training and in use, and train again.",
        )
    ]


def feature_table(cohort: Cohort, features: Mapping[str, np.ndarray]) -> np.ndarray:
    """The features of every record, one under the other (record, feature)."""
    unknown = [record for record in cohort.records if record not in features]
    if unknown:
        raise InvalidArgument("features", unknown[:3], why="these records have none", fix="give some for each record")
    rows = [np.asarray(features[record], dtype=float).ravel() for record in cohort.records]
    if len({len(row) for row in rows}) != 1:
        raise InvalidArgument("features", "of different lengths", fix="give as many numbers for each record")
    table = np.stack(rows)
    known = np.isfinite(table)
    count = known.sum(axis=0)
    mean = np.where(known, table, 0).sum(axis=0) / np.maximum(count, 1)
    return np.where(known, table, mean)


def _not_checked(where: str, why: str) -> Finding:
    return Finding(
        "A-BACKGROUND-NOT-CHECKED",
        Severity.NOT_CHECKED,
        f"Not checked: whether the labels can be read from {where} alone, for {why}.",
        remedy="Give features of pixels without the disease, and a label with two classes or more.",
    )
