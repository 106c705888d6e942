"""Wrong masks: objects that nobody annotated, and outlines that were drawn otherwise than those of the other records.

Of the predicted objects that the network is surest of, out of fold, hardly any should have no annotation: where many
have none, annotation is incomplete, and a score counts what was found as false. Outlines are compared with those of the
other records: a network that draws all of them a little too large is not the annotation's fault, one record whose
outline lies five times as far off as is usual may be. See `evaluation.annotated_objects`.

What this does not see: objects that are missing so often that the network has learnt not to see them either.
"""

from collections.abc import Mapping

import numpy as np

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted, listed, percent
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.annotated_objects import AnnotatedObjects
from hypercolumn.evaluation.intervals import FEW_UNITS, Interval
from hypercolumn.evaluation.shares import far_out, share
from hypercolumn.evaluation.wrong_labels import surest_records

TOLERATED = 0.03
SHOWN = 32


def mask_noise(
    records: Mapping[str, AnnotatedObjects], unit_of: Mapping[str, str], *, unit: str = "units"
) -> list[Finding]:
    """Judge the annotation of records by name, each with its unit; `unit` names those in the plural.

    >>> good = AnnotatedObjects(np.array([0.9, 0.8]), np.array([True, True]), 2, 0, 1.0)
    >>> bad = AnnotatedObjects(np.array([0.99, 0.98]), np.array([False, False]), 0, 0, np.nan)
    >>> records = {f"{n}.png": bad if n % 4 == 0 else good for n in range(40)}
    >>> [finding, outlines] = mask_noise(records, {name: name for name in records}, unit="patients")
    >>> finding.code, finding.evidence["surest objects"], finding.evidence["of them not annotated"]
    ('A-MASKS-INCOMPLETE', 20, 20)
    >>> outlines.code
    'A-MASKS-OUTLINES-PASSED'
    """
    lacking = [name for name in records if name not in unit_of]
    if lacking:
        raise InvalidArgument("unit_of", lacking[:5], why="these records have no unit", fix="name the unit of each")
    return [_objects(records, unit_of, unit), _outlines(records, unit_of, unit)]


def mask_suspects(records: Mapping[str, AnnotatedObjects]) -> list[str]:
    """Records by how much annotation and prediction disagree, the most first: by unannotated objects that the network
    is surest of, by objects that nothing predicts, or by outlines, whichever puts the record further up.

    >>> good = AnnotatedObjects(np.array([0.9]), np.array([True]), 1, 0, 1.0)
    >>> far = AnnotatedObjects(np.array([0.9]), np.array([True]), 1, 0, 7.0)
    >>> mask_suspects({"a": good, "b": far, "c": good})
    ['b', 'a', 'c']
    """
    names = list(records)
    found = list(records.values())
    figures = (
        [float(one.chance[~one.annotated].sum()) for one in found],
        [float(one.unfound) for one in found],
        [float(np.nan_to_num(one.outline)) for one in found],
    )
    places = np.stack([(np.asarray(row)[None, :] > np.asarray(row)[:, None]).sum(axis=1) for row in figures])
    none = np.stack([np.asarray(row) == 0 for row in figures])
    best = np.where(none, len(names), places).min(axis=0) if names else np.zeros(0)
    return [names[place] for place in np.argsort(best, kind="stable")]


def _objects(records: Mapping[str, AnnotatedObjects], unit_of: Mapping[str, str], unit: str) -> Finding:
    chance = np.concatenate([one.chance for one in records.values()] or [np.zeros(0)])
    missing = ~np.concatenate([one.annotated for one in records.values()] or [np.ones(0, dtype=bool)])
    names = np.array([name for name, one in records.items() for _ in one.chance], dtype=object)
    units = np.array([unit_of[name] for name in names], dtype=object)
    count = len(set(units))
    if count < FEW_UNITS:
        return Finding(
            "A-MASKS-NOT-CHECKED",
            Severity.NOT_CHECKED,
            f"Not checked: whether objects were left out of the annotation. Objects are predicted in {count} {unit}, "
            f"and at least {FEW_UNITS} are needed.",
            remedy="Have a second reader annotate a part of the records without seeing the first annotation.",
        )
    surest = surest_records(np.zeros(len(chance), dtype=int), chance)
    found = share(missing[surest], units[surest].astype(str))
    looked, against = int(surest.sum()), int((surest & missing).sum())
    evidence: dict[str, object] = {
        "records": len(records),
        "objects predicted": len(chance),
        "surest objects": looked,
        "of them not annotated": against,
        **_interval("share of objects that are not annotated", found),
        "annotated objects that nothing predicts": sum(one.unfound for one in records.values()),
    }
    claim = (
        f"Of the {counted(looked, 'object')} that the network is surest of, {against:,} ({percent(against, looked)}) "
        f"{'has' if against == 1 else 'have'} no annotation"
    )
    if found.low is None or found.low <= TOLERATED:
        return Finding(
            "A-MASKS-COMPLETE",
            Severity.PASSED,
            f"{claim}, no more than is usual as far as this cohort can tell.",
            evidence=evidence,
            remedy="Nothing to do.",
        )
    shown = tuple((str(name),) for name in dict.fromkeys(names[surest & missing]))[:SHOWN]
    return Finding(
        "A-MASKS-INCOMPLETE",
        Severity.WARNING,
        f"{claim}: either they were left out, or the network makes them up with great confidence. Where they were left "
        f"out, the score counts what was found as false. Look first at {listed((one[0] for one in shown), most=3)}.",
        evidence=evidence,
        remedy="Look at these objects; annotate what was left out, in training and test alike, and train again.",
        groups=shown,
    )


def _outlines(records: Mapping[str, AnnotatedObjects], unit_of: Mapping[str, str], unit: str) -> Finding:
    names = [name for name, one in records.items() if np.isfinite(one.outline)]
    distance = np.array([records[name].outline for name in names])
    units = np.array([unit_of[name] for name in names], dtype=str)
    if len(set(units)) < FEW_UNITS:
        return Finding(
            "A-MASKS-OUTLINES-NOT-CHECKED",
            Severity.NOT_CHECKED,
            f"Not checked: whether some outlines were drawn otherwise. {len(set(units))} {unit} have both an "
            f"annotation and a prediction, and at least {FEW_UNITS} are needed.",
            remedy="Have a second reader annotate a part of the records without seeing the first annotation.",
        )
    far = far_out(distance)
    usual = float(np.median(distance))
    evidence: dict[str, object] = {
        "records": len(names),
        "median distance": round(usual, 4),
        "records far out": int(far.sum()),
        **_interval("share far out", share(far, units)),
    }
    if not far.any():
        return Finding(
            "A-MASKS-OUTLINES-PASSED",
            Severity.PASSED,
            f"In none of {counted(len(names), 'record')} do annotated and predicted outlines lie much further apart "
            f"than is usual ({usual:.3g} in the median).",
            evidence=evidence,
            remedy="Nothing to do.",
        )
    order = np.flatnonzero(far)[np.argsort(-distance[far], kind="stable")]
    return Finding(
        "A-MASKS-OUTLINES",
        Severity.NOTE,
        f"In {counted(int(far.sum()), 'record')} of {len(names):,} annotated and predicted outlines lie much further "
        f"apart than is usual: {distance[order[0]]:.3g} at most, {usual:.3g} in the median. Either these were "
        "annotated otherwise, or the network fails in them.",
        evidence=evidence,
        remedy="Look at these records, and draw again what was drawn wrongly.",
        groups=tuple((names[place],) for place in order[:SHOWN]),
    )


def _interval(name: str, found: Interval) -> dict[str, object]:
    """A share and its interval, as evidence."""
    ends = "none" if found.low is None else f"{found.low:.4f} to {found.high:.4f}"
    return {name: round(float(found.value or 0), 4), "95 % interval": ends}
