import numpy as np
import pytest

from hypercolumn.audit import Severity, event_noise
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.event_residuals import EventResiduals, event_residuals

NONE = np.zeros(0)


def recordings(shifted: int = 0, slips: float = 0.0, seed: int = 0, records: int = 24) -> dict[str, EventResiduals]:
    """Beats a second apart, predicted 20 ms late with 10 ms of jitter; some recordings 80 ms off, some beats 200 ms."""
    chance = np.random.default_rng(seed)
    found = {}
    for number in range(records):
        truth = np.arange(60.0)
        annotated = truth + (0.08 if number < shifted else 0) + 0.2 * (chance.random(60) < slips)
        found[f"r{number:02d}"] = event_residuals(annotated, truth + 0.02 + chance.normal(0, 0.01, 60), tolerance=0.4)
    return found


def judged(records: dict[str, EventResiduals]):
    return event_noise(records, {name: name for name in records}, measured_in="s", unit="patients")


def test_a_network_that_is_always_late_accuses_nobody():
    assert [finding.severity for finding in judged(recordings())] == [Severity.PASSED] * 2


def test_shifted_recordings_are_named_and_their_events_are_not_called_slips():
    shifted, slips = judged(recordings(shifted=3))
    assert (shifted.code, shifted.severity) == ("A-EVENTS-SHIFTED", Severity.WARNING)
    assert {group[0] for group in shifted.groups} == {"r00", "r01", "r02"}
    assert shifted.evidence["records shifted"] == 3
    assert slips.severity is Severity.PASSED


def test_many_slips_are_a_warning_with_their_share():
    shifted, slips = judged(recordings(slips=0.1))
    assert shifted.severity is Severity.PASSED
    assert (slips.code, slips.severity) == ("A-EVENTS-FAR-OUT", Severity.WARNING)
    low, high = (float(end) for end in str(slips.evidence["95 % interval"]).split(" to "))
    assert low < 0.1 < high


def test_too_few_recordings_are_not_checked_and_events_without_a_pair_are_counted():
    assert judged(recordings(records=4))[0].severity is Severity.NOT_CHECKED
    records = recordings() | {"empty": EventResiduals(NONE, np.array([1.0]), np.array([2.0, 3.0]))}
    evidence = judged(records)[0].evidence
    assert evidence["annotated events that nothing predicts"] == 1
    assert evidence["predicted events that nobody annotated"] == 2


def test_a_recording_without_a_unit_is_refused():
    with pytest.raises(InvalidArgument, match="have no unit"):
        event_noise(recordings(), {}, measured_in="s")
