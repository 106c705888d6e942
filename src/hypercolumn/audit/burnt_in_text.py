"""Burnt-in text: letters in the pixels, and whether they tell the label.

Names of hospitals, sides and patients are written into radiographs and ultrasound images, and a network reads them:
"portable" marks the ill. `data.glyphs` counts marks that look like letters in each part of an image; here the labels
are read from these counts alone, and the text itself is a note, since it may also name a patient.
"""

from collections.abc import Mapping

import numpy as np

from hypercolumn.audit.background import feature_table
from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.reading import SURE, answers_of, figures, read_from, span, witnesses
from hypercolumn.audit.wording import NAMED, counted, percent
from hypercolumn.data.cohort import Cohort

TEXT = "burnt-in text"


def burnt_in_text(
    cohort: Cohort, glyphs: Mapping[str, np.ndarray], *, permutations: int = 199, seed: int = 0
) -> list[Finding]:
    """Judge the counts of letters (part of the image,) of each record.

    Raises InvalidArgument where `glyphs` does not name each record with as many numbers.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": [f"{n}.png" for n in range(60)], "label": ["ill", "well"] * 30})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label"), folder=".")
    >>> portable = {record: np.array([8 * (n % 2)]) for n, record in enumerate(cohort.records)}
    >>> [finding] = burnt_in_text(cohort, portable)
    >>> finding.code, finding.evidence["records with text"]
    ('A-TEXT-READABLE', 30)
    """
    table = feature_table(cohort, glyphs)
    written = np.flatnonzero(table.sum(axis=1) > 0)
    evidence: dict[str, object] = {"records": len(cohort), "records with text": len(written)}
    if not len(written):
        return [
            Finding(
                "A-TEXT-PASSED",
                Severity.PASSED,
                f"No rows of letters were found in {counted(len(cohort), 'record')}.",
                evidence=evidence,
                remedy="Nothing to do.",
            )
        ]
    shown = tuple((cohort.records[place],) for place in written[:NAMED])
    some = f"{len(written):,} of {counted(len(cohort), 'record')} ({percent(len(written), len(cohort))}) seem to have "
    asked = witnesses(cohort, seed=seed)
    answers, table = answers_of(asked), feature_table(asked, glyphs)
    if isinstance(answers, str) or not (np.ptp(table, axis=0) > 0).any():
        why = answers if isinstance(answers, str) else "all records have the same text"
        return [
            Finding(
                "A-TEXT-NOT-CHECKED",
                Severity.NOT_CHECKED,
                f"{some}text in their pixels. Not checked: whether it tells the label, for {why}.",
                evidence=evidence,
                remedy="Look at these records; text may name a patient.",
                groups=shown,
            )
        ]
    found = read_from(answers, {TEXT: table}, permutations=permutations, seed=seed)[TEXT]
    evidence |= {f"{answers.noun}s": len(answers.labels), **figures({TEXT: found})}
    if found.p > SURE:
        return [
            Finding(
                "A-TEXT-THERE",
                Severity.NOTE,
                f"{some}text in their pixels. It does not tell the label: AUROC {span(found)} (p = {found.p:.2g}).",
                evidence=evidence,
                remedy="Look at these records; text may name a patient. Blacken it in all images.",
                groups=shown,
            )
        ]
    return [
        Finding(
            "A-TEXT-READABLE",
            Severity.WARNING,
            f"{some}text in their pixels, and it tells the label: from the counts of letters alone a plain model "
            f"reaches an AUROC of {span(found)}; permuted labels {found.chance:.2f} (p = {found.p:.2g}).",
            evidence=evidence,
            remedy="Blacken the text in all images, in training and in use, and train again; text may name a patient.",
            groups=shown,
        )
    ]
