"""All that the records of a cohort can be asked for, in one answer."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.similarity import Similarity, copies, find_copies, find_duplicates


def cohort_of(arrays: dict[str, np.ndarray]) -> Cohort:
    return Cohort.from_table(pd.DataFrame({"input": list(arrays)}), Columns(input="input"), folder=".")


def search(arrays: dict[str, np.ndarray]) -> Similarity:
    return find_copies(cohort_of(arrays), arrays.__getitem__)


def noise(seed: int, length: int = 1000) -> np.ndarray:
    return ndimage.gaussian_filter1d(np.random.default_rng(seed).standard_normal(length), 3)[None]


def test_copies_of_a_whole_signal_and_of_a_stretch_stand_in_one_answer() -> None:
    long = noise(0, 1400)
    signals = {"a": long[:, :1000], "b": 2 * long[:, 400:], "c": noise(1), "d": noise(1), "e": noise(2)}
    found = search(signals)
    assert [(pair.first, pair.second, pair.kind) for pair in found.pairs] == [
        ("a", "b", "overlap"),
        ("c", "d", "identical pixels"),
    ]
    assert (found.among, found.left_out) == ("signals", ())


def test_of_too_many_signals_stretches_are_not_compared_and_the_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    long = noise(0, 1400)
    signals = {"a": long[:, :1000], "b": long[:, 400:], "c": noise(1), "d": noise(1)}
    monkeypatch.setattr(copies, "MOST_SIGNALS", 4)
    assert search(signals).clusters() == (("a", "b"), ("c", "d"))
    monkeypatch.setattr(copies, "MOST_SIGNALS", 3)
    found = search(signals)
    assert found.clusters() == (("c", "d"),)
    assert found.left_out == ("overlap",)


@pytest.mark.parametrize("dims", [2, 3])
def test_images_and_volumes_are_asked_as_ever(dims: int) -> None:
    one, other = np.random.default_rng(0).integers(0, 256, (2, 1, *(32,) * dims), dtype=np.uint8)
    images = {"a": one, "b": np.flip(one, -1), "c": other}
    assert search(images) == find_duplicates(cohort_of(images), images.__getitem__)
    assert search(images).among == "images"


def test_signals_that_are_short_or_show_nothing_are_in_nobodys_way() -> None:
    signals = {"a": noise(0), "flat": np.ones((1, 1000)), "short": noise(1, 40), "one": np.zeros((1, 1))}
    assert search(signals).pairs == ()


def test_signals_among_images_are_compared_whole_alone() -> None:
    found = search({"a": noise(0), "b": np.random.default_rng(0).random((1, 40, 40))})
    assert (found.among, found.left_out, found.pairs) == ("images", (), ())
