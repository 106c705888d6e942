"""What the audits are asked of a study after training, and what they are given.

    are labels wrong? does the site show in scores, and in the network's features? does a declared group fare worse, or
    one that nobody named?

Features are those of the first fold's network on its own test side: networks of other folds speak another language, and
the records that one learnt from are not new to it. What an audit cannot look at it says itself, with the reason; a
pitfall for which nothing could be asked stays in the list as not checked.
"""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from hypercolumn import audit
from hypercolumn.audit import KINDS, Finding, Fitted
from hypercolumn.errors import HypercolumnError
from hypercolumn.evaluation import Predictions
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.study.material import Material
from hypercolumn.study.predicting import load_trained
from hypercolumn.study.run import Run


def after_training(run: Run, material: Material, predictions: Predictions) -> list[Finding]:
    """What the out-of-fold predictions say of labels, sites and groups."""
    unit = run.unit_words()
    findings: list[Finding] = audit.fitting(material.cohort, run.split, list(_fitted(run)))
    if predictions.kind == "classification":
        findings += audit.label_noise(predictions, unit=unit)
    column = _site_column(material, predictions)
    part, features = _first_fold(run, material, predictions)
    if column is not None:
        findings += audit.site(predictions, column)
        if features is not None and part.table[column].nunique() > 1:
            told = [one for one in audit.site(part, column, embeddings=features) if "EMBEDDING" in one.code]
            findings = [one for one in findings if "EMBEDDING" not in one.code] + told
    declared = [name for name in _strata_columns(material) if name in predictions.table.columns]
    findings += audit.strata(predictions, declared)
    if predictions.kind == "classification" and predictions.target_kind != "labels":
        findings += audit.slices(part, features)
    return findings + [one for one in audit.not_checked() if not _looked_at(one.code, findings)]


def _fitted(run: Run) -> Iterator[Fitted]:
    """On what each fold's plan and normalization were fitted, as it was written down before the first step."""
    for fold in run.split.folds:
        decided = json.loads((run.fold(fold.name) / "schedule.json").read_text(encoding="utf-8"))
        if "fitted_on" in decided:
            yield Fitted("plan and normalization", fold.name, tuple(decided["fitted_on"]))


def _looked_at(code: str, findings: Sequence[Finding]) -> bool:
    """Whether anything was said of the pitfall that a "not checked" speaks of."""
    kind = next(codes for codes in KINDS.values() if code.startswith(codes))
    return any(one.code.startswith(kind) for one in findings)


def _site_column(material: Material, predictions: Predictions) -> str | None:
    columns = material.cohort.columns
    found = columns.lineage.get("site") or next(iter(columns.batch), None)
    there = found is not None and found in predictions.table.columns
    return found if there and predictions.table[found].nunique() > 1 else None


def _strata_columns(material: Material) -> list[str]:
    return list(dict.fromkeys(material.cohort.columns.strata))


def _first_fold(run: Run, material: Material, predictions: Predictions) -> tuple[Predictions, Embeddings | None]:
    """The first fold's test side, and what its network sees of it; None where the network has no features to show."""
    fold = run.split.folds[0]
    part = predictions.select(predictions.table.index[predictions.table["fold"] == fold.name])
    if material.dense:
        return part, None
    try:
        model = load_trained(run.fold(fold.name), sha256=run.state()["folds"][fold.name]["sha256"], memory_bytes=2**30)
    except HypercolumnError:
        return part, None
    features = getattr(model.predictor.network.eval(), "features", None)
    if features is None:
        return part, None
    vectors = []
    with torch.inference_mode():
        for record in part.table["record"]:
            image = torch.from_numpy(model.normalization.apply(material.image(str(record))))
            vectors.append(features(image[None])[0].float().numpy())
    return part, Embeddings(tuple(map(str, part.table["record"])), np.stack(vectors).astype(np.float64))
