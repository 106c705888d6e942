"""Looks at the sealed test set: a set that is looked at again and again becomes one that was chosen by.

Whoever sees the score of a test set and goes on changing the model fits it to that set, however little each time. One
look is what it was set aside for. Dwork et al. 2015, doi 10.1126/science.aaa9375.
"""

from hypercolumn.audit.finding import Finding, Severity
from hypercolumn.audit.wording import counted
from hypercolumn.data.sealed_set import SealedSet


def looks(sealed: SealedSet | None) -> list[Finding]:
    """One finding on how often the sealed set was looked at; None where a study has none.

    >>> [finding.code for finding in looks(None)]
    ['A-SEAL-NOT-CHECKED']
    """
    if sealed is None:
        return [
            Finding(
                "A-SEAL-NOT-CHECKED",
                Severity.NOT_CHECKED,
                "Not checked: how often the test records were looked at while the study was made. No test set was "
                "sealed, so that nobody counted.",
                remedy="Seal a test set before the first training, and open it once.",
            )
        ]
    times = len(sealed.looks)
    evidence: dict[str, object] = {
        "looks": times,
        "sealed": sealed.when,
        "sealed units": len(sealed.units),
        "sealed records": len(sealed.records),
        "seal": sealed.seal[:16],
        **{f"look {one.number}": f"{one.when}: {one.why} ({one.tested})" for one in sealed.looks[-10:]},
    }
    said = f"The test set of {counted(len(sealed.units), 'unit')} was sealed on {sealed.when}"
    if times <= 1:
        words = "and has not been looked at, 0 times" if times == 0 else "and was looked at once (1 time)"
        return [
            Finding("A-SEAL-PASSED", Severity.PASSED, f"{said} {words}.", evidence=evidence, remedy="Nothing to do.")
        ]
    return [
        Finding(
            "A-SEAL-LOOKED-AT",
            Severity.WARNING,
            f"{said} and was looked at {times:,} times. What was changed after the first look was changed knowing the "
            "score, so that later scores are better than they would be on new cases.",
            evidence=evidence,
            remedy="Report the score of the first look, or of a test set that nobody has seen.",
        )
    ]
