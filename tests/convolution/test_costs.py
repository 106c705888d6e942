import json
from pathlib import Path

import pytest

from hypercolumn.convolution import costs as room
from hypercolumn.convolution.costs import Candidate, Costs, cache_folder, measure


class Clock:
    """Time that passes only where a way says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.runs = 0.0, []
        monkeypatch.setattr(room.time, "perf_counter", lambda: self.now)

    def way(self, name: str, *seconds: float, at_least: float = 0.0) -> Candidate:
        """A way that takes these seconds in turn, the last ones for ever."""
        left = list(seconds)

        def run() -> None:
            self.runs.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Candidate(name, run, at_least)


def never() -> list[Candidate]:
    raise AssertionError("measured again")


def test_the_fastest_comes_first_and_the_slow_drop_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = measure([clock.way("b", 0.003), clock.way("slow", 0.009), clock.way("a", 0.002)])
    assert found == pytest.approx({"a": 0.002, "b": 0.003})
    assert list(found) == ["a", "b"]
    assert clock.runs.count("slow") == 3


def test_one_stall_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert measure([clock.way("a", 0.002, 0.002, 0.002, 0.02, 0.002), clock.way("b", 0.003)])["a"] == pytest.approx(
        0.002
    )


def test_what_is_fast_at_best_and_slow_as_a_rule_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert list(measure([clock.way("a", 0.001, 0.001, 0.001, 0.02), clock.way("b", 0.0015)])) == ["b", "a"]


def test_what_cannot_win_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    measure([clock.way("a", 0.002), clock.way("bound", 0.001, at_least=0.003), clock.way("long", 1.0)])
    assert "bound" not in clock.runs
    assert clock.runs.count("long") == 1


def test_what_was_measured_is_kept_for_other_processes(tmp_path: Path) -> None:
    first = Costs(tmp_path / "new")
    found = first.seconds("question", lambda: [Candidate("way", lambda: None)])
    assert Costs(tmp_path / "new").seconds("question", never) == found
    assert first.seconds("question", never) is found
    assert [file.name for file in (tmp_path / "new").iterdir()] == [f"convolution-{room.machine()}.json"]


def test_two_processes_keep_what_each_has_found(tmp_path: Path) -> None:
    one, two = Costs(tmp_path), Costs(tmp_path)
    assert not one.known()
    assert not two.known()
    one.seconds("first", lambda: [Candidate("way", lambda: None)])
    two.seconds("second", lambda: [Candidate("way", lambda: None)])
    assert set(Costs(tmp_path).known()) == {"first", "second"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"question": 3}', '{"question": {}}', '{"question": {"way": "fast"}}', "\udcff"]
)
def test_a_spoilt_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    file = Costs(tmp_path).file
    assert file is not None
    file.write_text(text, "utf-8", errors="surrogateescape")
    assert Costs(tmp_path).seconds("question", lambda: [Candidate("way", lambda: None)]).keys() == {"way"}
    assert "question" in json.loads(file.read_text("utf-8"))


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", None):
        known = Costs(folder)
        found = known.seconds("question", lambda: [Candidate("way", lambda: None)])
        assert known.seconds("question", never) is found


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({}) == tmp_path / ".cache" / "hypercolumn"
    assert cache_folder({"XDG_CACHE_HOME": "not/absolute"}) == tmp_path / ".cache" / "hypercolumn"


def test_without_a_home_there_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder({}) is None


def test_the_machines_name_stays_the_same() -> None:
    assert room.machine() == room.machine()
    assert len(room.machine()) == 12
