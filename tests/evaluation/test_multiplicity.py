import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.multiplicity import holm

PS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holms_own_steps() -> None:
    """By hand: sorted .005 .011 .02 .04 times 4 3 2 1, then the running maximum."""
    assert holm([0.02, 0.005, 0.04, 0.011]) == pytest.approx([0.04, 0.02, 0.04, 0.033])


@settings(max_examples=30, deadline=None)
@given(PS)
def test_a_corrected_p_lies_between_the_raw_one_and_bonferronis(ps: list[float]) -> None:
    raw, corrected = np.array(ps), holm(ps)
    assert (corrected >= raw - 1e-15).all()
    assert (corrected <= np.minimum(1, len(ps) * raw) + 1e-15).all()
    assert (np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0).all()


def test_what_was_not_looked_at_costs_nothing() -> None:
    found = holm([0.03, np.nan, 0.01])
    assert np.isnan(found[1])
    assert found[[0, 2]] == pytest.approx(holm([0.03, 0.01]))
    assert holm([]).shape == (0,)


def test_of_true_hypotheses_any_is_called_false_in_one_study_of_twenty() -> None:
    studies = np.random.default_rng(0).random((2_000, 6))
    assert 0.035 < np.mean([(holm(study) < 0.05).any() for study in studies]) < 0.065


@pytest.mark.parametrize("wrong", [[1.2], [-0.1], [[0.1]]])
def test_what_is_no_p_value_is_refused(wrong: list[float]) -> None:
    with pytest.raises(InvalidArgument, match="p = "):
        holm(wrong)
