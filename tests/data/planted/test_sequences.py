"""Planted cohorts of sequences: the flaw has the size that was asked for, and the search finds it and nothing else."""

from pathlib import Path

import pandas as pd
import pytest

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.planted.sequences import CHANGED, LENGTH, MOTIF, plant_sequences
from hypercolumn.data.similarity import find_homologues
from hypercolumn.errors import InvalidArgument

COLUMNS = Columns(input="sequence", target="label", lineage={"specimen": "chromosome"})
OTHER_STRAND = str.maketrans("ACGT", "TGCA")


def _table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv").set_index("sequence")


def test_kin_stand_on_another_chromosome_with_a_few_bases_changed_on_either_strand(tmp_path: Path) -> None:
    planted = plant_sequences(tmp_path, 0, size=0.2, sequences=200)
    table = _table(tmp_path)
    assert (len(planted.pairs), len(table)) == (40, 240)
    turned, changed = 0, 0
    for first, second in planted.pairs:
        one, other = table.loc[first], table.loc[second]
        assert one["chromosome"] != other["chromosome"]
        assert one["label"] == other["label"]
        both = [
            sum(a != b for a, b in zip(one["bases"], strand, strict=True))
            for strand in (other["bases"], other["bases"][::-1].translate(OTHER_STRAND))
        ]
        turned += both[1] < both[0]
        changed += min(both)
    assert 10 < turned < 30, "half of 40, within three deviations"
    assert changed / (40 * LENGTH) == pytest.approx(CHANGED, abs=0.006)


def test_the_motif_tells_the_label(tmp_path: Path) -> None:
    plant_sequences(tmp_path, 1, size=0.0, sequences=100)
    table = _table(tmp_path)
    assert table["bases"].str.contains(MOTIF).equals(table["label"] == "diseased")
    assert set(table["bases"].str.len()) == {LENGTH}


def test_the_same_seed_gives_the_same_bytes_and_the_twin_its_sequences(tmp_path: Path) -> None:
    for name, seed, size in (("a", 1, 0.1), ("b", 1, 0.1), ("c", 2, 0.1), ("d", 1, 0.0)):
        plant_sequences(tmp_path / name, seed, size=size, sequences=50)
    a, b, c, d = ((tmp_path / name / "manifest.csv").read_bytes() for name in "abcd")
    assert a == b
    assert a != c
    assert set(d.splitlines()) < set(a.splitlines())
    assert len(a.splitlines()) == len(d.splitlines()) + 5


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_all_kin_and_none_in_the_twin(seed: int, tmp_path: Path) -> None:
    for size in (0.1, 0.0):
        planted = plant_sequences(tmp_path / f"{size}", seed, size=size, sequences=200)
        cohort = Cohort.read(planted.folder / "manifest.csv", COLUMNS, folder=planted.folder)
        found = find_homologues(cohort, cohort.table["bases"].to_dict().__getitem__)
        assert {(pair.first, pair.second) for pair in found.pairs} == set(planted.pairs)
        assert len(planted.pairs) == round(200 * size)


@pytest.mark.parametrize("wrong", [{"flaw": "fire"}, {"size": 1.5}, {"sequences": 1}])
def test_what_cannot_be_planted_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument):
        plant_sequences(tmp_path / "a", 0, **{"size": 0.3, **wrong})  # type: ignore[arg-type]
