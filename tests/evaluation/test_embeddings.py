import numpy as np
import pandas as pd
import pytest

from hypercolumn.errors import FileTooLarge, InvalidArgument, ManifestError, ShapeMismatch, UnreadableFile
from hypercolumn.evaluation import embeddings as module
from hypercolumn.evaluation.embeddings import Embeddings

NAMES = tuple(f"r{n}" for n in range(50))


def test_means_are_those_of_pandas_in_any_order_and_any_number_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    vectors, groups, order = chance.normal(size=(50, 3)), chance.integers(0, 7, 200), chance.integers(0, 50, 200)
    known = pd.DataFrame(vectors[order]).groupby(groups).mean().to_numpy()
    for at_once in (1 << 22, 12):
        monkeypatch.setattr(module, "_AT_ONCE", at_once)
        assert Embeddings(NAMES, vectors).means([NAMES[one] for one in order], groups) == pytest.approx(known)


def test_a_file_is_mapped_and_read_back(tmp_path) -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    np.save(tmp_path / "e.npy", vectors)
    found = Embeddings.read(tmp_path / "e.npy", NAMES)
    assert isinstance(found.vectors, np.memmap)
    assert np.array_equal(found.vectors, vectors)


def test_a_hostile_or_a_huge_file_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no numbers")
    np.savez(tmp_path / "archive.npz", a=np.zeros(3))
    for name in ("objects.npy", "text.npy", "archive.npz", "nowhere.npy"):
        with pytest.raises(UnreadableFile):
            Embeddings.read(tmp_path / name, ("a",))
    np.save(tmp_path / "large.npy", np.zeros((50, 4)))
    monkeypatch.setattr(module, "LARGEST_FILE", 100)
    with pytest.raises(FileTooLarge, match="GiB"):
        Embeddings.read(tmp_path / "large.npy", NAMES)


def test_another_length_than_the_manifest_is_refused(tmp_path) -> None:
    np.save(tmp_path / "e.npy", np.zeros((49, 4)))
    with pytest.raises(ShapeMismatch, match="50 records and 49 rows"):
        Embeddings.read(tmp_path / "e.npy", NAMES)


def test_bad_numbers_are_refused_and_named() -> None:
    vectors = np.ones((50, 2))
    vectors[31, 1] = np.nan
    with pytest.raises(InvalidArgument, match="r31"):
        Embeddings(NAMES, vectors)
    with pytest.raises(ShapeMismatch, match="embeddings are"):
        Embeddings(NAMES, np.ones(50))
    with pytest.raises(ShapeMismatch, match="names"):
        Embeddings(NAMES, np.ones((50, 2)), names=("mean",))
    with pytest.raises(InvalidArgument, match="complex"):
        Embeddings(NAMES, np.ones((50, 2), dtype=complex))
    with pytest.raises(ManifestError, match="two rows"):
        Embeddings((*NAMES[:-1], "r0"), np.ones((50, 2)))


def test_a_record_without_an_embedding_is_named() -> None:
    with pytest.raises(ManifestError, match="1 of 2 predicted records") as caught:
        Embeddings(NAMES, np.ones((50, 2))).rows(["r3", "stranger"])
    assert caught.value.problem.where == "stranger"


def test_constant_numbers_are_called_so() -> None:
    assert Embeddings(NAMES, np.ones((50, 2))).constant
    assert not Embeddings(NAMES, np.eye(50)).constant
