from hypercolumn.audit import Severity, not_checked


def test_what_is_not_checked_says_so_why_it_matters_and_what_a_check_would_need() -> None:
    findings = not_checked()
    assert len({finding.code for finding in findings}) == 3
    for finding in findings:
        assert finding.severity is Severity.NOT_CHECKED
        assert finding.claim.startswith("Not checked: ")
        assert "check" in finding.remedy
        assert finding.spoils == ()


def test_the_three_pitfalls_are_named() -> None:
    text = " ".join(finding.claim for finding in not_checked())
    for pitfall in ("scanner", "labels are wrong", "group of patients"):
        assert pitfall in text
