"""Who is in a planted cohort: the scanner goes with the label as asked, a larger flaw takes the same patients first."""

import numpy as np
import pytest
from scipy.stats.contingency import association

from hypercolumn.data.planted.patients import draw_patients


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.8, 1.0])
def test_the_association_is_as_strong_as_asked(strength: float) -> None:
    """Cramer's V by SciPy over 4,000 patients; by chance alone V is about sqrt(1 / 4000) = 0.016."""
    drawn = draw_patients(np.random.default_rng(1), 4000, association=strength)
    counts = np.zeros((2, 2), dtype=int)
    np.add.at(counts, (drawn.label, drawn.scanner), 1)
    assert association(counts, "cramer", correction=False) == pytest.approx(strength, abs=0.05)
    assert counts.sum(axis=1).tolist() == [2000, 2000]


def test_a_larger_share_holds_the_smaller_one() -> None:
    drawn = draw_patients(np.random.default_rng(2), 50, association=0.0)
    assert drawn.first(0.0) == []
    assert drawn.first(0.3)[:5] == drawn.first(0.1)
    assert sorted(drawn.first(1.0)) == list(range(50))
