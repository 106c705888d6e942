import numpy as np
import pytest

from hypercolumn.data.similarity import proposal
from hypercolumn.data.similarity.cosines import turned
from hypercolumn.data.similarity.proposal import propose, whitened

TURNS = turned(2, 16)
SIZE = TURNS.shape[1]


def drawn(records: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((records, SIZE)).astype(np.float32)


def test_every_symmetry_of_a_copy_is_proposed() -> None:
    waves = drawn(40)
    for number, turn in enumerate(TURNS):
        waves[20 + number] = turn.T @ waves[number]
    found = propose(waves, TURNS)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), found.symmetry.tolist(), strict=True))
    assert {(number, 20 + number, number) for number in range(8)} <= pairs
    assert len(pairs) < 100, "of 780 pairs under 8 symmetries"


def test_what_all_records_share_proposes_nobody() -> None:
    """One anatomy for all, eight times as strong as what differs: correlations above 0.95 before whitening."""
    common = 8 * drawn(1, seed=5)
    waves = common + drawn(300)
    waves[7] = waves[3]
    unit = waves / np.linalg.norm(waves, axis=1, keepdims=True)
    assert (unit @ unit.T).min() > 0.95
    found = propose(waves, TURNS)
    assert (3, 7) in zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert (found.score > 0.5).sum() < 400, "a thousandth of 300 * 299 / 2 pairs under 8 symmetries"


def test_whitening_commutes_with_the_symmetries() -> None:
    waves = drawn(100)
    for turn in TURNS:
        moved = np.concatenate([waves, waves[:1] @ turn.T])
        np.testing.assert_allclose(whitened(moved, TURNS)[-1], turn @ whitened(moved, TURNS)[0], atol=1e-4)


def test_workers_and_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = np.concatenate([drawn(50), drawn(50) + 0.3 * drawn(50, seed=1)])
    whole = propose(waves, TURNS, workers=1)
    monkeypatch.setattr(proposal, "TILE", 16)
    other = propose(waves, TURNS, workers=3)
    for name in ("first", "second", "symmetry"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))


def test_a_crowd_of_equals_does_not_crowd_out_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = drawn(260)
    waves[:200] = waves[0]
    waves[231] = waves[230]
    found = propose(waves, TURNS)
    assert (230, 231) in zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert np.bincount(found.first).max() == proposal.A_RECORD


def test_records_without_waves_are_not_proposed() -> None:
    assert len(propose(np.zeros((5, SIZE), np.float32), TURNS).first) == 0
