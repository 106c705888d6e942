"""What is known of a file so that a change is seen later: its size, and hashes of its header and of blocks spread over
it.

Hashing a cohort of whole slides takes hours, sampling 64 blocks of each takes seconds. A file of up to 256 KiB is
covered entirely; in a larger one a change that leaves the size, the first 4 KiB and every sampled block as they were is
seen only by the hash of the whole.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hypercolumn.data.cohort import Cohort
from hypercolumn.errors import Problem

BLOCK = 4096
BLOCKS = 64


@dataclass(frozen=True)
class FileSeal:
    """One file, relative to the data folder; `role` is "input" or "target", `whole` the hash of every byte or None."""

    path: str
    role: str
    size: int
    header: str
    blocks: str
    whole: str | None = None

    def differs(self, folder: Path, *, full: bool = False) -> list[Problem]:
        """How the file there now differs from the one that was sealed."""
        name = PurePosixPath(self.path)
        if name.is_absolute() or ".." in name.parts:
            return [Problem("E-FILE-OUTSIDE", f"{self.path} leaves the data folder", "files")]
        try:
            now = seal_file(folder, self.path, role=self.role, full=full and self.whole is not None)
        except (OSError, ValueError) as error:
            return [unreadable(self.path, error)]
        changes = (
            (now.size != self.size, f"has changed: {self.size:,} bytes then, {now.size:,} now"),
            (now.header != self.header, "has changed in its first 4 KiB"),
            (now.blocks != self.blocks, "has changed in a sampled block"),
            (now.whole is not None and now.whole != self.whole, "has changed"),
            (full and self.whole is None, "was not hashed in full when the certificate was written"),
        )
        said = next((text for changed, text in changes if changed), None)
        return [] if said is None else [Problem("E-CERTIFICATE", f"{self.path} {said}", "files")]


def seal_file(folder: Path, path: str, *, role: str = "input", full: bool = False) -> FileSeal:
    """Size and hashes of one file; OSError where it cannot be read or is no plain file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.bin").write_bytes(b"abc")
    ...     seal = seal_file(Path(folder), "a.bin")
    >>> seal.size, seal.header[:8]
    (3, 'ba7816bf')
    """
    place = folder / path
    if not stat.S_ISREG(place.stat().st_mode):  # before it is opened: a pipe would wait for ever
        raise OSError("it is not a plain file")
    with place.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = hashlib.sha256(file.read(BLOCK)).hexdigest()
        blocks = hashlib.sha256()
        for start in block_starts(size):
            file.seek(start)
            blocks.update(file.read(BLOCK))
        file.seek(0)
        whole = hashlib.file_digest(file, "sha256").hexdigest() if full else None
    return FileSeal(path, role, size, header, blocks.hexdigest(), whole)


def block_starts(size: int) -> tuple[int, ...]:
    """Where the sampled blocks of a file begin: all of it up to 256 KiB, else 64 spread evenly from first to last byte.

    >>> block_starts(10_000)
    (0, 4096, 8192)
    >>> starts = block_starts(10_000_000)
    >>> len(starts), starts[0], starts[-1] + 4096
    (64, 0, 10000000)
    """
    if size <= BLOCK * BLOCKS:
        return tuple(range(0, size, BLOCK))
    return tuple((size - BLOCK) * place // (BLOCKS - 1) for place in range(BLOCKS))


def sealed_paths(cohort: Cohort, *, target_files: bool = False) -> Iterator[tuple[str, str]]:
    """Every file of a cohort once, relative to its folder, with its role; a folder stands for the files in it.

    >>> import pandas as pd
    >>> from hypercolumn.data.cohort import Columns
    >>> table = pd.DataFrame({"image": ["a_ch0.tif;a_ch1.tif"], "mask": ["a_mask.png"]})
    >>> cohort = Cohort.from_table(table, Columns(input="image", target="mask"), folder=".")
    >>> list(sealed_paths(cohort, target_files=True))
    [('a_ch0.tif', 'input'), ('a_ch1.tif', 'input'), ('a_mask.png', 'target')]
    """
    listed: dict[str, str] = {}
    for record in cohort.records:
        for path in cohort.inputs(record):
            listed.setdefault(path.relative_to(cohort.folder).as_posix(), "input")
        if target_files:
            for part in filter(None, (piece.strip() for piece in str(cohort.target(record)).split(";"))):
                listed.setdefault(PurePosixPath(part).as_posix(), "target")
    for name, role in listed.items():
        place = cohort.folder / name
        inside = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        for path in inside:
            yield path.relative_to(cohort.folder).as_posix(), role


def unreadable(path: str, error: OSError | ValueError) -> Problem:
    """A file that cannot be sealed, as a problem."""
    if isinstance(error, FileNotFoundError):
        return Problem("E-FILE-MISSING", f"{path} does not exist", "files")
    return Problem(
        "E-FILE-UNREADABLE", f"{path} cannot be read", "files", getattr(error, "strerror", None) or str(error)
    )
