"""A planted flaw has the size that was asked for, and size 0 is clean."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import association

from hypercolumn.data.planted import plant_copies, plant_patient_bleed, plant_shortcut
from hypercolumn.errors import InvalidArgument


@given(seed=st.integers(0, 99), bleed=st.sampled_from([0, 0.02, 0.05, 0.5]))
@settings(max_examples=15, deadline=None)
def test_so_many_patients_stand_on_both_sides(seed: int, bleed: float) -> None:
    planted = plant_patient_bleed(seed, bleed=bleed)
    patient = planted.cohort.level("patient")
    [fold] = planted.split.folds
    training, test = ({patient[piece.record] for piece in side} for side in (fold.training, fold.test))
    assert tuple(sorted(training & test)) == planted.bled
    assert len(planted.bled) == round(100 * bleed)
    assert len(fold.training) + len(fold.test) == len(planted.cohort)


@given(seed=st.integers(0, 99), copies=st.sampled_from([0, 0.05, 0.5, 1]))
@settings(max_examples=10, deadline=None)
def test_so_many_test_images_are_training_images(seed: int, copies: float) -> None:
    planted = plant_copies(seed, copies=copies, size=32)
    [fold] = planted.split.folds
    assert len(planted.pairs) == round(20 * copies)
    assert {first for first, _ in planted.pairs} <= {piece.record for piece in fold.training}
    assert {second for _, second in planted.pairs} <= {piece.record for piece in fold.test}


@pytest.mark.parametrize("through", ["site", "size"])
@pytest.mark.parametrize("strength", [0, 0.3, 0.6])
def test_the_association_is_as_strong_as_asked(through: str, strength: float) -> None:
    """Cramer's V by SciPy over 2,500 patients; by chance alone V is about sqrt(3 / 2500) = 0.035."""
    planted = plant_shortcut(1, strength=strength, patients=2500, through=through)
    first = planted.cohort.table.drop_duplicates("patient")
    telling = first["hospital"] if through == "site" else pd.Series(planted.sizes)[first.index].map(lambda s: s[0])
    other = first["hospital"] if through == "size" else pd.Series(planted.sizes)[first.index].map(lambda s: s[0])
    assert association(pd.crosstab(telling, first["label"]), "cramer") == pytest.approx(strength, abs=0.07)
    assert association(pd.crosstab(other, first["label"]), "cramer") < 0.08


def test_chance_is_a_function_of_the_seed() -> None:
    for plant in (plant_copies(3, copies=0.2), plant_copies(3, copies=0.2)):
        assert plant.pairs == plant_copies(3, copies=0.2).pairs
    first, second = (plant_copies(seed, copies=0).images["test 00"] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "plant",
    [
        lambda: plant_patient_bleed(0, bleed=1.5),
        lambda: plant_patient_bleed(0, bleed=0, patients=1),
        lambda: plant_copies(0, copies=-0.1),
        lambda: plant_copies(0, copies=0, images=2),
        lambda: plant_shortcut(0, strength=2),
        lambda: plant_shortcut(0, strength=0, sites=3),
        lambda: plant_shortcut(0, strength=0, through="smell"),
    ],
)
def test_flaws_that_cannot_be_are_refused(plant) -> None:
    with pytest.raises(InvalidArgument):
        plant()
