"""Writing a file so that a reader sees the old one or the new one, never half of one.

The text goes to a file beside its place, is flushed to the disk, and is moved there.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> Path:
    """Write text as UTF-8; on failure the OSError comes out and the old file stands.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a.txt", "whole").read_text()
    'whole'
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    return path


def write_json(content: Mapping[str, Any], path: Path) -> Path:
    """The same for JSON, with sorted keys."""
    return write_whole(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=True) + "\n")
