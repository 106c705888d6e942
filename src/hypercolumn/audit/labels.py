"""Wrong labels: does the network, where it is surest and has not seen the record, contradict what is written down?

On average at least 3.3 % of the labels in ten widely used test sets are wrong (Northcutt, Athalye and Mueller 2021,
arXiv 2103.14749), and a score is measured by them. The share is estimated where classes hardly overlap
(`evaluation.wrong_labels`); which labels to look at first is said by confident learning (`evaluation.suspects`, as a
sheet `data.relabel_sheet`). Nothing is relabelled here.

It needs predictions out of fold. It does not see labels that are wrong in the same way for all records that look alike
(a rule of annotation that the network has learnt), nor labels that are wrong in hard records only; and a network that
is weak cannot judge, which is said as "not checked".
"""

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted, listed, percent
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.confident_learning import ConfidentLearning, confident_learning
from hypercolumn.evaluation.intervals import FEW_UNITS
from hypercolumn.evaluation.predictions import CLASSIFICATION, Predictions
from hypercolumn.evaluation.suspects import questions
from hypercolumn.evaluation.wrong_labels import WrongLabels, wrong_labels

TOLERATED = 0.03
"""A finding is a warning where even the lower end of the interval is above this share, that of much used test sets."""

AGREEMENT = 0.5
"""Below this kappa between labels and answers, wrong labels and a weak network cannot be told apart."""

SHOWN = 32
"""How many suspects a finding carries to be shown."""


def label_noise(predictions: Predictions, *, unit: str = "units") -> list[Finding]:
    """Judge the labels of out-of-fold predictions of a class, a grade, or each of several labels.

    `unit` names in the plural what the `unit` column holds. One finding; for several labels one a label, the interval
    of each widened for how many there are.

    >>> import pandas as pd
    >>> from hypercolumn.data.planted import plant_noise
    >>> planted = plant_noise(0, rate=0.15, classes=2, units=200)
    >>> table = pd.DataFrame({"fold": "1", "unit": planted.units, "truth": planted.given})
    >>> table["record"] = table.index = pd.Index([f"{n}.png" for n in range(len(table))])
    >>> table[["p_0", "p_1"]] = planted.probabilities
    >>> [finding] = label_noise(Predictions(table, "class", ("benign", "malignant")), unit="patients")
    >>> finding.code, finding.severity.value, finding.evidence["records looked at"], len(finding.groups)
    ('A-LABEL-NOISE', 'warning', 201, 32)
    >>> finding.evidence["share of labels that are wrong"], finding.evidence["95 % interval"]
    (0.1542, '0.1101 to 0.2117')
    """
    if predictions.kind != CLASSIFICATION:
        raise InvalidArgument(
            "predictions", predictions.target_kind, fix="give classes, grades or labels; for masks use mask_noise"
        )
    findings = [
        _judge(predictions, name, given, chances, classes, unit)
        for name, given, chances, classes in questions(predictions)
    ]
    return [finding for severity in Severity for finding in findings if finding.severity is severity]


def _judge(
    predictions: Predictions, name: str, given: np.ndarray, chances: np.ndarray, classes: tuple[str, ...], unit: str
) -> Finding:
    level = 1 - 0.05 / (len(predictions.classes) if name else 1)
    found = wrong_labels(given, chances, predictions.table["unit"].to_numpy(), level=level)
    of = f" of {name}" if name else ""
    records = predictions.table["record"]
    evidence: dict[str, object] = {"records": int(records.nunique()), unit: int(predictions.table["unit"].nunique())}
    why = _why_not(found, given, chances, predictions.table["unit"].nunique(), unit)
    if why:
        return Finding(
            "A-LABEL-NOISE-NOT-CHECKED",
            Severity.NOT_CHECKED,
            f"Not checked: whether labels{of} are wrong. {why}",
            evidence=evidence,
            remedy="Have a second reader label a part of the records without seeing the first labels, and report their "
            "agreement.",
        )
    learnt = confident_learning(given, chances)
    looked, against = int(found.surest.sum()), int(found.contradicted.sum())
    value, low, high = (float(part) for part in (found.share.value or 0, found.share.low or 0, found.share.high or 0))
    evidence |= {
        "share of labels that are wrong": round(value, 4),
        f"{100 * level:.4g} % interval": f"{low:.4f} to {high:.4f}",
        "method": found.share.method.replace("units", unit),
        "records looked at": looked,
        "of them with another label": against,
        "kappa of labels and answers": round(found.agreement, 3),
        "share by confident learning": round(learnt.share, 4),
        "suspects": len(learnt.suspects),
        **_confused(learnt, classes),
    }
    read = (
        f"Of the {counted(looked, 'record')} that the network is surest of, {against:,} ({percent(against, looked)}) "
        f"{'bears' if against == 1 else 'bear'} another label"
    )
    share = f"{_share(value)} of the labels{of} [{100 * level:.4g} % interval {_share(low)} to {_share(high)}]"
    if low <= TOLERATED:
        return Finding(
            "A-LABEL-NOISE-PASSED",
            Severity.PASSED,
            f"{read}: an estimate of {share} that are wrong, no more than is usual as far as this cohort can tell.",
            evidence=evidence,
            remedy="Nothing to do; the most doubtful labels are listed all the same.",
        )
    shown = tuple((str(record),) for record in dict.fromkeys(records.iloc[learnt.suspects[:SHOWN]]))
    return Finding(
        "A-LABEL-NOISE",
        Severity.WARNING,
        f"{read}, although it had not seen them. By that, an estimated {share} are wrong. A score that is measured by "
        "wrong labels mostly looks too low, and cannot tell two good networks apart. "
        f"{counted(len(learnt.suspects), 'record')} {'is' if len(learnt.suspects) == 1 else 'are'} listed to be looked "
        f"at, first "
        f"{listed((group[0] for group in shown), most=3)}.",
        evidence=evidence,
        remedy="Look at the listed records, without seeing what the network says, and correct what is wrong "
        "(relabel.csv); correct training and test alike, and report both scores.",
        groups=shown,
    )


def _why_not(found: WrongLabels, given: np.ndarray, chances: np.ndarray, units: int, unit: str) -> str:
    """Why nothing can be said, or nothing."""
    if len(np.unique(given)) < 2:
        return "All records have one label, so that no other can be suggested."
    if np.ptp(chances, axis=0).max() < 1e-9:
        return "The network says the same of every record."
    if units < FEW_UNITS:
        return f"There are {units} {unit}, and at least {FEW_UNITS} are needed."
    if not found.agreement >= AGREEMENT:
        return (
            f"Labels and answers agree too little (kappa {found.agreement:.2f}, and {AGREEMENT:g} is needed): either "
            "many labels are wrong or the network is weak, and the two cannot be told apart."
        )
    if found.share.low is None:
        return f"The share has no interval ({found.share.note.replace('units', unit)})."
    return ""


def _confused(learnt: ConfidentLearning, classes: tuple[str, ...]) -> dict[str, object]:
    """The three largest parts of the joint that are off the diagonal."""
    off = learnt.joint * (1 - np.eye(len(classes)))
    largest = np.argsort(-off, axis=None, kind="stable")[:3]
    pairs = [divmod(int(place), len(classes)) for place in largest if off.flat[place] > 0]
    return {f"given {classes[i]}, more likely {classes[j]}": round(float(off[i, j]), 4) for i, j in pairs}


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
