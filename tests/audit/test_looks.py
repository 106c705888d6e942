from dataclasses import replace

import pytest

from hypercolumn.audit import Severity, looks
from hypercolumn.data.sealed_set import Look, SealedSet

SEALED = SealedSet("patient", "2026-01-01", "0" * 64, {"P1": ("a", "b")}, {"a": "benign", "b": "benign"})


@pytest.mark.parametrize(
    ("times", "severity", "words"),
    [(0, Severity.PASSED, "0 times"), (1, Severity.PASSED, "1 time"), (4, Severity.WARNING, "4 times")],
)
def test_one_look_is_what_a_test_set_is_for(times, severity, words):
    seen = tuple(Look(number, "2026-02-01", "test", "run", "f" * 64) for number in range(1, times + 1))
    [finding] = looks(replace(SEALED, looks=seen))
    assert finding.severity is severity
    assert words in finding.claim
    assert finding.evidence["looks"] == times


def test_without_a_sealed_set_nobody_counted():
    assert looks(None)[0].severity is Severity.NOT_CHECKED
