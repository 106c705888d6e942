"""What a blocking finding spoils, and the first sentence of the page."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.report import ReportContent, State

METRICS = ("Dice", "IoU", "AUROC", "Surface distance")
EMPTY = ReportContent("Nuclei", "nuclei", "patient", "2026-03-14", "0.1.0")

findings = st.builds(
    Finding,
    code=st.just("A-X"),
    severity=st.sampled_from(Severity),
    claim=st.just("something"),
    spoils=st.lists(st.sampled_from([*METRICS, "*"]), max_size=3).map(tuple),
)


@given(st.lists(findings, max_size=5).map(tuple), st.sampled_from(METRICS))
def test_a_metric_is_spoiled_exactly_where_a_blocking_finding_names_it(found, metric):
    expected = [f for f in found if f.severity is Severity.BLOCKING and {metric, "*"} & set(f.spoils)]
    assert list(replace(EMPTY, findings=found).spoiled_by(metric)) == expected


@given(st.lists(findings, max_size=5).map(tuple))
def test_the_verdict_is_as_bad_as_the_worst_finding(found):
    state, words = replace(EMPTY, findings=found).verdict
    severities = {finding.severity for finding in found}
    if Severity.BLOCKING in severities:
        assert state is State.BLOCKING
    elif not severities - {Severity.NOT_CHECKED}:
        assert state is State.UNKNOWN
    elif Severity.WARNING in severities:
        assert state is State.WARNING
    else:
        assert state is State.OK
    assert words.endswith(".")


def test_the_verdict_says_whether_all_scores_fall_or_some(clean_content, blocked_content):
    assert blocked_content.verdict[1].startswith("Some scores must not be believed")
    everything = Finding("A-X", Severity.BLOCKING, "labels are shuffled", spoils=("*",))
    assert replace(clean_content, findings=(everything,)).verdict[1].startswith("The scores must not be believed")


def test_findings_are_parted_by_severity_and_none_is_lost(clean_content):
    parted = [finding for severity in Severity for finding in clean_content.of(severity)]
    assert sorted(parted, key=id) == sorted(clean_content.findings, key=id)
