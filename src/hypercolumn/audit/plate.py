"""Plates: does the place of a well, its row, its column, the edge, leave its mark on images or go with the label?

Wells at the edge of a plate dry out, rows are pipetted one after the other, columns are imaged one after the other.
Each well counts once, whatever was imaged in it:

    edge      the outermost ring against the rest               AUROC of a probe; Cramer's V with the label
    row       A, B, C ... in their order                        Spearman of a probe; Cramer's V with the label
    column    1, 2, 3 ... in their order                        as for rows

The probe deals wells within their plate and takes out each plate's mean, so that plates may differ as they like. The
p-values of the labels are corrected together and those of the probes together (Holm). Where wells of one label were
laid out in one place the layout gives it away: a warning. A place that can be told from the images alone is a note.
"""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.site_label import LEVEL
from hypercolumn.audit.wording import between, counted, ends, p_value, unchecked
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.association import association
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.probe import Probe, probe

FEWEST = 24
"""Fewer wells than this say nothing of places."""

_WELL = re.compile(r"\s*([A-Za-z]{1,2})[-_ ]?0*(\d{1,3})\s*")


def plate(
    wells: pd.Series,
    plates: pd.Series,
    *,
    labels: pd.Series | None = None,
    embeddings: Embeddings | None = None,
    deals: int = 999,
    seed: int = 0,
) -> list[Finding]:
    """Judge the layout of a screen: the well ("B07") and the plate of each record, as series by record.

    The edge of a plate is the ring of the outermost rows and columns that are used on any plate. Raises InvalidArgument
    for a name that is no well.

    >>> names = [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)]
    >>> wells = pd.Series(names, index=names)
    >>> treated = pd.Series(["control" if name[1:] in ("01", "12") else "drug" for name in names], index=names)
    >>> for finding in plate(wells, pd.Series("P1", index=names), labels=treated)[:2]:
    ...     print(finding.code, finding.evidence["Cramer's V"])
    A-PLATE-LABEL-EDGE 0.571
    A-PLATE-LABEL-COLUMN 0.945
    """
    others = [each for each in (plates, labels) if each is not None]
    if any(not each.index.equals(wells.index) for each in others):
        raise ShapeMismatch("wells, plates and labels name other records", fix="give series by record, in one order")
    row, column = _places(wells)
    place = pd.DataFrame({"row": row, "column": column}, index=wells.index)
    edge = (row == row.min()) | (row == row.max()) | (column == column.min()) | (column == column.max())
    place["edge"] = np.where(edge, "edge", "inside")
    unit = plates.astype(str) + " " + place["row"].astype(str) + "-" + place["column"].astype(str)
    if unit.nunique() < FEWEST:
        what = f"whether the place of a well leaves its mark: only {counted(unit.nunique(), 'well')}"
        return [unchecked("PLATE", what, f"Give {FEWEST} wells or more.")]
    return [
        *_labels(place, unit, labels, deals=deals, seed=seed),
        *_images(place, unit, plates.astype(str), embeddings, deals=min(deals, 199), seed=seed),
    ]


def _places(wells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Rows (A is 1, AA 27) and columns."""
    rows, columns = np.zeros(len(wells), dtype=int), np.zeros(len(wells), dtype=int)
    for number, name in enumerate(wells.astype(str)):
        found = _WELL.fullmatch(name)
        if not found:
            raise InvalidArgument("wells", name, why="it is no row and column", fix="write wells as A01 to AF48")
        for letter in found.group(1).upper():
            rows[number] = 26 * rows[number] + ord(letter) - ord("A") + 1
        columns[number] = int(found.group(2))
    return rows, columns


def _labels(
    place: pd.DataFrame, unit: pd.Series, labels: pd.Series | None, *, deals: int, seed: int
) -> Iterator[Finding]:
    if labels is None:
        yield unchecked("PLATE-LABEL", "whether labels lie in one place: no labels were given", "Give the labels.")
        return
    names = ("edge", "row", "column")
    found = {
        name: association(labels.astype(str).to_numpy(), place[name].to_numpy(), units=unit.to_numpy(), deals=deals,
                          seed=seed)
        for name in names
    }  # fmt: skip
    corrected = holm([np.nan if one.p is None else one.p for one in found.values()])
    if np.isnan(corrected).all():
        note = "all wells have one label" if labels.nunique() < 2 else "all wells lie in one place"
        yield unchecked("PLATE-LABEL", f"whether labels lie in one place: {note}", "Give labels that differ.")
        return
    loud = False
    for name, p in zip(names, corrected, strict=True):
        one = found[name]
        if one.value is not None and p < LEVEL:
            loud = True
            yield Finding(
                f"A-PLATE-LABEL-{name.upper()}",
                Severity.WARNING,
                f"Over {counted(one.units, 'well')}, the label and the {name} go together (Cramer's V {one.value:.2f}, "
                f"95 % interval {one.low:.2f} to {one.high:.2f}, p = {p:.2g}): what the {name} does to an image tells "
                "a part of the answer.",
                evidence={
                    "Cramer's V": round(one.value, 3),
                    "low": round(one.low or 0.0, 3),
                    "high": round(one.high or 0.0, 3),
                    "p, corrected": p_value(float(p)),
                    "wells": one.units,
                },
                remedy="Lay the labels out at random, or compare wells of one place alone.",
            )
    if not loud:
        least = float(np.nanmin(corrected))
        yield Finding(
            "A-PLATE-LABEL-PASSED",
            Severity.PASSED,
            f"Over {unit.nunique():,} wells, the label goes with neither edge, row nor column beyond chance (smallest "
            f"corrected p = {least:.2g}).",
            evidence={"wells": int(unit.nunique()), "smallest p, corrected": p_value(least)},
            remedy="Nothing to do.",
        )


def _images(
    place: pd.DataFrame,
    unit: pd.Series,
    plates: pd.Series,
    embeddings: Embeddings | None,
    *,
    deals: int,
    seed: int,
) -> Iterator[Finding]:
    if embeddings is None:
        yield unchecked("PLATE-IMAGES", "whether a place can be told from the images: no embeddings were given",
                        "Give embeddings or image statistics of the records.")  # fmt: skip
        return
    found: dict[str, Probe] = {}
    for name in ("edge", "row", "column"):
        found[name] = probe(
            embeddings, place[name], units=unit, strata=plates, ordered=name != "edge", deals=deals, seed=seed
        )
    corrected = holm([np.nan if one.p is None else one.p for one in found.values()])
    if np.isnan(corrected).all():
        what = f"whether a place can be told from the images: {found['edge'].figure.note}"
        yield unchecked("PLATE-IMAGES", what, "Give numbers that differ.")
        return
    quiet = True
    for (name, one), p in zip(found.items(), corrected, strict=True):
        if p < LEVEL:
            quiet = False
            said = (
                f"{one.metric} {one.figure.value:.3f}, {between(one.figure)}, {one.chance:.3f} by chance, p = {p:.2g}"
            )
            yield Finding(
                f"A-PLATE-{name.upper()}",
                Severity.NOTE,
                f"Over {counted(one.units, 'well')}, the {name} of a well can be told from its images ({said}).",
                evidence={**ends(one.metric, one.figure), "p, corrected": p_value(float(p)), "wells": one.units},
                remedy="Normalise each plate by its own controls, leave the edge out, or lay the labels out at random.",
            )
    if quiet:
        least = float(np.nanmin(corrected))
        yield Finding(
            "A-PLATE-IMAGES-PASSED",
            Severity.PASSED,
            f"A linear probe tells neither edge, row nor column of {unit.nunique():,} wells from their images "
            f"(smallest corrected p = {least:.2g}).",
            evidence={"wells": int(unit.nunique()), "smallest p, corrected": p_value(least)},
            remedy="Nothing to do.",
        )
