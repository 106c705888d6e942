import numpy as np
import pytest
from scipy.stats.contingency import association as cramers_v
from sklearn.metrics import roc_auc_score

from hypercolumn.data.planted import plant_site, plant_slice
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.predictions import Predictions


def of_patients(table):
    return table.drop_duplicates("unit")


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.6])
def test_label_and_scanner_go_together_as_asked(strength: float) -> None:
    table = of_patients(plant_site(1, strength=strength, patients=20_000, windows=1).table)
    counts = table.groupby(["site", "truth"]).size().unstack().to_numpy()
    assert cramers_v(counts, method="cramer") == pytest.approx(strength, abs=0.02)
    assert table["truth"].mean() == pytest.approx(0.4, abs=0.015)


def test_knowing_the_scanner_alone_scores_what_is_said() -> None:
    planted = plant_site(2, strength=0.5, patients=20_000, windows=1)
    prevalence = planted.table.groupby("site")["truth"].transform("mean")
    assert roc_auc_score(planted.table["truth"], prevalence) == pytest.approx(planted.site_only_auroc, abs=0.01)


def test_the_clean_twin_shows_its_scanner_and_does_not_lean_on_it() -> None:
    clean = plant_site(3, strength=0.0, patients=10_000, windows=1)
    healthy = clean.table["truth"] == 0
    by_site = clean.table[healthy].groupby("site")["p_1"].mean()
    assert by_site.max() - by_site.min() < 0.02
    assert roc_auc_score(clean.table["site"], clean.embeddings[:, 1]) > 0.8
    leaning = plant_site(3, strength=0.5, patients=10_000, windows=1).table
    by_site = leaning[leaning["truth"] == 0].groupby("site")["p_1"].mean()
    assert by_site.max() - by_site.min() > 0.1


def test_a_slice_has_the_share_and_the_accuracy_asked_for() -> None:
    planted = plant_slice(4, share=0.1, accuracy=0.6, elsewhere=0.9, patients=20_000, windows=1)
    right = ((planted.table["p_1"] > 0.5) == planted.table["truth"]).to_numpy()
    assert planted.inside.mean() == pytest.approx(0.1, abs=0.01)
    assert right[planted.inside].mean() == pytest.approx(0.6, abs=0.03)
    assert right[~planted.inside].mean() == pytest.approx(0.9, abs=0.01)
    assert (planted.table["device"][planted.inside] == "drain").mean() == pytest.approx(0.9, abs=0.02)
    assert planted.table["truth"][planted.inside].all()


@pytest.mark.parametrize("plant", [plant_site, plant_slice])
def test_a_seed_is_a_cohort_of_whole_patients_that_scores_can_be_taken_of(plant) -> None:
    one, again, other = plant(5), plant(5), plant(6)
    assert one.table.equals(again.table)
    assert np.array_equal(one.embeddings, again.embeddings)
    assert not one.table["p_1"].equals(other.table["p_1"])
    assert (one.table.groupby("unit")[["fold", "truth"]].nunique() == 1).all(axis=None)
    assert one.embeddings.shape[0] == len(one.table)
    assert len(Predictions(one.table, "class", ("healthy", "diseased"))) == len(one.table)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="strength"):
        plant_site(0, strength=0.9, prevalence=0.1)
    with pytest.raises(InvalidArgument, match="strength"):
        plant_site(0, strength=-0.1)
    with pytest.raises(InvalidArgument, match="prevalence"):
        plant_site(0, prevalence=1.0)
    with pytest.raises(InvalidArgument, match="patients"):
        plant_site(0, patients=1)
    with pytest.raises(InvalidArgument, match="accuracy"):
        plant_slice(0, accuracy=1.5)
    with pytest.raises(InvalidArgument, match="patients"):
        plant_slice(0, windows=0)
