"""Writing a file so that a reader sees the old one or the new one, never half of one.

What is written goes to a file beside its place, is flushed to the disk, and is moved there.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str | Iterable[str]) -> Path:
    """Write text, in one piece or in many, as UTF-8; on failure the OSError comes out and the old file stands.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a.txt", "whole").read_text()
    'whole'
    """
    with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="") as file:
        file.writelines([text] if isinstance(text, str) else text)
    return path


def write_json(content: Mapping[str, Any], path: Path) -> Path:
    """The same for JSON, with sorted keys."""
    return write_whole(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=True) + "\n")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write to; what stands there at the end takes the place of `path`, unless an error comes out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.bin") as unfinished:
    ...         written = unfinished.write_bytes(b"whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.bin']
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
