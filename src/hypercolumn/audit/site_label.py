"""Label and site: does telling the hospital, the scanner or the laboratory give a part of the answer away?

Cramer's V of the two over patients, with its interval (`evaluation.association`), and the AUROC that knowing the site
alone would have (`evaluation.site_only`). It asks nothing of a network, so it can be asked before there is one.

What this does not say: why they go together. A hospital may see sicker patients.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted, p_value, unchecked
from hypercolumn.data.cohort import Cohort
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.association import Association, association
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.site_only import site_only_auroc

LEVEL = 0.05
"""A finding is raised where its corrected p-value is below this."""

PARTS = 4
"""A number is cut into so many parts of equal size to be held against sites."""


def site_labels(cohort: Cohort, column: str, *, deals: int = 999, seed: int = 0) -> list[Finding]:
    """Before training, from the manifest alone: do label and site go together?

    >>> from hypercolumn.data.cohort import Columns
    >>> names = [f"{n:02d}" for n in range(40)]
    >>> table = pd.DataFrame({"image": names, "label": ["a", "b"] * 20, "ward": ["x", "y"] * 20})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="label", batch=("ward",)), folder=".")
    >>> [finding] = site_labels(cohort, "ward")
    >>> finding.code, str(finding.severity), finding.evidence["Cramer's V"]
    ('A-SITE-LABEL', 'blocking', 1.0)
    """
    if column not in cohort.table.columns:
        raise InvalidArgument("column", column, fix=f"use one of {', '.join(map(str, cohort.table.columns))}")
    if cohort.columns.target is None:
        return [unchecked("SITE-LABEL", f"whether label and {column} go together: there is no label", "Name one.")]
    labels, sites = cohort.table[cohort.columns.target].astype(str), cohort.table[column].astype(str)
    if labels.nunique() > max(20, len(labels) // 10):
        numbers = pd.to_numeric(labels, errors="coerce")
        if numbers.isna().any():
            what = f"whether label and {column} go together: the labels are files or have {labels.nunique():,} values"
            return [unchecked("SITE-LABEL", what, "Compare what the label images hold by site by hand.")]
        labels = _parts(numbers)
    units = cohort.level("patient") if "patient" in cohort.levels else cohort.level("specimen")
    label = strongest_label({"the label": pd.factorize(labels)[0]}, sites, units, deals=deals, seed=seed)
    return [*label_findings(label, column, float("nan") if label.found.p is None else label.found.p)]


@dataclass(frozen=True)
class SiteLabel:
    """The label that goes with the site most, and how strongly.

    `both_somewhere` says whether any site has two labels; `site_only` is the AUROC of knowing the site alone, for a
    label that is there or not.
    """

    name: str
    found: Association
    both_somewhere: bool
    site_only: float | None


def targets_of(predictions: Predictions) -> dict[str, np.ndarray]:
    """What is true of each row, as names: one entry a label; a number is cut into quarters; none for masks."""
    table = predictions.table
    if predictions.target_kind in {"class", "grade"}:
        return {"the label": table["truth"].to_numpy(int)}
    if predictions.target_kind == "labels":
        return {name: table[f"truth_{index}"].to_numpy(int) for index, name in enumerate(predictions.classes)}
    if predictions.target_kind == "number":
        return {"the number, in quarters,": _parts(table["truth"]).to_numpy()}
    return {}


def strongest_label(
    targets: Mapping[str, np.ndarray], sites: pd.Series, units: pd.Series, *, deals: int, seed: int
) -> SiteLabel:
    """The label that goes with the site most, its p-value corrected for how many labels there are."""
    found = {
        name: association(label, sites.to_numpy(), units=units.to_numpy(), deals=deals, seed=seed)
        for name, label in targets.items()
    }
    p = holm([np.nan if one.p is None else one.p for one in found.values()])
    place = 0 if np.isnan(p).all() else int(np.nanargmin(p))
    name = list(found)[place]
    one, label = found[name], targets[name]
    corrected = replace(one, p=None if one.p is None else float(p[place]))
    both = bool((pd.Series(label).groupby(sites.to_numpy()).nunique() > 1).any())
    alone = None
    if one.names[0] == 2 and one.value is not None:
        by_site = pd.Series(label == label.max()).groupby(sites.to_numpy())
        alone = site_only_auroc(by_site.sum().to_numpy(), by_site.size().to_numpy())
    return SiteLabel(name, corrected, both_somewhere=both, site_only=alone)


def label_findings(label: SiteLabel | None, column: str, p: float) -> Iterator[Finding]:
    if label is None or label.found.value is None:
        why = "masks are not compared" if label is None else label.found.note.replace("the first name", label.name)
        yield unchecked(
            "SITE-LABEL", f"whether label and {column} go together: {why}", f"Compare the targets by {column} by hand."
        )
        return
    found = label.found
    evidence: dict[str, object] = {
        "Cramer's V": round(found.value or 0.0, 3),
        "low": round(found.low or 0.0, 3),
        "high": round(found.high or 0.0, 3),
        "p, corrected": p_value(p),
        "units": found.units,
        f"{column}s": found.names[1],
    }
    alone = ""
    if label.site_only is not None:
        evidence["AUROC of knowing the site alone"] = round(label.site_only, 3)
        alone = f" Knowing the {column} alone would score an AUROC of {label.site_only:.3f}."
    strength = f"Cramer's V {found.value:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}, p = {p:.2g}"
    if not p < LEVEL:
        yield Finding(
            "A-SITE-LABEL-PASSED",
            Severity.PASSED,
            f"Over {counted(found.units, 'unit')}, {label.name} and the {column} go together no more than by chance "
            f"({strength}).",
            evidence=evidence,
            remedy="Nothing to do.",
        )
        return
    blocked = not label.both_somewhere
    nowhere = f" No {column} has two labels, so nothing here can tell the one from the other." if blocked else ""
    yield Finding(
        "A-SITE-LABEL",
        Severity.BLOCKING if blocked else Severity.WARNING,
        f"Over {counted(found.units, 'unit')}, {label.name} and the {column} go together ({strength}), so a network "
        f"that tells the {column} has a part of the answer.{alone}{nowhere}",
        evidence=evidence,
        remedy=f"Compare records within one {column}, split so that each {column} stays on one side, or collect the "
        f"labels that are rare at a {column}.",
        spoils=("*",) if blocked else (),
    )


def _parts(numbers: pd.Series) -> pd.Series:
    return pd.qcut(pd.to_numeric(numbers).rank(method="average"), PARTS, labels=False, duplicates="drop")
