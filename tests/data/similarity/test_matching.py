import numpy as np
import pytest

from hypercolumn.data.similarity import matching, proposal
from hypercolumn.data.similarity.appearance import Appearance, appearance
from hypercolumn.data.similarity.matching import matches


def appearances(count: int, *, seed: int = 0) -> list[Appearance]:
    images = np.random.default_rng(seed).integers(60, 180, (count, 1, 48, 48), dtype=np.uint8)
    return [found for found in map(appearance, images) if found is not None]


def test_nothing_matches_nothing() -> None:
    assert matches([], dims=2, lowest=0.85) == []
    assert matches(appearances(1), dims=2, lowest=0.85) == []


def test_unlike_images_do_not_match() -> None:
    assert matches(appearances(40), dims=2, lowest=0.85) == []


def test_what_is_found_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [*appearances(7), *appearances(7), *appearances(3, seed=1)]
    whole = matches(seen, dims=2, lowest=0.85)
    monkeypatch.setattr(matching, "BLOCK", 3)
    monkeypatch.setattr(proposal, "TILE", 8)
    assert matches(seen, dims=2, lowest=0.85) == whole
    assert [(match.first, match.second) for match in whole] == [(n, n + 7) for n in range(7)]


def test_too_many_pairs_are_thinned_without_breaking_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST", 2)
    found = matches([appearances(1)[0]] * 30, dims=2, lowest=0.85)
    assert len(found) == 29
    joined = {0}
    for _ in range(30):
        joined |= {
            b for match in found for a, b in [(match.first, match.second), (match.second, match.first)] if a in joined
        }
    assert joined == set(range(30))


def test_a_higher_lowest_correlation_finds_no_more() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(60, 180, (1, 48, 48)).astype(np.float64)
    noisy = [image + spread * rng.standard_normal(image.shape) for spread in (0, 5, 10, 20, 40)]
    seen = [found for found in map(appearance, noisy) if found is not None]
    counts = [len(matches(seen, dims=2, lowest=lowest)) for lowest in (0.85, 0.95, 0.999)]
    assert counts == sorted(counts, reverse=True)
