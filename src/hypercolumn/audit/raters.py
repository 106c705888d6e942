"""Several raters: do they agree, and is the network's score one that their disagreement allows?

    alpha of at least 0.8        labels can be relied on
    from 0.667                   tentative conclusions alone
    below                        none                         Krippendorff 2004, doi 10.1111/j.1468-2958.2004.tb00738.x

The ceiling is what a perfect model would score by the labels of one rater (`evaluation.ceiling`). A score above it is
better than the labels allow: the network has learnt one rater's habits, which need not be the disease, or has seen what
it is tested on.

What this does not see: a rule that all raters share and that is wrong.
"""

from collections.abc import Sequence

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted
from hypercolumn.evaluation.agreement import balanced_accuracy
from hypercolumn.evaluation.ceiling import Ceiling, Formula, rater_ceiling
from hypercolumn.evaluation.intervals import PROPORTION, Interval
from hypercolumn.evaluation.intervals import Scale as Bounds
from hypercolumn.evaluation.raters import Scale, checked_ratings, krippendorff_alpha, pairwise_kappa
from hypercolumn.evaluation.score import Score

RELIABLE, TENTATIVE = 0.8, 0.667


def rater_noise(
    ratings: np.ndarray,
    *,
    classes: Sequence[str],
    scale: Scale = "nominal",
    units: np.ndarray | None = None,
    score: Score | None = None,
    formula: Formula = balanced_accuracy,
    bounds: Bounds = PROPORTION,
) -> list[Finding]:
    """Judge class indices (record, rater), NaN where missing; grades are `ordinal`.

    `formula` is the figure that `score` is, of a confusion matrix, and `bounds` what it can be; `units` (record,) are
    the patients. One finding on agreement, and one on the ceiling where there are three raters and a score.

    >>> from hypercolumn.data.planted import plant_raters
    >>> true, said = plant_raters(0, rates=(0.1, 0.1, 0.2))
    >>> score = Score("balanced accuracy", 0.99, 0.98, 0.995, "patients", 300, 300)
    >>> for finding in rater_noise(said, classes=("none", "mild", "severe"), score=score):
    ...     print(finding.code, finding.severity.value)
    A-RATERS-DISAGREE warning
    A-RATERS-ABOVE-CEILING warning
    """
    ratings = checked_ratings(ratings)
    alpha = krippendorff_alpha(ratings, scale=scale, units=units)
    if alpha.value is None:
        why = "all ratings are one value" if alpha.note == "undefined" else alpha.note
        return [
            Finding(
                "A-RATERS-NOT-CHECKED",
                Severity.NOT_CHECKED,
                f"Not checked: how far {ratings.shape[1]} raters agree ({why}).",
                remedy="Have at least 50 records, of all classes, rated by two raters or more.",
            )
        ]
    ceiling = rater_ceiling(ratings, classes=len(classes), formula=formula, scale=bounds, units=units)
    agreement = _agreement(ratings, alpha, ceiling, scale, units)
    return [agreement, *([_above(ceiling, score)] if score is not None and ceiling.truth.value is not None else [])]


def _agreement(
    ratings: np.ndarray, alpha: Interval, ceiling: Ceiling, scale: Scale, units: np.ndarray | None
) -> Finding:
    value = float(alpha.value or 0)
    pairs = pairwise_kappa(ratings, weights="quadratic" if scale == "ordinal" else "nominal", units=units)
    evidence: dict[str, object] = {
        "raters": ratings.shape[1],
        "records rated twice or more": ceiling.records,
        f"Krippendorff's alpha, {scale}": round(value, 3),
        "95 % interval": _ends(alpha),
        **{
            f"kappa of raters {first + 1} and {second + 1}": round(kappa.value, 3)
            for (first, second), kappa in list(pairs.items())[:10]
            if kappa.value is not None
        },
        **_figure("score of one rater by another", ceiling.rater),
        **_figure("score of a perfect model by one rater", ceiling.truth),
    }
    said = (
        f"{ratings.shape[1]} raters of {counted(ceiling.records, 'record')} agree with a Krippendorff's alpha of "
        f"{value:.2f} [95 % interval {_ends(alpha, 2)}]"
    )
    if value >= RELIABLE:
        return Finding(
            "A-RATERS-AGREE", Severity.PASSED, f"{said}.", evidence=evidence, remedy="Report it beside the score."
        )
    doubt = "only tentative conclusions can be drawn" if value >= TENTATIVE else "no conclusion should be drawn"
    limit = (
        "" if ceiling.truth.value is None else f" Even a perfect model would score {ceiling.truth.value:.3f} by one."
    )
    return Finding(
        "A-RATERS-DISAGREE",
        Severity.NOTE if value >= TENTATIVE else Severity.WARNING,
        f"{said}; by the usual rule {doubt} from labels of one of them.{limit}",
        evidence=evidence,
        remedy="Score by what several raters meant (rater_errors, for masks staple) or train on their shares as soft "
        "labels, sharpen the rule of annotation, and report the ceiling beside the score.",
    )


def _above(ceiling: Ceiling, score: Score) -> Finding:
    high = ceiling.truth.high if ceiling.truth.high is not None else float(ceiling.truth.value or 0)
    evidence: dict[str, object] = {
        **_figure("score of a perfect model by one rater", ceiling.truth),
        score.metric: "undefined" if score.value is None else round(score.value, 4),
        f"95 % interval of the {score.metric}": _ends(Interval(score.value, score.low, score.high)),
    }
    if score.low is None or score.low <= high:
        return Finding(
            "A-RATERS-CEILING-PASSED",
            Severity.PASSED,
            f"The {score.metric} of {score} is not above what the raters' disagreement allows, "
            f"{ceiling.truth.value:.3f} [{_ends(ceiling.truth, 3)}].",
            evidence=evidence,
            remedy="Report the ceiling beside the score.",
        )
    return Finding(
        "A-RATERS-ABOVE-CEILING",
        Severity.WARNING,
        f"The {score.metric} of {score} is above {ceiling.truth.value:.3f} [{_ends(ceiling.truth, 3)}], what a perfect "
        "model would score by one rater's labels. Either the network has learnt the habits of the one who labelled, or "
        "it has seen what it is tested on.",
        evidence=evidence,
        remedy="Look at the findings on leakage, and score by what several raters meant instead of one.",
    )


def _figure(name: str, found: Interval) -> dict[str, object]:
    return {} if found.value is None else {name: f"{found.value:.4f} [{_ends(found)}]"}


def _ends(found: Interval, digits: int = 4) -> str:
    return "none" if found.low is None else f"{found.low:.{digits}f} to {found.high:.{digits}f}"
