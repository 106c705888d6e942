"""Annotated times against predicted ones: which belong together, how far they lie apart, and which stand alone.

    pair        a and p that are each other's nearest, at most `tolerance` apart
    residual    a - p            above 0 where the annotation comes later

All in one unit, seconds or samples or base pairs. Who is right is not decided: a residual that all events of a record
share is a shifted clock or another rule for what the event's time is.
"""

from dataclasses import dataclass

import numpy as np

from hypercolumn.errors import InvalidArgument, ShapeMismatch


@dataclass(frozen=True, eq=False)
class EventResiduals:
    """One record: residuals (pair,), annotated times that nothing predicts, predicted times that nobody annotated."""

    residuals: np.ndarray
    unfound: np.ndarray
    unannotated: np.ndarray

    @property
    def shift(self) -> float:
        """The median residual; NaN without a pair."""
        return float(np.median(self.residuals)) if len(self.residuals) else np.nan


def event_residuals(annotated: np.ndarray, predicted: np.ndarray, *, tolerance: float) -> EventResiduals:
    """From two lists of times (event,), in any order.

    >>> found = event_residuals(np.array([1.0, 2.0, 5.0]), np.array([1.25, 2.25, 9.0]), tolerance=0.5)
    >>> found.residuals, found.shift, found.unfound, found.unannotated
    (array([-0.25, -0.25]), -0.25, array([5.]), array([9.]))
    """
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InvalidArgument("tolerance", tolerance, fix="give the largest distance of two times that mean one event")
    known, given = (np.sort(np.asarray(times, dtype=float)) for times in (annotated, predicted))
    for name, times in (("annotated", known), ("predicted", given)):
        if times.ndim != 1:
            raise ShapeMismatch(f"{name} times {times.shape}", fix="give (event,)")
        if not np.isfinite(times).all():
            raise InvalidArgument(name, times[~np.isfinite(times)][0], fix="give finite times, or leave the event out")
    if not len(known) or not len(given):
        return EventResiduals(np.zeros(0), known, given)
    nearest, back = _nearest(known, given), _nearest(given, known)
    rows = np.flatnonzero((back[nearest] == np.arange(len(known))) & (np.abs(known - given[nearest]) <= tolerance))
    return EventResiduals(known[rows] - given[nearest[rows]], np.delete(known, rows), np.delete(given, nearest[rows]))


def _nearest(times: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The place of the nearest of the other times, sorted, the earlier of two as near."""
    after = np.searchsorted(others, times).clip(1, max(1, len(others) - 1))
    before = after - 1
    after = after.clip(max=len(others) - 1)
    return np.where(np.abs(times - others[before]) <= np.abs(others[after] - times), before, after)
