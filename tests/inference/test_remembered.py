"""Choices remembered in memory and on disk: by structure, never by data, and measured again for accuracy."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hypercolumn.inference import Precision
from hypercolumn.inference import remembered as room
from hypercolumn.inference.remembered import cache_folder, remembered

FAST = Precision("bfloat16", channels_last=True, reason="measured", seconds={"float32": 2.0}, deviation=0.01)


class Probes:
    """Stands for `choose`: counts how often it is asked."""

    def __init__(self, found: Precision) -> None:
        self.found, self.count = found, 0

    def __call__(self, network: nn.Module, example: Tensor, **options: object) -> Precision:
        self.count += 1
        return self.found


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Probes:
    found = Probes(FAST)
    monkeypatch.setattr(room, "choose", found)
    monkeypatch.setattr(room, "_KNOWN", {})
    monkeypatch.setattr(room, "cache_folder", lambda: tmp_path / "cache")
    return found


def network(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, 1, 3))


def image(length: int = 16) -> Tensor:
    return torch.randn(1, 1, length, length)


def test_a_network_of_the_same_structure_is_probed_once(probes: Probes) -> None:
    """Other weights and another image do not matter, for they are not looked at."""
    assert remembered(network(), image()).name == FAST.name
    assert remembered(network(), image()).name == FAST.name
    assert probes.count == 1


@pytest.mark.parametrize(
    ("other", "given", "options"),
    [(network(4), image(), {}), (network(), image(200), {}), (network(), image(), {"tolerance": 0.02})],
    ids=["width", "size", "tolerance"],
)
def test_another_structure_size_or_tolerance_is_probed_again(
    probes: Probes, other: nn.Module, given: Tensor, options: dict[str, float]
) -> None:
    remembered(network(), image())
    remembered(other, given, **options)
    assert probes.count == 2


def test_another_process_finds_it_on_disk(probes: Probes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remembered(network(), image())
    monkeypatch.setattr(room, "_KNOWN", {})
    found = remembered(network(), image())
    assert probes.count == 1
    assert (found.name, found.seconds) == (FAST.name, FAST.seconds)
    (file,) = (tmp_path / "cache").iterdir()
    assert set(json.loads(file.read_text("utf-8"))) == set(FAST.to_dict())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"dtype": "float8"}', '{"unknown": 1}'])
def test_a_file_that_is_no_choice_is_done_without(
    probes: Probes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    remembered(network(), image())
    monkeypatch.setattr(room, "_KNOWN", {})
    for file in (tmp_path / "cache").iterdir():
        file.write_text(content, encoding="utf-8")
    assert remembered(network(), image()).name == FAST.name
    assert probes.count == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    probes: Probes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    assert remembered(network(), image()).name == FAST.name
    monkeypatch.setattr(room, "cache_folder", lambda: None)
    monkeypatch.setattr(room, "_KNOWN", {})
    assert remembered(network(), image()).name == FAST.name


def test_accuracy_is_measured_on_the_network_at_hand(probes: Probes) -> None:
    """The remembered choice is refused for weights that bfloat16 does not do justice to."""
    remembered(network(), image())
    delicate = network()
    with torch.no_grad():
        delicate[2].bias.fill_(1000.0)
    answer = {"answer": lambda output: output - 1000.0}
    remembered(delicate, image(), **answer)
    assert probes.count == 2


def test_a_network_that_is_not_probed_is_not_remembered(probes: Probes, tmp_path: Path) -> None:
    probes.found = Precision(reason="nothing was tried")
    remembered(network().double(), image().double())
    assert not (tmp_path / "cache").exists()


def test_the_folder_is_the_systems_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "hypercolumn" / "precision"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "hypercolumn" / "precision"
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    assert cache_folder() == tmp_path / "me" / "Library" / "Caches" / "hypercolumn" / "precision"
