"""Site: does the score rest on telling the hospital, the scanner or the laboratory instead of the disease?

Four questions, on predictions that anybody may have made:

    do label and site go together?          Cramer's V, and the AUROC of knowing the site alone
    is the score lower within a site?       AUROC of all pairs against AUROC of pairs from one site: the difference is
                                            what ranking whole sites adds
    does the score differ between sites?    the headline by site, and Welch's test of heterogeneity
    does it fall at a site never seen?      leave-one-site-out against within-site predictions of the same records

Each is an answer about one study, so the four p-values are corrected together (Holm). Whether the site can be told from
embeddings or from image statistics is asked besides: it nearly always can (Howard and others 2021,
doi 10.1038/s41467-021-24698-1: also after colour normalisation), and that is a warning only where label and site go
together. Zech and others 2018, doi 10.1371/journal.pmed.1002683.

What this does not say: why sites differ. A hospital may have sicker patients as well as another scanner.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.site_label import LEVEL, label_findings, strongest_label, targets_of
from hypercolumn.audit.wording import NAMED, between, counted, ends, listed, p_value, unchecked
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.comparison import difference, two_sided
from hypercolumn.evaluation.embeddings import Embeddings
from hypercolumn.evaluation.intervals import DIFFERENCE, Interval, interval
from hypercolumn.evaluation.multiplicity import holm
from hypercolumn.evaluation.predictions import Predictions
from hypercolumn.evaluation.probe import Probe, probe
from hypercolumn.evaluation.ranking import auroc, auroc_within
from hypercolumn.evaluation.score import shown
from hypercolumn.evaluation.scores import headline, headline_score, heterogeneity_by, scores_by


def site(
    predictions: Predictions,
    column: str = "site",
    *,
    embeddings: Embeddings | None = None,
    statistics: Embeddings | None = None,
    left_out: Predictions | None = None,
    deals: int = 999,
    seed: int = 0,
) -> list[Finding]:
    """Judge out-of-fold predictions by a column of theirs that names the site, scanner or laboratory.

    `embeddings` are the network's, `statistics` anything simple that was measured on each image; `left_out` predicts
    the same pieces by networks that were never trained on the site they are judged at. What is not given is listed as
    not checked. Raises ManifestError where a predicted record has no embedding.

    >>> import pandas as pd
    >>> names = [f"P{n:03d}" for n in range(120)]
    >>> chance = np.random.default_rng(0)
    >>> hospital = np.repeat([0, 1], 60)
    >>> truth = (chance.random(120) < np.where(hospital == 1, 0.7, 0.2)).astype(int)
    >>> answer = np.clip(0.3 + 0.4 * hospital + 0.1 * chance.normal(size=120), 0, 1)  # it has learnt the hospital
    >>> numbers = {"truth": truth, "p_0": 1 - answer, "p_1": answer}
    >>> table = pd.DataFrame({"record": names, "fold": "1", "unit": names, "site": hospital, **numbers}, index=names)
    >>> for finding in site(Predictions(table, "class", ("benign", "malignant"), ("site",)))[:2]:
    ...     print(finding.code, finding.severity)
    A-SITE-LABEL warning
    A-SITE-RANKED blocking
    """
    if column not in predictions.table.columns:
        raise InvalidArgument(
            "column", column, fix=f"use one of {', '.join(predictions.groups) or 'none: name a site'}"
        )
    table = predictions.table
    lacking = table[column].isna() | (table[column].astype(str) == "")
    if lacking.any():
        why = f"{counted(int(lacking.sum()), 'prediction')} of {len(table):,} name no {column}"
        return [unchecked("SITE", f"whether the score rests on the {column}: {why}", f"Fill the column {column!r}.")]
    if table[column].nunique() < 2:
        only = str(table[column].iloc[0])
        what = f"whether the score rests on the {column}: all {len(table):,} predictions are of one, {only!r}"
        remedy = f"Test on records of a second {column}; until then the score speaks of {only!r} alone."
        return [unchecked("SITE", what, remedy)]
    targets = targets_of(predictions)
    label = strongest_label(targets, table[column], table["unit"], deals=deals, seed=seed) if targets else None
    ranked = _within(predictions, column, seed=seed)
    spread = heterogeneity_by(predictions, column, seed=seed)
    fall = None if left_out is None else difference(predictions, left_out, seed=seed)
    raised = holm(
        [
            np.nan if label is None or label.found.p is None else label.found.p,
            np.nan if ranked is None else two_sided(ranked.gain),
            np.nan if spread.p is None else spread.p,
            np.nan if fall is None else two_sided(fall),
        ]
    )
    confounded = bool(raised[0] < LEVEL)
    findings = [
        *label_findings(label, column, float(raised[0])),
        *_ranked(ranked, column, float(raised[1])),
        *_by_site(predictions, column, str(spread), float(raised[2]), seed=seed),
        *_left_out(predictions, left_out, fall, column, float(raised[3]), seed=seed),
    ]
    for source, numbers in (("embeddings", embeddings), ("image statistics", statistics)):
        findings += _told(predictions, column, source, numbers, confounded=confounded, seed=seed)
    return findings


@dataclass(frozen=True)
class _Ranked:
    """The AUROC of all pairs, of pairs within a site, and the difference, over units."""

    pooled: Interval
    within: Interval
    gain: Interval


def _within(predictions: Predictions, column: str, *, seed: int) -> _Ranked | None:
    """None where nothing is ranked, or no site has both classes."""
    if predictions.target_kind != "class" and predictions.target_kind != "labels":
        return None
    table, classes = predictions.table, predictions.classes
    if predictions.target_kind == "labels":
        pairs = [(table[f"truth_{index}"].to_numpy(int), f"p_{index}") for index in range(len(classes))]
    else:
        shown_classes = range(1, 2) if len(classes) == 2 else range(len(classes))
        pairs = [((table["truth"] == index).to_numpy(int), f"p_{index}") for index in shown_classes]
    site_code = pd.factorize(table[column])[0]
    unit, names = pd.factorize(table["unit"])
    usable = [
        (truth, table[chance].to_numpy(float))
        for truth, chance in pairs
        if (pd.Series(truth).groupby(site_code).nunique() > 1).any()
    ]
    if not usable:
        return None

    def pooled(weights: np.ndarray) -> np.ndarray:
        return np.mean([auroc(truth, score, weights=weights[:, unit]) for truth, score in usable], axis=0)

    def within(weights: np.ndarray) -> np.ndarray:
        return np.mean(
            [auroc_within(truth, score, site_code, weights=weights[:, unit]) for truth, score in usable], axis=0
        )

    count = len(names)
    gain = interval(lambda weights: pooled(weights) - within(weights), count, scale=DIFFERENCE, seed=seed)
    return _Ranked(interval(pooled, count, seed=seed), interval(within, count, seed=seed), gain)


def _ranked(ranked: _Ranked | None, column: str, p: float) -> Iterator[Finding]:
    if ranked is None or np.isnan(p):
        why = f"nothing is ranked, or no {column} has both classes" if ranked is None else ranked.gain.note
        yield unchecked(
            "SITE-RANKED",
            f"whether the score is lower within a {column}: {why}",
            f"Collect both classes at each {column}.",
        )
        return
    evidence: dict[str, object] = {
        **ends("AUROC of all pairs", ranked.pooled),
        **ends(f"AUROC within a {column}", ranked.within),
        **ends(f"added by ranking {column}s", ranked.gain),
        "p, corrected": p_value(p),
    }
    said = (
        f"The AUROC of all pairs is {ranked.pooled.value:.3f}, and {ranked.within.value:.3f} where patients are "
        f"compared within one {column} alone"
    )
    gain = ranked.gain.value or 0.0
    if not (p < LEVEL and gain > 0):
        yield Finding(
            "A-SITE-RANKED-PASSED",
            Severity.PASSED,
            f"{said}: ranking whole {column}s is not shown to add anything (p = {p:.2g}).",
            evidence=evidence,
            remedy="Nothing to do.",
        )
        return
    nothing_left = ranked.within.low is not None and ranked.within.low <= 0.5
    yield Finding(
        "A-SITE-RANKED",
        Severity.BLOCKING if nothing_left else Severity.WARNING,
        f"{said}: {gain:.3f} of it ({between(ranked.gain)}, p = {p:.2g}) comes from ranking whole {column}s"
        + (", and within one nothing shows that the disease is told at all." if nothing_left else "."),
        evidence=evidence,
        remedy=f"Report the AUROC within a {column}; train with {column}-preserving folds, and with normalisation or "
        "harmonisation fitted on the training side.",
        spoils=("*",) if nothing_left else (),
    )


def _by_site(predictions: Predictions, column: str, spread: str, p: float, *, seed: int) -> Iterator[Finding]:
    metric = headline(predictions)
    by_site = scores_by(predictions, column, seed=seed)
    defined = {name: score for name, score in by_site.items() if score.goodness is not None}
    worst = sorted(defined, key=lambda name: defined[name].goodness or 0.0)
    evidence: dict[str, object] = {f"{metric} at {name}": str(by_site[name]) for name in worst[:NAMED]}
    evidence |= {
        f"{column}s": len(by_site),
        f"{column}s without a score": len(by_site) - len(defined),
        "spread": spread,
    }
    if np.isnan(p):
        what = f"whether the score differs between {column}s: fewer than two have a {metric} with an error"
        yield unchecked("SITE-SCORE", what, f"Test on more patients of each {column}.", evidence)
        return
    evidence["p, corrected"] = p_value(p)
    low, high = (defined[worst[place]].value or 0.0 for place in (0, -1))
    said = f"from {shown(low)} at {worst[0]} to {shown(high)} at {worst[-1]}"
    if p < LEVEL:
        yield Finding(
            "A-SITE-SCORE-DIFFERS",
            Severity.WARNING,
            f"The {metric} differs between {counted(len(defined), column)} by more than chance: {said} (p = {p:.2g}).",
            evidence=evidence,
            remedy=f"Report the score of each {column} and the worst beside the mean; look at what is different there.",
        )
    else:
        yield Finding(
            "A-SITE-SCORE-PASSED",
            Severity.PASSED,
            f"The {metric} runs {said}, over {counted(len(defined), column)}, and is not shown to differ (p = {p:.2g}, "
            "corrected for all that was asked of the sites).",
            evidence=evidence,
            remedy="Nothing to do.",
        )


def _left_out(
    predictions: Predictions,
    left_out: Predictions | None,
    fall: Interval | None,
    column: str,
    p: float,
    *,
    seed: int,
) -> Iterator[Finding]:
    if left_out is None or fall is None or np.isnan(p):
        why = "no predictions of networks that never saw the site were given" if fall is None else fall.note
        yield unchecked(
            "SITE-LEFT-OUT",
            f"whether the score falls at a {column} that was never trained on: {why}",
            f"Train with each {column} left out in turn, and give its predictions to this audit.",
        )
        return
    metric, better = headline(predictions), headline_score(predictions, seed=seed).better
    worse = better.goodness(1.0) * (fall.value or 0.0) < 0
    evidence: dict[str, object] = {**ends(f"change of {metric}", fall), "p, corrected": p_value(p)}
    said = f"by {abs(fall.value or 0.0):.3f} ({between(fall)}, p = {p:.2g})"
    if p < LEVEL and worse:
        yield Finding(
            "A-SITE-LEFT-OUT",
            Severity.WARNING,
            f"At a {column} that was never trained on the {metric} is worse {said}: the score within {column}s does "
            "not speak of a new one.",
            evidence=evidence,
            remedy=f"Report the leave-one-{column}-out score as the headline.",
        )
    else:
        yield Finding(
            "A-SITE-LEFT-OUT-PASSED",
            Severity.PASSED,
            f"At a {column} that was never trained on the {metric} changes {said}: no fall beyond chance.",
            evidence=evidence,
            remedy="Nothing to do.",
        )


def _told(
    predictions: Predictions,
    column: str,
    source: str,
    numbers: Embeddings | None,
    *,
    confounded: bool,
    seed: int,
) -> Iterator[Finding]:
    code = f"SITE-IN-{source.split()[-1].upper()}"
    what = f"how well the {column} can be told from {source}"
    if numbers is None:
        yield unchecked(code, f"{what}: none were given", f"Give the {source} of the predicted records.")
        return
    found = told_from(predictions, numbers, predictions.table[column], seed=seed)
    if found.p is None:
        yield unchecked(code, f"{what}: {found.figure.note}", "Give more patients, or numbers that differ.")
        return
    evidence: dict[str, object] = {
        **ends("AUROC", found.figure),
        "AUROC by chance": round(found.chance or 0.0, 3),
        "balanced accuracy": round(found.accuracy or 0.0, 3),
        "p": p_value(found.p),
        "units": found.units,
        **{f"AUROC of {name}": round(area, 3) for name, area in list(found.by_class.items())[:NAMED]},
    }
    if found.left_out:
        evidence["too few units"] = listed(found.left_out)
    said = f"AUROC {found.figure.value:.3f}, {between(found.figure)}, {found.chance:.3f} by chance, p = {found.p:.2g}"
    if found.p < LEVEL:
        together = f" Label and {column} go together as well, so the network can use it." if confounded else ""
        yield Finding(
            f"A-{code}",
            Severity.WARNING if confounded else Severity.NOTE,
            f"The {column} can be told from the {source} ({said}).{together}",
            evidence=evidence,
            remedy="Try normalisation, colour augmentation and harmonisation fitted on the training side, and ask "
            "again."
            if confounded
            else f"Nothing to do here: label and {column} do not go together, so that this does not raise the score.",
        )
    else:
        yield Finding(
            f"A-{code}-PASSED",
            Severity.PASSED,
            f"A linear probe cannot tell the {column} from the {source} ({said}).",
            evidence=evidence,
            remedy="Nothing to do.",
        )


def told_from(
    predictions: Predictions, numbers: Embeddings, target: pd.Series, *, ordered: bool = False, seed: int = 0
) -> Probe:
    """A probe over the predicted records, each once."""
    once = ~predictions.table["record"].duplicated().to_numpy()
    names = predictions.table["record"].to_numpy()[once]
    values = pd.Series(target.to_numpy()[once], index=names)
    units = pd.Series(predictions.table["unit"].to_numpy()[once], index=names)
    return probe(numbers, values, units=units, ordered=ordered, seed=seed)
