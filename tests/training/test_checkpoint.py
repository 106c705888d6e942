"""Checkpoints: what is written comes back to the bit, and what goes wrong leaves the last good one."""

import errno
import json
from pathlib import Path

import pytest
import torch

from hypercolumn.errors import CheckpointError, WeightsError
from hypercolumn.training import Checkpoint, load_checkpoint, load_weights, save_checkpoint, save_weights


def checkpoint(step: int) -> Checkpoint:
    torch.manual_seed(step)
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    weights = {name: value.detach() for name, value in network.state_dict().items()}
    return Checkpoint(step, weights, optimiser.state_dict(), weights, {"best_loss": 0.1 * step})


def same(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def test_a_checkpoint_comes_back_to_the_bit(tmp_path: Path) -> None:
    written = checkpoint(7)
    save_checkpoint(written, tmp_path)
    read = load_checkpoint(tmp_path)
    assert read is not None
    assert read.step == 7
    assert same(dict(read.network), dict(written.network))
    assert same(dict(read.optimiser), dict(written.optimiser))
    assert read.progress == {"best_loss": pytest.approx(0.7)}


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_checkpoint(checkpoint(step), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


def test_there_is_nothing_to_load_in_an_empty_folder(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "not there") is None


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(checkpoint(1), tmp_path)

    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hypercolumn.training.checkpoint.save_tensors", full)
    with pytest.raises(CheckpointError, match=r"No space left.*last good one is step-00000001"):
        save_checkpoint(checkpoint(2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    read = load_checkpoint(tmp_path)
    assert read is not None
    assert read.step == 1


def test_a_cut_off_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    save_checkpoint(checkpoint(1), tmp_path)
    newest = save_checkpoint(checkpoint(2), tmp_path)
    whole = (newest / "network.safetensors").read_bytes()
    (newest / "network.safetensors").write_bytes(whole[: len(whole) // 2])
    read = load_checkpoint(tmp_path)
    assert read is not None
    assert read.step == 1


def test_damaged_checkpoints_alone_are_an_error_not_a_fresh_start(tmp_path: Path) -> None:
    only = save_checkpoint(checkpoint(1), tmp_path)
    (only / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no checkpoint can be read"):
        load_checkpoint(tmp_path)


def test_weights_come_back_with_their_sheet(tmp_path: Path) -> None:
    digest = save_weights({"w": torch.arange(3.0)}, {"network": "unet"}, tmp_path / "weights.safetensors")
    tensors, sheet = load_weights(tmp_path / "weights.safetensors", sha256=digest)
    assert torch.equal(tensors["w"], torch.arange(3.0))
    assert sheet["network"] == "unet"


def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights({"w": torch.arange(3.0)}, {}, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="changed after training"):
        load_weights(path)


def test_weights_swapped_with_their_sheet_are_refused_by_the_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    remembered = save_weights({"w": torch.arange(3.0)}, {}, path)
    save_weights({"w": torch.zeros(3)}, {}, path)
    with pytest.raises(WeightsError, match=r"run\.json"):
        load_weights(path, sha256=remembered)


def test_a_pickle_named_safetensors_is_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save({"w": torch.zeros(2)}, path)
    from hypercolumn.training import file_sha256

    path.with_suffix(".json").write_text(json.dumps({"sha256": file_sha256(path)}), encoding="utf-8")
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(path)
