"""Seals of files: what is covered, what is seen, and what is refused."""

import hashlib
import itertools
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.cohort import Cohort, Columns
from hypercolumn.data.seals import BLOCK, BLOCKS, FileSeal, block_starts, seal_file, sealed_paths


@given(size=st.integers(0, 10**12))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_blocks_lie_in_the_file_from_its_first_to_its_last_byte(size):
    starts = block_starts(size)
    assert list(starts) == sorted(set(starts))
    assert len(starts) <= BLOCKS
    if size:
        assert starts[0] == 0
        assert starts[-1] < size <= starts[-1] + BLOCK
    if size <= BLOCK * BLOCKS:
        assert all(later - earlier == BLOCK for earlier, later in itertools.pairwise(starts)), "no hole"
    else:
        assert all(later - earlier >= BLOCK for earlier, later in itertools.pairwise(starts)), "no overlap"


def write(folder: Path, content: bytes, name: str = "a.tif") -> FileSeal:
    (folder / name).write_bytes(content)
    return seal_file(folder, name, full=True)


def test_the_hash_of_the_whole_is_plain_sha256(tmp_path):
    content = bytes(range(256)) * 3000
    seal = write(tmp_path, content)
    assert seal.whole == hashlib.sha256(content).hexdigest()
    assert seal.header == hashlib.sha256(content[:4096]).hexdigest()
    assert seal.size == 768_000


@pytest.mark.parametrize("place", [0, 4095, 4096, 100_000, 262_143])
def test_any_byte_of_a_file_of_256_kib_is_covered_without_the_whole(tmp_path, place):
    content = bytearray(262_144)
    seal = write(tmp_path, bytes(content))
    content[place] = 1
    (tmp_path / "a.tif").write_bytes(bytes(content))
    (problem,) = seal.differs(tmp_path)
    assert problem.what.startswith("a.tif has changed in")


def test_in_a_large_file_a_byte_between_blocks_is_seen_with_the_whole_alone(tmp_path):
    content = bytearray(2_000_000)
    seal = write(tmp_path, bytes(content))
    content[block_starts(2_000_000)[5] - 1] = 1
    (tmp_path / "a.tif").write_bytes(bytes(content))
    assert seal.differs(tmp_path) == []
    assert [problem.what for problem in seal.differs(tmp_path, full=True)] == ["a.tif has changed"]


def test_size_absence_and_a_seal_without_the_whole_are_told(tmp_path):
    seal = write(tmp_path, b"12345")
    (tmp_path / "a.tif").write_bytes(b"123456")
    assert seal.differs(tmp_path)[0].what == "a.tif has changed: 5 bytes then, 6 now"
    (tmp_path / "a.tif").unlink()
    assert seal.differs(tmp_path)[0].code == "E-FILE-MISSING"
    (tmp_path / "b").write_bytes(b"")
    assert "not hashed in full" in seal_file(tmp_path, "b").differs(tmp_path, full=True)[0].what


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_seal_that_leaves_the_folder_opens_nothing(tmp_path, path):
    assert FileSeal(path, "input", 1, "", "").differs(tmp_path)[0].code == "E-FILE-OUTSIDE"


@pytest.mark.parametrize("path", ["\0", "\ud800"])
def test_a_name_that_no_file_can_have_is_a_problem_and_no_crash(tmp_path, path):
    assert FileSeal(path, "input", 1, "", "").differs(tmp_path)[0].code == "E-FILE-UNREADABLE"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a plain file"):
        seal_file(tmp_path, "pipe")


def test_each_file_once_with_channels_targets_and_folders(tmp_path):
    (tmp_path / "series").mkdir()
    for name in ("series/2.dcm", "series/1.dcm"):
        (tmp_path / name).touch()
    table = pd.DataFrame({"key": ["a", "b", "c"], "image": ["x.png;y.png", "x.png", "series"], "mask": ["m.png"] * 3})
    cohort = Cohort.from_table(table, Columns(input="image", target="mask", key="key"), folder=tmp_path)
    assert [path for path, _ in sealed_paths(cohort)] == ["x.png", "y.png", "series/1.dcm", "series/2.dcm"]
    assert list(sealed_paths(cohort, target_files=True)).count(("m.png", "target")) == 1
