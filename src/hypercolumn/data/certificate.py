"""The certificate of a split: what was kept apart, how that was checked, and of which files that is true.

A JSON document, written once beside a run:

    split      kind, claim, seed, gap, every unit with its pieces, every fold with its sides
    counts     records, units and labels on each side of each fold
    checks     every law of a split (see `verification`) and that it held
    clusters   the near-duplicates that were kept together
    manifest   the hash of the manifest's cells
    files      path, size, hash of the first 4 KiB and of 64 blocks of 4 KiB spread over the file; with `full` of all of
    it

Each section carries a hash of its own and the document one over all, so that a slip of an editor is found and named. A
hash is no signature: who rewrites the hashes too is found out by `verify`, which reads the manifest and the files again
and judges the split anew. A file of up to 256 KiB is covered by its blocks entirely; in a larger one a change outside
the blocks is seen only with `full`.

Units and records stand under their names in the manifest: give a manifest with pseudonyms, not with patients' names.
"""

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from hypercolumn.data.cohort import Cohort
from hypercolumn.data.split import Split
from hypercolumn.data.split_document import Document, document_to_split, read_document, split_to_dict
from hypercolumn.data.verification import Check, judge_split, verify_split
from hypercolumn.errors import (
    CertificateError,
    DataProblems,
    InvalidArgument,
    OutputNotWritable,
    Problem,
)

SCHEMA = 1
BLOCK = 4096
BLOCKS = 64
LARGEST_DOCUMENT = 1 << 30
"""Bytes of a certificate that are read at most; a cohort of a million files stays below."""


@dataclass(frozen=True)
class FileSeal:
    """What is known of one file: enough to see that it is another one now.

    `role` is "input" or "target"; `whole` is the hash of all of it where `full` was asked for.
    """

    path: str
    role: str
    size: int
    header: str
    blocks: str
    whole: str | None = None


@dataclass(frozen=True)
class SideCount:
    """What stands on one side of one fold."""

    fold: str
    side: str
    records: int
    units: int
    labels: Mapping[str, int]


@dataclass(frozen=True)
class Certificate:
    """A split that was checked, with what it was checked on."""

    split: Split
    counts: tuple[SideCount, ...]
    checks: tuple[Check, ...]
    clusters: tuple[tuple[str, ...], ...]
    manifest: str
    files: tuple[FileSeal, ...]
    schema: int = SCHEMA

    @property
    def generalises_to(self) -> str:
        return self.split.generalises_to

    @property
    def sha256(self) -> str:
        """The hash over the whole document."""
        return _hash(self._sections())

    def write(self, path: Path | str) -> Path:
        """Write the document; a file of that name is replaced only once the new one is complete."""
        path = Path(path)
        sections = self._sections()
        seals = {name: _hash(section) for name, section in sections.items()}
        document = {**sections, "seals": seals, "sha256": _hash(sections)}
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            unfinished.write_text(
                json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
            )
            os.replace(unfinished, path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise OutputNotWritable("the certificate cannot be written", where=str(path), why=str(error)) from None
        return path

    @classmethod
    def read(cls, path: Path | str) -> "Certificate":
        """Read a document and check its seals; CertificateError says what is wrong with it."""
        path = Path(path)
        try:
            if path.stat().st_size > LARGEST_DOCUMENT:
                raise CertificateError("the certificate is too large to be one", where=str(path))
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateError("the certificate cannot be read", where=str(path), why=str(error)) from None
        try:
            return _certificate(read_document(text))
        except CertificateError as error:
            raise CertificateError(
                error.problem.what,
                where=f"{path.name} {error.problem.where}".strip(),
                why=error.problem.why,
                fix=error.problem.fix,
            ) from None

    def _sections(self) -> dict[str, object]:
        return {
            "hypercolumn": "certificate of a split",
            "schema": self.schema,
            "split": split_to_dict(self.split),
            "counts": [asdict(count) for count in self.counts],
            "checks": [asdict(check) for check in self.checks],
            "clusters": [list(cluster) for cluster in self.clusters],
            "manifest": self.manifest,
            "files": [asdict(seal) for seal in self.files],
        }


def certify(
    split: Split,
    cohort: Cohort,
    *,
    clusters: Sequence[Sequence[str]] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
    target_files: bool = False,
    full: bool = False,
) -> Certificate:
    """Judge a split, look at its files, and write down both.

    `labels` are counted side by side where given; with `target_files` the target column names files, which are sealed
    too; `full` hashes every byte. Takes a `Split` and nothing that merely looks like one.

    Raises DataProblems with every law that the split breaks and every file that cannot be read: no certificate then.
    """
    if type(split) is not Split:
        raise InvalidArgument(
            "split",
            type(split).__name__,
            why="only a split built from lineage can be certified",
            fix="build it with k_folds, hold_out, leave_one_site_out, site_preserving or by_region",
        )
    judged = judge_split(split, cohort, clusters)
    problems = [problem for _, found in judged for problem in found]
    seals: list[FileSeal] = []
    for path, role in _files(cohort, target_files=target_files):
        try:
            seals.append(seal_file(cohort.folder, path, role=role, full=full))
        except OSError as error:
            problems.append(_unreadable(path, error))
    if problems:
        raise DataProblems(problems, where="the split")
    return Certificate(
        split,
        tuple(_counts(split, labels or {})),
        tuple(check for check, _ in judged),
        tuple(tuple(cluster) for cluster in clusters),
        cohort.sha256,
        tuple(seals),
    )


def verify(certificate: Certificate, cohort: Cohort, *, full: bool = False) -> list[Problem]:
    """Everything in which manifest, files and split no longer are what the certificate says; empty: it holds.

    With `full` every byte is hashed again, for a certificate that was written so.
    """
    problems = list(_manifest_problems(certificate, cohort))
    problems += verify_split(certificate.split, cohort, certificate.clusters)
    written = {(count.fold, count.side): (count.records, count.units) for count in certificate.counts}
    counted = {(count.fold, count.side): (count.records, count.units) for count in _counts(certificate.split, {})}
    if written != counted:
        problems.append(_problem("the counts are not those of the split", "counts"))
    sealed_roles = {seal.role for seal in certificate.files}
    expected = {path for path, _ in _files(cohort, target_files="target" in sealed_roles)}
    sealed = {seal.path for seal in certificate.files}
    problems += [_problem(f"{path} is not in the certificate", "files") for path in sorted(expected - sealed)]
    for seal in certificate.files:
        problems += _file_problems(seal, cohort.folder, full=full)
    return problems


def seal_file(folder: Path, path: str, *, role: str = "input", full: bool = False) -> FileSeal:
    """Size and hashes of one file; OSError where it cannot be read or is no plain file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.bin").write_bytes(b"abc")
    ...     seal = seal_file(Path(folder), "a.bin")
    >>> seal.size, seal.header[:8]
    (3, 'ba7816bf')
    """
    with open(folder / path, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a plain file")
        size = status.st_size
        header = file.read(BLOCK)
        blocks = hashlib.sha256()
        for start in block_starts(size):
            file.seek(start)
            blocks.update(file.read(BLOCK))
        whole = None
        if full:
            file.seek(0)
            whole = hashlib.file_digest(file, "sha256").hexdigest()
    return FileSeal(path, role, size, hashlib.sha256(header).hexdigest(), blocks.hexdigest(), whole)


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


def _files(cohort: Cohort, *, target_files: bool) -> Iterator[tuple[str, str]]:
    """Every file once, relative to the cohort's folder: inputs and label images; a folder stands for what lies in it."""
    listed: dict[str, str] = {}
    for record in cohort.records:
        for path in cohort.inputs(record):
            listed.setdefault(path.relative_to(cohort.folder).as_posix(), "input")
        if target_files:
            for part in filter(None, (piece.strip() for piece in str(cohort.target(record)).split(";"))):
                listed.setdefault(PurePosixPath(part).as_posix(), "target")
    for name, role in listed.items():
        place = cohort.folder / name
        if place.is_dir():
            for inside in sorted(place.rglob("*")):
                if inside.is_file():
                    yield inside.relative_to(cohort.folder).as_posix(), role
        else:
            yield name, role


def _counts(split: Split, labels: Mapping[str, Sequence[str]]) -> Iterator[SideCount]:
    unit_of: dict[str, set[str]] = {}
    for unit, pieces in split.units.items():
        for piece in pieces:
            unit_of.setdefault(piece.record, set()).add(unit)
    exact = split.unit_of()
    for fold in split.folds:
        for side, pieces in fold.sides():
            records = {piece.record for piece in pieces}
            if all(piece.name in exact for piece in pieces):
                units = {exact[piece.name] for piece in pieces}
            else:
                units = {
                    unit
                    for unit, cells in split.units.items()
                    for cell in cells
                    if any(_overlap(cell.box, piece.box) for piece in pieces if piece.record == cell.record)
                }
            found = Counter(name for record in sorted(records) for name in set(labels.get(record, ())))
            yield SideCount(fold.name, side, len(records), len(units), dict(sorted(found.items())))


def _overlap(one: tuple[tuple[int, int], ...] | None, other: tuple[tuple[int, int], ...] | None) -> bool:
    if one is None or other is None:
        return True
    return all(max(a[0], b[0]) < min(a[1], b[1]) for a, b in zip(one, other, strict=True))


def _manifest_problems(certificate: Certificate, cohort: Cohort) -> Iterator[Problem]:
    if certificate.manifest == cohort.sha256:
        return
    then = {piece.record for pieces in certificate.split.units.values() for piece in pieces}
    now = set(cohort.records)
    said = [
        f"{len(records)} record{'s' if len(records) > 1 else ''} {verb} ({', '.join(sorted(records)[:3])}{', ...' if len(records) > 3 else ''})"
        for records, verb in ((now - then, "added"), (then - now, "gone"))
        if records
    ]
    yield _problem(
        "the manifest is not the one that was split",
        "manifest",
        why="; ".join(said) or "the records are the same; other cells or roles have changed",
    )


def _file_problems(seal: FileSeal, folder: Path, *, full: bool) -> Iterator[Problem]:
    name = PurePosixPath(seal.path)
    if name.is_absolute() or ".." in name.parts:
        yield Problem("E-FILE-OUTSIDE", f"{seal.path} leaves the data folder", "files")
        return
    try:
        now = seal_file(folder, seal.path, role=seal.role, full=full and seal.whole is not None)
    except OSError as error:
        yield _unreadable(seal.path, error)
        return
    if full and seal.whole is None:
        yield _problem(f"{seal.path} was not hashed in full", "files", why="the certificate was written without --full")
    if now.size != seal.size:
        yield _problem(f"{seal.path} has changed: {seal.size:,} bytes then, {now.size:,} now", "files")
    elif now.header != seal.header:
        yield _problem(f"{seal.path} has changed in its first 4 KiB", "files")
    elif now.blocks != seal.blocks:
        yield _problem(f"{seal.path} has changed in one of 64 sampled blocks", "files")
    elif full and seal.whole is not None and now.whole != seal.whole:
        yield _problem(f"{seal.path} has changed", "files")


def _certificate(document: Document) -> Certificate:
    """A certificate from its parsed document; the seals are looked at first."""
    known = {"hypercolumn", "schema", "split", "counts", "checks", "clusters", "manifest", "files", "seals", "sha256"}
    document.only(known)
    if document.integer("schema") != SCHEMA:
        raise CertificateError(
            f"schema {document.integer('schema')} is not known here, only {SCHEMA}",
            fix="read it with the version that wrote it",
        )
    sections = {name: value for name, value in document.values.items() if name not in {"seals", "sha256"}}
    seals = document.inside("seals")
    changed = [name for name in sections if seals.values.get(name) != _hash(sections[name])]
    if changed:
        raise CertificateError(
            f"the certificate was changed after it was written: section {', '.join(changed)}",
            why="its content does not have the hash that stands in it",
            fix="restore it from the run, or split and certify again",
        )
    if document.text("sha256") != _hash(sections) or set(seals.values) != set(sections):
        raise CertificateError(
            "the certificate was changed after it was written: its hashes",
            fix="restore it from the run, or split and certify again",
        )
    counts = tuple(
        SideCount(
            row.text("fold"),
            row.text("side"),
            row.integer("records"),
            row.integer("units"),
            row.inside("labels").integers(),
        )
        for row in document.rows("counts", {"fold", "side", "records", "units", "labels"})
    )
    checks = tuple(
        Check(row.text("name"), row.maybe("passed", bool), row.text("detail"))
        for row in document.rows("checks", {"name", "passed", "detail"})
    )
    files = tuple(
        FileSeal(
            row.text("path"),
            row.text("role"),
            row.integer("size"),
            row.text("header"),
            row.text("blocks"),
            row.maybe("whole", str),
        )
        for row in document.rows("files", {"path", "role", "size", "header", "blocks", "whole"})
    )
    return Certificate(
        document_to_split(document.inside("split")),
        counts,
        checks,
        document.groups("clusters"),
        document.text("manifest"),
        files,
    )


def _hash(section: object) -> str:
    """Over the canonical text: no spaces, keys in their order."""
    text = json.dumps(section, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _unreadable(path: str, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem("E-FILE-MISSING", f"{path} does not exist", "files")
    return Problem("E-FILE-UNREADABLE", f"{path} cannot be read", "files", error.strerror or str(error))


def _problem(what: str, where: str, *, why: str = "") -> Problem:
    return Problem("E-CERTIFICATE", what, where=where, why=why)
