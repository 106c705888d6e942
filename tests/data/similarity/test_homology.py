"""Sequences of one origin: identical, the other strand, mutated, overlapping; and what is no kin."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, find_homologues, homology
from hypercolumn.errors import DataError, InvalidArgument


def search(sequences: dict[str, str], **settings) -> Similarity:
    cohort = Cohort.from_table(pd.DataFrame({"id": list(sequences)}), Columns(input="id"), folder=".")
    return find_homologues(cohort, sequences.__getitem__, **settings)


def drawn(seed: int, length: int = 400) -> str:
    return "".join("ACGT"[base] for base in np.random.default_rng(seed).integers(0, 4, length))


def other_strand(sequence: str) -> str:
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def mutated(sequence: str, share: float, seed: int = 9) -> str:
    rng = np.random.default_rng(seed)
    changed = [("ACGT".index(b) + rng.integers(1, 4)) % 4 if rng.random() < share else -1 for b in sequence]
    return "".join(base if new < 0 else "ACGT"[new] for base, new in zip(sequence, changed, strict=True))


@given(seed=st.integers(0, 50), length=st.integers(5, 300))
@settings(max_examples=12, deadline=None)
def test_a_sequence_is_itself_and_its_other_strand_at_any_length(seed: int, length: int) -> None:
    a = drawn(seed, length)
    [pair] = search({"a": a, "b": a, "z": drawn(seed + 1000, 300)}).pairs
    assert (pair.kind, pair.transform, pair.score) == ("identical", "none", 1.0)
    if a != other_strand(a):
        [pair] = search({"a": a, "b": other_strand(a)}).pairs
        assert (pair.kind, pair.transform) == ("identical", "reverse complement")


@pytest.mark.parametrize("turned", [False, True])
def test_the_score_is_the_identity_by_base(turned: bool) -> None:
    a = drawn(0, 20_000)
    b = mutated(a, 0.04)
    [pair] = search({"a": a, "b": other_strand(b) if turned else b}).pairs
    assert pair.kind == "homologous"
    assert pair.transform == ("reverse complement" if turned else "none")
    assert pair.score == pytest.approx(0.96, abs=0.005)


def test_windows_that_overlap_by_a_half_are_found() -> None:
    long = drawn(1, 3000)
    assert search({"a": long[:2000], "b": long[1000:]}).clusters() == (("a", "b"),)


def test_sequences_drawn_by_chance_are_no_kin() -> None:
    assert search({str(n): drawn(n, 1000) for n in range(200)}).pairs == ()


def test_a_repeat_that_all_share_joins_nobody() -> None:
    repeat = drawn(77, 60)
    assert search({str(n): drawn(n, 800) + repeat for n in range(60)}).pairs == ()


def test_case_spaces_rna_and_unknown_bases_are_read() -> None:
    a = drawn(3, 200)
    spaced = a.lower().replace("t", "u")[:100] + "\n" + a[100:]
    [pair] = search({"a": a, "b": spaced}).pairs
    assert pair.kind == "identical"
    [pair] = search({"a": a, "b": a[:90] + "N" * 5 + a[95:]}).pairs
    assert pair.kind == "homologous"
    assert search({"a": "N" * 50, "b": drawn(0)}).pairs == ()


def test_memory_is_bounded_by_sketching_and_kin_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homology, "MOST_HASHES", 2_000)
    sequences = {str(n): drawn(n, 2000) for n in range(12)}
    sequences |= {f"{n} kin": mutated(sequences[str(n)], 0.02) for n in range(12)}
    pairs = search(sequences).pairs
    assert {(pair.first, pair.second) for pair in pairs} == {(str(n), f"{n} kin") for n in range(12)}
    assert all(pair.score == pytest.approx(0.98, abs=0.02) for pair in pairs)


def test_the_answer_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = {str(n): drawn(n // 2 if n % 2 else n, 200) for n in range(20)}
    whole = search(sequences)
    monkeypatch.setattr(homology, "BLOCK", 3)
    assert search(sequences) == whole


def test_nothing_is_found_among_nothing() -> None:
    assert search({"a": ""}).pairs == ()
    assert search({"a": "ACGT", "b": "TTTTT"}).pairs == ()


@pytest.mark.parametrize("sequence", ["MKVLAAGE", "ACGT?ACGT", "ACGTé"])
def test_letters_that_are_no_bases_are_refused_with_their_place(sequence: str) -> None:
    with pytest.raises(DataError, match="nucleotide") as caught:
        search({"gene 7": sequence})
    assert "gene 7, base" in str(caught.value)


@pytest.mark.parametrize("settings", [{"k": 3}, {"k": 32}, {"threshold": 0}, {"least": 0}])
def test_settings_that_cannot_be_used_are_refused(settings: dict) -> None:
    with pytest.raises(InvalidArgument):
        search({"a": "ACGT"}, **settings)
