"""Anybody's predictions as the audits read them: records, what is true of each, and how likely each class is.

    record  truth  p_benign  p_malignant        one row a prediction; `truth` is a class or its place, from 0
    manifest                                    patient, site and whatever else stands beside the same records

Columns of the manifest that hold few values become groups, so that the score is asked for by each of them. What is not
there is not guessed: without `truth` or probabilities nothing is judged, and the audits say so.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hypercolumn import audit
from hypercolumn.audit import KINDS, Finding
from hypercolumn.errors import ManifestError
from hypercolumn.evaluation import Predictions
from hypercolumn.evaluation.embeddings import Embeddings

MOST_VALUES = 12
"""A column of the manifest with more values than this names no groups."""
SUM = 1e-3
"""How far the probabilities of a record may be from 1 together."""


def predictions_of(given: pd.DataFrame, manifest: pd.DataFrame, roles: Mapping[str, str]) -> Predictions | None:
    """The predictions of a table that says `truth` and p_CLASS, with the manifest's columns beside it; None without.

    `roles` name the manifest's columns: patient, site. The two tables share the name of a column, by which records are
    matched. Raises ManifestError where probabilities do not sum to one, a truth is no class, or a record is unknown.
    """
    chances = [str(name) for name in given.columns if str(name).startswith("p_")]
    if "truth" not in given.columns or len(chances) < 2:
        return None
    key = next((name for name in manifest.columns if name in given.columns and name != "truth"), None)
    if key is None:
        raise ManifestError("manifest and predictions share no column", fix="name the records alike in both")
    classes = tuple(name.removeprefix("p_") for name in chances)
    values = given[chances].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    wrong = ~(np.abs(values.sum(axis=1) - 1) <= SUM)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ManifestError(
            f"the probabilities of {int(wrong.sum()):,} records do not sum to one",
            where=f"{key} {given[key].iloc[place]!r}: {values[place].tolist()}",
            fix="give the softmax; several labels at once are not read from a table yet",
        )
    beside = manifest.drop_duplicates(key).set_index(key)
    unknown = [name for name in given[key] if name not in beside.index]
    if unknown:
        raise ManifestError(
            f"{len(unknown):,} predicted records are not in the manifest", where=", ".join(map(str, unknown[:5]))
        )
    here = beside.loc[list(given[key])].reset_index(drop=True)
    unit = here[roles["patient"]] if "patient" in roles else given[key]
    groups = _groups(here, roles)
    rows = {
        f"{name}#{number}": {
            "record": str(name),
            "fold": str(given["fold"].iloc[number]) if "fold" in given.columns else "given",
            "unit": str(unit.iloc[number]),
            **{column: str(here[column].iloc[number]) for column in groups},
            "truth": _place(given["truth"].iloc[number], classes),
            **{f"p_{place}": float(chance) for place, chance in enumerate(values[number])},
        }
        for number, name in enumerate(given[key])
    }
    return Predictions.from_rows(rows, target_kind="class", classes=classes, groups=list(groups))


def judged(predictions: Predictions, site: str | None, embeddings: Embeddings | None, *, unit: str) -> list[Finding]:
    """What the predictions say of labels, sites and groups; a pitfall nobody could look at stays in the list."""
    findings = audit.label_noise(predictions, unit=unit)
    if site is not None and site in predictions.table.columns:
        findings += audit.site(predictions, site, embeddings=embeddings)
    findings += audit.strata(predictions, [name for name in predictions.groups if name != site])
    findings += audit.slices(predictions, embeddings)
    asked = [codes for codes in KINDS.values() if any(one.code.startswith(codes) for one in findings)]
    return findings + [one for one in audit.not_checked() if not any(one.code.startswith(codes) for codes in asked)]


def _groups(beside: pd.DataFrame, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The site, and columns with a few values each that are no role of their own."""
    taken = {column for role, column in roles.items() if role != "site"}
    few = [str(name) for name in beside.columns if 2 <= beside[name].nunique() <= MOST_VALUES and name not in taken]
    return tuple(few)


def _place(truth: object, classes: tuple[str, ...]) -> int:
    """A class or its place, as a place."""
    text = str(truth).strip().removesuffix(".0")
    if text in classes:
        return classes.index(text)
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise ManifestError(f"truth {text!r} is no class", why=f"the probabilities are of {', '.join(classes)}")
