"""Wrong event times: records whose annotation is shifted as a whole, and single events set far from where others are.

A record whose events are all annotated 80 ms later than the network expects, where others agree to 5 ms, was annotated
by another clock, at another sampling rate or by another rule for where an event begins. A single event far from its
prediction is a slip. Both are compared with the residuals of the whole cohort (`evaluation.event_residuals`,
`evaluation.shares`), so that a network that is always late accuses nobody.

What is not judged: events without a counterpart. They are counted; a missed beat and a beat made up look alike.
"""

from collections.abc import Mapping

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted, listed
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.event_residuals import EventResiduals
from hypercolumn.evaluation.intervals import FEW_UNITS, Interval
from hypercolumn.evaluation.shares import far_out, share

TOLERATED = 0.03
SHOWN = 32


def event_noise(
    records: Mapping[str, EventResiduals], unit_of: Mapping[str, str], *, measured_in: str, unit: str = "units"
) -> list[Finding]:
    """Judge the annotated times of records by name, each with its unit; times are in `measured_in` ("s").

    >>> rng = np.random.default_rng(0)
    >>> records = {str(n): EventResiduals(rng.normal(0.0, 0.01, 50), np.zeros(0), np.zeros(0)) for n in range(20)}
    >>> records["7"] = EventResiduals(records["7"].residuals + 0.08, np.zeros(0), np.zeros(0))
    >>> found = event_noise(records, {name: name for name in records}, measured_in="s", unit="patients")
    >>> [(finding.code, finding.groups) for finding in found]
    [('A-EVENTS-SHIFTED', (('7',),)), ('A-EVENTS-PASSED', ())]
    """
    lacking = [name for name in records if name not in unit_of]
    if lacking:
        raise InvalidArgument("unit_of", lacking[:5], why="these records have no unit", fix="name the unit of each")
    names = [name for name, one in records.items() if len(one.residuals)]
    units = np.array([unit_of[name] for name in names], dtype=str)
    if len(set(units)) < FEW_UNITS:
        return [
            Finding(
                "A-EVENTS-NOT-CHECKED",
                Severity.NOT_CHECKED,
                f"Not checked: whether event times are wrong. {len(set(units))} {unit} have events that are annotated "
                f"and predicted, and at least {FEW_UNITS} are needed.",
                remedy="Have a second reader annotate a part of the records without seeing the first annotation.",
            )
        ]
    found = [records[name] for name in names]
    alone = {
        "annotated events that nothing predicts": sum(len(one.unfound) for one in records.values()),
        "predicted events that nobody annotated": sum(len(one.unannotated) for one in records.values()),
    }
    return [_shifted(names, found, units, measured_in, alone), _slips(names, found, units, measured_in, alone)]


def _shifted(
    names: list[str], found: list[EventResiduals], units: np.ndarray, measured_in: str, alone: Mapping[str, object]
) -> Finding:
    shift = np.array([one.shift for one in found])
    usual = float(np.median(shift))
    far = far_out(shift, positive=False)
    evidence = {
        "records": len(names),
        f"usual shift ({measured_in})": round(usual, 6),
        "records shifted": int(far.sum()),
        **_evidence("share of records shifted", share(far, units)),
        **alone,
    }
    if not far.any():
        return Finding(
            "A-EVENTS-SHIFTED-PASSED",
            Severity.PASSED,
            f"In none of {counted(len(names), 'record')} are the events shifted as a whole against the others.",
            evidence=evidence,
            remedy="Nothing to do.",
        )
    order = np.flatnonzero(far)[np.argsort(-np.abs(shift - usual)[far], kind="stable")]
    first = order[0]
    return Finding(
        "A-EVENTS-SHIFTED",
        Severity.WARNING,
        f"In {counted(len(order), 'record')} of {len(names):,} the annotated events are shifted as a whole, first in "
        f"{names[first]}: by {shift[first]:.3g} {measured_in} in the median, where {usual:.3g} is usual. Another "
        "clock, another sampling rate or another rule does that.",
        evidence=evidence,
        remedy="Compare clock and sampling rate of these records with the others, and correct the times.",
        groups=tuple((names[place],) for place in order[:SHOWN]),
    )


def _slips(
    names: list[str], found: list[EventResiduals], units: np.ndarray, measured_in: str, alone: Mapping[str, object]
) -> Finding:
    """Single events, each against the shift of its own record."""
    own = np.concatenate([one.residuals - one.shift for one in found])
    of = np.repeat(np.arange(len(found)), [len(one.residuals) for one in found])
    far = far_out(own, positive=False)
    shared = share(far, units[of])
    evidence = {
        "events": len(own),
        f"usual distance ({measured_in})": round(float(np.median(np.abs(own))), 6),
        "events far out": int(far.sum()),
        **_evidence("share of events far out", shared),
        **alone,
    }
    claim = (
        f"{int(far.sum()):,} of {counted(len(own), 'event')} {'is' if far.sum() == 1 else 'are'} annotated much "
        "further from the predicted time than is usual"
    )
    if shared.low is None or shared.low <= TOLERATED:
        return Finding("A-EVENTS-PASSED", Severity.PASSED, f"{claim}.", evidence=evidence, remedy="Nothing to do.")
    worst = [names[place] for place in np.argsort(-np.bincount(of, far, minlength=len(names)), kind="stable")[:SHOWN]]
    return Finding(
        "A-EVENTS-FAR-OUT",
        Severity.WARNING,
        f"{claim}; most are in {listed(worst, most=3)}. Either they were set carelessly, or the network fails there.",
        evidence=evidence,
        remedy="Look at these events, and correct the times that are wrong.",
        groups=tuple((name,) for name in worst),
    )


def _evidence(name: str, found: Interval) -> dict[str, object]:
    ends = "none" if found.low is None else f"{found.low:.4f} to {found.high:.4f}"
    return {name: round(float(found.value or 0), 4), "95 % interval": ends}
