"""Weights as safetensors with a sheet beside them: what network they belong to, and the hash that tells a changed file.

    weights.safetensors      the tensors, nothing else
    weights.json             network, task, preprocessing, and the sha256 of the tensors' file

Nothing is unpickled. A file that was cut off or edited is refused before it is read.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hypercolumn.data.writing import write_json
from hypercolumn.errors import WeightsError


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> str:
    """Write tensors so that the file is on the disk when this returns; the sha256 of the file."""
    save_file({name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}, path)
    flush(path)
    return file_sha256(path)


def save_weights(tensors: Mapping[str, Tensor], sheet: Mapping[str, Any], path: Path) -> str:
    """Write a weights file and its sheet; the sha256."""
    temporary = path.with_name(f".{path.name}.tmp")
    digest = save_tensors(tensors, temporary)
    os.replace(temporary, path)
    write_json({**sheet, "sha256": digest}, path.with_suffix(".json"))
    return digest


def load_weights(path: Path, *, sha256: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a weights file and its sheet; `sha256`, where the run remembers it, must agree too.

    Raises WeightsError where either is missing, cut off or changed.
    """
    sheet_path = path.with_suffix(".json")
    try:
        sheet = json.loads(sheet_path.read_text(encoding="utf-8"))
        found = file_sha256(path)
    except (OSError, ValueError) as error:
        raise WeightsError("the weights cannot be read", where=path.name, why=str(error)) from None
    for expected, keeper in ((sheet.get("sha256"), sheet_path.name), (sha256, "run.json")):
        if expected is not None and expected != found:
            raise WeightsError(
                "the weights file was changed after training",
                where=f"{path.parent.name}/{path.name}",
                why=f"its sha256 is {found[:12]}..., {keeper} says {expected[:12]}...",
                fix="take the file from a copy of the run, or train again",
            )
    return load_tensors(path), sheet


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            "the weights file is damaged", where=path.name, why=str(error), fix="take it from a copy"
        ) from None


def flush(path: Path) -> None:
    """Wait until the file is on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
