"""The verdict's lights, and the words of a report, for scores that are better when high and when low."""

from dataclasses import replace

import pytest

from hypercolumn.audit import Finding, Severity
from hypercolumn.evaluation import Better, Predictions, Score, regression_row
from hypercolumn.report import State
from hypercolumn.study.galleries import case_values
from hypercolumn.study.reporting import _warned, agreement, lights


def error(value: float, low: float | None = None, high: float | None = None) -> Score:
    return Score("mean absolute error (mm)", value, low, high, "patients", 24, 96, better=Better.LOWER)


def against(lead: Score, best: Score | None) -> tuple[State, str]:
    [light] = [
        light
        for light in lights((), lead, best, "mean of training", "patients")
        if light.name == "Better than no network"
    ]
    return light.state, light.words


def test_an_error_below_the_baseline_beats_it_only_with_its_whole_interval() -> None:
    assert against(error(2.0, 1.5, 2.5), error(3.0)) == (
        State.OK,
        "mean absolute error (mm) 2.000 against 3.000 by mean of training, above the interval of the network",
    )
    assert against(error(2.0, 1.5, 3.5), error(3.0))[0] is State.WARNING
    assert "inside the interval" in against(error(2.0, 1.5, 3.5), error(3.0))[1]
    assert "nothing here needs a network" in against(error(3.5, 3.2, 3.9), error(3.0))[1]
    assert against(error(2.0, 1.5, 2.5), None)[0] is State.UNKNOWN


@pytest.mark.parametrize("baseline", [0.5, 0.8, 0.95])
def test_the_same_study_told_as_an_error_and_as_a_success_gets_the_same_light(baseline: float) -> None:
    """Accuracy p and error rate 1 - p say one thing."""
    success = Score("accuracy", 0.85, 0.78, 0.9, "patients", 24, 96)
    failure = replace(success, metric="error", value=0.15, low=0.1, high=0.22, better=Better.LOWER)
    other = replace(success, value=baseline)
    assert against(success, other)[0] is against(failure, replace(failure, value=1 - baseline))[0]


def predicted() -> Predictions:
    rows = {
        name: {"record": name, "fold": "1", "unit": name} | regression_row(truth, answer)
        for name, truth, answer in (("a", 9.0, 9.5), ("b", 3.0, 7.0), ("c", 5.0, 5.0))
    }
    return Predictions.from_rows(rows, target_kind="number", classes=(), measured_in="mm")


def test_cases_of_a_number_are_ordered_by_their_error() -> None:
    metric, values, better = case_values(predicted())
    assert (metric, values.tolist(), better) == ("absolute error (mm)", [0.5, 4.0, 0.0], Better.LOWER)


def test_numbers_are_shown_in_the_order_of_those_known() -> None:
    shown = agreement(predicted())
    assert shown is not None
    assert (shown.records, shown.truth, shown.answer) == (("b", "c", "a"), (3.0, 5.0, 9.0), (7.0, 5.0, 9.5))


def test_the_paragraph_for_a_paper_names_what_was_warned_of_and_nothing_else() -> None:
    findings = [
        Finding("A-SITE-LABEL", Severity.WARNING, "Label and scanner go together (V 0.5). Crop it."),
        Finding("A-SLICES-PASSED", Severity.PASSED, "No group fares worse."),
        Finding("A-LINEAGE-BOTH-SIDES", Severity.BLOCKING, "Patient 7 is on both sides."),
    ]
    assert _warned(findings) == (
        " Limitations found by its audits: Label and scanner go together (V 0.5); Patient 7 is on both sides."
    )
    assert _warned(findings[1:2]) == ""


@pytest.mark.parametrize(("low", "state"), [(0.25, State.WARNING), (0.9, State.OK), (None, State.OK)])
def test_many_patients_do_not_make_a_wide_interval_enough(low: float | None, state: State) -> None:
    score = Score("AUROC", 0.98, low, None if low is None else 1.0, "patients", 160, 320)
    [light] = [light for light in lights((), score, None, "", "patients") if light.name == "Enough to say"]
    assert light.state is state
    assert ("a few of them decide" in light.words) is (state is State.WARNING)
