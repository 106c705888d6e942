"""Checkpoints from which a run goes on to the same bit.

A checkpoint is a folder `step-00000200` of safetensors and one JSON: network, optimiser, best weights so far, and the
few numbers of the loop. It is written under another name and renamed when it is whole, so a run killed at any moment,
or a disk that fills up, leaves the last good one. Two are kept. No chance is stored, since none is remembered: see
`chance`.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypercolumn.data.writing import write_json
from hypercolumn.errors import CheckpointError, WeightsError
from hypercolumn.training.weights import file_sha256, load_tensors, save_tensors

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on from `step`."""

    step: int
    network: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]
    best: Mapping[str, Tensor]
    progress: Mapping[str, Any]


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a checkpoint into `folder`; the oldest of more than two goes.

    Raises CheckpointError where it cannot be written; those that were there are left as they were.
    """
    final = folder / f"step-{checkpoint.step:08d}"
    temporary = folder / f".writing-{final.name}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        tensors, numbers = _flatten(checkpoint.optimiser)
        hashes = {
            name: save_tensors(content, temporary / f"{name}.safetensors")
            for name, content in (("network", checkpoint.network), ("optimiser", tensors), ("best", checkpoint.best))
            if content
        }
        state = {"step": checkpoint.step, "progress": checkpoint.progress, "optimiser": numbers, "sha256": hashes}
        write_json(state, temporary / "state.json")
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        good = _steps(folder)
        kept = f"the last good one is {good[-1].name}" if good else "there is none before it"
        raise CheckpointError(
            f"the checkpoint of step {checkpoint.step} could not be written",
            where=str(folder.name),
            why=f"{error.strerror or error}; {kept}",
            fix="free some space, then go on with --resume",
        ) from None
    for old in _steps(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint of a folder, or None where there is none.

    Raises CheckpointError where checkpoints are there but every one of them is damaged.
    """
    failures = []
    for path in reversed(_steps(folder)):
        try:
            return _read(path)
        except (WeightsError, OSError, ValueError, KeyError) as error:
            failures.append(f"{path.name}: {error}")
    if failures:
        raise CheckpointError(
            "no checkpoint can be read", where=folder.name, why="; ".join(failures), fix="train again without --resume"
        )
    return None


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-????????")) if folder.is_dir() else []


def _read(path: Path) -> Checkpoint:
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimiser": {}, "best": {}}
    for name, digest in state["sha256"].items():
        file = path / f"{name}.safetensors"
        if file_sha256(file) != digest:
            raise WeightsError("the file was changed", where=file.name)
        parts[name] = load_tensors(file)
    optimiser = _unflatten(parts["optimiser"], state["optimiser"])
    return Checkpoint(int(state["step"]), parts["network"], optimiser, parts["best"], state["progress"])


def _flatten(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as tensors by name and plain numbers."""
    tensors, numbers = {}, {}
    for index, entry in state["state"].items():
        for name, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                numbers[f"{index}.{name}"] = value
    return tensors, {"state": numbers, "groups": state["param_groups"]}


def _unflatten(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *numbers["state"].items()):
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups = [{**group, "betas": tuple(group["betas"])} if "betas" in group else group for group in numbers["groups"]]
    return {"state": state, "param_groups": groups}


def tensors_of(module: torch.nn.Module) -> dict[str, Tensor]:
    """A module's weights and buffers as they are now, copied."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
